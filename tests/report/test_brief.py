"""The page is complete, adds up, says nothing it cannot, and refers to nothing outside itself."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from mmm.errors import InputError, SourceError
from mmm.report import Brief, render_brief, write_brief
from mmm.report.ledger import MAX_CHANNELS
from mmm.wording import LANGUAGES, Finding, entries, say
from tests.report.advised import made_up, made_up_calls

MODELS = ("first_touch", "last_touch", "linear", "markov", "shapley")
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE deals;--",
    "{{ 7 * 7 }} {credit:money} %s",
    "\u202eevil\u202c קמפיין",
    "Z\u0351\u0357\u036ca\u0309\u0308l\u0334g\u0321o",
    "&lt;b&gt; </bdi></td></table>",
    "\ue000forged\ue001 \x00\x1b[31m",
)
VOID = {"meta", "br", "img", "link", "hr", "input"}
PERIOD = (date(2025, 1, 1), date(2025, 6, 30))


def long_frame(channels, total, seed=1, models=MODELS):
    rng = np.random.default_rng(seed)
    rows = []
    for model in models:
        share = rng.dirichlet(np.full(len(channels), 0.8))
        for channel, part in zip(channels, share, strict=True):
            rows.append((model, channel, part * total, part, part * 0.7, part * 1.2, 7))
    names = ["model", "channel", "credit", "share", "lower", "upper", "n_deals"]
    return pd.DataFrame(rows, columns=names)


def a_brief(channels=("webinar", "fair", "ads", "(unattributed)"), total=1_000_000.5, **changes):
    named = [channel for channel in channels if channel != "(unattributed)"]
    spend = [12_000.4 if i % 2 == 0 else np.nan for i in range(len(named))]
    economics = pd.DataFrame(
        {"channel": named, "spend": spend, "customers": 3.3, "cac": 3636.48, "credit": 5000.0}
    )
    brief = Brief(
        company="Acme S.p.A.",
        as_of=date(2025, 7, 8),
        period=PERIOD,
        credit=long_frame(channels, total),
        deals=long_frame(channels, 57.0),
        economics=economics,
        manifest={
            "version": "1.2.3",
            "inputs": [{"name": "touches.csv", "rows": 12345, "sha256": "ab" * 32}],
            "settings": {"lookback_days": 180, "models": ["markov", "linear"], "as_of": None},
        },
    )
    return replace(brief, **changes)


class Reader(HTMLParser):
    """Collects tables as text, and checks that elements nest and ids are unique."""

    def __init__(self, page):
        super().__init__()
        self.open, self.ids, self.tags, self.tables, self.attributes = [], [], [], {}, []
        self.row = self.table = None
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if "id" in dict(attrs):
            self.ids.append(dict(attrs)["id"])
        if tag not in VOID:
            self.open.append(tag)
        if tag == "caption":
            self.table = self.tables[dict(attrs)["id"]] = []
        elif tag == "tr":
            self.row = []
            self.table.append(self.row)
        elif tag in {"td", "th"}:
            self.row.append("")
        elif tag in {"small", "b"} and self.row:
            self.row[-1] += "|"

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.row is not None and {"td", "th"} & set(self.open):
            self.row[-1] += data.strip()


def number(text, lang):
    digits = re.sub(r"[^\d.,-]", "", text)
    group, point = (",", ".") if lang == "en" else (".", ",")
    return Decimal(digits.replace(group, "").replace(point, "."))


def columns_add_up(table, lang, skipped=()):
    *body, foot = table[1:]
    summed = 0
    for column in range(1, len(foot)):
        for part in range(len(foot[column].split("|"))):
            total = foot[column].split("|")[part]
            if not total or column in skipped:
                continue
            cells = [number(row[column].split("|")[part], lang) for row in body]
            assert sum(cells) == number(total, lang), (column, part)
            summed += 1
    return summed


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("seed", range(3))
def test_printed_columns_add_up_to_their_printed_totals(lang, seed):
    channels = [f"channel {i}" for i in range(11)] + ["(unattributed)"]
    credit = long_frame(channels, 123_456.78, seed)
    page = Reader(render_brief(a_brief(channels, credit=credit), lang))
    assert columns_add_up(page.tables["credit-table"], lang) == 2 * len(MODELS)
    assert columns_add_up(page.tables["deals-table"], lang) == 2 * len(MODELS)
    assert columns_add_up(page.tables["cost-table"], lang, skipped={3}) == 3
    foot = page.tables["credit-table"][-1]
    assert {number(cell.split("|")[0], lang) for cell in foot[4:]} == {Decimal(123457)}


def test_exact_decimals_stay_exact():
    amounts = [Decimal("90071992547409931.25"), Decimal("0.25"), Decimal("0.50")]
    credit = pd.DataFrame(
        {
            "model": "markov", "channel": list("abc"), "credit": amounts,
            "share": [1.0, 0.0, 0.0], "lower": None, "upper": None, "n_deals": [1, 1, 1],
        }
    )  # fmt: skip
    page = Reader(render_brief(a_brief(credit=credit, deals=None)))
    assert page.tables["credit-table"][-1][1] == "€90,071,992,547,409,932"
    columns_add_up(page.tables["credit-table"], "en")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_one_valid_document(lang):
    html = render_brief(a_brief(), lang)
    page = Reader(html)
    assert html.startswith(f'<!DOCTYPE html>\n<html lang="{lang}">')
    assert page.tags.count("h1") == page.tags.count("main") == page.tags.count("title") == 1
    assert len(set(page.ids)) == len(page.ids)
    assert page.tags.count("caption") == page.tags.count("table") == 5
    scopes = [value for tag, name, value in page.attributes if (tag, name) == ("th", "scope")]
    assert len(scopes) == page.tags.count("th")
    labelled = {value for _, name, value in page.attributes if name == "aria-labelledby"}
    assert labelled <= set(page.ids)


def test_the_policy_allows_the_one_style_and_nothing_else():
    html = render_brief(a_brief())
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'content="{policy}"' in html
    assert "url(" not in style
    assert "@import" not in style
    page = Reader(html)
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(page.tags)
    names = {name for _, name, _ in page.attributes}
    assert not {"style", "src", "href", "srcset"} & names
    assert not any(name.startswith("on") for name in names)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_channel_is_there_and_hostile_names_are_text(lang):
    channels = [*HOSTILE, "(unattributed)"]
    leader = Finding(
        "attribution.leader", 0.5,
        facts={"channel": HOSTILE[0], "credit": 1, "total": 2, "share": 0.5, "model": HOSTILE[1],
               "currency": "EUR"},
    )  # fmt: skip
    late = Finding("limits.late_channels", None, facts={"channels": list(HOSTILE)})
    manifest = {
        "version": HOSTILE[0],
        "inputs": [{"name": HOSTILE[1], "rows": 1, "sha256": HOSTILE[0]}],
        "settings": {HOSTILE[0]: HOSTILE[1]},
    }
    html = render_brief(
        a_brief(channels, company=HOSTILE[0] + "\ud800", findings=(leader,), limits=(late,),
                manifest=manifest),
        lang,
    )  # fmt: skip
    html.encode()
    page = Reader(html)
    assert not {"script", "img"} & set(page.tags)
    assert page.tags.count("bdi") == html.count("</bdi>")
    shown = {row[0] for row in page.tables["credit-table"]}
    assert set(HOSTILE[:-1]) <= shown
    assert "\ufffdforged\ufffd \ufffd\ufffd[31m" in shown
    assert say("channel.(unattributed)", lang) in shown
    assert page.tables["credit-table"][-2][0] == say("channel.(unattributed)", lang)


def test_nothing_is_left_untranslated():
    english, italian = (Reader(render_brief(a_brief(), lang)) for lang in LANGUAGES)
    pages = [render_brief(a_brief(), lang) for lang in LANGUAGES]
    text = [re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL) for page in pages]
    groups = {key.split(".")[0] for key in entries()}
    for page in text:
        assert not re.search(rf"\b({'|'.join(groups)})\.[a-z_]+", page)
        assert "{" not in page
    same = {"page.cac", "format.missing"}
    for key, entry in entries().items():
        if key.startswith("page.") and "{" not in entry["en"] and key not in same:
            assert entry["en"] == entry["it"] or f"> {entry['en']} <" not in text[1]
    assert english.tables.keys() == italian.tables.keys()


def test_the_keys_that_the_page_uses_exist():
    from importlib import resources

    templates = resources.files("mmm.report").joinpath("templates").iterdir()
    text = " ".join(file.read_text("utf-8") for file in templates if file.name.endswith(".html"))
    used = set(re.findall(r'\bt\("([a-z_]+\.[a-z_]+)"[,)]', text))
    assert len(used) > 150
    assert used <= set(entries())


@pytest.mark.parametrize("n", [60, 400])
def test_a_page_stays_small_and_adds_the_smallest_channels_into_one_line(n):
    channels = [f"a channel with a rather long name, number {i}" for i in range(n)]
    models = (*MODELS, "time_decay", "position_based")
    brief = a_brief(
        [*channels, "(unattributed)"],
        credit=long_frame([*channels, "(unattributed)"], 9e8, models=models),
        deals=long_frame([*channels, "(unattributed)"], 999.0, models=models),
    )
    html = render_brief(brief, "it")
    assert len(html.encode()) <= 300_000
    calls = made_up_calls(tuple(f"L-{i}" for i in range(20)))
    full = replace(brief, budget=made_up(channels[:30]), calls=calls)
    assert len(render_brief(full, "it").encode()) <= 300_000
    table = Reader(html).tables["credit-table"]
    assert columns_add_up(table, "it") == 2 * len(models)
    if n <= MAX_CHANNELS:
        assert {row[0] for row in table} >= set(channels)
    else:
        assert table[-3][0] == f"({n - MAX_CHANNELS + 1} canali minori)"
        assert len(table) == MAX_CHANNELS + 3


def test_rows_follow_the_headline_model():
    table = Reader(render_brief(a_brief(headline="linear"))).tables["credit-table"]
    assert table[0][1] == "linear"
    shares = [number(row[2].split("|")[1], "en") for row in table[1:-2]]
    assert shares == sorted(shares, reverse=True)


def test_limits_always_hold_and_are_said_once():
    own = (
        Finding("limits.lookback", 180, facts={"lookback_days": 180}),
        Finding("limits.experiment", None),
    )
    html = render_brief(a_brief(limits=own))
    for key in ("limits.presence", "limits.experiment"):
        assert html.count(say(key)) == 1
    assert "The page covers 181 days of deals" in html
    assert "belongs to deals without a recorded contact" in html
    assert "Contacts more than 180 days before" in html
    assert html.index("Contacts more than") < html.index("An experiment would settle it")


def test_intervals_are_shown_as_far_as_they_go():
    credit = long_frame(["a", "b", "c"], 100.0, models=("markov",))
    credit["upper"] = [0.5, 0.42, np.nan]
    credit["lower"] = [0.3, np.nan, np.nan]
    html = render_brief(a_brief(credit=credit, deals=None))
    assert "30% to 50%" in html
    assert "up to 42%" in html
    assert html.count('class="line"') == 2
    none = render_brief(a_brief(credit=credit.assign(lower=None, upper=None), deals=None))
    assert "interval" not in re.sub(r"<style>.*?</style>", "", none, flags=re.DOTALL)


def test_costs_say_what_is_not_known():
    economics = pd.DataFrame(
        {
            "channel": ["webinar", "fair", "ads", "(unattributed)"],
            "spend": [1000, None, 500, None],
            "customers": [2.0, 1.0, 0.0, 1.0],
            "cac": [500.0, None, np.inf, None],
            "cac_lower": [400.0, None, None, None],
            "cac_upper": [700.0, None, None, None],
        }
    )
    html = render_brief(a_brief(economics=economics))
    table = Reader(html).tables["cost-table"]
    assert table[1] == ["webinar", "€1,000", "2.0", "€500", "€400 to €700"]
    assert table[2] == ["ads", "€500", "0.0", "n/a", ""]
    assert table[3] == ["Channels with known spend", "€1,500", "2.0", "€750", ""]
    assert "No spend was given for <bdi>fair</bdi>:" in html
    assert "<bdi>ads</bdi>: spend, but no customer credited" in html
    for nothing in (None, economics.assign(spend=None)):
        page = render_brief(a_brief(economics=nothing))
        assert "cannot be computed" in page
        assert "cost-table" not in page


def test_deals_alone_and_no_deals_at_all():
    only = render_brief(a_brief(credit=None, economics=None, currency="USD"), "it")
    assert "gli stessi 57,0 contratti" in only
    assert "€" not in only
    empty = long_frame(["a"], 0.0, models=("markov",)).assign(share=np.nan, lower=np.nan, upper=0.3)
    page = render_brief(a_brief(credit=empty, deals=None, economics=None))
    assert "n/a" in page
    assert 'id="answer"' not in page


def test_a_channel_that_a_model_lacks_gets_nothing_from_it():
    credit = long_frame(["a", "b"], 100.0)
    whole = (credit["model"] == "linear") & (credit["channel"] == "a")
    credit.loc[whole, ["credit", "share"]] = [100.0, 1.0]
    credit = credit[~((credit["model"] == "linear") & (credit["channel"] == "b"))]
    table = Reader(render_brief(a_brief(credit=credit, deals=None))).tables["credit-table"]
    row = next(row for row in table if row[0] == "b")
    assert row[table[0].index("linear")] == "€0|0.0%"


def test_briefs_that_cannot_be_right_are_refused():
    credit = long_frame(["a", "b"], 100.0)
    with pytest.raises(InputError, match=r"lacks 'share'.*Pass one with"):
        a_brief(credit=credit.drop(columns="share"))
    with pytest.raises(InputError, match=r"'shapely' is not in credit.*name one of these"):
        a_brief(credit=credit, headline="shapely")
    with pytest.raises(InputError, match="more than one row for a model and 'a', 'b'"):
        a_brief(credit=pd.concat([credit, credit]).sort_values("channel"))
    with pytest.raises(InputError, match="rows without credit"):
        a_brief(credit=credit.assign(credit=np.nan))
    off = credit.assign(credit=credit["credit"] + (credit["model"] == "linear"))
    with pytest.raises(InputError, match=r"'linear' sums to 102\.00 and 'markov' to 100\.00"):
        a_brief(credit=off)
    with pytest.raises(InputError, match="pass credit= or deals="):
        a_brief(credit=None, deals=None)
    with pytest.raises(InputError, match="lacks 'spend', 'customers', 'cac'"):
        a_brief(economics=pd.DataFrame({"channel": []}))


def test_write_brief(tmp_path):
    path = write_brief(a_brief(), tmp_path / "brief.html", "it")
    assert path.read_text("utf-8") == render_brief(a_brief(), "it")
    with pytest.raises(SourceError, match="Choose a file that you may write to"):
        write_brief(a_brief(), tmp_path / "nowhere" / "brief.html")
