"""Writing the brief to a file, in the form that its name or the caller asks for."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from mmm.errors import ConfigError, quoted
from mmm.report.brief import Brief, render_brief
from mmm.report.editions import sections_of
from mmm.report.formats.data import to_json
from mmm.report.formats.markdown import to_markdown
from mmm.report.formats.pdf import to_pdf
from mmm.report.formats.workbook import to_workbook
from mmm.tables.write import make_folder, refuse_input, replaced

Form = Callable[[Brief, str, str], bytes]


def _html(brief: Brief, lang: str, edition: str) -> bytes:
    return render_brief(brief, lang, edition).encode()


def _pdf(brief: Brief, lang: str, edition: str) -> bytes:
    made = f"{brief.as_of:%Y%m%d}000000"
    return to_pdf(render_brief(brief, lang, edition), made)


FORMATS: Mapping[str, Form] = {
    "html": _html,
    "md": lambda brief, lang, edition: to_markdown(brief, lang, edition).encode(),
    "json": lambda brief, lang, edition: to_json(brief, lang, edition).encode(),
    "pdf": _pdf,
    "xlsx": to_workbook,
}
_ENDINGS = {"htm": "html", "markdown": "md"}


def find_format(path: Path, form: str | None = None) -> str:
    """Return the format asked for, or the one that the name of the file ends in.

    Raises
    ------
    ConfigError
        If it is none of `FORMATS`.

    Examples
    --------
    >>> find_format(Path("brief.xlsx")), find_format(Path("brief.txt"), "md")
    ('xlsx', 'md')
    """
    asked = form or path.suffix.lower().lstrip(".")
    asked = _ENDINGS.get(asked, asked)
    if asked not in FORMATS:
        raise ConfigError(
            f"there is no format {asked!r}. Use one of {quoted(FORMATS)}, as the ending of the "
            "file or as --format."
        )
    return asked


def write_report(
    brief: Brief,
    path: str | Path,
    *,
    lang: str = "en",
    form: str | None = None,
    edition: str = "monthly",
    inputs: Collection[Path] = (),
) -> Path:
    """Write a brief to a file.

    Parameters
    ----------
    brief : Brief
    path : str or Path
        Its ending chooses the format where `form` is None; the folder is made where it is missing.
    lang : {"en", "it"}
    form : {"html", "md", "json", "pdf", "xlsx"}, optional
    edition : {"weekly", "monthly", "quarterly"}
    inputs : collection of Path
        Files that were read, resolved; none of them is replaced.

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        For an unknown format or edition.
    SourceError
        If the file cannot be written, or Chromium fails.
    MissingLibraryError
        For a PDF without Chromium.
    """
    target = Path(path)
    write = FORMATS[find_format(target, form)]
    sections_of(edition)  # refuses an unknown one
    refuse_input(target, inputs)
    content = write(brief, lang, edition)
    return write_bytes(content, target)


def write_bytes(content: bytes, target: Path) -> Path:
    """Write a file, its folder made where it is missing.

    Raises
    ------
    SourceError
        If it cannot be written.
    """
    make_folder(target.parent)
    with replaced(target) as part:
        part.write_bytes(content)
    return target
