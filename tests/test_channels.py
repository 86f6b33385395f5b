from decimal import Decimal

import pandas as pd
import pytest

from mmm import datasets
from mmm.channels import ChannelMap
from mmm.errors import ConfigError
from mmm.tables import read_spend

USUAL = [
    ("google", "cpc", "Paid search"),
    ("Google Ads", None, "Paid search"),
    ("PAID_SEARCH", None, "Paid search"),
    ("google / cpc", None, "Paid search"),
    ("bing", "organic", "Organic search"),
    ("google", None, "Organic search"),
    ("linkedin", "paid_social", "Paid social"),
    ("linkedin", "cpc", "Paid social"),
    ("LinkedIn Ads", None, "Paid social"),
    ("linkedin", "social", "Organic social"),
    ("facebook.com", "referral", "Organic social"),
    ("newsletter", "email", "Email"),
    ("mailchimp", None, "Email"),
    ("google", "display", "Display"),
    ("Online Display", "", "Display"),
    ("meta", "cpc", "Paid social"),
    ("Reference", "", "Referral"),
    ("Olark Chat", "", "Website"),
    ("Organic Video", "", "Organic social"),
    ("X (Twitter)", "", "Organic social"),
    ("Seminar - Internal", "", "Events"),
    ("", "Paid Video", "Paid social"),
    ("Fiera MECSPE", "offline", "Events"),
    ("Trade Show", None, "Events"),
    ("zoom", "webinar", "Webinar"),
    ("Rivenditore Nord", None, "Partner"),
    ("partner", "referral", "Partner"),
    ("blog.example", "referral", "Referral"),
    ("Passaparola", None, "Word of mouth"),
    ("(direct)", "(none)", "Direct"),
    ("direct_traffic", None, "Direct"),
    ("Sito web", None, "Website"),
    ("Telefonata", None, "Phone"),
    ("altro", None, "Other"),
    ("Ricerca organica", None, "Organic search"),
    ("Ricerca a pagamento", None, "Paid search"),
    ("Search Ads", None, "Paid search"),
    ("Apple search ads", None, "Paid search"),
    ("Email marketing", None, "Email"),
    ("Social organico", None, "Organic social"),
    ("Social media organici", None, "Organic social"),
    ("Social a pagamento", None, "Paid social"),
    ("Altre campagne", None, "Other"),
    ("Traffico diretto", None, "Direct"),
    ("Fonti offline", None, "Offline"),
    ("OFFLINE", None, "Offline"),
]


@pytest.mark.parametrize(("source", "medium", "channel"), USUAL)
def test_usual_spellings_have_a_channel(source, medium, channel):
    assert ChannelMap().name(source=source, medium=medium) == channel


def test_organic_stays_organic_where_it_has_spend():
    for source in ("Social organico", "Ricerca organica", "Organic social", "SEO"):
        assert ChannelMap().name(source=source, paid=True).startswith("Organic")


@pytest.mark.parametrize("placeholder", ["unknown", "(not set)", "N/A", "Select", " ", "n.d."])
def test_placeholders_are_missing_values(placeholder):
    frame = pd.DataFrame({"source": [placeholder, "zzz"]})
    assert ChannelMap().assign(frame).isna().tolist() == [True, False]


def test_own_rules_come_first_and_in_order():
    rules = [
        {"channel": "Brand", "source": "google", "medium": "cpc", "campaign": "*brand*"},
        {"channel": "Google", "source": "google"},
    ]
    channels = ChannelMap.from_rules(rules)
    assert channels.name(source="google", medium="cpc", campaign="IT Brand 2025") == "Brand"
    assert channels.name(source="google", medium="cpc", campaign="generic") == "Google"
    only = ChannelMap.from_rules(rules, defaults=False)
    assert only.name(source="newsletter", medium="email") is None


def test_a_named_channel_is_kept_or_respelled():
    channels = ChannelMap(names={"google ads": "Paid search"})
    assert channels.name(channel="Google Ads", source="zzz") == "Paid search"
    assert channels.name(channel="Fiere", source="google") == "Fiere"
    frame = pd.DataFrame({"channel": ["Fiere", None], "source": ["x", "google"]})
    assert channels.assign(frame).tolist() == ["Fiere", "Organic search"]


@pytest.mark.parametrize(
    "rule", [{"channel": "X"}, {"channel": "", "source": "x"}, {"channel": "X", "src": "x"}]
)
def test_rules_that_say_nothing_are_refused(rule):
    with pytest.raises(ConfigError, match=r"Give a channel|Use"):
        ChannelMap.from_rules([rule])


def test_unmatched_lists_rows_and_euros_largest_first():
    spend = read_spend(
        pd.DataFrame(
            {
                "date": ["2024-01-01"] * 4,
                "source": ["zzz", "google", "yyy", "unknown"],
                "medium": ["m", "cpc", "m", ""],
                "spend": ["10.10", "99.00", "20.05", "1.00"],
            }
        )
    )
    found = ChannelMap().unmatched(spend)
    assert found["source"].tolist() == ["yyy", "zzz"]
    assert found["value"].tolist() == [Decimal("20.05"), Decimal("10.10")]
    assert found["rows"].tolist() == [1, 1]


def test_a_table_without_any_field_says_what_it_has():
    with pytest.raises(ConfigError, match="found 'origin'"):
        ChannelMap().assign(pd.DataFrame({"origin": ["google"]}))


def test_one_name_serves_touches_leads_and_spend_of_the_shipped_company():
    channels = ChannelMap()
    named = {
        name: set(channels.assign(datasets.load(name)).dropna())
        for name in ("touches", "leads", "spend")
    }
    assert named["spend"] <= named["touches"]
    assert "(unmatched)" not in named["touches"] | named["spend"]
    assert len(named["leads"] & named["touches"]) >= 5


@pytest.mark.parametrize(
    ("source", "medium", "channel"),
    [
        ("LinkedIn", None, "Paid social"),
        ("Facebook", "", "Paid social"),
        ("google", None, "Paid search"),
        ("social", None, "Paid social"),
        ("google", "organic", "Organic search"),  # somebody wrote it: an agency for SEO
        ("seo", None, "Organic search"),
        ("organic social", None, "Organic social"),
        ("fiera MECSPE", None, "Events"),
        ("newsletter", None, "Email"),
    ],
)
def test_what_has_spend_is_paid_unless_it_is_written_otherwise(source, medium, channel):
    spend = pd.DataFrame({"source": [source], "medium": [medium], "spend": [100]})
    assert ChannelMap().assign(spend).tolist() == [channel]


def test_a_rule_of_ones_own_comes_before_that():
    own = ChannelMap.from_rules([{"channel": "Organic social", "source": "linkedin"}])
    spend = pd.DataFrame({"source": ["LinkedIn"], "spend": [100]})
    assert own.assign(spend).tolist() == ["Organic social"]
    assert own.taken_as_paid(spend) == {}


def test_a_touch_of_the_same_source_stays_as_it_is():
    touches = pd.DataFrame({"source": ["LinkedIn"]})
    assert ChannelMap().assign(touches).tolist() == ["Organic social"]
