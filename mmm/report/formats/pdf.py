"""The brief as PDF: the page as Chromium prints it, where one is installed."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from mmm.errors import MissingLibraryError, SourceError

PROGRAMS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge",
)  # fmt: skip
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
SECONDS = 120
CURE = (
    "Install Chromium or Google Chrome, or set MMM_CHROMIUM to its program; or write --format html "
    "and print the page from a browser."
)


def find_chromium() -> str | None:
    """Return the program of an installed Chromium, None where there is none.

    The environment variable ``MMM_CHROMIUM`` names it where it is in no usual place.
    """
    named = os.environ.get("MMM_CHROMIUM")
    if named:
        return shutil.which(named)
    found = [path for name in PROGRAMS if (path := shutil.which(name)) is not None]
    found += [place for place in _PLACES if os.access(place, os.X_OK)]
    return found[0] if found else None


def to_pdf(page: str, made: str = "20000101000000") -> bytes:
    """Print a page as PDF.

    Parameters
    ----------
    page : str
        HTML that refers to nothing outside itself.
    made : str
        Stands in the file as the time of its making, so that the same page gives the same bytes
        with the same Chromium: fourteen digits, year first.

    Raises
    ------
    MissingLibraryError
        Without Chromium.
    SourceError
        If it fails.
    """
    program = find_chromium()
    if program is None:
        raise MissingLibraryError(f"a PDF needs Chromium, and none was found. {CURE}")
    with tempfile.TemporaryDirectory(prefix="mmm-pdf-") as folder:
        source, target = Path(folder, "brief.html"), Path(folder, "brief.pdf")
        source.write_bytes(page.encode())
        said = _print(program, source, target, Path(folder, "profile"))
        if not target.is_file() or not target.stat().st_size:
            reason = said.strip().splitlines()[-1][:200] if said.strip() else "it said nothing"
            raise SourceError(f"{program} wrote no PDF ({reason}). {CURE}")
        return _same_time(target.read_bytes(), made)


def _print(program: str, source: Path, target: Path, profile: Path) -> str:
    options = [
        "--headless", "--disable-gpu", "--no-pdf-header-footer", "--disable-extensions",
        "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage",
        f"--user-data-dir={profile}", f"--print-to-pdf={target}",
    ]  # fmt: skip
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium refuses its sandbox to root
    try:
        done = subprocess.run(
            [program, *options, source.as_uri()],
            capture_output=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"{program} could not print the page ({error}). {CURE}") from error
    return done.stderr.decode(errors="replace")


def _same_time(content: bytes, made: str) -> bytes:
    """Put a fixed time where the printer wrote its own, of the same length."""
    return re.sub(rb"(/(?:CreationDate|ModDate) \(D:)\d{14}", rb"\g<1>" + made.encode(), content)
