"""Which open leads to call first: scored by a model of the company's own leads."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mmm.channels import ChannelMap
from mmm.errors import MmmWarning
from mmm.funnel.records.as_known import as_known
from mmm.prediction import ActionPolicy, calibration_doubt, hold_out, next_actions
from mmm.prediction.columns.leakage import DROPPED
from mmm.prediction.features.ends import lead_ends, link_deals
from mmm.prediction.features.moments import last_look, to_instant
from mmm.prediction.suspects import TOO_GOOD, figures
from mmm.run.advice import Calls
from mmm.run.config import Config, ScoringSection
from mmm.run.deal_value import deal_values
from mmm.run.gaps import NoAnswer
from mmm.run.outcome import new_business
from mmm.run.reading import Progress
from mmm.run.scoring import open_leads, score
from mmm.run.training import ScoringModel, train_tables
from mmm.wording import LANGUAGES, Finding, say

Tables = Mapping[str, pd.DataFrame]

FEWEST = 15  # leads won, and leads not won, that a model takes
SHOWN = 20
_OLDEST_LOOK = 90.0  # days; training looks at no older lead
_DAY = 86_400.0
_AGES = np.array([0, 30, 90], dtype="timedelta64[D]").astype("timedelta64[us]")


def call_first(
    tables: Tables,
    channels: ChannelMap,
    config: Config,
    *,
    as_of: pd.Timestamp,
    progress: Progress,
) -> Calls:
    """Train on the leads whose fate is known, and rank those that are open.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As the readers return them.
    channels : ChannelMap
    config : Config
    as_of : pandas.Timestamp
        Nothing later is used.
    progress : callable
        Called with a few words before each step.

    Returns
    -------
    Calls

    Raises
    ------
    NoAnswer
        Where there are no leads, too few of a kind to learn from, or none to call.
    """
    lang, settings = config.company.language, config.scoring
    if "leads" not in tables:
        raise NoAnswer("calls", "no_leads", "add_leads")
    known = _known(tables, as_of)
    check_fates(known["leads"], known["deals"], settings.horizon_days, as_of)
    waiting, n_in_pipeline, n_gone = to_call(
        known["leads"], known["deals"], settings.horizon_days, as_of
    )
    others = {n: tables[n] for n in ("touches",) if n in tables}
    given = {**known, **others}
    lost = all_lost(known["leads"], known["deals"], others.get("touches"), as_of).loc[waiting.index]
    waiting, n_lost = waiting[~lost], int(lost.sum())
    aside = hold_out(waiting["lead_id"], settings.hold_out)
    waiting, n_aside = waiting[~aside], int(aside.sum())
    if waiting.empty:
        raise NoAnswer("calls", "none_open", "new_leads", n=n_in_pipeline)
    progress(say("progress.learning_leads", lang))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MmmWarning)
        trained = train_tables(
            given,
            horizon_days=settings.horizon_days,
            seed=settings.seed,
            allow=settings.allow,
            as_of=as_of,
            channels=channels,
        )
    progress(say("progress.scoring_leads", lang, n=len(waiting)))
    rows, drift = scored_leads(trained, given, set(waiting["lead_id"]), as_of)
    rows = described(rows, waiting, given, channels, settings, config, as_of)
    left_out = (n_in_pipeline, n_gone, n_aside, n_lost)
    return _calls(rows, trained, config, as_of, left_out, drift)


def _known(tables: Tables, as_of: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Return leads and deals as they stood on a day.

    Stage and reason of discard are those of the export: on an earlier day nobody knew them.
    """
    given = {name: tables[name] for name in ("leads", "deals")}
    known = {name: as_known(table, name, as_of) for name, table in given.items()}
    if last_look(given) > to_instant(as_of):
        known["leads"] = known["leads"].drop(columns=["stage", "discard_reason"], errors="ignore")
    return known


def check_fates(
    leads: pd.DataFrame, deals: pd.DataFrame, horizon_days: float, as_of: pd.Timestamp
) -> None:
    """Refuse leads that teach nothing: too few, or all of one fate.

    Raises
    ------
    NoAnswer
    """
    n_told, won = fates(leads, deals, horizon_days, as_of)
    facts: dict[str, Any] = {"n": n_told, "won": won, "lost": n_told - won}
    facts |= {"least": FEWEST, "days": horizon_days}
    if not n_told:
        raise NoAnswer("calls", "young_leads", "wait_for_leads", **facts)
    if won == 0:
        raise NoAnswer("calls", "none_won", "link_deals", **facts)
    if won == n_told:
        raise NoAnswer("calls", "all_won", "add_lost", **facts)
    if won < FEWEST or n_told - won < FEWEST:
        raise NoAnswer("calls", "few_fates", "more_fates", **facts)


def fates(
    leads: pd.DataFrame, deals: pd.DataFrame, horizon_days: float, as_of: pd.Timestamp
) -> tuple[int, int]:
    """Count the leads that training looks at, and those of them won within the horizon of a look.

    A lead is looked at when it comes in, and at 30 and 90 days while it is open.

    Returns
    -------
    n_told, n_won : int
    """
    ends = lead_ends(leads, deals)
    created = leads["created_at"].dt.tz_convert("UTC").dt.tz_localize(None)
    at = created.to_numpy(dtype="datetime64[us]")[:, None] + _AGES
    limit = at + np.timedelta64(round(horizon_days * _DAY * 1e6), "us")
    day = np.datetime64(as_of.tz_convert("UTC").tz_localize(None), "us")
    told = (limit <= day) & ~(ends.at[:, None] <= at) & ~(ends.undated & ends.won)[:, None]
    won = told & ends.won[:, None] & (ends.at[:, None] <= limit)
    return int(told.any(axis=1).sum()), int(won.any(axis=1).sum())


def to_call(
    leads: pd.DataFrame, deals: pd.DataFrame, horizon_days: float, as_of: pd.Timestamp
) -> tuple[pd.DataFrame, int, int]:
    """Return the open leads that sales does not work on yet.

    Returns
    -------
    leads : pandas.DataFrame
    n_in_pipeline : int
        Open leads left out since they have an open opportunity.
    n_gone : int
        Leads left out since nothing says that they ended, and they are older than any that
        training saw.

    Raises
    ------
    NoAnswer
        Where none is left.
    """
    is_open = lead_ends(leads, deals).outcome == "open"
    opened = deals[deals["won"].isna().to_numpy(dtype=bool)]
    worked = np.zeros(len(leads), dtype=bool)
    if len(opened):
        linked = link_deals(leads, opened)
        worked[linked[linked >= 0]] = True
    gone = np.zeros(len(leads), dtype=bool)
    if "ended_at" not in leads.columns or leads["ended_at"].isna().all():
        age = (as_of - leads["created_at"]).dt.total_seconds().to_numpy() / _DAY
        gone = age > _OLDEST_LOOK + horizon_days
    kept = is_open & ~worked & ~gone
    if not kept.any():
        raise NoAnswer("calls", "none_open", "new_leads", n=int((is_open & worked).sum()))
    return leads[kept], int((is_open & worked).sum()), int((is_open & ~worked & gone).sum())


def all_lost(
    leads: pd.DataFrame, deals: pd.DataFrame, touches: pd.DataFrame | None, as_of: pd.Timestamp
) -> "pd.Series[bool]":
    """Return which leads have had deals, all of them lost, and nothing since the last loss.

    A touch, and being taken up again as MQL or SQL, are something.
    """
    deals = new_business(deals)[0]
    lead = link_deals(leads, deals)
    deals, lead = deals[lead >= 0], lead[lead >= 0]
    lost = deals["won"].eq(False).fillna(False).astype("bool").groupby(lead).all()
    last = deals["closed_at"].groupby(lead).max()[lost]
    last = last.reindex(range(len(leads))).set_axis(leads.index)
    since = _days_since(last, leads, as_of)
    heard = _days_since_touch(leads, touches, as_of) < since
    for name in {"mql_at", "sql_at"}.intersection(leads.columns):
        heard |= leads[name] > last
    return since.notna() & ~heard


def scored_leads(
    trained: ScoringModel, tables: Tables, waiting: set[str], as_of: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return lead_id, probability, grade and reason (a dict of language to text), and the drift."""
    day = as_of.tz_convert("UTC").isoformat()
    frame, _ = open_leads(tables, trained.recipe, day)
    frame = frame[frame["lead_id"].isin(waiting)].reset_index(drop=True)
    said: dict[str, list[str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MmmWarning)
        batches = {lang: score(trained, frame, as_of=day, lang=lang) for lang in LANGUAGES}
    for lang, batch in batches.items():
        said[lang] = [" ".join(one or ()) for one in batch.scores.reasons]
    batch = batches["en"]
    texts_of = [dict(zip(said, texts, strict=True)) for texts in zip(*said.values(), strict=True)]
    rows = pd.DataFrame(
        {
            "lead_id": pd.Series(batch.scores.lead_id, dtype="str"),
            "probability": batch.scores.probability,
            "grade": pd.Series(batch.scores.grade, dtype="str"),
            "reason": pd.Series(texts_of, dtype=object),
        }
    )
    return rows, batch.drift


def described(
    rows: pd.DataFrame,
    leads: pd.DataFrame,
    tables: Tables,
    channels: ChannelMap,
    settings: ScoringSection,
    config: Config,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """Add value, next action, owner, age and channel; best first."""
    every, deals = tables["leads"], new_business(tables["deals"])[0]
    worth = deal_values(every, deals, settings.value_by, config.attribution.level)
    worth.index = pd.Index(every["lead_id"].astype("str"))
    table = rows.set_index("lead_id", drop=False).join(worth)
    own = leads.set_index(leads["lead_id"].astype("str")).loc[table.index]
    table["expected_value"] = table["probability"] * table["value"]
    table["owner"] = own["owner"].astype("str") if "owner" in own.columns else pd.NA
    table["channel"] = channels.assign(own).to_numpy()
    table["age_days"] = (as_of - own["created_at"]).dt.total_seconds().to_numpy() / _DAY
    if table["value"].notna().any():
        return with_actions(table, own, tables.get("touches"), config, as_of)
    return by_grade_alone(table, settings.capacity_a_week)


def with_actions(
    table: pd.DataFrame,
    leads: pd.DataFrame,
    touches: pd.DataFrame | None,
    config: Config,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """Add the next action and why; best first."""
    asked = table[["lead_id", "probability", "value"]].assign(
        days_since_touch=_days_since_touch(leads, touches, as_of),
        days_since_contact=_days_since(leads.get("first_contacted_at"), leads, as_of),
    )
    policy = policy_of(config)
    acts = {lang: next_actions(asked, policy, lang=lang) for lang in LANGUAGES}
    said = {lang: one.set_index("lead_id")["because"] for lang, one in acts.items()}
    order = acts["en"]["lead_id"]
    table = table.loc[order].copy()
    table["next_action"] = acts["en"]["action"].to_numpy()
    why = [{lang: said[lang][i] for lang in LANGUAGES} for i in order]
    return table.assign(because=pd.Series(why, index=table.index, dtype=object)).reset_index(
        drop=True
    )


def policy_of(config: Config) -> ActionPolicy:
    """Return what a call costs, a lead kept warm (a tenth of it), and how many can be made."""
    usual = ActionPolicy()
    call = usual.call_cost if config.scoring.call_cost is None else config.scoring.call_cost
    return replace(
        usual,
        call_cost=call,
        nurture_cost=call * usual.nurture_cost / usual.call_cost,
        margin=config.funnel.margin or 1.0,
        capacity=config.scoring.capacity_a_week,
    )


def by_grade_alone(table: pd.DataFrame, capacity: int | None) -> pd.DataFrame:
    """Add the next action where no deal has a value: grades A and B are called, others nurtured."""
    order = table.reset_index(drop=True).sort_values(
        ["probability", "lead_id"], ascending=[False, True], ignore_index=True
    )
    good = order["grade"].isin(["A", "B"]).to_numpy()
    called = good & (np.cumsum(good) <= (len(order) if capacity is None else capacity))
    order["next_action"] = pd.Series(np.where(called, "call now", "nurture"), dtype="str")
    keys = np.select([called, good], ["by_grade", "no_calls_left"], "lower_grade")
    why = [
        {lang: say(f"calls_note.{key}", lang, grade=grade) for lang in LANGUAGES}
        for key, grade in zip(keys, order["grade"], strict=True)
    ]
    return order.assign(because=pd.Series(why, dtype=object))


def _days_since(
    at: "pd.Series[Any] | None", rows: pd.DataFrame, as_of: pd.Timestamp
) -> "pd.Series[float]":
    if at is None:
        return pd.Series(np.nan, index=rows.index)
    days: pd.Series[float] = (as_of - at).dt.total_seconds() / _DAY
    return days


def _days_since_touch(
    leads: pd.DataFrame, touches: pd.DataFrame | None, as_of: pd.Timestamp
) -> "pd.Series[float]":
    """Return the days since the person, else the account, was last touched."""
    days = pd.Series(np.nan, index=leads.index)
    if touches is None:
        return days
    seen = touches[touches["touched_at"] <= as_of]
    for key in ("person_id", "account_id"):
        if key in seen.columns and key in leads.columns:
            last = seen.dropna(subset=[key]).groupby(key)["touched_at"].max()
            at = last.reindex(leads[key]).set_axis(leads.index)
            days = days.fillna(_days_since(at, leads, as_of))
    return days


def _calls(
    rows: pd.DataFrame,
    trained: ScoringModel,
    config: Config,
    as_of: pd.Timestamp,
    left_out: tuple[int, int, int, int],
    drift: pd.DataFrame,
) -> Calls:
    card, settings = trained.scorer.card_, config.scoring
    grades = card.grades.set_index("grade")
    rows[["grade_lower", "grade_upper"]] = grades.loc[rows["grade"], ["lower", "upper"]].to_numpy()
    value_known = bool(rows["value"].notna().any())
    columns = ["lead_id", "probability", "grade", "grade_lower", "grade_upper", "value",
               "value_lower", "value_upper", "expected_value", "next_action", "reason",
               "because", "owner", "age_days", "channel"]  # fmt: skip
    rows = rows[columns]
    calls = Calls(
        table=rows.head(SHOWN),
        every=rows,
        n_open=len(rows),
        n_in_pipeline=left_out[0],
        n_now=int((rows["next_action"] == "call now").sum()),
        by_grade=_by_grade(rows),
        metrics=_metrics(card),
        value_known=value_known,
        has_signal=bool(card.facts["signal"]),
        horizon_days=settings.horizon_days,
        base_rate=float(card.facts["rate"] or 0.0),
        capacity=settings.capacity_a_week,
        currency=config.company.currency,
        as_of=as_of.date(),
        notes=(
            *_notes(rows, trained, left_out, drift, value_known),
            *(_assumed_cost(config) if value_known else ()),
        ),
    )
    return calls


def _assumed_cost(config: Config) -> tuple[Finding, ...]:
    """Say what a call is taken to cost, where nobody said it."""
    if config.scoring.call_cost is not None:
        return ()
    cost = policy_of(config).call_cost
    facts = {"cost": cost, "currency": config.company.currency}
    return (Finding("calls_note.call_cost", cost, facts=facts),)


def _by_grade(rows: pd.DataFrame) -> pd.DataFrame:
    by = rows.groupby("grade")
    found = pd.DataFrame(
        {
            "n": by.size(),
            "expected_wins": by["probability"].sum(),
            "expected_value": by["expected_value"].sum(min_count=1),
        }
    ).reindex(["A", "B", "C", "D"])
    found["n"] = found["n"].fillna(0).astype("int64")
    found["expected_wins"] = found["expected_wins"].fillna(0.0)
    return found.reset_index()


def _metrics(card: Any) -> pd.DataFrame:
    """Return log_loss, auc, ece, lift on leads held out, and the log loss of the base rate."""
    names = ["log_loss", "auc", "ece", "lift"]
    kept: pd.DataFrame = card.metrics[card.metrics["metric"].isin(names)]
    base = card.learners.loc[card.learners["learner"] == "base rate", "loss"]
    row = {"metric": "base_log_loss", "value": float(base.iloc[0]) if len(base) else np.nan}
    extra = pd.DataFrame([{**row, "lower": np.nan, "upper": np.nan}])
    return pd.concat([kept, extra], ignore_index=True)


def _of_columns(trained: ScoringModel) -> list[Finding]:
    """Say which columns know how leads ended, and which may."""
    said = []
    if len(trained.refused):
        leaking = trained.refused[~trained.refused["reason"].isin(DROPPED)]["column"].tolist()
        if leaking:
            said.append(Finding("calls_note.refused", len(leaking), facts={"columns": leaking}))
    if found := trained.scorer.card_.facts["too_good"]:
        said.append(Finding(TOO_GOOD, found["auc"], facts=figures(found)))
    return said


def _notes(
    rows: pd.DataFrame,
    trained: ScoringModel,
    left_out: tuple[int, int, int, int],
    drift: pd.DataFrame,
    value_known: bool,
) -> tuple[Finding, ...]:
    said = []
    facts = trained.scorer.card_.facts
    if not facts["signal"]:
        said.append(Finding("calls_note.no_signal", facts["rate"], facts={"share": facts["rate"]}))
    if left_out[0]:
        said.append(Finding("calls_note.in_pipeline", left_out[0], facts={"n": left_out[0]}))
    if left_out[1]:
        days = _OLDEST_LOOK + float(trained.recipe.horizon_days or 0.0)
        said.append(Finding("calls_note.gone", left_out[1], facts={"n": left_out[1], "days": days}))
    if left_out[2]:
        said.append(Finding("calls_note.held_out", left_out[2], facts={"n": left_out[2]}))
    if left_out[3]:
        said.append(Finding("calls_note.all_lost", left_out[3], facts={"n": left_out[3]}))
    if not value_known:
        said.append(Finding("calls_note.no_value", None))
    said += _of_columns(trained)
    if facts["signal"] and trained.recipe.promised and len(rows):
        doubt = calibration_doubt(drift, trained.recipe.promised, rows["probability"].to_numpy())
        if doubt.state != "low":
            said.append(doubt.finding())
    return tuple(said)
