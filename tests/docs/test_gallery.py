"""The programs of the gallery run, and each leaves a figure with its units."""

import ast
import re
import xml.etree.ElementTree as ET

import pytest

pytestmark = pytest.mark.slow
SVG = "{http://www.w3.org/2000/svg}"


def test_every_program_stands_in_one_group(gallery):
    listed = [name for names in gallery.GROUPS.values() for name in names]
    assert sorted(listed) == sorted(path.stem for path in gallery.FOLDER.glob("*.py"))


def test_every_program_is_short_and_asks_a_question(gallery):
    for path in gallery.FOLDER.glob("*.py"):
        question, rest, code = gallery.parts(path.stem)
        assert question.endswith("?"), path.stem
        assert len(rest) > 40, path.stem
        assert len(code.splitlines()) <= 40, path.stem
        bound = [node for node in ast.parse(code).body if isinstance(node, ast.Assign)]
        names = {target.id for node in bound for target in ast.walk(node)
                 if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)}  # fmt: skip
        assert "figure" in names, path.stem


def test_every_program_draws(drawn, gallery):
    for name, svg in drawn.items():
        root = ET.fromstring(svg)
        assert root.tag == f"{SVG}svg"
        assert float(root.get("width").removesuffix("pt")) > 300, name
        assert len(root.findall(f".//{SVG}path")) > 20, name
        assert "<script" not in svg
    assert f"![{gallery.parts('models')[0]}](drawn/models.svg)" in gallery.page()


def test_the_page_names_every_figure_of_the_package(gallery):
    text = gallery.page()
    for home, name, said, _ in gallery.drawings():
        assert f"`{home}.plots.{name}` | {said} |" in text
        assert said.endswith(".")
    named = {name for _, name, _, _ in gallery.drawings()}
    assert len(named) > 25
    assert set(gallery.SHOWN) <= named
    assert set(gallery.SHOWN.values()) <= {path.stem for path in gallery.FOLDER.glob("*.py")}


def test_a_figure_is_the_same_every_time(drawn, gallery):
    assert gallery.draw("carry_over") == drawn["carry_over"]


def test_pages_show_figures_that_exist_and_name_their_question(gallery, drawn):
    pages = gallery.FOLDER.parent.rglob("*.md")
    shown = [
        found
        for page in pages
        for found in re.findall(r"!\[([^\]]*)\]\((?:\.\./)*drawn/(\w+)\.svg\)", page.read_text())
    ]
    assert len(shown) > 10
    for question, name in shown:
        assert question == gallery.parts(name)[0]
