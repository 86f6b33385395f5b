"""What the budget advice explains: the outcome that the records can carry, in money."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd

from mmm.channels import ChannelMap
from mmm.errors import DataWarning
from mmm.funnel.records.as_known import as_known
from mmm.mix import mix_table
from mmm.mix.inference.counts import hint
from mmm.mix.table.outcomes import OUTCOMES
from mmm.mix.table.ready import read_mix
from mmm.prediction.features.ends import lead_ends, link_deals
from mmm.run.config import MixSection
from mmm.run.gaps import NoAnswer

Tables = Mapping[str, pd.DataFrame]
Every = Literal["week", "month"]

# In the order of what counts; the first with enough records a period is explained.
CANDIDATES = ("won_value", "opportunities", "leads")
ENOUGH = 4.0  # records a period: below, chance alone moves it by half and more
_RIPE_DAYS = 180.0  # an older lead without an end has had its time


@dataclass(frozen=True, eq=False)
class Weeks:
    """One row a period, ready for a fit.

    Attributes
    ----------
    frame : pandas.DataFrame
        date, a column a channel, controls, the outcome; of whole periods alone.
    channels, controls : tuple of str
    outcome : str
    date : str
        Name of the column of dates.
    every : {"week", "month"}
    unit_value : float
        Revenue that a unit of the outcome brings.
    n_records : int or None
        Deals or leads counted; None where the table came ready.
    thin : tuple of (str, float)
        Outcomes that counted more and were left aside, and how many records a period they had.
    new_only : bool
        Whether renewals and expansions were left out.
    """

    frame: pd.DataFrame
    channels: tuple[str, ...]
    controls: tuple[str, ...]
    outcome: str
    date: str
    every: Every
    unit_value: float
    n_records: int | None = None
    thin: tuple[tuple[str, float], ...] = ()
    new_only: bool = False

    @property
    def spend(self) -> "np.ndarray[Any, np.dtype[np.float64]]":
        """Spend, shape (n_channels, n_periods)."""
        return self.frame[list(self.channels)].to_numpy(dtype=np.float64).T

    @property
    def likelihood(self) -> str:
        """What the fit takes for noise: that of counts for few records of known worth, else auto.

        Money of a few large deals is explained by their number where `[mix] outcome` asks for
        "won_deals".
        """
        few = bool(hint(self.frame[self.outcome].to_numpy(dtype=np.float64)))
        return "negative_binomial" if few and self.unit_value != 1.0 else "auto"


def weeks_of(tables: Tables, channels: ChannelMap, mix: MixSection, as_of: pd.Timestamp) -> Weeks:
    """Build, or read, the table that the mix is fitted to.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As the readers return them.
    channels : ChannelMap
    mix : MixSection
    as_of : pandas.Timestamp
        Nothing later is used.

    Returns
    -------
    Weeks

    Raises
    ------
    NoAnswer
        Where spend or an outcome is missing.
    MmmError
        Where the records contradict each other.
    """
    if mix.source is not None:
        return _read(mix)
    if "spend" not in tables:
        raise NoAnswer("budget", "no_spend", "add_spend")
    spend = tables["spend"]
    spend = _kept(spend[spend["date"] <= as_of.tz_localize(None)], spend)
    if not len(spend) or not (spend["spend"] > 0).any():
        raise NoAnswer("budget", "nothing_spent", "check_spend")
    every: Every = mix.every or ("month" if spend.attrs["every"] == "month" else "week")
    deals, new_only = new_business(as_known(tables["deals"], "deals", as_of))
    deals = _zero_filled(deals)
    leads = tables.get("leads")
    known = {"deals": deals} | ({} if leads is None else {"leads": as_known(leads, "leads", as_of)})
    outcome, thin = _choice(known, mix, spend, every)
    frame = _built(spend, known, outcome, every, channels, as_of)
    names = tuple(name for name in frame.columns if name not in ("date", outcome))
    if mix.channels:
        names = _asked(names, mix.channels)
        frame = frame[["date", *names, outcome]]
    return Weeks(
        frame=frame,
        channels=names,
        controls=(),
        outcome=outcome,
        date="date",
        every=every,
        unit_value=mix.unit_value or unit_value(known, outcome, as_of),
        n_records=_count(known, outcome, frame["date"].min(), as_of),
        thin=thin,
        new_only=new_only,
    )


def currency_of(deals: pd.DataFrame, default: str) -> str:
    """Return the currency of the deals where they name one, else the default."""
    if "currency" not in deals.columns or deals["currency"].nunique() != 1:
        return default
    return str(deals["currency"].dropna().iloc[0])


def new_business(deals: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """Leave out renewals and expansions, which no lead came before; say whether there were any."""
    if "kind" not in deals.columns:
        return deals, False
    new = deals["kind"].isna() | deals["kind"].eq("new")
    return _kept(deals[new], deals), not bool(new.all())


def unit_value(known: Tables, outcome: str, as_of: pd.Timestamp) -> float:
    """Return the revenue that a unit of an outcome has brought on average.

    Opportunities count once closed, leads once they have ended, or have had half a year: what is
    young has not had its time.

    Parameters
    ----------
    known : mapping of str to DataFrame
        Deals, and leads where the outcome is theirs.
    outcome : str
        A key of `mmm.mix.table.outcomes.OUTCOMES`.
    as_of : pandas.Timestamp

    Raises
    ------
    NoAnswer
        Where no won deal has a value.
    """
    spec = OUTCOMES[outcome]
    if spec.money:
        return 1.0
    deals = known["deals"]
    won = deals["won"].fillna(False).to_numpy(dtype=bool)
    value = _values(deals)
    if not (won & (value > 0)).any():
        raise NoAnswer("budget", "no_value", "add_value")
    if spec.won:
        return float(value[won].mean())
    if spec.table == "deals":
        return float(value[won].sum() / max(int(deals["won"].notna().sum()), 1))
    leads = known["leads"]
    ends = lead_ends(leads, deals)
    over = ~np.isnat(ends.at) | ends.undated
    age = (as_of - leads["created_at"]).dt.total_seconds().to_numpy() / 86_400
    ripe = (over | (age >= _RIPE_DAYS)) & leads[spec.at].notna().to_numpy()
    of_lead = link_deals(leads, deals[won])
    brought = value[won][(of_lead >= 0) & ripe[of_lead]].sum()
    if not brought > 0:
        raise NoAnswer("budget", "no_value", "add_value")
    return float(brought / ripe.sum())


def _values(deals: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.float64]]":
    if "value" not in deals.columns:
        return np.zeros(len(deals))
    return np.array([0.0 if pd.isna(x) else float(x) for x in deals["value"]], dtype=np.float64)


def _zero_filled(deals: pd.DataFrame) -> pd.DataFrame:
    """Count won deals without a value as 0, as attribution does and says, where others have one."""
    if "value" not in deals.columns or deals["value"].isna().all():
        return deals
    missing = deals["value"].isna() & deals["won"].fillna(False).astype(bool)
    return _kept(deals.assign(value=deals["value"].mask(missing, Decimal(0))), deals)


def _read(mix: MixSection) -> Weeks:
    assert mix.source is not None
    assert mix.outcome is not None
    place, _, table = mix.source.partition("#") if "://" in mix.source else (mix.source, "", "")
    frame = read_mix(
        place,
        date=mix.date,
        outcome=mix.outcome,
        channels=mix.channels,
        controls=mix.controls,
        locale=mix.locale,
        table=table or None,
    ).sort_values(mix.date, ignore_index=True)
    step = float(frame[mix.date].diff().dt.days.median()) if len(frame) > 1 else 7.0
    return Weeks(
        frame=frame,
        channels=mix.channels,
        controls=mix.controls,
        outcome=mix.outcome,
        date=mix.date,
        every=mix.every or ("month" if step > 20 else "week"),
        unit_value=mix.unit_value or 1.0,
    )


def _kept(rows: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    rows.attrs = dict(whole.attrs)
    return rows


def _asked(there: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...]:
    absent = [name for name in asked if name not in there]
    if absent:
        raise NoAnswer("budget", "unknown_channels", "correct_channels", names=absent, there=there)
    return asked


def _choice(
    known: Tables, mix: MixSection, spend: pd.DataFrame, every: Every
) -> tuple[str, tuple[tuple[str, float], ...]]:
    """Take the outcome asked for, else the first with enough records, else that with the most."""
    if mix.outcome is not None:
        if mix.outcome not in OUTCOMES:
            raise NoAnswer("budget", "unknown_outcome", "choose_outcome", outcome=mix.outcome)
        return mix.outcome, ()
    first, last = spend["date"].min(), spend["date"].max()
    periods = max((last - first).days / (7.0 if every == "week" else 30.4), 1.0)
    rates = {}
    for name in CANDIDATES:
        counted = _count(known, name, first, None)
        if counted:
            rates[name] = counted / periods
    if not rates:
        raise NoAnswer("budget", "no_outcome", "add_deals")
    chosen = next((name for name, rate in rates.items() if rate >= ENOUGH), None)
    chosen = chosen or max(rates, key=lambda name: rates[name])
    before = list(rates)[: list(rates).index(chosen)]
    return chosen, tuple((name, rates[name]) for name in before)


def _count(known: Tables, outcome: str, first: pd.Timestamp, as_of: pd.Timestamp | None) -> int:
    """Count the records of an outcome from a day on; 0 where they cannot be counted."""
    spec = OUTCOMES[outcome]
    records = known.get(spec.table)
    if records is None or spec.at not in records.columns:
        return 0
    at = records[spec.at]
    counts = at.notna() & (at >= first.tz_localize("UTC"))
    if as_of is not None:
        counts &= at <= as_of
    if spec.won:
        counts &= records["won"].fillna(False).astype(bool)
    if spec.money and not (_values(records)[counts.to_numpy(dtype=bool)] > 0).any():
        return 0
    return int(counts.sum())


def _built(
    spend: pd.DataFrame,
    known: Tables,
    outcome: str,
    every: Every,
    channels: ChannelMap,
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """Build the table; what it warns of is said by the advice itself, in the reader's language."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return mix_table(
            spend,
            known["deals"],
            known.get("leads"),
            outcome=outcome,
            every=every,
            channel_map=channels,
            as_of=as_of.tz_localize(None).normalize() + pd.Timedelta(days=1),
        )
