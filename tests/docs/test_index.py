"""The first page of the site: its code runs, its command is that of the demo."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


def test_the_code_runs(capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    namespace = {}
    exec(compile(code, "index.md", "exec"), namespace)
    credited = namespace["models"].to_frame(cents=True).groupby("model")["credit"].sum()
    assert (credited == namespace["journeys"].total_value).all()
    assert "first_touch" in capsys.readouterr().out


def test_the_command_is_that_of_the_makefile():
    (line,) = re.findall(r"^```sh\n(.*?)\n```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert f"$(BIN)/{line}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_page_stands_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        place = page.relative_to(ROOT / "docs")
        assert place.as_posix() in menu or f"{place.parent.as_posix()}/*" in menu, place
