"""The page as people meet it: printed, on a phone, by keyboard, by a screen reader."""

from dataclasses import replace
from itertools import pairwise

import pytest

from mmm.report import write_brief
from mmm.run import run
from mmm.run.demo import demo_config
from mmm.wording import LANGUAGES, Finding
from tests.browser.test_brief_page import HOSTILE, hostile_brief
from tests.report.advised import gap, made_up, made_up_calls, made_up_signal, other_totals, pilots

pytestmark = pytest.mark.browser

LINE = 96 / 25.4  # CSS pixels a millimetre
PARTS = ("answer", "watch", "plan", "first-calls", "care")
LONG = (
    "Ricerca a pagamento", "Social a pagamento", "Fiere ed eventi", "Partner commerciali",
    "Banner (display)", "Webinar e contenuti", "Radio e stampa", "E-mail",
)  # fmt: skip


@pytest.fixture(scope="module")
def full_brief():
    """A brief with every part, its budget and calls made up."""
    from mmm.report import brief_of

    config = demo_config()
    off = {
        name: getattr(config, name).model_copy(update={"enabled": False})
        for name in ("mix", "scoring")
    }
    config = config.model_copy(update=off)
    brief = brief_of(run(config), config)
    advice = made_up(
        LONG, pilots=pilots(channels=LONG[:2]), unit_value=900.0, scenarios=other_totals(1000.0),
        findings=(Finding("mix.idle", 0, facts={"channel": LONG[0]}),),
    )  # fmt: skip
    # Every sentence that the first answer can hold: the first page has room for all of them.
    advice = replace(advice, table=advice.table.assign(marginal_romi=-0.3))
    reason = {
        lang: "Partecipa ai webinar e visita spesso la pagina dei prezzi. " * 2
        for lang in LANGUAGES
    }
    calls = made_up_calls()
    table = calls.table.assign(reason=[reason] * len(calls.table))
    calls = replace(calls, table=table, n_in_pipeline=16)
    from mmm.report.front import answers

    findings = answers(
        brief.reasons[:1], budget=advice, calls=calls, gaps=(), health=brief.health, currency="EUR"
    )
    gaps = (gap("calls"), gap("costs"))
    signal = made_up_signal(LONG)
    return replace(
        brief, budget=advice, calls=calls, findings=findings, gaps=gaps, signal=signal
    )  # fmt: skip


@pytest.fixture(params=LANGUAGES)
def opened(chromium, tmp_path, full_brief, request):
    path = write_brief(full_brief, tmp_path / "brief.html", request.param)
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(path.as_uri())
    yield page
    page.close()


def test_the_first_printed_page_is_complete(opened):
    opened.emulate_media(media="print")
    opened.set_viewport_size({"width": round((210 - 26) * LINE), "height": round(273 * LINE)})
    front = opened.locator(".front")
    assert front.evaluate("e => getComputedStyle(e).breakAfter") == "page"
    bottom = front.evaluate("e => e.getBoundingClientRect().bottom + scrollY")
    assert bottom <= (297 - 24) * LINE, "the first page does not fit on one A4"
    for part in PARTS:
        assert opened.locator(f"#{part}").is_visible()
    assert not opened.locator("#whatif").is_visible()
    shown = opened.locator(".front table.plan tbody tr").count()
    assert shown == len(LONG)
    one = opened.pdf(prefer_css_page_size=True, page_ranges="1")
    assert one.startswith(b"%PDF")


def test_what_the_models_say_together_is_in_the_appendix(opened):
    part = opened.locator("section[aria-labelledby=together]")
    assert part.locator("#pipeline-table").is_visible()
    assert part.locator("table").nth(1).locator("tbody tr").count() == len(LONG) + 1
    assert not part.evaluate("e => e.closest('.front') !== null")
    # One sentence on the first page, since the budget of a channel moves that they disagree on.
    said = opened.locator(".front .care p").all_text_contents()
    assert sum("disagree" in one or "non concordano" in one for one in said) == 1


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_overflows_the_page(opened, width):
    opened.set_viewport_size({"width": width, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    for name in opened.locator("label.fold").all() if width < 640 else ():
        name.click()
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    assert opened.locator(".hint").first.is_visible() == (width < 640)


def test_a_narrow_screen_opens_the_appendix_part_by_part(opened):
    parts = opened.locator("input.fold + label.fold + *")
    n = parts.count()
    assert n > 8
    assert all(part.is_visible() for part in parts.all())
    opened.set_viewport_size({"width": 390, "height": 800})
    assert not any(part.is_visible() for part in parts.all())
    assert opened.locator(".front").is_visible()
    short = opened.evaluate("document.documentElement.scrollHeight")
    assert short < 6000
    opened.locator("label.fold").first.click()
    opened.locator("input.fold").nth(1).focus()
    opened.keyboard.press("Space")
    assert [part.is_visible() for part in parts.all()] == [True, True] + [False] * (n - 2)
    assert opened.evaluate("document.documentElement.scrollHeight") > short
    opened.emulate_media(media="print")
    assert all(part.is_visible() for part in parts.all())
    assert not opened.locator("label.fold").first.is_visible()


def test_the_page_asks_for_nothing_and_stays_small(chromium, tmp_path, full_brief):
    path = write_brief(full_brief, tmp_path / "brief.html")
    assert path.stat().st_size <= 300_000
    context = chromium.new_context(offline=True)
    page, seen = context.new_page(), []
    page.on("request", lambda sent: seen.append(sent.url))
    page.on("console", lambda message: seen.append(message.text))
    page.goto(path.as_uri())
    page.locator("#whatif").wait_for()
    page.wait_for_timeout(300)
    assert seen == [path.as_uri()]
    context.close()


def test_the_policy_stops_a_script_of_somebody_else(opened):
    said = []
    opened.on("console", lambda message: said.append(message.text))
    opened.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.caught = true";
          document.body.append(script);
        }"""
    )
    assert opened.evaluate("window.caught") is None
    assert any("Content Security Policy" in one for one in said)


def test_headings_step_down_one_at_a_time(opened):
    levels = opened.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(e => Number(e.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_every_control_and_region_has_a_name_of_its_own(opened):
    found = opened.evaluate(
        """() => {
          const named = e => e.getAttribute("aria-labelledby")
            ? document.getElementById(e.getAttribute("aria-labelledby")).textContent
            : [...(e.labels || [])].map(l => l.textContent).join(" ") || e.textContent;
          const all = s => [...document.querySelectorAll(s)].map(e => named(e).trim());
          return {controls: all("input, button"), regions: all("[role=region]")};
        }"""
    )
    n_parts = opened.locator("input.fold").count()
    assert len(found["controls"]) == len(LONG) + 2 + n_parts
    assert all(found["controls"])
    assert len(set(found["controls"])) == len(found["controls"])
    assert len(set(found["regions"])) == len(found["regions"])
    status = opened.locator("#whatif [role=status]")
    assert status.count() == 1


def test_verdicts_and_tones_do_not_rest_on_colour(opened):
    marks = {"push": "▲", "cut": "▼", "follow": "□", "test": "◆"}
    for name, mark in marks.items():
        cell = opened.locator(f".plan .verdict.{name}").first
        assert cell.text_content().startswith(mark)
        assert len(cell.text_content().strip()) > 3
    for tone in opened.locator(".cards .tone").all_text_contents():
        assert tone.strip()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hostile_channels_and_leads_are_inert(chromium, tmp_path, lang):
    brief = replace(
        hostile_brief(), budget=made_up(HOSTILE, pilots=pilots(channels=HOSTILE[:2])),
        calls=made_up_calls(HOSTILE), signal=made_up_signal(HOSTILE),
    )  # fmt: skip
    path = write_brief(brief, tmp_path / "brief.html", lang)
    page, seen = chromium.new_page(), []
    page.on("request", lambda sent: seen.append(sent.url))
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.goto(path.as_uri())
    page.locator("#whatif tbody input").first.check()
    page.wait_for_timeout(300)
    assert seen == [path.as_uri()]
    assert page.locator("script").count() == 2
    assert page.locator("img, link, iframe, a").count() == 0
    assert set(HOSTILE) <= set(page.locator("#whatif tbody th").all_text_contents())
    assert set(HOSTILE[:3]) == set(page.locator(".leads li b").all_text_contents())
    page.close()
