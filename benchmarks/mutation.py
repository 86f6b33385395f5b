"""How many small faults, put into a module on purpose, its tests notice.

    python benchmarks/mutation.py rules markov --sample 40 --minutes 10 --out mutants.jsonl

Each mutant changes one thing in one module: a sign, a comparison, a number, a condition, a step
left out. Which ones are tried is drawn by a seed. The tests of the module run on a copy of the
tree until one fails. A mutant that no test notices survives: it is a test that is missing, or a
change without effect. What was tried stands in the file, and is not tried again.
"""

import argparse
import ast
import copy
import importlib
import json
import os
import random
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGETS = {  # module, and its tests, the quick ones first
    "rules": (
        "mmm/attribution/rules.py",
        "tests/attribution/test_rules.py tests/attribution/test_rule_models.py "
        "tests/attribution/test_rule_inputs.py tests/attribution/test_invariants.py",
    ),
    "markov": (
        "mmm/attribution/markov.py",
        "tests/attribution/test_markov.py tests/attribution/chain/test_removal.py "
        "tests/attribution/test_invariants.py",
    ),
    "removal": (
        "mmm/attribution/chain/removal.py",
        "tests/attribution/test_markov.py tests/attribution/chain/test_removal.py "
        "tests/attribution/chain/test_fit.py",
    ),
    "optimize": (
        "mmm/mix/budget/optimize.py",
        "tests/mix/budget/test_optimize.py tests/mix/budget/test_limits.py",
    ),
    "allocation": (
        "mmm/mix/budget/allocation.py",
        "tests/mix/budget/test_allocation.py tests/mix/budget/test_optimize.py",
    ),
    "leakage": (
        "mmm/prediction/columns/leakage.py",
        "tests/prediction/columns/test_leakage_limits.py "
        "tests/prediction/columns/test_leakage_edges.py tests/prediction/columns/test_leakage.py",
    ),
    "ledger": (
        "mmm/prediction/writeback/ledger.py",
        "tests/prediction/writeback/test_ledger.py tests/prediction/writeback/test_plan.py "
        "tests/prediction/writeback/test_kills.py",
    ),
    "hygiene": (
        "mmm/funnel/hygiene/checks.py",
        "tests/funnel/hygiene/test_edges.py tests/funnel/hygiene/test_overview.py "
        "tests/funnel/hygiene/test_duplicates.py",
    ),
}
_OTHER: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.Break: ast.Continue, ast.Continue: ast.Break,
}  # fmt: skip
_FAULTS = (
    ((ast.BinOp, ast.BoolOp), "operator"),
    ((ast.If, ast.IfExp, ast.While), "condition"),
    ((ast.AugAssign,), "step"),
    ((ast.Break, ast.Continue), "jump"),
)
_WITHOUT_EFFECT = {"stacklevel", "dtype", "copy"}
_SECONDS = 60  # of processor time for the tests of one mutant; a loop without end is noticed


@dataclass(frozen=True)
class Mutant:
    """One fault: where it is, what it does, and the module that has it."""

    module: str
    line: int
    what: str
    source: str

    @property
    def key(self) -> str:
        return f"{self.module}:{self.line} {self.what}"


def mutants(module: str, source: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its lines."""
    found = []
    for place, what in _places(ast.parse(source)):
        tree = ast.parse(source)  # a fresh one for every fault
        node: Any = _walk(tree)[place]
        line = node.lineno
        before = ast.unparse(node)
        after = _changed(node, what)
        text = ast.unparse(ast.fix_missing_locations(tree))
        shown = f"{what}: {before[:90]} -> {after[:90]}"
        found.append(Mutant(module, line, shown, text))
    return found


def _walk(tree: ast.AST) -> list[ast.AST]:
    """Return the nodes that run: no docstring, annotation, decorator, message or type."""
    found: list[ast.AST] = []
    left = [tree]
    while left:
        node = left.pop()
        found.append(node)
        left += [inner for inner in reversed(list(_inside(node))) if not _said(inner)]
    return found


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    skipped = {"annotation", "returns", "decorator_list", "type_params", "exc", "cause", "msg"}
    if isinstance(node, ast.ImportFrom | ast.Import | ast.JoinedStr):
        return
    for name, value in ast.iter_fields(node):
        if name not in skipped:
            inner = value if isinstance(value, list) else [value]
            yield from (one for one in inner if isinstance(one, ast.AST))


def _said(node: ast.AST) -> bool:
    """Tell docstrings, and what is for the reader of a warning alone."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(node, ast.keyword) and node.arg in _WITHOUT_EFFECT


def _words(call: ast.Call) -> list[int]:
    """Return the places of the named arguments of a call that may be left out."""
    words = enumerate(call.keywords)
    return [place for place, word in words if word.arg and word.arg not in _WITHOUT_EFFECT]


def _places(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for place, node in enumerate(_walk(tree)):
        what = _fault(node)
        if what is not None:
            yield place, what


def _fault(node: ast.AST) -> str | None:
    """Return the kind of fault that can be put into a node."""
    if isinstance(node, ast.Expr):
        return "step" if isinstance(node.value, ast.Call) else None
    if isinstance(node, ast.Constant):
        return "number" if isinstance(node.value, bool | int | float) else None
    if isinstance(node, ast.Call):
        return "argument" if _words(node) else None
    if isinstance(node, ast.Compare):
        return "comparison" if len(node.ops) == 1 else None
    if isinstance(node, ast.UnaryOp):
        return "sign" if not isinstance(node.op, ast.UAdd) else None
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) not in _OTHER:
        return None
    return next((what for kinds, what in _FAULTS if isinstance(node, kinds)), None)


def _changed(node: Any, what: str) -> str:
    """Put the fault into a tree; return how it reads."""
    if what == "comparison":
        node.ops = [_OTHER[type(node.ops[0])]()]
    elif what == "operator":
        node.op = _OTHER[type(node.op)]()
    elif what == "number":
        value = node.value
        node.value = (not value) if isinstance(value, bool) else value + 1
    elif what == "condition":
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif what == "argument":
        del node.keywords[_words(node)[-1]]
    else:
        _replaced(node, what)
    return ast.unparse(ast.fix_missing_locations(node))


def _replaced(node: Any, what: str) -> None:
    """Make a node another one in its place."""
    if what == "sign":
        other: ast.AST = node.operand
    elif what == "jump":
        other = _OTHER[type(node)]()
    else:
        other = ast.Pass()
    kept = copy.copy(other)
    node.__class__ = kept.__class__
    node.__dict__ = {**{k: node.__dict__[k] for k in ("lineno", "col_offset")}, **kept.__dict__}


def killed_by(tests: str, tree: Path) -> str:
    """Run tests on a tree in a process of its own; return "" where none fails."""
    child = os.fork()
    if child == 0:
        _run(tests, tree)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "time"
    return {0: "", 1: "a test", 2: "import"}.get(os.WEXITSTATUS(status), "error")


def _run(tests: str, tree: Path) -> None:
    """Never return: the exit status says whether a test failed."""
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS + 5))
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    sys.dont_write_bytecode = True
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    import pytest
    from hypothesis import Phase, settings

    # A fault is to be found, not made small.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile(
        "mutation", phases=phases, max_examples=12, deadline=None, derandomize=True
    )
    os.environ |= {"HYPOTHESIS_PROFILE": "mutation", "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ |= {"PYTHONPATH": str(tree)}
    asked = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", "--doctest-modules"]
    asked += ["-W", "error", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    try:
        os._exit(int(pytest.main([*asked, *tests.split()])))
    finally:
        os._exit(3)


def _copy_of_the_tree(folder: Path) -> Path:
    tree = folder / "tree"
    ignored = shutil.ignore_patterns("__pycache__", ".*cache", ".git", ".venv", "site", "demo")
    shutil.copytree(ROOT, tree, ignore=ignored)
    if (ROOT.parent / "shared").is_dir():
        (folder / "shared").symlink_to((ROOT.parent / "shared").resolve())
    return tree


def _load_what_is_slow_to_load() -> None:
    """Load libraries once, before the processes part; nothing of the package itself."""
    for name in ("numpy", "pandas", "pyarrow", "scipy.stats", "hypothesis.strategies", "pytest"):
        importlib.import_module(name)


def spent() -> float:
    """Return the processor time of the tests so far, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tried(file: Path) -> dict[str, dict]:
    """Return what stands in the file, by mutant."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {one["mutant"]: one for one in map(json.loads, lines)}


def measure(name: str, tree: Path, asked: argparse.Namespace) -> None:
    """Try the mutants of one module until the sample or the time is used up."""
    place, tests = TARGETS[name]
    source = (ROOT / place).read_text(encoding="utf-8")
    tests = f"{tests} {place}"  # doctests last: they load the module once more
    why = killed_by(tests, tree)
    if why:
        sys.exit(f"the tests of {place} fail without any fault ({why}); mend them first")
    drawn = mutants(name, source)
    random.Random(asked.seed).shuffle(drawn)
    known = tried(asked.out)
    for mutant in drawn[: asked.sample]:
        if mutant.key in known:
            continue
        if spent() > 60 * asked.minutes:
            break
        (tree / place).write_text(mutant.source, encoding="utf-8")
        said = {"module": name, "mutant": mutant.key, "killed": killed_by(tests, tree)}
        with asked.out.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(said) + "\n")
    (tree / place).write_text(source, encoding="utf-8")


def main() -> None:
    """Try mutants and print the scores, and what survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(TARGETS))
    parser.add_argument("--sample", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=20.0, help="of processor time, in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("mutants.jsonl"))
    asked = parser.parse_args()
    asked.out = asked.out.resolve()
    _load_what_is_slow_to_load()
    with tempfile.TemporaryDirectory() as folder:
        tree = _copy_of_the_tree(Path(folder))
        for name in asked.modules:
            measure(name, tree, asked)
    for name in asked.modules:
        ours = [one for one in tried(asked.out).values() if one["module"] == name]
        alive = [one["mutant"] for one in ours if not one["killed"]]
        share = f"{1 - len(alive) / len(ours):.0%}" if ours else "-"
        print(f"{name}: {len(ours) - len(alive)} of {len(ours)} noticed ({share})")
        print("".join(f"    survives {mutant}\n" for mutant in sorted(alive)), end="")
    print(f"{spent():.0f} s of processor time")


if __name__ == "__main__":
    main()
