"""The agenda: what was accepted, refused and waits, what to revise and mend, and who does it."""

from types import SimpleNamespace

import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import ConfigError
from mmm.funnel.hygiene import hygiene
from mmm.report.agenda import handed_over, records_to_mend, render_agenda, rules_to_revise
from mmm.report.revision import QUARTER, last_quarter, revision_findings, written_rules
from mmm.run import run
from mmm.run.config import HandoverSection, make_config
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


def company(*rows):
    """One row a lead: pages, accepted, won, days to the first call; all decided on one day."""
    frame = pd.DataFrame(rows, columns=["pages", "accepted", "won", "wait"])
    day = AS_OF - pd.Timedelta(days=40)
    end = AS_OF - pd.Timedelta(days=10)
    names = [f"p{i}" for i in frame.index]
    table = pd.DataFrame(
        {
            "lead_id": [f"L{i}" for i in frame.index],
            "person_id": names,
            "created_at": day,
            "pages": frame["pages"],
            "first_contacted_at": day + pd.to_timedelta(frame["wait"], unit="D"),
            "sql_at": pd.Series(day, frame.index).where(frame["accepted"]),
            "ended_at": pd.Series(end, frame.index).where(~frame["won"]),
        }
    )
    won = frame.index[frame["won"]]
    deals = pd.DataFrame({"person_id": [names[i] for i in won], "won": True, "closed_at": end})
    return table, deals.astype({"won": "boolean"})


def ruled(rules, proposed=()):
    def as_written(ones):
        return [{"name": n, "stage": "MQL", "when": when} for n, when in ones]

    sections = {"rules": as_written(rules), "proposed": as_written(proposed)}
    tables = {"deals": {"source": "d.csv"}, "leads": {"source": "l.csv"}}
    return make_config({**tables, "handover": sections})


def revised(rows, rules, proposed=(), as_of=AS_OF):
    leads_of, deals = company(*rows)
    quarter = last_quarter(leads_of, deals, ruled(rules, proposed), as_of)
    return None if quarter is None else revision_findings(quarter)


WASTE = [(1, False, False, 1.0)] * 30 + [(9, True, True, 1.0)] * 10 + [(9, True, False, 1.0)] * 10


def test_a_rule_that_passes_what_sales_discards_is_up_for_revision():
    found = revised(WASTE, [("any page", "pages >= 1"), ("few", "pages = 1")])
    assert [one.metric for one in found] == ["agenda.quarter", "agenda.rule_discards"]
    assert "“few”: sales discarded 30 of 30 leads it passed (100%)" in found[1].sentence()


def test_a_rule_whose_winners_wait_is_up_for_revision():
    slow = [(9, True, True, 12.0)] * 12 + [(1, True, True, 0.5)] * 12
    found = revised(slow, [("reads much", "pages >= 5"), ("reads", "pages >= 1")])
    (said,) = [one.sentence() for one in found if one.metric == "agenda.rule_waits"]
    assert "“reads much”" in said
    assert "12.0 days" in said
    quick = [(9, True, True, 0.5)] * 12 + [(1, True, True, 0.5)] * 12
    found = revised(quick, [("reads much", "pages >= 5"), ("reads", "pages >= 1")])
    assert [one.metric for one in found] == ["agenda.quarter", "agenda.rules_hold"]


def test_rules_that_miss_a_winner_or_hold_too_few_leads_are_named():
    found = revised(WASTE, [("none", "pages >= 100")])
    assert [one.metric for one in found] == [
        "agenda.quarter",
        "agenda.rule_few",
        "agenda.rules_miss",
    ]
    assert found[2].value == 10


def test_proposed_rules_are_held_against_those_of_today():
    stricter = revised(WASTE, [("any", "pages >= 1")], [("reads", "pages >= 5")])
    assert stricter[-1].because == ("agenda.proposed_better",)
    assert "hand over 50, of which 20% were won, 100% of all wins" in stricter[-1].sentence()
    looser = revised(WASTE, [("reads", "pages >= 5")], [("any", "pages >= 1")])
    assert looser[-1].because == ("agenda.proposed_worse",)
    same = revised(WASTE, [("reads", "pages >= 5")], [("also", "pages >= 6")])
    assert same[-1].because == ("agenda.proposed_open",)
    wrong = revised(WASTE, [("reads", "pages >= 5")], [("few", "pages = 1")])
    assert wrong[-1].because == ("agenda.proposed_worse",)


def test_there_is_no_quarter_without_rules_or_decided_leads():
    assert revised(WASTE, []) is None
    assert revised(WASTE, [("any", "pages >= 1")], as_of=AS_OF + 2 * QUARTER) is None
    with pytest.raises(ConfigError, match=r"none of today\. Write them as rules"):
        revised(WASTE, [], [("any", "pages >= 1")])
    bare = ruled([]).model_copy(
        update={"handover": HandoverSection(rules=({"name": "x", "stage": "MQL"},))}
    )
    with pytest.raises(ConfigError, match="Write 'name', 'stage', 'when'"):
        written_rules(bare)
    lost = ruled([]).model_copy(
        update={
            "handover": HandoverSection(rules=({"name": "x", "stage": "won", "when": "a = 1"},))
        }
    )
    with pytest.raises(ConfigError, match="leads to 'won'"):
        written_rules(lost)


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


@pytest.mark.parametrize(("lang", "names"), [
    ("en", {"leads": "leads", "deals": "deals", "touches": "touches"}),
    ("it", {"leads": "lead", "deals": "trattative", "touches": "contatti registrati"}),
])  # fmt: skip
def test_ids_of_records_come_with_their_table(demo, lang, names):
    result, config = demo
    rows = records_to_mend(result, lang)
    cells = [row[3] for row in Reader(render_agenda(result, config, lang)).tables["records-table"]]
    assert len({row["table"] for row in rows}) > 1
    for row, cell in zip(rows, cells[1:], strict=True):
        known = result.tables[row["table"]]
        assert cell.startswith(f"{names[row['table']]}:{row['ids'][0]}")
        if row["table"] in ("leads", "deals"):
            assert set(row["ids"]) <= set(known[f"{row['table'][:-1]}_id"].astype("str"))


def test_a_record_without_an_id_is_named_by_its_row():
    touches = pd.DataFrame({"source": ["Fairs"] * 9 + ["fairs"], "touched_at": "2025-01-10"})
    touches["touched_at"] = pd.to_datetime(touches["touched_at"], utc=True)
    state = hygiene(datasets.load("deals").iloc[:3], None, touches)
    result = SimpleNamespace(health=SimpleNamespace(hygiene=state), tables={})
    for lang, row in (("en", "row 10"), ("it", "riga 10")):
        (mend,) = [one for one in records_to_mend(result, lang) if one["table"] == "touches"]
        assert mend["ids"] == [row]


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
