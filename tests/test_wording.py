"""One place for two languages: formats are exact, entries complete, mistakes named."""

import string
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from mmm.errors import MmmError
from mmm.wording import (
    KINDS,
    LANGUAGES,
    Finding,
    entries,
    format_chance,
    format_count,
    format_date,
    format_days,
    format_list,
    format_money,
    format_share,
    round_to_total,
    say,
    split_kind,
)

NBSP = "\u00a0"
SAMPLES = {
    "money": Decimal("1234.5"),
    "cents": Decimal("1234.5"),
    "difference": Decimal("1234.5"),
    "share": 0.083,
    "chance": 0.083,
    "change": -0.12,
    "count": 1,
    "number": 12.34,
    "days": 90,
    "date": date(2025, 8, 11),
    "text": "anything",
    "channel": "Webinar",
    "channels": ["Webinar", "(unattributed)"],
    "label": "markov",
    "form": 2,
}
ENTRIES = sorted(entries())


def placeholders(text):
    """Return (fact, article, kind, detail) of each placeholder."""
    parsed = string.Formatter().parse(text)
    return [(name, *split_kind(spec or "")) for _, name, spec, _ in parsed if name is not None]


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_has_both_languages_and_the_same_placeholders(key):
    entry = entries()[key]
    assert set(entry) == set(LANGUAGES)
    assert all(text.strip() == text and text for text in entry.values())
    asked = [
        {(name, kind) for name, _, kind, _ in placeholders(entry[lang]) if kind != "form"}
        for lang in LANGUAGES
    ]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("key", ENTRIES)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_placeholder_can_be_said(key, lang):
    found = placeholders(entries()[key][lang])
    assert {kind for _, _, kind, _ in found} <= set(KINDS)
    assert lang == "it" or not any(article for _, article, _, _ in found)
    groups = {name.split(".")[0] for name in entries()}
    assert {detail for _, _, kind, detail in found if kind == "label"} <= groups
    facts = {name: SAMPLES[kind] for name, _, kind, _ in found}
    said = say(key, lang, currency="EUR", **facts)
    assert said
    assert not set("{}'") & set(said), "a brace was left, or an apostrophe is not typographic"


@pytest.mark.parametrize(
    ("amount", "currency", "lang", "cents", "written"),
    [
        (Decimal("1234.56"), "EUR", "en", True, "€1,234.56"),
        (Decimal("1234.56"), "EUR", "it", True, f"1.234,56{NBSP}€"),
        (Decimal("1234.50"), "EUR", "en", False, "€1,235"),
        (Decimal("-1234.50"), "EUR", "it", False, f"-1.235{NBSP}€"),
        (-0.4, "EUR", "en", False, "€0"),
        (2.675, "USD", "en", True, "$2.68"),
        (1234, "CHF", "en", False, f"CHF{NBSP}1,234"),
        (1234, "CHF", "it", True, f"1.234,00{NBSP}CHF"),
        (1234, "JPY", "en", True, "¥1,234"),
        (np.int64(5), "GBP", "en", False, "£5"),
        (np.float32(5.5), "GBP", "en", True, "£5.50"),
        (
            Decimal("123456789012345678901234567890123.45"),
            "EUR",
            "en",
            True,
            "€123,456,789,012,345,678,901,234,567,890,123.45",
        ),
    ],
)
def test_money(amount, currency, lang, cents, written):
    assert format_money(amount, currency, lang, cents) == written


@pytest.mark.parametrize(
    "missing", [None, float("nan"), pd.NA, pd.NaT, Decimal("NaN"), float("inf"), np.nan]
)
def test_what_is_missing_is_said_so(missing):
    for write in (format_money, format_share, format_count, format_days, format_date):
        assert write(missing) == "n/a"
        assert write(missing, lang="it") == "n.d."


@pytest.mark.parametrize(
    ("unit", "value", "lang", "written"),
    [
        ("share", 0.031, "en", "3.1 percentage points"),
        ("share", -0.01, "it", "-1,0 punto percentuale"),
        ("days", 12.34, "it", "12,3 giorni"),
        ("money_per_day", -80, "en", "-€80"),
        ("money", Decimal("1234.5"), "it", f"1.235{NBSP}€"),
    ],
)
def test_a_difference_is_written_in_its_unit(unit, value, lang, written):
    said = say("because.mix", lang, amount=value, unit=unit, currency="EUR")
    assert written in said


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0.314, "31%"),
        (0.0994, "9.9%"),
        (0.0996, "10%"),
        (0.095, "9.5%"),
        (0, "0%"),
        (0.0004, "<0.1%"),
        (-0.031, "-3.1%"),
        (1, "100%"),
        (Decimal("0.125"), "13%"),
    ],
)
def test_share(share, written):
    assert format_share(share) == written
    assert format_share(share, "it") == written.replace(".", ",")


@pytest.mark.parametrize(
    ("chance", "written"),
    [
        (0.96, "96%"),
        (0.99, "99%"),
        (0.9901, ">99%"),
        (1, ">99%"),
        (np.float64(1.0), ">99%"),
        (0.034, "3.4%"),
        (0.01, "1.0%"),
        (0.0099, "<1%"),
        (0, "<1%"),
        (None, "n/a"),
    ],
)
def test_no_chance_is_certain(chance, written):
    assert format_chance(chance) == written
    italian = written.replace(".", ",").replace("n/a", "n.d.")
    assert format_chance(chance, "it") == italian


def test_italian_leaves_the_article_of_a_chance_beyond_counting():
    facts = {"profit": 1, "lower": 0, "upper": 2, "level": 0.9, "period": "week", "currency": "EUR"}
    for value, written in ((0.96, "è del 96%;"), (0.9999, "è >99%;"), (0.11, "è dell’11%;")):
        assert written in say("answer.certainty", "it", value=value, **facts)


def test_dates_days_counts_and_lists():
    assert format_date(pd.Timestamp("2025-12-01 10:00"), "it") == "1 dicembre 2025"
    assert format_date(date(2025, 2, 28)) == "28 February 2025"
    assert format_days(Decimal("1.4")) == "1 day"
    assert format_days(1000, "it") == "1.000 giorni"
    assert format_count(-0.2) == "0"
    assert format_list([]) == ""
    assert format_list(["a"], "it") == "a"


@pytest.mark.parametrize(
    ("lower", "value", "upper", "en", "it"),
    [
        (0.2, 0.31, 0.44, ["€0.20", "€0.31", "€0.44"], ["0,20", "0,31", "0,44"]),
        (-0.004, 0.012, 0.031, ["-€0.004", "€0.012", "€0.031"], ["-0,004", "0,012", "0,031"]),
        (0.3, 4.0, 12.0, ["€0", "€4", "€12"], ["0", "4", "12"]),
        (0.0, 1e-12, 0.0, ["€0", "€0", "€0"], ["0", "0", "0"]),
        (1, 2.0, 5, ["€1", "€2", "€5"], ["1", "2", "5"]),
    ],
)
def test_small_sums_are_told_with_two_digits_of_the_largest(lower, value, upper, en, it):
    facts = {"lower": lower, "upper": upper, "probability": 0.8, "level": 0.9, "period": "week"}
    plan = Finding("mix.plan", value, facts=facts | {"currency": "EUR"})
    for written in ("gain {1} a week", "interval: {0} to {2})"):
        assert written.format(*en) in plan.sentence("en")
    italian = plan.sentence("it").replace("\u00a0", " ")
    for written in ("guadagno di {1} € a", "da {0} € a {2} €)"):
        assert written.format(*it) in italian
    beside = Finding("mix.plan", 40.0, facts=plan.facts | {"digits": 2})  # of its table
    assert "gain €40.00 a week" in beside.sentence("en")


def test_rounded_parts_add_up_to_the_rounded_total():
    rng = np.random.default_rng(3)
    for n in (1, 2, 7, 60):
        amounts = rng.normal(100, 80, n)
        total = round_to_total([sum(amounts)])[0]
        parts = round_to_total(amounts, total=total)
        assert sum(parts) == total
        assert max(abs(float(p) - a) for p, a in zip(parts, amounts, strict=True)) < 1 + 1e-9
    assert round_to_total([]) == []
    huge = [Decimal("1e40"), Decimal("0.5"), Decimal("0.5")]
    assert sum(round_to_total(huge)[1:]) == 1
    with pytest.raises(MmmError, match="pass the total of these amounts"):
        round_to_total([1, 2], total=30)
    with pytest.raises(MmmError, match="fill it or leave its row out"):
        round_to_total([1, float("nan")])


@pytest.mark.parametrize(
    ("day", "written"),
    [(1, "al 1 maggio 2025"), (8, "all’8 maggio 2025"), (11, "all’11 maggio 2025")],
)
def test_italian_joins_article_and_day(day, written):
    first, last = date(2025, 1, 1), date(2025, 4, 30)
    said = say("page.period", "it", first=first, last=last, as_of=date(2025, 5, day))
    assert said.endswith(f"Dati aggiornati {written}.")


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0.314, "fino al 31%"),
        (0.08, "fino all’8,0%"),
        (0.82, "fino all’82%"),
        (0.11, "fino all’11%"),
        (0.014, "fino all’1,4%"),
        (0.18, "fino al 18%"),
        (0.004, "fino allo 0,4%"),
        (None, "fino n.d."),
    ],
)
def test_italian_joins_article_and_share(share, written):
    assert say("page.up_to", "it", upper=share) == written


def test_counts_take_their_noun():
    assert say("page.smaller", n=1) == "(1 smaller channel)"
    assert say("page.smaller", "it", n=1200) == "(1.200 canali minori)"


def test_names_are_marked_and_ours_translated():
    said = say(
        "page.cost_unknown", "it", mark="<{}>".format, channels=["a {b:share}", "(unattributed)"]
    )
    assert said.startswith("Per <a {b:share}> e (non attribuito) non")


def test_finding_joins_statement_reasons_and_action():
    finding = Finding(
        "economics.cac_change",
        1300,
        change=0.3,
        because=(
            "because.normal_variation",
            Finding(
                "because.of_which",
                200,
                facts={"amount": 200, "channel": "Fiera", "currency": "EUR"},
            ),
        ),
        action="action.wait",
        facts={"before": 1000, "currency": "EUR"},
    )
    assert finding.sentence() == (
        "The customer acquisition cost (CAC) went from €1,000 to €1,300 (+30%). "
        "The change is within normal variation. Of which €200 goes with Fiera. "
        "Wait for more deals before acting on it."
    )
    assert f"da 1.000{NBSP}€ a 1.300{NBSP}€ (+30%)" in finding.sentence("it")


def test_mistakes_are_named_with_their_cure():
    with pytest.raises(MmmError, match=r"no sentence 'limits\.nothing'.*'limits\..*or add it"):
        say("limits.nothing")
    with pytest.raises(MmmError, match="no wording in 'fr'; use one of 'en', 'it'"):
        say("limits.presence", "fr")
    with pytest.raises(MmmError, match="no wording in 'fr'"):
        format_money(1, lang="fr")
    with pytest.raises(MmmError, match="needs the fact 'share' and was given 'credit', 'currency'"):
        say("limits.unattributed", credit=1, currency="EUR")
    with pytest.raises(MmmError, match=r"needs the fact 'currency'.*pass currency="):
        say("limits.unattributed", credit=1, share=0.1)
    with pytest.raises(MmmError, match=r"limits\.unattributed.*'many' is not a number"):
        say("limits.unattributed", credit="many", share=0.1, currency="EUR")
    with pytest.raises(MmmError, match="three-letter code"):
        format_money(1, "euro")
    with pytest.raises(MmmError, match=r"pass a datetime\.date"):
        format_date("2025-03-01")
