"""The tables read together: every fault of them at once, and what was decided is said."""

import pandas as pd
import pytest

from mmm.channels import ChannelMap
from mmm.errors import DataWarning, InputError
from mmm.run import read_tables
from mmm.run.config import make_config
from mmm.run.reading import check_currencies, paid_channels, unmatched

DEALS = "deal_id,person_id,closed_at,won,value\nd1,p1,2025-03-01T10:00:00Z,{won},100\n"
TOUCHES = "person_id,touched_at,source,medium\np1,2025-01-01T10:00:00Z,google,{medium}\n"
SPEND = "date,source,medium,spend\n2025-01-06,LinkedIn,,50\n2025-01-13,club,wall,9\n"


@pytest.fixture
def config(tmp_path):
    def make(won="won", medium="cpc", spend=SPEND, **sections):
        files = {"deals": DEALS.format(won=won), "touches": TOUCHES.format(medium=medium),
                 "spend": spend}  # fmt: skip
        for name, text in files.items():
            (tmp_path / f"{name}.csv").write_text(text)
        sources = {name: {"source": str(tmp_path / f"{name}.csv")} for name in files}
        return make_config({**sources, **sections})

    return make


def test_what_counts_as_paid_since_it_has_spend_is_noted(config):
    tables = read_tables(config())
    (note,) = [one for one in tables["spend"].attrs["notes"] if "is paid" in one]
    assert "'LinkedIn' as Paid social" in note
    assert "Write the medium, or a rule under [channels]" in note
    rule = {"channel": "Social", "source": "linkedin"}
    named = read_tables(config(channels={"rules": [rule]}))
    assert not [one for one in named["spend"].attrs["notes"] if "is paid" in one]


def test_channels_with_spend_are_named_by_the_rules_and_none_without_spend(config):
    assert paid_channels(config()) == ("Paid social",)
    print_rule = {"channel": "Print", "medium": "wall"}
    assert paid_channels(config(channels={"rules": [print_rule]})) == ("Paid social", "Print")
    assert paid_channels(config().model_copy(update={"spend": None})) == ()


def test_what_no_rule_matches_is_listed_by_table(config):
    found = unmatched(read_tables(config(medium="cpc")), ChannelMap())
    assert list(found) == ["spend"]
    assert found["spend"]["source"].tolist() == ["club"]


def test_one_mistake_is_raised_as_it_is_and_several_with_a_line_each(config):
    with pytest.raises(InputError) as one:
        read_tables(config(spend="date,channel,spend\nsoon,Fairs,50\n"))
    assert str(one.value).startswith("spend column 'date' ")
    assert "\n" not in str(one.value)
    with pytest.raises(InputError) as two:
        read_tables(config(won="perhaps", spend="date,channel,spend\nsoon,Fairs,50\n"))
    first, second = str(two.value).splitlines()
    assert first.startswith("deals column 'won' ")
    assert second.startswith("spend column 'date' ")


def test_a_table_in_which_nothing_is_won_is_a_warning(config):
    with pytest.warns(DataWarning, match=r"none of 1 deals is won, 1 are open.*won_values"):
        read_tables(config(won="open"))


def test_two_currencies_are_refused_and_one_is_not():
    euros = pd.DataFrame({"currency": ["EUR", None]})
    dollars = pd.DataFrame({"currency": ["USD"]})
    check_currencies({"deals": euros, "spend": euros, "touches": dollars})
    check_currencies({"deals": euros, "costs": pd.DataFrame({"currency": [None]})})
    with pytest.raises(InputError, match=r"deals in EUR, costs in USD\. Pass currency= and rates="):
        check_currencies({"deals": euros, "costs": dollars})
