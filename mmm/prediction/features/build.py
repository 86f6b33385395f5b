"""Features of a lead as known on a date: what it is (fit), and what it did (engagement)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.channels import FIELDS as ORIGIN
from mmm.channels import ChannelMap
from mmm.errors import ConfigError
from mmm.prediction.features.ends import instants
from mmm.prediction.features.moments import Moments, moments_on, read_tables
from mmm.prediction.features.signals import SIGNALS, mail_kinds, mark_signals
from mmm.prediction.features.windows import EventIndex, index_events
from mmm.tables import SPECS

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Instants = npt.NDArray[np.datetime64]
Own = tuple[EventIndex, Integers]

DEFAULT_HALF_LIFE = 30.0
_DAY = np.timedelta64(86_400_000_000, "us")
_MAIL = ("email", "e-mail", "e_mail", "mail", "email_address")
_STEPS = (("was_contacted", "first_contacted_at"), ("is_mql", "mql_at"), ("is_sql", "sql_at"))


@dataclass(frozen=True)
class FeatureSpec:
    """How features are computed; kept with the model, so that scoring computes the same.

    Attributes
    ----------
    half_life_days : float
        Days after which a touch counts half.
    channels : tuple of str or None
        Channels whose share becomes a column; None for those of the touches known.
    signals : mapping of str to str
        Signal of intent to a regular expression, as
        `mmm.prediction.features.signals.mark_signals` takes.
    recent_days : tuple of int
        Lengths of the windows in which touches are counted.
    channel_map : ChannelMap
        Rules that name the channel of touches and leads.
    """

    half_life_days: float = DEFAULT_HALF_LIFE
    channels: tuple[str, ...] | None = None
    signals: Mapping[str, str] = field(default_factory=lambda: dict(SIGNALS))
    recent_days: tuple[int, ...] = (7, 30, 90)
    channel_map: ChannelMap = field(default_factory=ChannelMap)

    def __post_init__(self) -> None:
        if not self.half_life_days > 0 or any(days <= 0 for days in self.recent_days):
            raise ConfigError(
                f"half_life_days is {self.half_life_days} and recent_days {self.recent_days}. "
                "Choose numbers of days above 0."
            )


def build_features(
    leads: Any,
    touches: Any = None,
    deals: Any = None,
    *,
    as_of: Any = None,
    half_life_days: float | None = None,
    spec: FeatureSpec | None = None,
) -> pd.DataFrame:
    """Compute one row of features a lead, as known on a date.

    Nothing dated later than the date of a lead takes part in its row. Columns of `leads` that the
    package does not know are taken as known since the lead came in; they are its fit, together
    with its channel and the kind of its mail address. The rest is engagement: touches of its
    person (of its account where the person is unknown) and the activity of others at its account.

    Parameters
    ----------
    leads : frame or path
        As `mmm.read_leads` takes them; stage, owner and discard_reason have no date and are left
        out.
    touches, deals : frame or path, optional
        As `mmm.read_touches` and `mmm.read_deals` take them.
    as_of : date, str, timestamp, or one of these a lead, optional
        With a single date, leads that came in later are left out. By default the latest instant of
        the tables, and for a lead that has ended the moment before its end: what follows the end
        tells how it ended.
    half_life_days : float, optional
        Days after which a touch counts half; overrides `spec`.
    spec : FeatureSpec, optional
        As it was in training.

    Returns
    -------
    pandas.DataFrame
        Index of `leads`. ``attrs["engagement"]`` and ``attrs["fit"]`` name the columns of each
        part, ``attrs["notes"]`` what was left out.

    Raises
    ------
    InputError
        If a table lacks a column, a lead_id stands twice, or a lead is looked at before it came in.

    Examples
    --------
    >>> day = pd.to_datetime(["2025-01-01", "2025-01-09"], utc=True)
    >>> leads = pd.DataFrame({"lead_id": ["l"], "person_id": ["p"], "created_at": day[:1]})
    >>> touches = pd.DataFrame({"person_id": "p", "touched_at": day, "channel": ["Web", "Email"]})
    >>> for date in ("2025-01-08", "2025-01-10"):
    ...     print(build_features(leads, touches, as_of=date)[["n_touches", "n_channels"]].values)
    [[1. 1.]]
    [[2. 2.]]
    """
    tables = read_tables(leads, touches, deals)
    spec = spec or FeatureSpec()
    if half_life_days is not None:
        spec = replace(spec, half_life_days=half_life_days)
    moments, notes = moments_on(tables, as_of)
    frame, engagement = features_at(tables, moments, spec)
    frame.index = tables["leads"].index[moments.lead]
    fit = tuple(name for name in frame.columns if name not in set(engagement))
    frame.attrs = {"engagement": engagement, "fit": fit, "notes": notes}
    return frame


def features_at(
    tables: Mapping[str, pd.DataFrame], moments: Moments, spec: FeatureSpec
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Compute the features of leads at given moments, and name those of engagement.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        leads, and where known touches and deals, as `read_tables` returns them.
    moments : Moments
    spec : FeatureSpec

    Returns
    -------
    frame : pandas.DataFrame
        One row a moment.
    engagement : tuple of str

    Examples
    --------
    >>> tables = read_tables(pd.DataFrame({"lead_id": ["l"], "created_at": ["2025-01-01"]}))
    >>> at = np.array(["2025-01-03"], dtype="datetime64[us]")
    >>> frame, names = features_at(tables, Moments(np.array([0]), at), FeatureSpec())
    >>> frame["age_days"].tolist(), names
    ([2.0], ('age_days',))
    """
    leads = tables["leads"]
    engaged = {"age_days": (moments.at - instants(leads, "created_at")[moments.lead]) / _DAY}
    for name, column in _STEPS:
        if column in leads.columns:
            done = instants(leads, column)[moments.lead] <= moments.at
            engaged[name] = done.astype(np.float64)
    own = None
    if "touches" in tables:
        own = own_touches(tables["touches"], leads)
        engaged |= _touch_features(tables["touches"], own, moments, spec)
    if "account_id" in leads.columns:
        engaged |= _account_features(tables, own, moments)
    fit = _fit(leads, spec).iloc[moments.lead].reset_index(drop=True)
    fit = fit.rename(columns={name: f"lead_{name}" for name in fit.columns if name in engaged})
    return pd.concat([fit, pd.DataFrame(engaged)], axis=1), tuple(engaged)


def own_touches(touches: pd.DataFrame, leads: pd.DataFrame) -> Own:
    """Index the touches by who made them: the person, or the account where no person is known.

    Returns
    -------
    index : EventIndex
    key : ndarray of int64, shape (n_leads,)
        Key of each lead in the index, -1 without any.

    Examples
    --------
    >>> at = pd.to_datetime(["2025-01-01"], utc=True)
    >>> touches = pd.DataFrame({"person_id": ["p"], "touched_at": at})
    >>> own_touches(touches, pd.DataFrame({"person_id": ["q", "p"]}))[1].tolist()
    [-1, 0]
    """
    made, asked = _who(touches), _who(leads)
    codes, names = pd.factorize(made)
    key = pd.Index(names).get_indexer(pd.Index(asked))
    key = np.where(asked.isna(), -1, key).astype(np.int64)
    index = index_events(codes.astype(np.int64), instants(touches, "touched_at"))
    return index, key


def decayed(age_days: Floats, query: Integers, n: int, half_life_days: float) -> Floats:
    """Add up touches by query, each worth half for every half-life of its age.

    Parameters
    ----------
    age_days : ndarray of float64, shape (n_pairs,)
    query : ndarray of int64, shape (n_pairs,)
    n : int
        Number of queries.
    half_life_days : float

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> decayed(np.array([0.0, 10.0]), np.array([0, 0]), 1, 10.0).tolist()
    [1.5]
    """
    weights = np.exp2(-age_days / half_life_days)
    return np.bincount(query, weights=weights, minlength=n).astype(np.float64)


def _touch_features(
    touches: pd.DataFrame, own: Own, moments: Moments, spec: FeatureSpec
) -> dict[str, Floats]:
    index, keys = own
    key, n = keys[moments.lead], len(moments)
    query, event = index.pairs(key, moments.at)
    total = np.bincount(query, minlength=n).astype(np.float64)
    found = {"n_touches": total}
    upto = index.up_to(key, moments.at)
    for days in spec.recent_days:
        # A touch exactly so many days ago is out, as it is one instant later.
        since = index.up_to(key, moments.at - days * _DAY)
        found[f"n_touches_{days}d"] = (upto - since).astype(np.float64)
    age = (moments.at[query] - index.at[event]) / _DAY
    found["activity"] = decayed(age, query, n, spec.half_life_days)
    found["days_since_touch"] = _last(age, query, n)
    found["days_since_first_touch"] = _last(age[::-1], query[::-1], n)
    if any(name in touches.columns for name in ORIGIN):
        found |= _channel_mix(touches, index, (query, event), total, spec)
    marks = mark_signals(touches, spec.signals)
    for name in marks.columns:
        hit = marks[name].to_numpy(dtype=bool)[index.row][event]
        found[f"n_{name}"] = np.bincount(query[hit], minlength=n).astype(np.float64)
        found[f"days_since_{name}"] = _last(age[hit], query[hit], n)
    return found


def _last(age: Floats, query: Integers, n: int) -> Floats:
    """Return the last age of each query, missing where there is none."""
    last = np.full(n, np.nan)
    last[query] = age  # of several values for one place the last one stays
    return last


def _channel_mix(
    touches: pd.DataFrame,
    index: EventIndex,
    pairs: tuple[Integers, Integers],
    total: Floats,
    spec: FeatureSpec,
) -> dict[str, Floats]:
    query, event = pairs
    of_touch, names = pd.factorize(spec.channel_map.assign(touches))
    found = of_touch[index.row][event]
    channels = spec.channels
    if channels is None:
        channels = tuple(sorted(names[np.unique(found[found >= 0])]))
    # The last place is that of a touch without channel, whose code is -1.
    code = np.append(pd.Index(channels, dtype="str").get_indexer(pd.Index(names)), -1)[found]
    known, size = code >= 0, len(channels)
    cell = query[known] * size + code[known]
    counts = np.bincount(cell, minlength=len(total) * size).reshape(len(total), size)
    share = counts / np.maximum(total, 1.0)[:, None]
    mix = {f"share_{name}": share[:, i] for i, name in enumerate(channels)}
    return {"n_channels": (counts > 0).sum(axis=1).astype(np.float64), **mix}


def _account_features(
    tables: Mapping[str, pd.DataFrame], own: Own | None, moments: Moments
) -> dict[str, Floats]:
    """Count what others did at the account of each lead."""
    leads = tables["leads"]
    created = instants(leads, "created_at")
    account, names = pd.factorize(leads["account_id"])
    account = account.astype(np.int64)
    key = account[moments.lead]
    others = _count(index_events(account, created), key, moments.at)
    found = {"account_n_leads": np.maximum(others - (key >= 0), 0)}
    if own is not None and "account_id" in tables["touches"].columns:
        of_touch = _codes(tables["touches"]["account_id"], names)
        found |= _colleagues(tables["touches"], of_touch, own, moments, key)
    if "deals" in tables and "account_id" in tables["deals"].columns:
        deals = tables["deals"]
        of_deal = _codes(deals["account_id"], names)
        closed, won = instants(deals, "closed_at"), deals["won"].astype("boolean")
        for name, ended in (("won", won.fillna(False)), ("lost", ~won.fillna(True))):
            there = np.where(ended.to_numpy(dtype=bool), of_deal, -1)
            found[f"account_n_{name}"] = _count(index_events(there, closed), key, moments.at)
    return found


def _colleagues(
    touches: pd.DataFrame, of_touch: Integers, own: Own, moments: Moments, key: Integers
) -> dict[str, Floats]:
    """Count touches of other people at the account, and people known there."""
    at = instants(touches, "touched_at")
    index = index_events(of_touch, at)
    since = moments.at - 30 * _DAY
    everyone = _count(index, key, moments.at) - _count(index, key, since)
    made, keys = own
    query, event = made.pairs(keys[moments.lead], moments.at)
    recent = made.at[event] > since[query]
    mine = recent & (of_touch[made.row][event] == key[query]) & (key[query] >= 0)
    self_made = np.bincount(query[mine], minlength=len(moments))
    found = {"account_n_touches_30d": (everyone - self_made).astype(np.float64)}
    if "person_id" in touches.columns:
        person, _ = pd.factorize(touches["person_id"])
        order = index.row[np.argsort(index.at, kind="stable")]
        order = order[person[order] >= 0]
        pair = of_touch[order] * (int(person.max(initial=0)) + 1) + person[order]
        order = order[np.unique(pair, return_index=True)[1]]  # the first touch of each
        first = np.full(len(touches), -1, dtype=np.int64)
        first[order] = of_touch[order]
        found["account_n_people"] = _count(index_events(first, at), key, moments.at)
    return found


def _count(index: EventIndex, key: Integers, at: Instants) -> Floats:
    return (index.up_to(key, at) - index.before(key)).astype(np.float64)


def _codes(ids: "pd.Series[Any]", names: Any) -> Integers:
    found = pd.Index(names).get_indexer(pd.Index(ids))
    return np.where(ids.isna(), -1, found).astype(np.int64)


def _who(frame: pd.DataFrame) -> "pd.Series[str]":
    """Name the person of a row, else its account."""
    who = pd.Series(pd.NA, index=frame.index, dtype="str")
    for kind in ("person", "account"):
        if f"{kind}_id" in frame.columns:
            ids = frame[f"{kind}_id"].astype("str")
            who = who.fillna(f"{kind} " + ids)
    return who


def _fit(leads: pd.DataFrame, spec: FeatureSpec) -> pd.DataFrame:
    """Return what a lead is: its own columns, its channel, the kind of its mail address."""
    ours = set(SPECS["leads"].names)
    fit = leads[[name for name in leads.columns if name not in ours]].copy()
    if any(name in leads.columns for name in ORIGIN):
        fit.insert(0, "channel", spec.channel_map.assign(leads))
    for name in [name for name in fit.columns if str(name).lower() in _MAIL]:
        kinds = mail_kinds(fit[name])
        fit = fit.drop(columns=name)
        if "email_kind" not in fit.columns:
            fit["email_kind"] = kinds
    return fit
