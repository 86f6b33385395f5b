"""`build_journeys`: touches and deals become journeys."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mmm.channels import ChannelMap
from mmm.errors import ConfigError, DataWarning, InputError, counted, quoted
from mmm.journeys.columnar import STAGES, Integers, Journeys, Unattributed, UntouchedDeals
from mmm.journeys.expression import run
from mmm.journeys.inputs import (
    DAY,
    NEVER,
    Coded,
    contacts_of_untouched,
    encode,
    end_of_bare_days,
    label_touches,
    microseconds,
    time_deals,
    touches_of_leads,
)
from mmm.tables import read_contacts, read_deals, read_leads, read_roles, read_touches
from mmm.tables.instants import to_instant
from mmm.tables.money import FLOAT_EXACT
from mmm.tables.parse import Context
from mmm.tables.read import check_choice
from mmm.tables.schema import SPECS

FEW = 5  # won deals without a touch that may be chance


def build_journeys(
    touches: object | None,
    deals: object,
    *,
    leads: object | None = None,
    roles: object | None = None,
    contacts: object | None = None,
    by: Literal["person", "account"] = "person",
    dimension: str = "channel",
    lookback_days: float = 180,
    maturity_days: float | None = None,
    touch_sharing: Literal["next_deal", "all_open"] = "next_deal",
    expected: Mapping[str, Any] | pd.DataFrame | None = None,
    as_of: object | None = None,
    engine: Any | None = None,
    channels: ChannelMap | None = None,
) -> Journeys:
    """Build journeys: for each deal the touches that may have led to it.

    A deal may be served by the people in its roles; else, by account, by all people of its
    account; else by its person (by person: first its person, else its account). Its window runs
    from `lookback_days` before its creation to its close; without a creation date, from
    `lookback_days` before its close. A won deal is a conversion, a lost deal a null journey, an
    open deal is censored unless `expected` gives it a value. A person or account with touches and
    no deal is a null journey once its last touch is older than `maturity_days`. Touches of one
    label in the same minute of a journey count once. Touches at one instant are ordered by label,
    by code point.

    Parameters
    ----------
    touches : frame, path or None
        Whatever `read_touches` takes. None: the source of each lead at its creation is its touch.
    deals : frame or path
        Whatever `read_deals` takes.
    leads, roles, contacts : frame or path, optional
        Leads give the anchors lead, mql and sql, and the accounts of people; roles name the people
        on a deal; contacts the account of a person. The leads of a deal are those of the people
        who serve it or, where these have none, of its account.
    by : {"person", "account"}
        Whose journeys these are.
    dimension : str, default "channel"
        Column of touches to credit. "channel" is derived from source, medium and campaign where
        the column is missing.
    lookback_days : float, default 180
        Days before the creation of the deal.
    maturity_days : float, optional
        Age from which silence counts as a lost journey. None: the 90th percentile of the time
        from a touch to the creation of its deal (to the close where creation is unknown).
    touch_sharing : {"next_deal", "all_open"}
        Whether a touch serves only the first deal that closes after it and whose window holds it,
        or every deal whose window holds it. The credit of a deal sums to its value in both.
    expected : mapping of deal_id to number, or DataFrame, optional
        Expected value (value times probability) of open deals that are to count. A frame as
        `mmm.signal.ExpectedValue.to_frame` returns it counts open leads too, each as a deal named
        "(lead) " and its id. `mmm.attribution.by_state` keeps what was won apart from it.
    as_of : instant, optional
        Nothing later is used, a deal closed later is open. None: the latest instant in touches and
        deals.
    engine : ibis.BaseBackend, optional
        Where the expression runs. None: DuckDB in this process.
    channels : ChannelMap, optional
        Rules that name channels. None: the defaults.

    Returns
    -------
    Journeys
        Won deals first in order of close, then lost ones, then persons or accounts without a
        deal. ``about`` states the settings, the counts and what was left out.

    Raises
    ------
    InputError, ConfigError
        As the readers; for an unknown option; for `expected` of deals that are not open.

    Warns
    -----
    DataWarning
        If the touches span less than `lookback_days`, or deals have no creation date and the
        known cycle is longer than half of `lookback_days`.

    Examples
    --------
    >>> touches = pd.DataFrame({"person_id": ["p1", "p1", "p2"], "channel": ["Email", "Events"] * 1
    ...     + ["Email"], "touched_at": ["2024-01-10", "2024-02-20", "2023-06-01"]})
    >>> deals = pd.DataFrame({"deal_id": ["d1"], "person_id": ["p1"], "created_at": ["2024-03-01"],
    ...     "closed_at": ["2024-06-01"], "won": [True], "value": ["1000.00"]})
    >>> build_journeys(touches, deals)
    Journeys(2 journeys, 3 touches, 2 channels, 1 conversions, 1 nulls, 0 unattributed)
    """
    check_choice("by", by, ("person", "account"))
    check_choice("touch_sharing", touch_sharing, ("next_deal", "all_open"))
    check_days(lookback_days, maturity_days)
    channels = channels or ChannelMap()
    deal_table = read_deals(deals)
    lead_table = None if leads is None else read_leads(leads)
    check_links(deal_table, roles)
    touch_table, notes = _touch_table(touches, lead_table, channels)
    cutoff = as_of_instant(as_of, [touch_table, deal_table])
    touch_table, late = _until(touch_table, cutoff)
    timed = time_deals(deal_table, lookback_days, cutoff, expected, lead_table)
    coded = encode(
        touch_table,
        label_touches(touch_table, dimension, channels),
        timed,
        None if roles is None else read_roles(roles),
        None if contacts is None else read_contacts(contacts),
        lead_table,
        by,
    )
    said = [*_short_window(coded, lookback_days), *deals_without_value(timed, deal_table)]
    for sentence in said:
        warnings.warn(sentence, DataWarning, stacklevel=2)
    about: dict[str, Any] = {
        "by": by,
        "dimension": dimension,
        "lookback_days": lookback_days,
        "maturity_days": maturity_days,
        "touch_sharing": touch_sharing,
        "as_of": pd.Timestamp(cutoff, unit="us", tz="UTC"),
        "touches_after_as_of": late,
        "touches_without_person_or_account": len(touch_table) - len(coded.touches),
        "deals_without_creation": int((timed["created"] == NEVER).sum()),
        "notes": tuple([*deal_table.attrs["notes"], *notes, *said]),
    }
    rows = run(coded, touch_sharing, engine)
    journeys = assemble(coded, rows, cutoff, about, has_value(deal_table))
    lonely = nobody_met(journeys)
    if lonely is not None:
        warnings.warn(lonely, DataWarning, stacklevel=2)
        about["notes"] = (*about["notes"], lonely)
    return journeys


def has_value(deals: pd.DataFrame) -> bool:
    """Tell whether deals come with values."""
    return "value" in deals.columns and bool(deals["value"].notna().any())


def check_days(lookback_days: float, maturity_days: float | None) -> None:
    """Refuse what is no number of days."""
    given = {"lookback_days": lookback_days}
    given |= {} if maturity_days is None else {"maturity_days": maturity_days}
    for name, days in given.items():
        if not isinstance(days, int | float) or not 0 < days < 36_500:
            raise ConfigError(
                f"{name}={days!r}: it takes more than 0 days and less than 36,500. "
                "Use for example 180."
            )


def check_links(deals: pd.DataFrame, roles: object | None) -> None:
    """Refuse deals that name nobody."""
    links = [name for name in ("person_id", "account_id") if name in deals.columns]
    if roles is None and not deals[links].notna().any(axis=None):
        raise InputError(
            "deals has no column 'person_id' or 'account_id' with a value, and there are no roles: "
            "no deal can find its touches. Rename it, or pass columns={'person_id': 'your name'}."
        )


def nobody_met(journeys: Journeys) -> str | None:
    """Say where ids of deals and touches seem to be of two systems."""
    lonely = journeys.unattributed.deals
    if lonely < FEW or journeys.conversions.any():
        return None
    return (
        f"none of the {lonely:g} won deals has a touch: check that person_id and account_id of "
        "deals and touches are the same ids, and that the touches come before the closes."
    )


def _touch_table(
    touches: object | None, leads: pd.DataFrame | None, channels: ChannelMap
) -> tuple[pd.DataFrame, list[str]]:
    if touches is not None:
        table = read_touches(touches)
        return table, list(table.attrs["notes"])
    if leads is None:
        raise InputError("there are no touches and no leads. Pass touches=, or leads= with source.")
    table, without = touches_of_leads(leads, channels)
    return table, [
        "touches: none given, the source of each lead at its creation is its one touch",
        *([f"leads: {without} have no source"] if without else []),
        *leads.attrs["notes"],
    ]


def as_of_instant(given: object | None, tables: Sequence[pd.DataFrame]) -> int:
    """Return the given day, or the latest instant in the tables, in microseconds."""
    if given is not None:
        if not isinstance(given, str | date) or pd.isna(given) or not str(given).strip():
            raise ConfigError(f"as_of={given!r} is not a date. Use for example '2025-06-30'.")
        text = given if isinstance(given, str) else given.isoformat()
        try:
            instant = to_instant(pa.array([text]), Context("as_of"))
        except InputError as error:
            raise ConfigError(f"{error} Use for example as_of='2025-06-30'.") from error
        return int(instant.cast(pa.int64())[0].as_py())
    names = ("touched_at", "created_at", "closed_at", "mql_at", "sql_at")
    columns = [
        table[name]
        for table in tables
        for name in names
        if name in table.columns and name in SPECS[table.attrs.get("table", "touches")].names
    ]
    known = np.concatenate([microseconds(column) for column in columns])
    known = known[known != NEVER]
    if len(known) == 0:
        raise InputError("the tables hold no date at all. Check touched_at and closed_at.")
    return int(known.max())


def _until(touches: pd.DataFrame, cutoff: int) -> tuple[pd.DataFrame, int]:
    keep = microseconds(touches["touched_at"]) <= cutoff
    return touches[keep].reset_index(drop=True), int((~keep).sum())


def deals_without_value(timed: pd.DataFrame, deals: pd.DataFrame) -> Iterator[str]:
    """Say what the values leave out, and refuse those that floats cannot carry to the cent."""
    counted = timed["weight"].fillna(0) > 0
    if not has_value(deals):
        return
    total = sum((abs(value or Decimal(0)) for value in timed.loc[counted, "value"]), Decimal(0))
    if total * 100 >= FLOAT_EXACT:
        raise InputError(
            f"the won deals add up to {total}; credit holds cents up to 90 trillion. "
            "Pass the values in thousands."
        )
    empty = counted & timed["value"].isna()
    if empty.any():
        yield (
            f"{int(empty.sum())} won deals have no value and count as 0 "
            f"({quoted(timed.loc[empty, 'deal_id'], 5)}): fill them in, or use "
            "measure='conversions'."
        )


def _short_window(coded: Coded, lookback_days: float) -> Iterator[str]:
    """Say where journeys are cut short by the log or by missing creation dates."""
    at = coded.touches["at"].to_numpy(dtype=np.int64)
    if len(at) and at.max() - at.min() < lookback_days * DAY:
        span = (at.max() - at.min()) / DAY
        yield (
            f"touches span {counted(round(span), 'day')}, less than "
            f"lookback_days={lookback_days:g}: the first journeys are cut short. Pass a longer "
            "log or fewer days."
        )
    deals = coded.deals
    ended = deals["closed"] != NEVER
    without = ended & (deals["created"] == NEVER)
    if not without.any():
        return
    known = deals[ended & (deals["created"] != NEVER)]
    cycle = (known["closed"] - known["created"]) / DAY
    if cycle.empty:
        leads = coded.lead_dates.merge(coded.deal_keys, on="key").sort_values("lead")
        leads = leads[leads["lead"] <= leads["ends"]].drop_duplicates("rank")
        cycle = (leads["ends"] - leads["lead"]) / DAY
    if len(cycle) and cycle.median() > lookback_days / 2:
        yield (
            f"{int(without.sum())} deals have no created_at, so their window opens "
            f"{lookback_days:g} days before the close, while the median cycle is "
            f"{counted(round(cycle.median()), 'day')}: early touches are lost. Map created_at, or "
            "raise lookback_days."
        )


def assemble(
    coded: Coded, rows: dict[str, Any], cutoff: int, about: dict[str, Any], has_value: bool
) -> Journeys:
    """Turn the rows of the expression into columns of journeys."""
    repeated = rows.pop("repeat")
    used = np.zeros(len(coded.persons), dtype=bool)
    used[rows["touch"]] = True
    collapsed, about["touches_used"] = int(repeated.sum()), int(used.sum())
    if collapsed:
        rows = {name: column[~repeated] for name, column in rows.items()}
    about["maturity_days"] = about["maturity_days"] or default_maturity(coded, rows, about)
    first = np.flatnonzero(_changes(rows["rank"]) | _changes(rows["unit_key"]))
    end = np.append(first[1:], len(rows["rank"]))
    rank = rows["rank"][first]
    last_at = rows["at"][end - 1] if len(end) and len(first) else np.empty(0, np.int64)
    young = (rank < 0) & (last_at > cutoff - about["maturity_days"] * DAY)
    weight = coded.deals["weight"].to_numpy(dtype=np.float64)
    won_first = np.where(rank < 0, 2, np.where(np.append(weight, 0.0)[rank] > 0, 0, 1))
    order = np.argsort(won_first, kind="stable")
    order = order[~young[order]]
    lengths = (end - first)[order]
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    source = np.repeat(first[order] - start[:-1], lengths) + np.arange(start[-1])
    parts = {name: column[source] for name, column in rows.items()}
    about["counts"] = _counts(coded, about.pop("touches_used"), rank, young, collapsed)
    free = ~used | (about["touch_sharing"] == "all_open")
    return _journeys(coded, parts, start, rank[order], about, has_value, free)


def default_maturity(coded: Coded, rows: dict[str, Any], about: dict[str, Any]) -> float:
    """Return the 90th percentile of days from a touch to its deal; the lookback without deals."""
    rank = rows["rank"][rows["rank"] >= 0]
    deals = coded.deals
    created, closed = deals["created"].to_numpy(), deals["closed"].to_numpy()
    reference = np.where(created == NEVER, closed, created)[rank]
    wait = (reference - rows["at"][rows["rank"] >= 0])[reference != NEVER]
    wait = wait[wait >= 0]
    return float(np.quantile(wait, 0.9) / DAY) if len(wait) else float(about["lookback_days"])


def _changes(codes: Integers) -> Any:
    return np.concatenate([[True], codes[1:] != codes[:-1]])[: len(codes)]


def _counts(coded: Coded, used: int, rank: Integers, young: Any, collapsed: int) -> dict[str, int]:
    deals = coded.deals
    with_touch = np.zeros(len(deals), dtype=bool)
    with_touch[rank[rank >= 0]] = True
    won = (deals["won"] == True).to_numpy(dtype=bool, na_value=False)  # noqa: E712
    lost = (deals["won"] == False).to_numpy(dtype=bool, na_value=False)  # noqa: E712
    return {
        "won": int(won.sum()),
        "won_without_touch": int((won & ~with_touch).sum()),
        "lost": int(lost.sum()),
        "lost_without_touch": int((lost & ~with_touch).sum()),
        "open": int(deals["won"].isna().sum()),
        "without_deal": int(((rank < 0) & ~young).sum()),
        "without_deal_too_young": int(young.sum()),
        "touches": len(coded.touches),
        "touches_collapsed": collapsed,
        "touches_outside_windows": len(coded.touches) - used,
    }


def _journeys(
    coded: Coded,
    parts: dict[str, Any],
    start: Integers,
    rank: Integers,
    about: dict[str, Any],
    has_value: bool,
    free: npt.NDArray[np.bool_],
) -> Journeys:
    deals = coded.deals
    is_deal = rank >= 0
    weight = np.append(deals["weight"].to_numpy(dtype=np.float64), 0.0)
    worth = np.append([float(value or 0) for value in deals["value"]], 0.0)
    conversions = np.where(is_deal, weight[rank], 0.0)
    ids = np.array([*deals["deal_id"], None], dtype=object)
    kinds = _names(deals["kind"])
    clusters = np.append(deals["cluster_key"].fillna(-1).to_numpy(dtype=np.int64), -1)
    closed = np.append(deals["closed"].to_numpy(dtype=np.int64), NEVER)[rank]
    own_cluster = np.minimum.reduceat(parts["cluster_key"], start[:-1]) if len(rank) else rank
    unattributed, untouched, total = _unattributed(coded, rank, free)
    return Journeys(
        channels=coded.labels,
        touch=parts["label"].astype(np.int32),
        start=start,
        conversions=conversions,
        value=np.where(is_deal & (conversions > 0), worth[rank], 0.0),
        nulls=np.where(is_deal, 1.0 - weight[rank], 1.0),
        unattributed=unattributed,
        has_value=has_value,
        total_value=total if has_value else None,
        anchors=_anchors(coded, parts["at"], start, rank),
        kind=kinds[rank],
        cluster=np.where(is_deal, clusters[rank], own_cluster),
        deal_id=ids[rank],
        account_id=_names(deals["account_id"])[rank],
        untouched=untouched,
        person=coded.persons[parts["touch"]],
        touched_at=parts["at"].astype("datetime64[us]"),
        closed_at=np.where(closed == NEVER, np.iinfo(np.int64).min, closed).astype(
            "datetime64[us]"
        ),
        about=about,
    )


def _names(column: "pd.Series[str]") -> npt.NDArray[np.object_]:
    """Return names, None where missing and at the end, which position -1 reads."""
    return np.array([*column.astype(object).where(column.notna(), None), None], dtype=object)


def _unattributed(
    coded: Coded, rank: Integers, free: npt.NDArray[np.bool_]
) -> tuple[Unattributed, UntouchedDeals, Decimal]:
    """Return what no journey carries, and the exact closed-won (and expected) value."""
    deals = coded.deals
    counted = deals["weight"].fillna(0).to_numpy(dtype=np.float64)
    exact = [value or Decimal(0) for value in deals["value"]]
    total = sum((v for v, w in zip(exact, counted, strict=True) if w > 0), Decimal(0))
    bare = counted > 0
    bare[rank[rank >= 0]] = False
    value = sum((v for v, b in zip(exact, bare, strict=True) if b), Decimal(0))
    untouched = UntouchedDeals(
        conversions=counted[bare],
        value=np.array([float(v) for v, b in zip(exact, bare, strict=True) if b]),
        deal_id=_names(deals["deal_id"])[:-1][bare],
        account_id=_names(deals["account_id"])[:-1][bare],
        kind=_names(deals["kind"])[:-1][bare],
        is_open=deals["won"].isna().to_numpy(dtype=bool)[bare],
        contact=contacts_of_untouched(coded, bare, free),
    )
    return Unattributed(float(counted[bare].sum()), float(value)), untouched, total


def _anchors(coded: Coded, at: Integers, start: Integers, rank: Integers) -> dict[str, Integers]:
    """Find the last touch at or before each CRM date of a deal; -1 where there is none.

    A date that is a day without a time counts to the end of that day, as a close does: the touch
    that made the lead came at some hour of it.
    """
    dates = {stage: np.full(len(coded.deals) + 1, NEVER) for stage in STAGES}
    dates["opportunity"][:-1] = end_of_bare_days(coded.deals["created"].to_numpy())
    inside = _leads_of_deals(coded)
    for stage in ("lead", "mql", "sql"):
        timely = (inside[stage] >= inside["opens"]) & (inside[stage] <= inside["ends"])
        earliest = inside[timely].groupby("rank")[stage].min()
        dates[stage][earliest.index.to_numpy(dtype=np.int64)] = earliest.to_numpy(dtype=np.int64)
        dates[stage] = end_of_bare_days(dates[stage])
    if len(rank) == 0:
        return {stage: np.empty(0, np.int64) for stage in STAGES}
    lengths = np.diff(start)
    anchors = {}
    for stage, when in dates.items():
        limit = when[rank]  # rank -1 reads the last entry, which is NEVER
        before = np.add.reduceat((at <= np.repeat(limit, lengths)).astype(np.int64), start[:-1])
        anchors[stage] = np.where((limit != NEVER) & (before > 0), start[:-1] + before - 1, -1)
    return anchors


def _leads_of_deals(coded: Coded) -> pd.DataFrame:
    """Return rank, lead, mql, sql, opens, ends: leads with a date in the window of a deal.

    They are those of the people who serve it; where these have none, those of its account.
    """
    deals = coded.deals
    own = deals[["opens", "ends"]].assign(key=deals["cluster_key"], rank=np.arange(len(deals)))
    tiers = []
    for keys in (coded.deal_keys, own.dropna(subset=["key"])):
        found = coded.lead_dates.merge(keys, on="key")
        dates = found[["lead", "mql", "sql"]]
        timely = dates.ge(found["opens"], axis=0) & dates.le(found["ends"], axis=0)
        tiers.append(found[timely.any(axis=1)])
    first, second = tiers
    return pd.concat([first, second[~second["rank"].isin(first["rank"])]])
