"""The site builds without a warning, every public name is in it, and every link leads somewhere."""

import importlib
import importlib.util
import os
import re
import warnings
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.conftest import hook

ROOT = Path(__file__).parents[2]
KINDS = {"a": "href", "img": "src", "script": "src", "link": "href"}


def test_every_public_name_is_described_once(reference):
    pages = dict(reference.pages())
    text = "\n".join(pages.values())
    described = re.findall(r"^::: (\S+)$", text, flags=re.MULTILINE)
    assert len(described) == len(set(described)) > 150
    for package in reference.packages():
        page = pages[reference.places()[package]]
        section = re.split(rf"^##? {re.escape(package)}$", page, flags=re.MULTILINE)[1]
        for name in importlib.import_module(package).__all__:
            row = re.search(
                rf"^\| (?:\[`{name}`\]\[([\w.]+)\]|`{name}`) \| \S", section, re.MULTILINE
            )
            assert row, f"{package}.{name}"
            assert row[1] is None or row[1] in described


def test_modules_that_say_nothing_of_what_is_public_are_in_it(reference):
    for module in reference.MODULES:
        page = dict(reference.pages())[f"reference/{module}.md"]
        assert "::: " in page


def test_links_into_the_repository_become_links_of_the_site():
    pytest.importorskip("mkdocs")
    relink = hook("pages").relink
    places = {"contributing.md", "architecture.md", "how-to/a.md"}
    for place, written, read in (
        ("architecture.md", "[a](../CONTRIBUTING.md#rules)", "[a](contributing.md#rules)"),
        ("how-to/a.md", "[a](../architecture.md)", "[a](../architecture.md)"),
        ("contributing.md", "[a](docs/architecture.md)", "[a](architecture.md)"),
        ("contributing.md", "[a](Makefile)", "a"),
        ("how-to/a.md", "[a](nowhere.md)", "[a](nowhere.md)"),
        ("how-to/a.md", "[a](https://example.org)", "[a](https://example.org)"),
        ("how-to/a.md", "```\n[a](Makefile)\n```", "```\n[a](Makefile)\n```"),
    ):
        assert relink(written, place, places) == read


class Links(HTMLParser):
    """What a page points to, and where one may point in it."""

    def __init__(self):
        super().__init__()
        self.links, self.anchors = [], set()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if given.get("id"):
            self.anchors.add(given["id"])
        if KINDS.get(tag) in given:
            self.links.append((tag, given[KINDS[tag]]))


@pytest.fixture(scope="module")
def site(tmp_path_factory, drawn, gallery):
    """Every page of the site, by its place."""
    if importlib.util.find_spec("mkdocs") is None and os.environ.get("CI") != "true":
        pytest.skip("MkDocs is not installed: pip install -e '.[docs]'")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(gallery, "draw", drawn.__getitem__)
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        patch.chdir(ROOT)
        warnings.simplefilter("ignore")
        config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
        build(config)
    pages = {}
    for file in folder.rglob("*.html"):
        page = Links()
        page.feed(file.read_text(encoding="utf-8"))
        pages[file] = page
    return pages


@pytest.mark.slow
def test_every_link_leads_somewhere(site):
    n_links = 0
    for file, page in site.items():
        for _, link in page.links:
            if re.match(r"[a-z]+:", link) or file.name == "404.html":
                continue
            target, _, anchor = unquote(link).partition("#")
            there = (file.parent / target).resolve() if target else file
            there = there / "index.html" if there.is_dir() else there
            assert there.exists(), f"{file.name}: {link}"
            if anchor and there.suffix == ".html":
                assert anchor in site[there].anchors, f"{file.name}: {link}"
            n_links += 1
    assert n_links > 1000


@pytest.mark.slow
def test_no_page_asks_another_host_for_anything(site):
    for file, page in site.items():
        fetched = [link for tag, link in page.links if tag != "a" and "://" in link]
        assert fetched == [], file.name


@pytest.mark.slow
def test_every_described_name_has_an_anchor(site, reference):
    pages = {f"reference/{file.stem}.md": page for file, page in site.items()}
    for place, text in reference.pages():
        for name in re.findall(r"^::: (\S+)$", text, flags=re.MULTILINE):
            assert name in pages[place].anchors, name


@pytest.mark.slow
def test_formulas_are_drawn_by_the_browser(site):
    for name in ("attribution", "mix", "scoring", "funnel", "signal"):
        (file,) = (file for file in site if file.parts[-2:] == ("explanation", f"{name}.html"))
        text = file.read_text(encoding="utf-8")
        asked = (ROOT / "docs" / "explanation" / f"{name}.md").read_text("utf-8").count("```math")
        assert text.count("<math ") >= asked > 0
        assert "\\mathrm" not in text
