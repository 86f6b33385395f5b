"""The reference: a page a package, every public name on exactly one of them."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import mmm

MODULES = ("mmm.channels", "mmm.datasets", "mmm.errors", "mmm.wording")


def packages() -> list[str]:
    """Return the packages that say what is public in them, outer ones first."""
    names = [one.name for one in pkgutil.walk_packages(mmm.__path__, "mmm.") if one.ispkg]
    public = [name for name in names if hasattr(importlib.import_module(name), "__all__")]
    return sorted(["mmm", *public], key=lambda name: (name.count("."), name))


def places() -> dict[str, str]:
    """Return the page of each module: its own, or that of the package around it."""
    found = {name: f"reference/{name}.md" for name in ("mmm", *MODULES)}
    for name in packages()[1:]:
        found[name] = f"reference/{'.'.join(name.split('.')[:2])}.md"
    return found


def homes() -> dict[tuple[str, int], str]:
    """Return the name under which each object is described: the shortest that is public.

    Names that ``mmm`` itself passes on are described where they belong.
    """
    found: dict[tuple[str, int], str] = {}
    for package in (*MODULES, *packages()[1:], "mmm"):
        for name, thing in _public(importlib.import_module(package)):
            found.setdefault((name, id(thing)), f"{package}.{name}")
    return found


def pages() -> Iterator[tuple[str, str]]:
    """Yield place and text of every page."""
    home = homes()
    texts: dict[str, list[str]] = {}
    for module, place in places().items():
        parts = texts.setdefault(place, [])
        parts.append(_section(module, home, first=not parts))
    for place, parts in texts.items():
        yield place, "\n".join(parts)


def _public(module: ModuleType) -> list[tuple[str, object]]:
    names = getattr(module, "__all__", None)
    if names is None:
        here = [
            name
            for name, thing in vars(module).items()
            if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
        ]
        names = sorted(here)
    return [(name, getattr(module, name)) for name in names]


def _section(package: str, home: dict[tuple[str, int], str], *, first: bool) -> str:
    module = importlib.import_module(package)
    text = inspect.getdoc(module) or ""
    lines = [f"{'#' if first else '##'} {package}", "", _plain(text), ""]
    lines += ["| name | what it is |", "|---|---|"]
    own = []
    for name, thing in _public(module):
        if not _is_described(thing):
            lines.append(f"| `{name}` | {_value(name, thing)} |")
            continue
        target = home[name, id(thing)]
        lines.append(f"| [`{name}`][{target}] | {_summary(thing)} |")
        if target == f"{package}.{name}":
            own.append(target)
    level = 2 if first else 3
    for target in own:
        lines += ["", f"::: {target}", "    options:", f"      heading_level: {level}"]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Return a module's docstring with its examples fenced."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith(">>>") and not inside:
            lines.append("```pycon")
            inside = True
        if inside and not line.strip():
            lines.append("```")
            inside = False
        if set(line) == {"-"}:
            lines[-1] = f"**{lines[-1]}**"
            lines.append("")
            continue
        lines.append(line)
    return "\n".join([*lines, "```"] if inside else lines)


def _is_described(thing: object) -> bool:
    return inspect.isclass(thing) or inspect.isroutine(thing)


def _summary(thing: object) -> str:
    first = (inspect.getdoc(thing) or "").partition("\n\n")[0]
    return " ".join(first.split()).replace("|", "\\|")


def _value(name: str, thing: object) -> str:
    if name == "__version__":
        return "The version that is installed."
    if isinstance(thing, dict):
        return f"A mapping with the keys {', '.join(f'`{key}`' for key in thing)}."
    if isinstance(thing, tuple | list | set | frozenset):
        items = thing if isinstance(thing, tuple | list) else sorted(thing, key=str)
        if all(isinstance(item, str | int | float) for item in items):
            return f"Holds {', '.join(f'`{item}`' for item in items)}."
        return f"{len(items)} entries of type `{type(next(iter(items))).__name__}`."
    shown = str(thing).replace("typing.", "").replace("collections.abc.", "")
    if not callable(thing):
        shown = repr(thing)
    if len(shown) < 80 and "|" not in shown:
        return f"`{shown}`"
    return f"A value of type `{type(thing).__name__}`."
