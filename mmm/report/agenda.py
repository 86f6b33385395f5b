"""The agenda of the monthly meeting of marketing and sales: leads, promises, rules, records."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from mmm import wording
from mmm.channels import UNMATCHED
from mmm.report.brief import fill, write_page
from mmm.report.health import print_agreement
from mmm.report.names import sentence
from mmm.report.revision import last_quarter, revision_findings
from mmm.run import Config, RunResult
from mmm.run.answer import budget_answer, calls_sentence
from mmm.run.health import Health
from mmm.wording import Finding

MOST_WAITING = 12
FIRST_IDS = 4
_REFUSED = 0.5  # of a channel's decided leads: the rule that hands them over is up for revision
_FEWEST = 5
_IDS = {"leads": "lead_id", "deals": "deal_id"}


def render_agenda(result: RunResult, config: Config, lang: str = "en") -> str:
    """Write the agenda as HTML.

    Parameters
    ----------
    result : RunResult
    config : Config
    lang : {"en", "it"}

    Returns
    -------
    str
        A complete HTML document, without a script, that refers to nothing outside itself.
    """
    say = partial(sentence, lang=lang)
    as_of = pd.Timestamp(str(result.journeys.about["as_of"]))
    health = result.health
    handed = handed_over(result.tables.get("leads"), config, as_of)
    told = [] if handed is None else rules_to_revise(handed)
    quarter = last_quarter(result.tables.get("leads"), result.tables["deals"], config, as_of)
    revised = [] if quarter is None else revision_findings(quarter)
    calls = result.calls if result.calls is not None and result.calls.n_open else None
    content = {
        "company": config.company.name,
        "as_of": as_of.date(),
        "leads": None if handed is None else _leads(handed, as_of, lang),
        "promises": [] if health.kept is None else print_agreement(health.kept, say),
        "rules": [say(one) for one in told],
        "revised": [say(one) for one in revised],
        "rules_written": bool(config.handover.rules),
        "signs": [say(one) for one in signs_present(health)],
        "records": records_to_mend(result, lang),
        "budget": None if result.budget is None else say(budget_answer(result.budget)),
        "calls": None if calls is None else say(calls_sentence(calls)),
    }
    return fill("agenda.html", content, lang)


def write_agenda(result: RunResult, config: Config, path: str | Path, lang: str = "en") -> Path:
    """Write the agenda to a file, in UTF-8; see `render_agenda`.

    Raises
    ------
    SourceError
        If the file cannot be written.
    """
    return write_page(render_agenda(result, config, lang), path)


def handed_over(
    leads: pd.DataFrame | None, config: Config, as_of: pd.Timestamp
) -> pd.DataFrame | None:
    """Return the leads that marketing has handed over, with their channel; None if none says so.

    Parameters
    ----------
    leads : DataFrame or None
    config : Config
    as_of : pandas.Timestamp
        Later hand-overs are left out.
    """
    needed = ("mql_at", "sql_at", "ended_at")
    if leads is None or any(name not in leads.columns for name in needed):
        return None
    handed = leads[leads["mql_at"].notna() & ~(leads["mql_at"] > as_of)]
    if handed.empty:
        return None
    names = config.channels.to_map().assign(handed).fillna(UNMATCHED)
    return handed.assign(channel=names.astype("str"))


def rules_to_revise(handed: pd.DataFrame) -> list[Finding]:
    """Name the channels of which sales refuses half of the leads and more."""
    found = []
    rows: list[Any] = list(_acceptance(handed).itertuples(index=False))
    for row in rows:
        refused = row.n - row.n_hit
        if row.n < _FEWEST or refused / row.n < _REFUSED:
            continue
        facts: dict[str, object] = {
            "channel": row.channel,
            "n": row.n,
            "refused": refused,
            "share": refused / row.n,
        }
        key = "agenda.rule_silent"
        if pd.notna(row.top_reason):
            key, facts["reason"] = "agenda.rule", row.top_reason
        found.append(Finding(key, refused, facts=facts))
    return found


def signs_present(health: Health) -> list[Finding]:
    """Return the warning signs that are present, with what to do about each."""
    present = [sign for sign in health.alignment.signs if sign.state == "present"]
    return [health.alignment.finding(sign.name) for sign in present]


def records_to_mend(result: RunResult, lang: str) -> list[dict[str, Any]]:
    """Share the records that fail a check out among their owners, the longest list first."""
    owners = _owners(result)
    count = partial(wording.format_count, lang=lang)
    mend: dict[tuple[str, str, str], list[str]] = {}
    for check in result.health.hygiene.checks:
        # A check of spelling is one a column, and is called alike for all of them.
        name = "name_spelling" if check.name.startswith("spelling_") else f"name_{check.name}"
        for row in check.rows.drop_duplicates(["table", "id"]).itertuples(index=False):
            owner = owners.get((str(row.table), str(row.id)), "")
            mend.setdefault((owner, name, str(row.table)), []).append(str(row.id))
    ordered = sorted(mend.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        {
            "owner": owner,
            "check": check,
            "table": table,
            "n": count(len(ids)),
            "ids": [_named(one, lang) for one in ids[:FIRST_IDS]],
        }
        for (owner, check, table), ids in ordered
    ]


def _named(record: str, lang: str) -> str:
    """Say the row of a record that has no id."""
    row = re.fullmatch(r"row (\d+)", record)
    return wording.say("agenda.row", lang, n=int(row[1])) if row else record


def _owners(result: RunResult) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for table, column in _IDS.items():
        frame = result.tables.get(table)
        if frame is not None and "owner" in frame.columns:
            known = frame[frame["owner"].notna()]
            pairs = zip(known[column], known["owner"], strict=True)
            found |= {(table, str(one)): str(owner) for one, owner in pairs}
    return found


def _acceptance(handed: pd.DataFrame) -> pd.DataFrame:
    from mmm.prediction import acceptance  # scikit-learn comes with it

    return acceptance(handed, "channel")


def _leads(handed: pd.DataFrame, as_of: pd.Timestamp, lang: str) -> dict[str, Any]:
    table = _acceptance(handed)
    accepted, decided = int(table["n_hit"].sum()), int(table["n"].sum())
    waiting = handed[handed["sql_at"].isna() & handed["ended_at"].isna()].sort_values("mql_at")
    facts = {
        "n": len(handed),
        "accepted": accepted,
        "refused": decided - accepted,
        "waiting": len(waiting),
    }
    rows: list[Any] = list(table.itertuples(index=False))
    return {
        "said": sentence(Finding("agenda.leads_said", accepted, facts=facts), lang),
        "lines": [_channel(row, lang) for row in rows],
        "waiting": [_waits(row, as_of, lang) for row in _first(waiting)],
        "n_more": max(len(waiting) - MOST_WAITING, 0),
    }


def _first(waiting: pd.DataFrame) -> list[dict[Any, Any]]:
    return waiting.head(MOST_WAITING).to_dict("records")


def _channel(row: Any, lang: str) -> dict[str, str]:
    count = partial(wording.format_count, lang=lang)
    known = row.n > 0
    return {
        "channel": str(row.channel),
        "accepted": count(row.n_hit),
        "refused": count(row.n - row.n_hit),
        "waiting": count(row.n_waiting),
        "rate": wording.format_share(row.rate if known else None, lang),
        "interval": wording.say("page.between", lang, lower=row.lower, upper=row.upper)
        if known
        else "",
        "reason": "" if pd.isna(row.top_reason) else str(row.top_reason),
    }


def _waits(row: dict[Any, Any], as_of: pd.Timestamp, lang: str) -> dict[str, str]:
    owner = row.get("owner")
    days = (as_of - row["mql_at"]) / pd.Timedelta(days=1)
    return {
        "lead": str(row["lead_id"]),
        "owner": "" if pd.isna(owner) else str(owner),
        "channel": str(row["channel"]),
        "since": wording.format_date(row["mql_at"].date(), lang),
        "age": wording.format_days(days, lang),
    }
