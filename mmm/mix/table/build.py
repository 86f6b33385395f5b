"""One row a period: what each channel cost, and what came of it."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from mmm.channels import UNMATCHED, ChannelMap
from mmm.errors import ConfigError, DataWarning, InputError, quoted
from mmm.mix.table.ends import Recorded, recorded_ends
from mmm.mix.table.outcomes import OUTCOMES, Counted, count_outcome
from mmm.mix.table.periods import calendar, next_start, period_start, spread
from mmm.tables import read_deals, read_leads, read_spend

Every = Literal["week", "month"]
_ALIKE = 0.9999


def mix_table(
    spend: object,
    deals: object = None,
    leads: object = None,
    *,
    outcome: str = "won_value",
    every: Every = "week",
    fill: Literal["zero", "interpolate"] | None = None,
    on_duplicate: Literal["error", "sum"] = "error",
    refunds: bool = False,
    channel_map: ChannelMap | None = None,
    as_of: object = None,
    tz: str = "UTC",
) -> pd.DataFrame:
    """Put spend by channel and an outcome side by side, one row a week or month.

    Parameters
    ----------
    spend, deals, leads : path, or pandas, Polars or pyarrow frame
        Whatever `read_spend`, `read_deals` and `read_leads` take. What needs a locale, a database
        or rates between currencies is read with these first. Needs deals or leads, as the outcome
        does.
    outcome : str
        What is counted, and at which date:

        - ``"won_value"``, ``"won_deals"``: deals won, at their close;
        - ``"opportunities"``: deals, at their creation;
        - ``"opened_won_value"``, ``"opened_won_deals"``: deals won by now, at their creation;
        - ``"leads"``, ``"mqls"``, ``"sqls"``: leads, at their creation, ``mql_at``, ``sql_at``.
    every : {"week", "month"}
        ISO weeks, which begin on Monday, or calendar months.
    fill : {"zero", "interpolate"}, optional
        What an amount or period that spend lacks is worth; None refuses, as in `read_spend`.
    on_duplicate, refunds
        As in `read_spend`.
    channel_map : ChannelMap, optional
        From source, medium and campaign to channels; the usual spellings when missing.
    as_of : date, optional
        First day that the outcome's table does not cover as a whole; periods that reach it are
        left out. None: the day after the latest instant recorded there.
    tz : str, default "UTC"
        Zone of instants that name none, and of the days that periods are made of. A time that the
        clock change skips or repeats is read as `read_deals` does.

    Returns
    -------
    pandas.DataFrame
        ``date`` (first day of the period), a column a channel (float, in the currency; largest
        first), and the outcome (float). Money is added up exactly before it becomes float.
        ``attrs["notes"]`` says what was decided; ``attrs["currency"]`` is None where no table names
        one; ``attrs["immature"]`` lists the first days of periods with many deals still open;
        ``attrs["recorded"]`` has the first and the last day of records that begin or end within a
        period, None where they do not.

    Raises
    ------
    InputError
        For amounts or periods that are missing, negative, not finite or repeated, mixed currencies,
        won deals without a value, empty tables, and names that clash.
    ConfigError
        For an unknown outcome or period, or a missing table.

    Warns
    -----
    DataWarning
        Where the data limit a model: channels without spend (left out), of constant spend, of equal
        course, that begin or end within the table; spend spread over shorter periods; open deals;
        records that begin or end within a period.

    Notes
    -----
    Spend of a longer or shifted period is spread evenly over its days, in cents that add up
    (largest remainder). Periods at either end that spend or outcome cover only in part are left
    out, with a note.

    Examples
    --------
    >>> weeks = ["2024-01-01", "2024-01-08", "2024-01-15"]
    >>> spend = pd.DataFrame({"date": weeks, "channel": "Events", "spend": ["10.00", "20", "0"]})
    >>> deals = pd.DataFrame({"deal_id": ["a", "b"], "won": [True, True],
    ...     "closed_at": ["2024-01-03", "2024-01-15"], "value": ["500.00", "700.00"]})
    >>> mix_table(spend, deals, as_of="2024-01-22")
            date  Events  won_value
    0 2024-01-01    10.0      500.0
    1 2024-01-08    20.0        0.0
    2 2024-01-15     0.0      700.0
    """
    _check_choices(outcome, every, deals, leads)
    costs = read_spend(spend, tz=tz, fill=fill, on_duplicate=on_duplicate, refunds=refunds)
    if OUTCOMES[outcome].table == "deals":
        records = read_deals(deals, tz=tz)
    else:
        records = read_leads(leads, tz=tz)
    counted = count_outcome(records, outcome, every, tz=tz, as_of=as_of)
    currency = _currency(costs, records, counted)
    paid = _paid(costs, every, channel_map or ChannelMap())
    dates = calendar(max(paid.first, counted.first), min(paid.end, counted.end), every)
    if len(dates) == 0:
        raise InputError(
            f"spend covers {paid.first.date()} to {paid.end.date()} and the outcome "
            f"{counted.first.date()} to {counted.end.date()}: no whole {every} in common. Check "
            "the dates, or pass as_of= where the records are newer than their last date."
        )
    channels, limits = _channels(paid, dates, every)
    _check_names(channels, outcome)
    recorded = recorded_ends(counted.days, dates[0], next_start(dates[-1], every))
    cut = _cut_said(recorded, counted, dates, every)
    warned = [*paid.warned, *limits, *_immature_said(counted, dates, every), *cut]
    for said in warned:
        warnings.warn(said, DataWarning, stacklevel=2)
    frame = pd.DataFrame(
        {"date": dates, **channels, outcome: [float(counted.amount.get(d, 0)) for d in dates]}
    )
    notes = [*costs.attrs["notes"], *records.attrs["notes"], *paid.notes]
    notes += _left_out(paid, counted, dates, every)
    frame.attrs = {
        "notes": (*dict.fromkeys(notes), *warned),
        "every": every,
        "outcome": outcome,
        "currency": currency,
        "immature": _immature(counted, dates),
        "recorded": tuple(_day(day) for day in (recorded.since, recorded.until)),
    }
    return frame


def _check_choices(outcome: str, every: str, deals: object, leads: object) -> None:
    if outcome not in OUTCOMES:
        raise ConfigError(f"outcome is {outcome!r}. Choose one of {quoted(OUTCOMES)}.")
    if every not in ("week", "month"):
        raise ConfigError(f"every is {every!r}. Choose 'week' or 'month'.")
    table = OUTCOMES[outcome].table
    if (deals if table == "deals" else leads) is None:
        others = [name for name, what in OUTCOMES.items() if what.table != table]
        raise ConfigError(
            f"outcome={outcome!r} is counted in the {table}, which were not given. Pass {table}=, "
            f"or choose one of {quoted(others)}."
        )


def _currency(costs: pd.DataFrame, records: pd.DataFrame, counted: Counted) -> str | None:
    """Return the currency of the spend; refuse an outcome in another one."""
    named = [
        str(frame["currency"].dropna().iloc[0])
        for frame in ([costs, records] if counted.money else [costs])
        if "currency" in frame.columns and frame["currency"].notna().any()
    ]
    if len(set(named)) > 1:
        raise InputError(
            f"spend is in {named[0]!r} and deals are in {named[1]!r}. Read one of them with "
            f"currency={named[0]!r} and rates={{{named[1]!r}: '...'}} first."
        )
    return named[0] if named else None


@dataclass(frozen=True, eq=False)
class _Paid:
    """Spend by channel and period; the days it covers, `first` to before `end`, by channel too."""

    amount: dict[str, dict[pd.Timestamp, Decimal]]
    first: pd.Timestamp
    end: pd.Timestamp
    spans: dict[str, tuple[pd.Timestamp, pd.Timestamp]]
    notes: list[str]
    warned: list[str]


def _paid(costs: pd.DataFrame, every: str, channel_map: ChannelMap) -> _Paid:
    """Add spend up exactly by channel and period, spreading what lies across periods."""
    theirs = str(costs.attrs["every"])
    names = channel_map.assign(costs).fillna(UNMATCHED)
    starts = costs["date"]
    ends = starts.map(lambda start: next_start(start, theirs))
    first, last = (period_start(days, every) for days in (starts, ends - pd.Timedelta(days=1)))
    amount: dict[str, dict[pd.Timestamp, Decimal]] = {}
    n_spread = 0
    rows = zip(names, costs["spend"], starts, ends, first, last, strict=True)
    with localcontext(prec=60):
        for name, spent, start, end, opening, closing in rows:
            inside = opening == closing
            parts = [(opening, spent)] if inside else spread(spent, start, end, every)
            sums = amount.setdefault(str(name), {})
            for period, part in parts:
                sums[period] = sums.get(period, Decimal(0)) + part
            n_spread += not inside
    for name, sums in amount.items():
        below = [period for period, total in sums.items() if total < 0]
        if below:
            raise InputError(
                f"refunds of {name!r} exceed its spend in the {every} of {min(below).date()}. Book "
                "them in the period of the spend they give back."
            )
    spans = {
        str(name): (starts[rows].min(), ends[rows].max())
        for name, rows in names.groupby(names).groups.items()
    }
    notes, warned = _spread_said(theirs, every, n_spread)
    if UNMATCHED in amount:
        notes.append(
            f"spend: {sum(amount[UNMATCHED].values(), Decimal(0))} match no channel and stand in "
            f"the column {UNMATCHED!r}"
        )
    return _Paid(amount, starts.min(), ends.max(), spans, notes, warned)


def _spread_said(theirs: str, every: str, n_spread: int) -> tuple[list[str], list[str]]:
    if not n_spread:
        return [], []
    said = (
        f"spend: {n_spread} amounts of a {theirs} lie across {every}s; each is spread evenly over "
        "its days, in cents that add up (largest remainder)"
    )
    if theirs == "month" and every == "week":
        return [], [
            f"{said}. Within a month such spend tells channels apart by nothing: use weekly spend, "
            "or every='month'."
        ]
    return [said], []


def _channels(
    paid: _Paid, dates: pd.DatetimeIndex, every: str
) -> tuple[dict[str, list[float]], list[str]]:
    """Return the columns of the channels with spend, largest first, and what limits them."""
    warned = []
    exact = {
        name: [sums.get(date, Decimal(0)) for date in dates] for name, sums in paid.amount.items()
    }
    with localcontext(prec=60):
        totals = {name: sum(amounts, Decimal(0)) for name, amounts in exact.items()}
    nothing = sorted(name for name, total in totals.items() if not total)
    if nothing:
        warned.append(
            f"no spend on {quoted(nothing)} in these periods: left out, since without spend there "
            "is no return to speak of."
        )
    kept = sorted((name for name in totals if totals[name]), key=lambda n: (-totals[n], n))
    if not kept:
        raise InputError("no channel has any spend in these periods. Check the spend table.")
    end = next_start(dates[-1], every)
    short = [n for n in kept if paid.spans[n][0] > dates[0] or paid.spans[n][1] < end]
    if short:
        warned.append(
            f"{quoted(short)} begin after the first period or end before the last: 0 there. If "
            "rows are missing, add them."
        )
    columns = {name: [float(amount) for amount in exact[name]] for name in kept}
    return columns, warned + _alike_said(columns)


def _alike_said(columns: dict[str, list[float]]) -> list[str]:
    """Name channels that no model can tell from the baseline, or from each other."""
    said = []
    constant = [name for name, spent in columns.items() if min(spent) == max(spent)]
    if constant:
        said.append(
            f"spend on {quoted(constant)} never changes: its return cannot be told from the "
            "baseline. Vary it, or test it."
        )
    # Two or three periods move as one by chance.
    moving = [name for name in columns if name not in constant and len(columns[name]) > 3]
    for first, second in combinations(moving, 2):
        if np.corrcoef(columns[first], columns[second])[0, 1] > _ALIKE:
            said.append(
                f"spend on {quoted([first, second])} moves as one: their returns cannot be told "
                "apart. Join them, or vary one alone."
            )
    return said


def _immature(counted: Counted, dates: pd.DatetimeIndex) -> tuple[str, ...]:
    since = counted.immature_from
    return () if since is None else tuple(str(day.date()) for day in dates[dates >= since])


def _day(at: pd.Timestamp | None) -> str | None:
    # Text: what `attrs` hold is written as JSON where the frame is kept as Parquet.
    return None if at is None else str(at.date())


def _immature_said(counted: Counted, dates: pd.DatetimeIndex, every: str) -> list[str]:
    late = _immature(counted, dates)
    if not late:
        return []
    return [
        f"{counted.n_open} of {counted.n_late} deals created in the last {len(late)} {every}s "
        f"(since {late[0]}) are still open: {counted.name} will grow there. Leave those "
        f"{every}s out, or count at the close."
    ]


def _cut_said(
    recorded: Recorded, counted: Counted, dates: pd.DatetimeIndex, every: str
) -> list[str]:
    """Say that the first or the last period is covered only in part."""
    said, table = [], OUTCOMES[counted.name].table
    if recorded.since is not None:
        said.append(
            f"the {table} begin on {recorded.since.date()}, the first {every} on "
            f"{dates[0].date()}: {counted.name} looks incomplete there. Export the {table} from "
            f"{dates[0].date()} on, or pass spend from {next_start(dates[0], every).date()} on."
        )
    if recorded.until is not None:
        day = pd.Timedelta(days=1)
        said.append(
            f"the {table} end on {recorded.until.date()}, the last {every} on "
            f"{(next_start(dates[-1], every) - day).date()}: {counted.name} looks incomplete "
            f"there. Export the {table} again, or leave out what they do not cover with "
            f"as_of='{(recorded.until + day).date()}'."
        )
    return said


def _check_names(channels: dict[str, list[float]], outcome: str) -> None:
    clash = [name for name in ("date", outcome) if name in channels]
    if clash:
        raise InputError(
            f"a channel is called {quoted(clash)}, as another column of this table is. Rename it: "
            f"channel_map=ChannelMap(names={{{clash[0]!r}: '...'}})."
        )


def _left_out(paid: _Paid, counted: Counted, dates: pd.DatetimeIndex, every: str) -> list[str]:
    """Say what lies outside of the periods that spend and outcome both cover as a whole."""
    end = next_start(dates[-1], every)
    within = f"{dates[0].date()} to {(end - pd.Timedelta(days=1)).date()}"
    with localcontext(prec=60):
        sums = [total for amounts in paid.amount.values() for total in _outside(amounts, dates)]
        spent, outcome = sum(sums, Decimal(0)), sum(_outside(counted.amount, dates), Decimal(0))
    said = [f"whole {every}s that both spend and {counted.name} cover: {within}"]
    if spent:
        said.append(f"spend of {spent} lies outside of them and is left out")
    if outcome:
        said.append(f"{counted.name} of {outcome} lies outside of them and is left out")
    return said


def _outside(amounts: dict[pd.Timestamp, Decimal], dates: pd.DatetimeIndex) -> Iterator[Decimal]:
    return (amount for period, amount in amounts.items() if period not in dates)
