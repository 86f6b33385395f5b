"""What axe-core finds on the page and the agenda: nothing serious, in either language and width."""

from importlib import resources

import pytest

from mmm.report import write_brief
from mmm.wording import LANGUAGES
from tests.browser.conftest import missing
from tests.browser.test_first_page import full_brief  # noqa: F401 a fixture

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def axe():
    """The engine, as the package of its name ships it."""
    try:
        package = resources.files("axe_playwright_python")
    except ModuleNotFoundError:
        missing("axe-core is not installed (pip install axe-playwright-python)")
    return package.joinpath("axe.min.js").read_text(encoding="utf-8")


def serious(page, axe):
    page.evaluate(axe)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    assert len(found["passes"]) > 5, "the engine looked at nothing"
    grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_has_no_serious_fault(chromium, tmp_path, axe, full_brief, lang, width):  # noqa: F811
    path = write_brief(full_brief, tmp_path / "brief.html", lang)
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.goto(path.as_uri())
    assert serious(page, axe) == []
    page.evaluate("document.querySelectorAll('input.fold').forEach(one => one.checked = true)")
    assert serious(page, axe) == []
    page.close()


def test_a_serious_fault_would_be_found(chromium, axe):
    page = chromium.new_page()
    page.set_content(
        "<html lang='en'><title>t</title><p>" + "a <i>b</i> " * 20 + "<input></p></html>"
    )
    assert "label" in dict(serious(page, axe))
    page.close()
