"""The lowest versions that the package says it works with, one a line, as constraints for pip.

    python -m tests.packaging.lowest > lowest.txt

`make lowest` installs these and runs the tests with them.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ("sql", "keyring", "hubspot", "salesforce", "odoo", "excel")  # what users install
_BOUND = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?>=([\w.]+)(?:,<[\w.]+)?$")


def asked() -> list[str]:
    """Return what the package and its extras for users ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *(line for name in RUN for line in extras[name])]


def lowest() -> dict[str, str]:
    """Return the lowest version of each library.

    Raises
    ------
    ValueError
        If a library is asked for without a lower bound.
    """
    found = {}
    for line in asked():
        bound = _BOUND.match(line)
        if bound is None:
            raise ValueError(f"{line!r} has no lower bound; write it as name>=1.2")
        found[bound[1]] = bound[2]
    return found


if __name__ == "__main__":
    for name, version in lowest().items():
        print(f"{name}=={version}")
