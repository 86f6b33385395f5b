"""How results show themselves: first the sentence that matters, then a small table, then the kind.

Everything that comes from outside is escaped in HTML: names of channels, reasons, categories.
"""

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from mmm.wording import Finding

if TYPE_CHECKING:
    import pandas as pd

N_ROWS, N_COLUMNS, N_LETTERS = 10, 8, 60
_CELL = "padding:.2em .8em;text-align:{side};border-bottom:1px solid #ddd"


class Shown:
    """A result that shows itself in a notebook.

    ``repr()`` begins with the sentence that matters; its other lines say what the object is. The
    table below the sentence is `_small_table`, by default the head of ``to_frame()``.
    """

    def _small_table(self) -> "pd.DataFrame | None":
        made = getattr(self, "to_frame", None)
        return None if made is None else made()

    def _repr_html_(self) -> str:
        sentence, kind = first_and_last(repr(self))
        return as_html(sentence, self._small_table(), kind)


def first_and_last(said: str) -> tuple[str, str]:
    """Split a repr into its sentence and the line on its kind; the kind may be missing.

    Examples
    --------
    >>> first_and_last(as_text("Won.", None, "Kind: 2"))
    ('Won.', '<Kind: 2>')
    """
    lines = said.splitlines() or [""]
    return lines[0], lines[-1] if len(lines) > 1 else ""


def statement(finding: Finding) -> str:
    """Say a finding without its reasons and its action."""
    return replace(finding, because=(), action=None).sentence()


def as_text(sentence: str, table: "pd.DataFrame | None", kind: str) -> str:
    """Write sentence, small table and kind for a terminal.

    Parameters
    ----------
    sentence : str
        What matters.
    table : DataFrame or None
        At most ten rows and eight columns of it are written.
    kind : str
        What the object is and holds.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"channel": ["Email", "Events"], "credit": [1234.5, 0.25]})
    >>> print(as_text("Email leads.", table, "Result: 2 channels"))
    Email leads.
      channel  credit
      Email     1,234
      Events     0.25
    <Result: 2 channels>
    """
    lines = [] if table is None else _lines(table)
    return "\n".join([sentence, *lines, f"<{kind}>"])


def as_html(sentence: str, table: "pd.DataFrame | None", kind: str = "") -> str:
    """Write sentence, small table and kind for a notebook; every text is escaped.

    Parameters
    ----------
    sentence, kind : str
    table : DataFrame or None
        At most ten rows and eight columns of it are written.

    Examples
    --------
    >>> import pandas as pd
    >>> "<b>" in as_html("Won.", pd.DataFrame({"channel": ["<b>Email"]}))
    False
    """
    parts = [f"<p><strong>{escape(sentence)}</strong></p>"]
    if table is not None and len(table.columns):
        names, rows, numeric = _cells(table)
        sides = ["right" if number else "left" for number in numeric]
        body = [_html_row("th", names, sides), *(_html_row("td", row, sides) for row in rows)]
        parts.append(f'<table style="border-collapse:collapse">{"".join(body)}</table>')
        parts += [f"<p>{escape(rest)}</p>" for rest in _rest(table)]
    if kind:
        parts.append(f"<p><small>{escape(kind.strip('<>'))}</small></p>")
    return f"<div>{''.join(parts)}</div>"


def _html_row(tag: str, cells: list[str], sides: list[str]) -> str:
    inner = "".join(
        f'<{tag} style="{_CELL.format(side=side)}">{escape(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{inner}</tr>"


def _lines(table: "pd.DataFrame") -> list[str]:
    names, rows, numeric = _cells(table)
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    written = []
    for row in (names, *rows):
        cells = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numeric, strict=True)
        ]
        written.append(("  " + "  ".join(cells)).rstrip())
    return [*written, *(f"  {rest}" for rest in _rest(table))]


def _rest(table: "pd.DataFrame") -> list[str]:
    n_rows, n_columns = len(table) - N_ROWS, len(table.columns) - N_COLUMNS
    more = [
        f"{number:,} more {one if number == 1 else many}"
        for number, one, many in ((n_rows, "row", "rows"), (n_columns, "column", "columns"))
        if number > 0
    ]
    return [f"({' and '.join(more)})"] if more else []


def _cells(table: "pd.DataFrame") -> tuple[list[str], list[list[str]], list[bool]]:
    """Return names, rows of text, and which columns are numbers."""
    head = table.iloc[:N_ROWS, :N_COLUMNS]
    columns = [[_written(value) for value in head.iloc[:, i]] for i in range(head.shape[1])]
    kinds = [head.dtypes.iloc[i].kind for i in range(head.shape[1])]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return [_one_line(str(name)) for name in head.columns], rows, [kind in "iufb" for kind in kinds]


def _written(value: Any) -> str:
    if value is None or (not isinstance(value, list | tuple | dict) and value != value):
        return ""
    if isinstance(value, bool | str):
        return _one_line(str(value))
    if isinstance(value, int):
        return f"{value:,}"
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d"))
    try:
        number = float(value)
    except (TypeError, ValueError):
        return _one_line(str(value))
    if number == 0 or 1000 <= abs(number) < 1e15:
        return f"{number:,.0f}"
    return f"{number:.3g}"


def _one_line(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= N_LETTERS else plain[: N_LETTERS - 1] + "…"
