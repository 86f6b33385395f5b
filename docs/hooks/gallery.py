"""The gallery: short programs, each answering one question with one figure.

A program of ``docs/figures`` begins with its question as docstring, and leaves its figure in the
variable ``figure``. The order and the groups stand in `GROUPS`.
"""

import ast
import io
import runpy
import warnings
from collections.abc import Iterator
from pathlib import Path

import matplotlib

FOLDER = Path(__file__).parents[1] / "figures"
GROUPS = {
    "Attribution": ("models", "lags", "chain", "choices"),
    "Marketing mix": ("contributions", "curves", "plan", "frontier", "carry_over"),
    "Funnel": ("stages", "incidence", "cohort_rates", "bookings"),
    "Lead scoring": ("reliability", "gains", "reasons", "hazard"),
    "One signal": ("credit_to_come",),
}


def page() -> str:
    """Return the page: question, figure and program of each."""
    lines = [
        "# Gallery",
        "",
        "One question, one figure, one short program. Each runs as it stands, in seconds, on data "
        "that come with the package or are simulated, so that the truth is known. What a bar, a "
        "band or a whisker means is said in the figure; intervals are of 90% unless it says "
        "otherwise.",
    ]
    for group, names in GROUPS.items():
        lines += ["", f"## {group}"]
        for name in names:
            question, rest, code = parts(name)
            lines += ["", f"### {question}", "", rest, "", f"![{question}](drawn/{name}.svg)"]
            lines += ["", '??? example "The program"', "", "    ```python"]
            lines += [f"    {line}".rstrip() for line in code.splitlines()] + ["    ```"]
    return "\n".join(lines) + "\n"


def parts(name: str) -> tuple[str, str, str]:
    """Return the question of one program, what more its docstring says, and its code."""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    said = ast.get_docstring(tree) or ""
    question, _, rest = said.partition("\n\n")
    code = "\n".join(text.splitlines()[tree.body[0].end_lineno or 0 :]).strip()
    return " ".join(question.split()), " ".join(rest.split()), code


def figures() -> Iterator[tuple[str, str]]:
    """Yield place and SVG of every figure."""
    for names in GROUPS.values():
        for name in names:
            yield f"drawn/{name}.svg", draw(name)


def draw(name: str) -> str:
    """Run one program and return its figure as SVG, the same every time."""
    from matplotlib import pyplot as plt

    matplotlib.use("Agg")
    with matplotlib.rc_context({"svg.hashsalt": name}), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = runpy.run_path(str(FOLDER / f"{name}.py"))["figure"]
        target = io.StringIO()
        figure.savefig(target, format="svg", bbox_inches="tight", metadata={"Date": None})
        plt.close("all")
    return target.getvalue()
