import csv
import hashlib
import json
import re

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.channels import ChannelMap
from mmm.datasets import catalogue
from mmm.errors import InputError
from mmm.simulate import TABLES
from mmm.simulate.__main__ import main
from mmm.simulate.confounded import confounded_market
from mmm.simulate.revenue import adstock, hill
from mmm.simulate.shipped import shipped_company
from mmm.simulate.shop import online_shop

FOLDER = datasets.path("deals").parent


@pytest.fixture(scope="module")
def company():
    return shipped_company()


@pytest.fixture(scope="module")
def read():
    return datasets.load("dirty_italian")


@pytest.fixture(scope="module")
def clean():
    return datasets.load("small")


@pytest.fixture(scope="module")
def market():
    return confounded_market()


@pytest.fixture(scope="module")
def shop():
    return online_shop()


def shipped_files(folder):
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != "README.md"]
    return sorted(path.relative_to(folder).as_posix() for path in found)


def test_regeneration_gives_the_same_bytes(tmp_path, capsys):
    main([str(tmp_path)])
    assert "deals.csv" in capsys.readouterr().out
    assert shipped_files(tmp_path) == shipped_files(FOLDER)
    for name in shipped_files(FOLDER):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_hashes_are_those_of_the_files():
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    found = dict(reversed(line.split("  ")) for line in lines)
    assert {*found, "SHA256SUMS"} == set(shipped_files(FOLDER))
    for name, digest in found.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("name", TABLES)
def test_tables_load_as_they_were_simulated(company, name):
    expected = getattr(company, name)
    loaded = datasets.load(name)
    pd.testing.assert_frame_equal(loaded, expected, check_like=True)


def test_every_name_has_its_tables():
    assert datasets.tables() == list(TABLES)
    for name in datasets.names():
        whole = datasets.load(name)
        assert list(whole) == datasets.tables(name)
        assert all(len(table) > 0 for table in whole.values())
        assert all(datasets.path(name, table).is_file() for table in whole)


@pytest.mark.parametrize("name", datasets.names())
def test_the_truth_is_sealed_unless_asked_for(name, tmp_path):
    assert "truth" not in datasets.load(name)
    assert datasets.load(name, truth=True)["truth"] == datasets.truth(name)
    copied = datasets.copy(name, tmp_path / "mine")
    assert [path.name for path in copied] == [
        datasets.path(name, table).name for table in datasets.tables(name)
    ]
    assert not (tmp_path / "mine" / "truth.json").exists()


def test_a_copy_overwrites_nothing(tmp_path):
    (tmp_path / "weekly.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"already holds 'weekly\.csv'.*another folder"):
        datasets.copy("confounded", tmp_path)
    assert (tmp_path / "weekly.csv").read_text(encoding="utf-8") == "mine"


def test_what_is_not_there_is_said_with_what_is():
    with pytest.raises(InputError, match="'shop' has no table 'leads'; choose one of 'touches'"):
        datasets.load("shop", "leads")
    with pytest.raises(InputError, match="no dataset 'deals'; choose one of 'small'"):
        datasets.truth("deals")
    with pytest.raises(InputError, match=r"the table 'deals'. Use mmm\.datasets\.truth\('small'\)"):
        datasets.load("small", "deals", truth=True)


@pytest.mark.parametrize("ask", [datasets.load, datasets.path])
def test_an_unknown_name_lists_the_known_ones(ask):
    with pytest.raises(InputError, match=r"'opportunities'.*'touches'.*'weekly'"):
        ask("opportunities")


def test_truth_is_that_of_the_simulation(company):
    assert datasets.truth() == json.loads(json.dumps(company.truth.to_dict()))


def test_there_is_enough_to_learn_from():
    won = datasets.load("deals")["won"]
    assert won.sum() >= 60
    assert (~won).sum() >= 60
    assert won.isna().sum() >= 10
    assert 150 <= datasets.load("contacts")["account_id"].nunique() <= 250


def test_the_folder_stays_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) < 2_200_000


def test_a_folder_installed_with_the_package_comes_first(tmp_path, monkeypatch):
    package = tmp_path / "site" / "mmm"
    (package / "_datasets").mkdir(parents=True)
    monkeypatch.setattr(catalogue, "__file__", str(package / "datasets" / "catalogue.py"))
    assert datasets.path("deals") == package / "_datasets" / "deals.csv"
    (package / "_datasets").rmdir()
    with pytest.raises(InputError, match=r"python -m mmm\.simulate datasets"):
        datasets.path("deals")


@pytest.mark.parametrize("name", TABLES)
def test_the_readme_explains_every_column(name):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    section = text.split(f"## {name}.csv", 1)[1].split("\n## ", 1)[0]
    explained = {
        column
        for row in re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)
        for column in re.findall(r"`([^`]+)`", row)
    }
    with datasets.path(name).open(encoding="utf-8", newline="") as file:
        assert explained == set(next(csv.reader(file)))


def test_the_readme_explains_every_part_of_the_truth():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for key in datasets.truth():
        assert f"`{key}`" in text, key


def test_the_readme_states_the_settings():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    settings = datasets.truth()["settings"]
    assert f"n_accounts={settings['n_accounts']}, weeks={settings['weeks']}" in text
    assert f'seed={settings["seed"]}, start="{settings["start"]}"' in text


@pytest.mark.parametrize(
    ("name", "table"),
    [(name, table) for name in datasets.names()[1:] for table in datasets.tables(name)],
)
def test_the_readme_explains_every_column_of_the_others(name, table):
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    section = text.split(f"\n# {name}", 1)[1].split("\n# ", 1)[0]
    file = datasets.path(name, table)
    assert f"`{file.name}`" in section
    encoding = "cp1252" if file.name == "trattative.csv" else "utf-8-sig"
    with file.open(encoding=encoding, newline="") as lines:
        header = next(csv.reader(lines, delimiter=";" if name == "dirty_italian" else ","))
    assert [column for column in header if f"`{column}`" not in section] == []


class TestDirtyItalian:
    """The dirty export is the small company again, once it is read as it asks to be read."""

    def test_deals_are_the_same_to_the_cent_and_the_minute(self, read, clean):
        ours = read["deals"].set_index("deal_id")
        theirs = clean["deals"].set_index("deal_id").loc[ours.index]
        assert len(ours) == len(clean["deals"])
        for column in ("person_id", "account_id", "won", "value", "kind"):
            pd.testing.assert_series_equal(ours[column], theirs[column], check_dtype=False)
        minute = theirs["created_at"].dt.floor("min")
        pd.testing.assert_series_equal(ours["created_at"], minute)
        closed = theirs["closed_at"].dt.tz_convert("Europe/Rome").dt.date
        assert ours["closed_at"].dt.tz_convert("Europe/Rome").dt.date.equals(closed)
        assert (ours["expected_on"].isna() == theirs["expected_on"].isna()).all()

    def test_touches_are_of_the_same_channels_at_the_same_minute(self, read, clean):
        ours, theirs = read["touches"], clean["touches"]
        late = ours["touched_at"] - theirs["touched_at"].dt.floor("min")
        # An hour that the clocks run through twice cannot be told from its twin.
        assert late.abs().max() <= pd.Timedelta(hours=1)
        assert (late != pd.Timedelta(0)).mean() < 0.001
        assert (ChannelMap().assign(ours) == ChannelMap().assign(theirs)).all()

    def test_leads_spend_and_contacts_are_the_same(self, read, clean):
        assert read["leads"]["lead_id"].tolist() == clean["leads"]["lead_id"].tolist()
        assert (
            ChannelMap().assign(read["leads"]).fillna("")
            == ChannelMap().assign(clean["leads"]).fillna("")
        ).all()
        assert read["spend"]["spend"].tolist() == clean["spend"]["spend"].tolist()
        contacts = clean["contacts"].set_index("person_id")
        mine = read["contacts"].set_index("person_id")
        assert mine["email"].equals(contacts["email"].loc[mine.index])
        assert len(mine) == len(contacts)

    @pytest.mark.parametrize(
        ("read_as", "says"),
        [
            ({}, "has no column"),
            ({"on_duplicate": "error"}, "same deal_id"),
            ({"source": None}, "a row of totals.*line 189 .*Delete that row"),
        ],
    )
    def test_each_dirt_is_answered_by_an_error_with_its_cure(self, read_as, says):
        import mmm

        file = datasets.path("dirty_italian", "deals")
        if not read_as:
            with pytest.raises(InputError, match=says):
                mmm.read_deals(file)
            return
        asked = {"locale": "it", **catalogue._ITALIAN["deals"], **read_as}
        source = asked.pop(
            "source", pd.read_csv(file, sep=";", dtype="str", encoding="cp1252")[:-1]
        )
        with pytest.raises(InputError, match=says):
            mmm.read_deals(file if source is None else source, **asked)

    def test_what_was_decided_is_in_the_notes(self, read, tmp_path):
        dirt = datasets.truth("dirty_italian")["dirt"]
        notes = " ".join(read["deals"].attrs["notes"])
        assert f"{dirt['deals_twice']} rows repeat a deal_id; the last one" in notes
        assert "the symbol € is taken off" in notes
        assert f"{dirt['contacts_twice']} rows repeat a person_id" in " ".join(
            read["contacts"].attrs["notes"]
        )


class TestConfounded:
    def test_tables_and_truth_are_those_of_the_simulation(self, market):
        tables, truth = market
        pd.testing.assert_frame_equal(datasets.load("confounded", "weekly"), tables["weekly"])
        assert datasets.truth("confounded") == json.loads(json.dumps(truth))

    def test_demand_moves_spend_and_revenue_alike(self, market):
        tables, truth = market
        demand = np.array(truth["mix"]["components"]["demand"])
        weekly = tables["weekly"]
        assert np.corrcoef(demand, weekly["revenue"])[0, 1] > 0.8
        for name, follows in truth["follows_demand"].items():
            moved = np.corrcoef(demand, np.log(weekly[name]))[0, 1]
            assert moved > 0.4 if follows else abs(moved) < 0.25, name

    def test_least_squares_on_the_true_curves_needs_the_demand(self, market):
        tables, truth = market
        weekly, curves = tables["weekly"], pd.DataFrame(truth["mix"]["parameters"])
        media = np.column_stack(
            [
                hill(adstock(weekly[row.channel].to_numpy(), row.retention), row.half_saturation,
                     row.slope)
                for row in curves.itertuples()
            ]
        )  # fmt: skip
        week = np.arange(len(weekly))
        demand = np.array(truth["mix"]["components"]["demand"])

        def paid_search(*controls):
            design = np.column_stack([np.ones(len(week)), week, *controls, media])
            found = np.linalg.lstsq(design, weekly["revenue"].to_numpy(), rcond=None)[0]
            return found[2 + len(controls)] * media[:, 0].sum()

        true = curves["contribution"].iloc[0]
        assert paid_search() > 3.0 * true
        assert paid_search(demand) == pytest.approx(true, rel=0.35)


class TestShop:
    def test_tables_and_truth_are_those_of_the_simulation(self, shop):
        tables, truth = shop
        for name, table in tables.items():
            loaded = datasets.load("shop", name)[table.columns]
            pd.testing.assert_frame_equal(loaded, table, check_dtype=name != "weekly")
        assert datasets.truth("shop") == json.loads(json.dumps(truth))

    def test_many_small_orders_of_customers_who_come_back(self, shop):
        deals = shop[0]["deals"]
        assert len(deals) > 4_000
        assert deals["value"].astype(float).median() < 60
        assert deals["kind"].eq("new").sum() == deals["person_id"].nunique()
        again = deals["person_id"].value_counts().gt(1).mean()
        assert 0.3 < again < 0.9

    def test_the_truth_adds_up_to_the_orders(self, shop):
        tables, truth = shop
        shares = truth["channels"]["incremental_share"]
        assert sum(shares) + truth["baseline_share"] == pytest.approx(1.0, abs=1e-5)
        assert truth["won_value"] == float(tables["deals"]["value"].sum())
        assert tables["weekly"]["orders"].sum() == len(tables["deals"])
        expected = dict(
            zip(*(truth["mix"]["parameters"][k] for k in ("channel", "contribution")), strict=True)
        )
        for channel, found in zip(*(truth["channels"][k] for k in ("channel", "customers")),
                                  strict=True):  # fmt: skip
            mean = expected.get(channel, 0.0)
            assert abs(found - mean) <= 4.0 * np.sqrt(mean)

    def test_a_channel_on_the_way_is_seen_often_and_brings_nothing(self, shop):
        tables, truth = shop
        seen = ChannelMap().assign(tables["touches"]).value_counts()
        assert seen["Display"] > seen["Affiliate"]
        place = truth["channels"]["channel"].index("Display")
        assert truth["channels"]["incremental_value"][place] == 0.0
        assert set(seen.index) == set(truth["channels"]["channel"])
