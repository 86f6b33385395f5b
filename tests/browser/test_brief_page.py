"""The brief in a browser: inert, silent, and readable on a phone."""

from datetime import date

import pandas as pd
import pytest

from mmm.report import Brief, write_brief
from mmm.wording import LANGUAGES, Finding

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=https://example.org/x onerror=alert(2)>',
    "</style><style>body{background:url(https://example.org/y)}</style>",
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE deals;--",
    "\u202egnp.exe\u202c קמפיין חדש",
    "Z" + "\u0351\u0357\u036c\u0309\u0308\u0334\u0321" * 8,
    "W" * 110,
)
MODELS = ("first_touch", "last_touch", "linear", "markov", "shapley")


def hostile_brief():
    names = [*HOSTILE, "(unattributed)"]
    share = 1 / len(names)
    frame = pd.DataFrame(
        [(m, n, 9e6 * share, share, share / 2, share * 2, 3) for m in MODELS for n in names],
        columns=["model", "channel", "credit", "share", "lower", "upper", "n_deals"],
    )
    economics = pd.DataFrame(
        {"channel": HOSTILE, "spend": [1e6, None] * 4, "customers": 2.5, "cac": 4e5}
    )
    return Brief(
        company=HOSTILE[0],
        as_of=date(2025, 7, 3),
        period=(date(2025, 1, 1), date(2025, 6, 30)),
        credit=frame,
        deals=frame.assign(credit=frame["credit"] / 1e5),
        economics=economics,
        limits=(Finding("limits.late_channels", None, facts={"channels": list(HOSTILE)}),),
        manifest={
            "version": HOSTILE[0],
            "inputs": [{"name": HOSTILE[1], "rows": 10, "sha256": "ab" * 32}],
            "settings": {HOSTILE[7]: HOSTILE[7]},
        },
    )


@pytest.fixture(params=LANGUAGES)
def opened(chromium, tmp_path, request):
    """Return the page, opened, and what it asked for, said and popped up."""
    path = write_brief(hostile_brief(), tmp_path / "brief.html", request.param)
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    seen = {"requests": [], "said": [], "dialogs": []}
    page.on("request", lambda sent: seen["requests"].append(sent.url))
    page.on("console", lambda message: seen["said"].append(message.text))
    page.on("pageerror", lambda error: seen["said"].append(str(error)))
    page.on("dialog", lambda dialog: (seen["dialogs"].append(dialog.message), dialog.dismiss()))
    page.goto(path.as_uri())
    yield page, seen, path.as_uri()
    page.close()


def test_hostile_names_are_inert(opened):
    page, seen, own = opened
    page.wait_for_timeout(200)
    assert seen == {"requests": [own], "said": [], "dialogs": []}
    assert page.locator("script, img, link, iframe, a").count() == 0
    assert page.locator("style").count() == 1
    shown = page.locator("tbody th").all_text_contents()
    assert set(HOSTILE) <= set(shown)
    assert page.title().startswith(HOSTILE[0])


def test_the_style_is_applied_under_the_policy(opened):
    page, _, _ = opened
    header = page.locator("#credit-table ~ thead .main")
    assert header.evaluate("e => getComputedStyle(e).fontWeight") == "650"
    bar = page.locator("svg.bar rect").first.bounding_box()
    assert bar["width"] > 5
    assert bar["height"] == 8


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_overflows_the_page(opened, width):
    page, _, _ = opened
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    scrolled = page.locator(".scroll").first
    assert scrolled.evaluate("e => getComputedStyle(e).overflowX") == "auto"


def test_no_cell_of_the_table_is_cut_on_paper(opened):
    page, _, _ = opened
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 695, "height": 980})  # A4 less its margins, in CSS pixels
    assert page.evaluate("document.documentElement.scrollWidth") == 695
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(opened, scheme):
    page, _, _ = opened
    page.emulate_media(color_scheme=scheme)
    worst = page.evaluate(
        """() => {
          const parse = c => c.match(/[\\d.]+/g).slice(0, 3).map(Number);
          const light = c => parse(c).map(v => v / 255)
            .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
          const clear = c => /, 0\\)$/.test(c);
          const paper = e => {
            for (; e; e = e.parentElement) {
              const c = getComputedStyle(e).backgroundColor;
              if (!clear(c)) return c;
            }
            return "rgb(255, 255, 255)";
          };
          return Math.min(...[...document.querySelectorAll(
            "h1, h2, h3, p, li, dt, dd, th, td, small, code, caption")].map(e => {
              const pair = [light(getComputedStyle(e).color), light(paper(e))];
              const [a, b] = [Math.min(...pair), Math.max(...pair)];
              return (b + .05) / (a + .05);
          }));
        }"""
    )
    assert worst >= 4.5
