"""The tables read together: every fault of them at once, and what was decided is said."""

from hashlib import sha256

import pandas as pd
import pytest

from mmm.channels import ChannelMap
from mmm.cli.shell import for_shell
from mmm.errors import DataWarning, InputError
from mmm.run import read_tables
from mmm.run.config import SpendSection, make_config, sources
from mmm.run.manifest import manifest
from mmm.run.reading import check_currencies, paid_channels, unmatched
from mmm.wording.translated import translated

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


ADS = "day,campaign,cost\n{days}"
FAIRS = "date,channel,spend\n2025-01-06,Fairs,700\n2025-01-13,Fairs,0\n"


@pytest.fixture
def two_files(config, tmp_path):
    days = "\n".join(f"2025-01-{day:02},Brand,1.10" for day in range(6, 20))
    (tmp_path / "ads.csv").write_text(ADS.format(days=days))
    (tmp_path / "fairs.csv").write_text(FAIRS)
    ads = SpendSection(
        source=str(tmp_path / "ads.csv"),
        channel="Paid search",
        columns={"date": "day", "spend": "cost"},
    )
    fairs = SpendSection(source=str(tmp_path / "fairs.csv"))
    return config().model_copy(update={"spend": (ads, fairs)})


def test_spend_of_several_files_is_one_table_and_the_manifest_lists_each(two_files, tmp_path):
    found = read_tables(two_files)
    spend = found["spend"]
    assert spend.groupby("channel")["spend"].sum().astype(str).to_dict() == {
        "Fairs": "700.00", "Paid search": "15.40",
    }  # fmt: skip
    assert paid_channels(two_files) == ("Fairs", "Paid search")
    listed = manifest(two_files, found, pd.Timestamp("2025-03-01", tz="UTC"))["inputs"]
    ours = [(one["name"], one["source"], one["rows"]) for one in listed if "spend" in one["name"]]
    assert ours == [("spend: ads.csv", "ads.csv", 14), ("spend: fairs.csv", "fairs.csv", 2)]
    assert listed[-1]["sha256"] == sha256(FAIRS.encode()).hexdigest()
    assert {str(tmp_path / "ads.csv"), str(tmp_path / "fairs.csv")} <= set(sources(two_files))


def test_a_mistake_in_one_of_several_files_names_the_file_and_its_section(two_files, tmp_path):
    (tmp_path / "fairs.csv").write_text(FAIRS.replace("2025-01-06", "soon"))
    (tmp_path / "ads.csv").write_text("day,cost\n2025-01-06,-1\n")
    with pytest.raises(InputError) as caught:
        read_tables(two_files)
    ads, fairs = str(caught.value).splitlines()
    assert ads.startswith("in ads.csv: spend column 'spend' is negative in row 1 of ads.csv")
    assert fairs.startswith("in fairs.csv: spend column 'date' is not a date")
    assert for_shell(ads, with_file=True).endswith(
        "write refunds = true under [[spend]] in mmm.toml."
    )
    assert translated(for_shell(ads, with_file=True), "it").startswith(
        "in ads.csv: spend, colonna “spend”: è negativo in riga 1"
    )


def test_the_manifest_states_rules_and_readings_that_are_set(config):
    rule = {"channel": "Print", "medium": "wall"}
    plain, own = config(), config(channels={"rules": [rule]})
    section = own.deals.model_copy(update={"won_values": {"won": True}, "tz": "Europe/Rome"})
    own = own.model_copy(update={"deals": section})
    found, day = read_tables(plain), pd.Timestamp("2025-03-01", tz="UTC")
    before, after = (manifest(one, found, day)["settings"] for one in (plain, own))
    told = {name: after[name] for name in after.keys() - before.keys()}
    assert told == {
        "channels.rules": (rule,),
        "deals.won_values": {"won": True},
        "deals.tz": "Europe/Rome",
    }
