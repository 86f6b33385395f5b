"""The agenda: what was accepted, refused and waits, what to revise and mend, and who does it."""

from types import SimpleNamespace

import pandas as pd
import pytest

from mmm.report.agenda import handed_over, records_to_mend, render_agenda, rules_to_revise
from mmm.run import run
from mmm.run.demo import demo_config
from mmm.wording import LANGUAGES
from tests.report.test_brief import HOSTILE, Reader

AS_OF = pd.Timestamp("2025-03-01", tz="UTC")


@pytest.fixture(scope="module")
def demo():
    config = demo_config()
    off = {"mix": {"enabled": False}, "scoring": {"enabled": False}}
    config = config.model_copy(
        update={
            name: getattr(config, name).model_copy(update=change) for name, change in off.items()
        }
    )
    return run(config), config


def leads(*rows):
    """One row a lead: channel, accepted (None while it waits), reason."""
    day = pd.Timestamp("2025-01-01", tz="UTC")
    frame = pd.DataFrame(rows, columns=["channel", "accepted", "discard_reason"])
    return frame.assign(
        mql_at=day,
        sql_at=[day if one else pd.NaT for one in frame["accepted"]],
        ended_at=[day if one is False else pd.NaT for one in frame["accepted"]],
    )


def test_rules_are_up_where_half_are_refused():
    web = [("Web", i < 2, None if i < 2 else "no budget") for i in range(6)]
    fair = [("Fair", i < 4, "price") for i in range(6)]
    few = [("Press", False, "price")] * 4
    found = rules_to_revise(leads(*web, *fair, *few))
    assert [one.sentence() for one in found] == [
        "Web: sales refused 4 of 6 leads decided (67%), most often “no budget”. Agree on whether "
        "such leads are handed over."
    ]
    silent = rules_to_revise(leads(*[("Web", False, None)] * 5, ("Web", None, None)))
    assert [one.metric for one in silent] == ["agenda.rule_silent"]
    assert silent[0].facts["n"] == 5


def test_leads_without_dates_of_hand_over_are_none(demo):
    result, config = demo
    table = result.tables["leads"]
    assert handed_over(None, config, AS_OF) is None
    assert handed_over(table.drop(columns="sql_at"), config, AS_OF) is None
    assert (
        handed_over(
            table.assign(mql_at=table["mql_at"].mask(table["mql_at"].notna())), config, AS_OF
        )
        is None
    )
    early = handed_over(table, config, table["mql_at"].min())
    assert len(early) == 1
    assert handed_over(table, config, AS_OF)["channel"].notna().all()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_agenda_counts_every_lead_handed_over(demo, lang):
    result, config = demo
    html = render_agenda(result, config, lang)
    page = Reader(html)
    table = result.tables["leads"]
    rows = page.tables["leads-table"][1:]
    assert sum(int(cell) for row in rows for cell in row[1:4]) == table["mql_at"].notna().sum()
    assert sum(int(row[1]) for row in rows) == table["sql_at"].notna().sum()
    waiting = table["mql_at"].notna() & table["sql_at"].isna() & table["ended_at"].isna()
    listed = {row[0] for row in page.tables["waiting-table"][1:]}
    assert listed == set(table.loc[waiting, "lead_id"])
    assert not {"script", "a", "img"} & set(page.tags)
    assert "script-src" not in html
    assert "name_" not in html
    assert [tag for tag in page.tags if tag == "h2"] == ["h2"] * 6


def test_records_have_their_owner(demo):
    result, _ = demo
    rows = records_to_mend(result, "en")
    every = sum(
        len(check.rows.drop_duplicates(["table", "id"])) for check in result.health.hygiene.checks
    )
    assert sum(int(row["n"]) for row in rows) == every
    deals = result.tables["deals"]
    owner = dict(zip(deals["deal_id"], deals["owner"], strict=True))
    for row in rows:
        if row["check"] == "name_missing_source":
            assert {owner[one] for one in row["ids"]} == {row["owner"]}


def test_hostile_names_are_text(demo):
    result, config = demo
    name = HOSTILE[0]
    table = result.tables["leads"]
    rows = SimpleNamespace(**vars(result))
    rows.tables = {
        **result.tables,
        "leads": table.assign(owner=name, discard_reason=name, lead_id=name + table["lead_id"]),
    }
    page = Reader(render_agenda(rows, config))
    assert "script" not in page.tags
    assert page.tables["waiting-table"][1][1] == name
