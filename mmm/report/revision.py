"""The rules of hand-over, held against what sales made of the leads of the last quarter."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmm.errors import ConfigError, MmmError, quoted
from mmm.run.config import Config
from mmm.wording import Finding

if TYPE_CHECKING:
    from mmm.prediction.handover.qualify import Rule
    from mmm.prediction.handover.revision import Revision

QUARTER = pd.Timedelta(days=92)
_KEYS = ("name", "stage", "when")


@dataclass(frozen=True, eq=False)
class Quarter:
    """The rules on the leads that were decided in a quarter.

    Attributes
    ----------
    revision : Revision
        As `mmm.prediction.handover.revision.revise_rules` returns it.
    proposed : bool
        Whether other rules are proposed.
    n : int
        Leads decided.
    first, last : pandas.Timestamp
        Of the quarter.
    """

    revision: "Revision"
    proposed: bool
    n: int
    first: pd.Timestamp
    last: pd.Timestamp


def written_rules(config: Config) -> tuple[tuple["Rule", ...], tuple["Rule", ...]]:
    """Return the rules of today and those proposed, as ``[handover]`` writes them.

    Raises
    ------
    ConfigError
        If a rule cannot be understood, or there are none to compare the proposed ones with.
    """
    settings = config.handover
    if settings.proposed and not settings.rules:
        raise ConfigError("[handover] proposes rules and has none of today. Write them as rules.")
    return tuple(_parsed(settings.rules)), tuple(_parsed(settings.proposed))


def _parsed(written: Iterable[Mapping[str, str]]) -> Iterator["Rule"]:
    from mmm.prediction.handover.qualify import Rule  # scikit-learn comes with it

    for rule in written:
        if set(rule) != set(_KEYS):
            raise ConfigError(
                f"a rule of [handover] has the keys {quoted(rule)}. Write {quoted(_KEYS)}."
            )
        stage = rule["stage"]
        if stage not in ("MQL", "SQL"):
            raise ConfigError(f"the rule {rule['name']!r} leads to {stage!r}. Use 'MQL' or 'SQL'.")
        yield Rule.parse(rule["name"], "MQL" if stage == "MQL" else "SQL", rule["when"])


def last_quarter(
    leads: pd.DataFrame | None, deals: pd.DataFrame, config: Config, as_of: pd.Timestamp
) -> Quarter | None:
    """Hold the rules against the leads that were won or ended in the last 92 days.

    Parameters
    ----------
    leads : DataFrame or None
        With the columns that the rules name, as they are now.
    deals : DataFrame
    config : Config
    as_of : pandas.Timestamp

    Returns
    -------
    Quarter or None
        None where no rule is written, or the tables do not tell what became of the leads.
    """
    from mmm.prediction.features.ends import lead_ends
    from mmm.prediction.handover.revision import revise_rules

    old, proposed = written_rules(config)
    if not old or leads is None or "sql_at" not in leads.columns:
        return None
    try:
        ends = lead_ends(leads, deals).seen(np.datetime64(as_of.tz_localize(None), "us"))
    except MmmError:
        return None
    first = as_of - QUARTER
    decided = ~np.isnat(ends.at) & (ends.at > np.datetime64(first.tz_localize(None), "us"))
    if not decided.any():
        return None
    table = leads.assign(won=ends.won, accepted=leads["sql_at"].notna())[decided]
    found = revise_rules(table, old, proposed or old, level=config.attribution.level)
    return Quarter(found, bool(proposed), len(table), first, as_of)


def revision_findings(quarter: Quarter) -> list[Finding]:
    """Say which rules to revise, whom they miss, and whether the proposed ones are better.

    Parameters
    ----------
    quarter : Quarter
    """
    found = quarter.revision
    days = {"first": quarter.first.date(), "last": quarter.last.date(), "n": quarter.n}
    said = [Finding("agenda.quarter", quarter.n, facts=days)]
    mine = found.rules[found.rules["set"] == "old"]
    said += [_of_rule(row) for row in mine.to_dict("records") if row["verdict"] != "keep"]
    if (mine["verdict"] == "keep").all():
        said.append(Finding("agenda.rules_hold", None))
    if len(found.missed):
        said.append(Finding("agenda.rules_miss", len(found.missed)))
    if quarter.proposed:
        said.append(_proposed(found))
    return said


def _of_rule(row: Mapping[object, object]) -> Finding:
    kind = {
        "passes leads that sales discards": "discards",
        "lets good leads wait": "waits",
        "too few to tell": "few",
    }[str(row["verdict"])]
    judged = int(str(row["accepted"])) + int(str(row["refused"]))
    facts: dict[str, object] = {"rule": row["rule"], "n": judged, "refused": row["refused"]}
    if kind == "discards":
        facts["share"] = float(str(row["refused"])) / judged
    if kind == "waits":
        facts["days"] = row["wait_days"]
    return Finding(f"agenda.rule_{kind}", row["n"], facts=facts)


def _proposed(found: "Revision") -> Finding:
    """Hold the proposed rules against those of today, on the same leads."""
    sets = found.sets.set_index("set")
    facts: dict[str, object] = {"level": found.level}
    for name, ours in (("old", "old"), ("proposed", "new")):
        for column in ("n", "rate", "caught"):
            facts[f"{column}_{ours}"] = sets.loc[name, column]
    (_, rate_low, rate_high), (_, caught_low, caught_high) = found.rate_change, found.caught_change
    better, worse = rate_low > 0 or caught_low > 0, rate_high < 0 or caught_high < 0
    verdict = "trade" if better and worse else "better" if better else "worse" if worse else "open"
    because = (f"agenda.proposed_{verdict}",)
    return Finding("agenda.proposed", facts["rate_new"], because=because, facts=facts)
