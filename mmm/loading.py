"""Names of a package that are loaded at first use (PEP 562)."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def at_first_use(
    package: str, home: Mapping[str, str], names: Sequence[str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package.

    Parameters
    ----------
    package : str
    home : mapping of str to str
        Names that wait, and the module of each.
    names : sequence of str
        All public names.

    Returns
    -------
    load, listed : callable

    Raises
    ------
    AttributeError
        By `load`, if the package does not have the name.

    Examples
    --------
    >>> load, _ = at_first_use("mmm.errors", {"sqrt": "math"}, ["sqrt"])
    >>> load("sqrt")(9.0)
    3.0
    """

    def load(name: str) -> object:
        if name in home:
            return getattr(import_module(home[name]), name)
        raise AttributeError(
            f"module {package!r} has no attribute {name!r}; it has {', '.join(names)}"
        )

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names})

    return load, listed
