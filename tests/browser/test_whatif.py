"""The what-if in a browser: by mouse and by keyboard it finds what `optimize_budget` finds."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mmm.mix import Limits, optimize_budget, steady_response
from mmm.report import write_brief
from mmm.report.budget import signed_money
from mmm.wording import LANGUAGES, format_money, round_to_total
from tests.mix.small_model import CHANNELS, small_model
from tests.report.advised import made_up, of_model
from tests.report.test_brief import a_brief

pytestmark = pytest.mark.browser

MARGIN = 0.25


@pytest.fixture(scope="module")
def advice():
    return of_model(small_model(), MARGIN)


@pytest.fixture
def opened(chromium, tmp_path):
    """Return a function that opens a page of an advice, and what it said and asked for."""
    pages = []

    def open_page(advice, lang="en", **settings):
        path = write_brief(a_brief(budget=advice), tmp_path / f"{lang}.html", lang)
        page = chromium.new_page(viewport={"width": 1280, "height": 900}, **settings)
        page.seen = []
        page.on("request", lambda sent: page.seen.append(sent.url))
        page.on("console", lambda message: page.seen.append(message.text))
        page.on("pageerror", lambda error: page.seen.append(str(error)))
        page.goto(path.as_uri())
        assert page.seen == [path.as_uri()]
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()


def state(page):
    found = page.locator("#whatif").evaluate("box => ({...box.dataset})")
    return {
        "spend": np.array(json.loads(found["spend"])),
        "total": float(found["total"]),
        "profit": float(found["profit"]),
        "chance": float(found["chance"]),
    }


def move(page, total):
    page.locator("#whatif-total").evaluate(
        "(slider, x) => { slider.value = x; slider.dispatchEvent(new Event('input')); }", total
    )
    return state(page)


def kept(page, names, advice):
    rows = list(advice.table["channel"])
    for name in names:
        page.locator("#whatif tbody input").nth(rows.index(name)).check()


def worth(advice, spend):
    order = [CHANNELS.index(name) for name in advice.table["channel"]]
    by_model = np.empty(len(order))
    by_model[order] = spend
    response = steady_response(small_model(), by_model)[::2].mean(axis=0)
    return MARGIN * float(response.sum())


@pytest.mark.parametrize("change", [-0.3, 0.0, 0.2])
@pytest.mark.parametrize("fixed", [(), ("Search",), ("Social", "Fairs")])
def test_it_agrees_with_optimize_budget(opened, advice, change, fixed):
    page = opened(advice)
    kept(page, fixed, advice)
    today = float(advice.table["current"].sum())
    found = move(page, today * (1 + change))
    plan = optimize_budget(small_model(), found["total"], margin=MARGIN, limits=Limits(fixed=fixed))
    assert found["spend"].sum() == pytest.approx(found["total"], rel=1e-9)
    low, high = advice.table["low"].to_numpy(), advice.table["high"].to_numpy()
    assert (found["spend"] >= low - 1e-3).all()
    assert (found["spend"] <= high + 1e-3).all()
    today_worth = worth(advice, advice.table["current"].to_numpy())
    best = worth(
        advice, plan.to_frame().set_index("channel").loc[advice.table["channel"], "proposed"]
    )
    # Of what the split moves, not of all that media bring: the stricter of the two.
    assert worth(advice, found["spend"]) - today_worth == pytest.approx(
        best - today_worth, rel=0.005, abs=1e-4 * best
    )
    assert found["profit"] == pytest.approx(plan.expected_profit, rel=0.005, abs=1e-4 * best)
    if np.abs(found["spend"] - advice.table["current"]).max() > 0.5:  # a chance of nothing is none
        assert found["chance"] == pytest.approx(plan.probability_better, abs=0.03)


def test_it_opens_with_the_proposal(opened, advice):
    page = opened(advice)
    found = state(page)
    assert found["total"] == pytest.approx(float(advice.table["proposed"].sum()))
    written = page.locator("#whatif .best").all_text_contents()
    assert written == [format_money(x) for x in round_to_total(advice.table["proposed"])]
    now, best = (round_to_total(advice.table[name]) for name in ("current", "proposed"))
    moved = page.locator("#whatif .moved").all_text_contents()
    assert moved == [signed_money(b - a, "EUR", "en") for a, b in zip(now, best, strict=True)]
    said = page.locator("#whatif-said")
    said.filter(has_text="more than today").wait_for()
    assert f"{advice.probability_better:.0%}" in said.text_content()


def test_small_sums_have_decimals_as_in_the_table(opened):
    whole = made_up(stance="move")
    columns = ["current", "proposed", "recommended", "change", "low", "high"]
    table = whole.table.assign(**(whole.table[columns] / 1000.0))
    curves = replace(whole.curves, spend=whole.curves.spend / 1000.0)
    page = opened(replace(whole, table=table, curves=curves, total=whole.total / 1000.0), "it")
    page.locator("#whatif-total").focus()
    page.keyboard.press("ArrowRight")
    found, n = state(page), "\u00a0"
    assert found["total"] > whole.total / 1000.0
    written = page.locator("#whatif .best").all_text_contents()
    assert written == [f"{x:.2f}{n}€".replace(".", ",") for x in found["spend"]]


def test_the_keyboard_moves_the_total_and_the_locks(opened, advice):
    page = opened(advice)
    before = state(page)
    page.locator("#whatif-total").focus()
    for key, sign in (("ArrowRight", 1), ("PageUp", 1), ("ArrowLeft", -1), ("PageDown", -1)):
        at = state(page)["total"]
        page.keyboard.press(key)
        assert (state(page)["total"] - at) * sign > 0
    assert state(page)["total"] == pytest.approx(before["total"])
    page.keyboard.press("Home")
    assert state(page)["total"] < 0.75 * before["total"]
    page.keyboard.press("End")
    assert state(page)["total"] > 1.25 * before["total"]
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.type") != "checkbox":
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert state(page)["spend"][0] == pytest.approx(advice.table["current"][0])
    for _ in range(len(advice.table)):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "whatif-reset"
    page.keyboard.press("Enter")
    assert state(page)["spend"] == pytest.approx(before["spend"])


def test_the_mouse_moves_the_total_and_the_locks(opened, advice):
    page = opened(advice)
    before = state(page)
    slider = page.locator("#whatif-total")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    totals = []
    for part in (0.6, 0.75, 0.9):
        page.mouse.move(box["x"] + part * box["width"], middle)
        totals.append(state(page)["total"])
    page.mouse.up()
    assert all(b > a for a, b in pairwise([before["total"], *totals]))
    page.locator("#whatif tbody .lock").first.click()
    assert state(page)["spend"][0] == pytest.approx(advice.table["current"][0])
    page.locator("#whatif-reset").click()
    assert state(page)["spend"] == pytest.approx(before["spend"])
    assert page.locator("#whatif input:checked").count() == 0


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sentences_and_numbers_are_of_the_language(opened, advice, lang):
    page = opened(advice, lang)
    found = move(page, float(page.locator("#whatif-total").get_attribute("max")))
    amount = page.locator("#whatif-amount").text_content()
    assert amount.startswith(format_money(found["total"], lang=lang))
    assert page.locator("#whatif-total").get_attribute("aria-valuetext") == amount
    profit = format_money(abs(found["profit"]), lang=lang)
    page.locator("#whatif-said").filter(has_text=profit).wait_for()
    said = page.locator("#whatif-said").text_content()
    assert "%" in said
    assert not set("{}") & set(said)
    assert ("less than today" in said or "meno di oggi" in said) == (found["profit"] < 0)


def test_the_sentence_says_less_where_it_is_less(opened):
    advice = made_up()
    dear = replace(advice, margin=1e-4)
    page = opened(dear)
    found = move(page, float(page.locator("#whatif-total").get_attribute("max")))
    assert found["profit"] < 0
    page.locator("#whatif-said").filter(has_text="less than today").wait_for()
    assert "Stay as you are" in page.locator("#whatif-said").text_content()


def test_all_channels_kept_leave_today(opened):
    advice = made_up()
    page = opened(advice)
    kept(page, advice.table["channel"], advice)
    assert state(page)["spend"] == pytest.approx(advice.table["current"].to_numpy())
    page.locator("#whatif-said").filter(has_text="Nothing moves").wait_for()


def test_many_channels_stay_quick_and_exact(opened):
    advice = made_up(channels=[f"channel {i}" for i in range(40)])
    page = opened(advice)
    found = move(page, 0.8 * float(advice.table["current"].sum()))
    assert found["spend"].sum() == pytest.approx(found["total"], rel=1e-9)


def test_without_a_script_the_page_reads_and_hides_what_cannot_work(chromium, tmp_path):
    path = write_brief(a_brief(budget=made_up()), tmp_path / "brief.html")
    page = chromium.new_page(java_script_enabled=False)
    page.goto(path.as_uri())
    assert page.locator("#whatif").is_hidden()
    assert page.locator("table.plan tbody tr").count() == 4
    page.close()
