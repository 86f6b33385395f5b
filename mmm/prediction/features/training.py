"""The training table: leads looked at while they were open, and what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.channels import ChannelMap
from mmm.errors import ConfigError, InputError
from mmm.prediction.features.build import FeatureSpec, features_at, own_touches
from mmm.prediction.features.ends import Ends, instants, lead_ends
from mmm.prediction.features.half_life import HalfLife, learn_half_life
from mmm.prediction.features.moments import Moments, last_look, read_tables, to_instant
from mmm.prediction.splits import group_labels
from mmm.showing import Shown, as_text

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_DAY = np.timedelta64(86_400_000_000, "us")


@dataclass(frozen=True, eq=False, repr=False)
class TrainingTable(Shown):
    """Looks at leads, one a row; series share the index of `X`.

    Attributes
    ----------
    X : pandas.DataFrame
        Features as known at the look.
    y : pandas.Series of int64
        1 where the lead was won within `horizon_days` of the look.
    settled : pandas.Series of bool
        Whether `y` is known: the lead has ended, on a day or without one, or the horizon has
        passed. An open lead whose horizon has not passed is not lost: its 0 says "not yet", and
        only a model that knows censoring may use it.
    created_at : pandas.Series of datetime64[us, UTC]
        Instant of the look, from which the horizon runs.
    ended_at : pandas.Series of datetime64[us, UTC]
        Missing while the lead is open, and where nothing says when it ended.
    outcome : pandas.Series of str
        won, lost or open, as of `as_of`.
    groups : pandas.Series of int64
        Looks at one person or account share a label.
    lead_id : pandas.Series of str
    horizon_days : float
    as_of : pandas.Timestamp
    spec : FeatureSpec
        How the features were computed: give it to `build_features` when scoring.
    half_life : HalfLife or None
        How the half-life was learnt; None where it was given, or there are no touches.
    engagement : tuple of str
        Columns of `X` that say what a lead did; the others say what it is.
    notes : tuple of str
        What was left out and why.
    """

    X: pd.DataFrame
    y: "pd.Series[int]"
    settled: "pd.Series[bool]"
    created_at: "pd.Series[pd.Timestamp]"
    ended_at: "pd.Series[pd.Timestamp]"
    outcome: "pd.Series[str]"
    groups: "pd.Series[int]"
    lead_id: "pd.Series[str]"
    horizon_days: float
    as_of: pd.Timestamp
    spec: FeatureSpec
    half_life: HalfLife | None
    engagement: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        known = int(self.settled.sum())
        sentence = (
            f"Of {known:,} looks whose outcome is known, {int(self.y[self.settled].sum()):,} were "
            f"won within {self.horizon_days:g} days; {len(self.y) - known:,} are still open."
        )
        kind = f"TrainingTable: {self.X.shape[1]} features, as of {self.as_of:%Y-%m-%d}"
        return as_text(sentence, self._small_table(), kind)

    def _small_table(self) -> pd.DataFrame:
        """Return the features, and how many rows have each."""
        names = pd.Series([str(name) for name in self.X.columns], dtype="str")
        filled = self.X.notna().mean().to_numpy()
        return pd.DataFrame({"feature": names, "filled": filled})

    def only_settled(self) -> "TrainingTable":
        """Return the rows whose `y` is known.

        Of the looks of the last `horizon_days` these are the leads that ended soon, which may be
        won more often or less than the rest; where the level counts, use `past_horizon`.
        """
        return self._rows(self.settled)

    def past_horizon(self) -> "TrainingTable":
        """Return the looks at which the horizon has passed: `y` is known of every lead alike."""
        whole = self.created_at + pd.Timedelta(days=self.horizon_days) <= self.as_of
        return self._rows(whole)

    def _rows(self, keep: "pd.Series[bool]") -> "TrainingTable":
        names = ("y", "settled", "created_at", "ended_at", "outcome", "groups", "lead_id")
        series = {name: getattr(self, name)[keep] for name in names}
        return replace(self, X=self.X[keep], **series)


def training_table(
    leads: Any,
    touches: Any = None,
    deals: Any = None,
    *,
    horizon_days: float = 90.0,
    ages_days: Sequence[float] = (0.0, 30.0, 90.0),
    as_of: Any = None,
    spec: FeatureSpec | None = None,
    channel_map: ChannelMap | None = None,
) -> TrainingTable:
    """Look at each lead at several ages, as long as it is open, and say what followed.

    Scoring meets leads of all ages, so training does too (landmarking: van Houwelingen 2007,
    Scand. J. Stat. 34, 70-85). A row knows nothing later than its look, and no row knows anything
    later than `as_of`.

    Parameters
    ----------
    leads, touches, deals
        As for `build_features`. Without deals, leads whose stage is "won" count as won.
    horizon_days : float, default 90
        A win within so many days of the look is a 1.
    ages_days : sequence of float
        Ages, in days since a lead came in, at which it is looked at.
    as_of : date, str or timestamp, optional
        Last look; by default the latest instant in the tables.
    spec : FeatureSpec, optional
        By default the half-life is learnt from the settled rows.
    channel_map : ChannelMap, optional
        Rules that name the channels, where there is no `spec`.

    Returns
    -------
    TrainingTable

    Raises
    ------
    ConfigError
        If the horizon or an age is out of range.
    InputError
        As `build_features`, and if no lead was open at any of the ages.

    Examples
    --------
    >>> from mmm import datasets
    >>> table = training_table(datasets.load("leads"), datasets.load("touches"),
    ...     datasets.load("deals"), horizon_days=120)
    >>> young = table.outcome.eq("open") & ~table.settled
    >>> bool(young.any()), bool(table.only_settled().y.isin([0, 1]).all())
    (True, True)
    """
    if not horizon_days > 0 or not len(ages_days) or min(ages_days) < 0:
        ages = ", ".join(map(str, ages_days))
        raise ConfigError(
            f"horizon_days is {horizon_days} and ages_days {ages or 'none'}. "
            "Choose a horizon above 0, and ages of 0 or more."
        )
    tables = read_tables(leads, touches, deals)
    look = last_look(tables) if as_of is None else to_instant(as_of)
    ends = lead_ends(tables["leads"], tables.get("deals")).seen(look)
    moments, notes = _looks(tables["leads"], ends, ages_days, look)
    ended, won = ends.at[moments.lead], ends.won[moments.lead]
    limit = moments.at + np.timedelta64(round(horizon_days * 86_400_000_000), "us")
    in_time = won & (ended <= limit)
    settled = in_time | ~np.isnat(ended) | ends.undated[moments.lead] | (limit <= look)
    own = spec or FeatureSpec(channel_map=channel_map or ChannelMap())
    fate = None if spec is not None else (in_time, settled)
    spec, learnt = _learnt(own, tables, moments, fate)
    frame, engagement = features_at(tables, moments, spec)
    groups = group_labels(tables["leads"])[moments.lead]
    lead_id = tables["leads"]["lead_id"].astype("str").to_numpy()[moments.lead]
    return TrainingTable(
        X=frame,
        y=pd.Series(in_time, name="y").astype("int64"),
        settled=pd.Series(settled, name="settled"),
        created_at=_utc(moments.at, "created_at"),
        ended_at=_utc(ended, "ended_at"),
        outcome=pd.Series(ends.outcome[moments.lead], name="outcome", dtype="str"),
        groups=pd.Series(groups, name="groups"),
        lead_id=pd.Series(lead_id, name="lead_id", dtype="str"),
        horizon_days=float(horizon_days),
        as_of=pd.Timestamp(look, tz="UTC"),
        spec=spec,
        half_life=learnt,
        engagement=engagement,
        notes=notes,
    )


def _looks(
    leads: pd.DataFrame, ends: Ends, ages_days: Sequence[float], look: np.datetime64
) -> tuple[Moments, tuple[str, ...]]:
    created = instants(leads, "created_at")
    ages = np.array(sorted({round(age * 86_400_000_000) for age in ages_days}))
    at = created[:, None] + ages.astype("timedelta64[us]")
    over = ends.at[:, None] <= at  # false while a lead is open
    # Whether a win without a day came in time nobody knows; a loss without one is a loss at any
    # age, and to drop its later looks would keep those of the winners alone.
    unknown = ends.undated & ends.won
    lead, age = np.nonzero((at <= look) & ~over & ~unknown[:, None])
    notes = []
    if n_unknown := int(unknown.sum()):
        notes.append(f"{n_unknown} leads left out: they were won, and nothing says when")
    early = int((ends.at <= created).sum())
    if early:
        notes.append(f"{early} leads left out: they ended when or before they came in")
    late = int((created > look).sum())
    if late:
        notes.append(f"{late} leads left out: they came in after the last look")
    if not len(lead):
        raise InputError(
            f"no lead was open at any of the ages by {look}. Choose a later as_of, or lower ages."
        )
    order = np.lexsort((lead, at[lead, age]))
    return Moments(lead[order].astype(np.int64), at[lead, age][order]), tuple(notes)


def _learnt(
    spec: FeatureSpec,
    tables: dict[str, pd.DataFrame],
    moments: Moments,
    fate: tuple[Flags, Flags] | None,
) -> tuple[FeatureSpec, HalfLife | None]:
    """Learn the half-life from won and settled looks, where these are given; fix the channels."""
    learnt = None
    if "touches" not in tables:
        return spec, None
    index, keys = own_touches(tables["touches"], tables["leads"])
    if fate is not None:
        won, settled = fate
        known = np.flatnonzero(settled)
        query, event = index.pairs(keys[moments.lead[known]], moments.at[known])
        age = (moments.at[known][query] - index.at[event]) / _DAY
        born = instants(tables["leads"], "created_at")[moments.lead[known]]
        strata = np.unique(moments.at[known] - born, return_inverse=True)[1]
        learnt = learn_half_life(age, query, won[known], strata=strata)
        spec = replace(spec, half_life_days=learnt.days)
    if spec.channels is None:
        _, event = index.pairs(keys[moments.lead], moments.at)
        seen = tables["touches"].iloc[np.unique(index.row[event])]
        if any(name in seen.columns for name in ("channel", "source", "medium", "campaign")):
            names = spec.channel_map.assign(seen).dropna().unique()
            spec = replace(spec, channels=tuple(sorted(names)))
    return spec, learnt


def _utc(at: "npt.NDArray[np.datetime64]", name: str) -> "pd.Series[pd.Timestamp]":
    return pd.Series(pd.DatetimeIndex(at).tz_localize("UTC"), name=name)
