"""The gallery: short programs, each answering one question with one figure.

A program of ``docs/figures`` begins with its question as docstring, and leaves its figure in the
variable ``figure``. The order and the groups stand in `GROUPS`.
"""

import ast
import importlib
import io
import re
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
PLOTS = ("mmm.attribution", "mmm.mix", "mmm.funnel", "mmm.prediction", "mmm.signal")
SHOWN = {  # which program draws which figure
    "plot_comparison": "models",
    "plot_time_lags": "lags",
    "plot_transitions": "chain",
    "plot_robustness": "choices",
    "plot_contributions": "contributions",
    "plot_curves": "curves",
    "plot_plan": "plan",
    "plot_frontier": "frontier",
    "plot_funnel": "stages",
    "plot_incidence": "incidence",
    "plot_fan": "bookings",
    "plot_reliability": "reliability",
    "plot_gains": "gains",
    "plot_reasons": "reasons",
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
    lines += ["", "## Every figure", "", "What draws it, and the first line of what it says."]
    lines += ["", "| function | figure | above |", "|---|---|---|"]
    lines += [
        f"| `{home}.plots.{name}` | {said} | {shown} |" for home, name, said, shown in drawings()
    ]
    return "\n".join(lines) + "\n"


def drawings() -> Iterator[tuple[str, str, str, str]]:
    """Yield every public figure: its package, its name, what it draws, and the question it asks.

    The question is that of the program which draws it, "" where none does.
    """
    for home in PLOTS:
        module = importlib.import_module(f"{home}.plots")
        for name in sorted(vars(module)):
            if name.startswith("plot_"):
                said = (vars(module)[name].__doc__ or "").strip().partition("\n")[0]
                shown = SHOWN.get(name, "")
                yield home, name, said, f"[{parts(shown)[0]}](#{_anchor(shown)})" if shown else ""


def _anchor(name: str) -> str:
    return re.sub(r"[^\w]+", "-", parts(name)[0].lower()).strip("-")


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
