"""What the site holds beside its written pages: reference, commands, gallery, figures, formulas.

MkDocs calls the functions named ``on_...``. Everything made here is made while the site is built
and stands in no file of the repository.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import commands
import formulas
import gallery
import reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
BESIDE = {  # pages whose file does not lie in docs/
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "datasets/README.md": "datasets.md",
}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Draw formulas without a script, and find the pages of a folder.

    Fenced blocks named ``math`` become MathML. A line ``how-to/*`` of the menu stands for the pages
    of that folder which the menu does not name.
    """
    config.nav = listed(config.nav, set(_named(config.nav)))
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {})
    fences["custom_fences"] = [{"name": "math", "class": "math", "format": formulas.fence}]
    return config


def listed(menu: list[Any], named: set[str]) -> list[Any]:
    """Return a menu in which each ``folder/*`` is the pages of that folder, by name."""
    found: list[Any] = []
    for item in menu:
        if isinstance(item, dict):
            found += [
                {title: listed(inner, named) if isinstance(inner, list) else inner}
                for title, inner in item.items()
            ]
        elif item.endswith("/*"):
            pages = sorted((ROOT / "docs" / item[:-2]).glob("*.md"))
            places = [page.relative_to(ROOT / "docs").as_posix() for page in pages]
            found += [place for place in places if place not in named]
        else:
            found.append(item)
    return found


def _named(menu: Any) -> Iterator[str]:
    if isinstance(menu, str):
        yield menu
    else:
        for item in menu.values() if isinstance(menu, dict) else menu:
            yield from _named(item)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and pictures that are made."""
    for place, content in made():
        files.append(File.generated(config, place, content=content))
    return files


def made() -> Iterator[tuple[str, str]]:
    """Yield the place and content of everything that is made."""
    for name, place in BESIDE.items():
        yield place, (ROOT / name).read_text(encoding="utf-8")
    yield from reference.pages()
    yield "reference/command-line.md", commands.page()
    yield "gallery.md", gallery.page()
    yield from gallery.figures()


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links into the repository into links of the site; drop those that lead out of it."""
    return relink(markdown, page.file.src_uri, set(files.src_uris))


def relink(markdown: str, place: str, places: set[str]) -> str:
    """Return the text of one page with links that hold on the site.

    Parameters
    ----------
    markdown : str
    place : str
        Of the page on the site, such as ``"how-to/a-monthly-brief.md"``.
    places : set of str
        Every place on the site.
    """
    origin = {there: name for name, there in BESIDE.items()}.get(place, f"docs/{place}")

    def mended(match: re.Match[str]) -> str:
        mark, label, target, anchor = match.groups()
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        there = BESIDE.get(file, file.removeprefix("docs/"))
        if there in places:
            way = posixpath.relpath(there, posixpath.dirname(place) or ".")
            return f"{mark}[{label}]({way}{anchor or ''})"
        return label if (ROOT / file).exists() else match[0]

    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _LINK.sub(mended, part) for part in parts)
