"""Leakage: columns that know the future, refused by name with the evidence.

What a table can show: a column that separates the classes alone, is filled for one class only,
is filled as leads close, or carries dates after the lead. What it cannot show: a column written
after the outcome whose values overlap, such as the length of the decisive call. There only the
name speaks, and only a warning follows.
"""

import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from mmm.errors import ConfigError, DataWarning, InputError, quoted
from mmm.prediction.columns.cuts import (
    best_cut,
    counted_rows,
    rates_of_others,
    read_groups,
    row_weights,
)
from mmm.prediction.columns.special import name_words, special_category
from mmm.prediction.columns.types import Column, as_kind, describe_columns, instants_of, to_frame

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SEPARATES = "separates the classes alone"
MISSING = "missing depends on the outcome"
CLOSED = "filled far more often in closed than in open leads"
LATER = "dated later than the lead"
SPECIAL = "special category"
IDENTIFIER = "identifier"
CONSTANT = "constant"
DROPPED = (IDENTIFIER, CONSTANT)  # of no use, rather than forbidden

ALPHA = 0.01  # chance of refusing one column that is as strong as an honest one can be
CEILING = 3.0  # standard deviations between the classes of the strongest honest column
PERFECT = 2.5  # the same, for a cut without a single error
FILLED = 4.0  # times as often filled in one class: the honest limit, where the other has none
UNFILLED = 12.0  # the same for missing values: poor leads honestly come with less on them
NOISY = 20.0  # the same for both, where the other class has a few
_MANY = 50_000  # rows looked at for the separation of numbers and categories
_PLANNED = re.compile(
    r"expected|planned|plan|desired|wished|wish|renewal|expir[ey]s?|due|next|previst[oa]|"
    r"pianificato|desiderat[oa]|rinnovo|scadenza|prossim[oa]"
)
_HINTS = (
    "duration|durata|outcome|esito|closed|close date|closing|chiuso|chiusa|chiusura|won|vinto|"
    "vinta|lost|perso|persa|perdita|converted|conversion|convertito|signed|firmato|firma|invoice|"
    "fattura|discard|discarded|disqualified|rejected|scartato|scarto|rifiutato"
)

_PAST = {"previous", "prior", "past", "last", "precedente", "days"}
# Features of ours, which count deals closed before the look: `build_features`.
_BACKWARD = {"account_n_won", "account_n_lost"}
_ENDS = {"closed", "won", "lost", "converted", "disqualified", "rejected", "discarded"}
_ENDS |= {"chiuso", "chiusa", "vinto", "vinta", "perso", "persa", "scartato", "rifiutato"}


@dataclass(frozen=True, eq=False)
class _Leads:
    """What is known of the rows beside their columns."""

    won: Flags
    groups: Integers
    weight: Floats
    created_at: "pd.Series[Any] | None"
    ended_at: "pd.Series[Any] | None"
    written: Mapping[str, Any]

    @property
    def closed(self) -> Flags | None:
        return None if self.ended_at is None else self.won | self.ended_at.notna().to_numpy()

    def count(self, rows: Flags) -> int:
        """Return the number of leads that some rows count as."""
        return counted_rows(self.weight[rows])


def find_leakage(
    X: Any,
    y: npt.ArrayLike,
    *,
    created_at: Any = None,
    ended_at: Any = None,
    dates: Mapping[str, Any] | pd.DataFrame | None = None,
    allow: Collection[str] = (),
    groups: Any = None,
) -> pd.DataFrame:
    """Find the columns that a model of `y` must not use.

    A column *separates alone* when its best cut does better than the cut of a column whose classes
    lie `CEILING` standard deviations apart (AUC 0.983) would in 99% of samples of that size:
    beyond what is honest, and beyond chance. A cut without any error is held against `PERFECT`
    (AUC 0.961). Categories are judged by the rates of the other rows of their level, those of the
    same group left out. Nothing can be said of a number with fewer than about 12 rows in a class,
    nor of a column of few values with fewer than 5 in a class or 45 in all.

    *Missing depends on the outcome* when the filled (or the missing) rows are of one class, more
    exclusively than nine in ten, and than a column `FILLED` (`UNFILLED`) times as often so in that
    class would be in 99% of samples, and the other class has none; 97 in 100 and `NOISY` times
    where it has a few.

    Parameters
    ----------
    X : frame or array, shape (n, p)
    y : array_like of 0 and 1, shape (n,)
    created_at : array_like of instants, shape (n,), optional
        When a lead came in, or was scored: no value may be dated later.
    ended_at : array_like of instants, shape (n,), optional
        Missing while a lead is open.
    dates : mapping of str to array_like of instants, optional
        When the values of a column were written, as a field history holds it.
    allow : collection of str
        Columns used all the same.
    groups : array_like, shape (n,), optional
        Rows of one lead (several looks at it), person or account share a label; by default each row
        is a lead of its own. As far as the rows of a group end alike they count as one lead, here
        and in the evidence, and none says how another ends.

    Returns
    -------
    pandas.DataFrame
        column, reason, evidence; one row a column to refuse or drop, in the order of `X`; empty
        where there is none. `DROPPED` holds the reasons that make a column useless only.

    Raises
    ------
    InputError
        If `y` has other values or one class only, or a length differs.
    ConfigError
        If `allow` or `dates` names an unknown column.

    Warns
    -----
    DataWarning
        Names that sound like something known after the outcome, where the values do not show it.

    Examples
    --------
    >>> won = np.arange(200) % 4 == 0
    >>> frame = pd.DataFrame({"pages": np.arange(200) % 7, "signed_by": np.where(won, "x", None)})
    >>> find_leakage(frame, won)[["column", "reason"]].values.tolist()
    [['signed_by', 'missing depends on the outcome']]
    """
    frame = to_frame(X)
    won, labels = _classes(y, len(frame)), read_groups(groups, len(frame))
    leads = _Leads(
        won,
        labels,
        row_weights(won, labels),
        _instants(created_at, len(frame), "created_at"),
        _instants(ended_at, len(frame), "ended_at"),
        {} if dates is None else {str(name): when for name, when in dates.items()},
    )
    unknown = [name for name in (*allow, *leads.written) if name not in frame.columns]
    if unknown:
        raise ConfigError(
            f"allow= or dates= names {quoted(unknown)}; the table has {quoted(frame.columns)}. "
            "Use the names of the table."
        )
    judged = frame[[name for name in frame.columns if name not in set(allow)]]
    columns = describe_columns(judged)
    rows = [
        (column.name, *verdict)
        for column in columns
        if (verdict := _verdict(column, judged[column.name], leads)) is not None
    ]
    found = pd.DataFrame(rows, columns=["column", "reason", "evidence"], dtype="str")
    used = set(judged.columns) - set(found["column"])
    _warn_of_names([name for name in judged.columns if name in used])
    _warn_of_words([column for column in columns if column.name in used])
    return found


def hinted(names: Collection[str]) -> list[str]:
    """Return the names that sound like something known only after the outcome.

    Features that `mmm.build_features` makes do not: they know what was known on their day.

    Examples
    --------
    >>> hinted(["call_duration", "industry", "Motivo chiusura", "previous_outcome"])
    ['call_duration', 'Motivo chiusura']
    """
    hints = [tuple(hint.split()) for hint in _HINTS.split("|")]
    found = []
    for name in names:
        words = set(name_words(name))
        if name in _BACKWARD or words & _PAST:
            continue
        if any(words.issuperset(hint) for hint in hints):
            found.append(name)
    return found


def _warn_of_names(names: Collection[str]) -> None:
    if suspects := hinted(names):
        warnings.warn(
            f"Columns {quoted(suspects)} sound like something known only after the outcome. Their "
            "values do not prove it, and they are used; leave them out unless they are known when "
            "a lead is scored.",
            DataWarning,
            stacklevel=3,
        )


def _warn_of_words(columns: Collection[Column]) -> None:
    """Warn of categories of which several say how a lead ended, such as "Lost to a rival"."""
    for column in columns:
        if set(name_words(column.name)) & _PAST:
            continue
        ends = [word for word in column.levels if set(name_words(word)) & _ENDS]
        if len(ends) > 1:
            warnings.warn(
                f"Column {column.name!r} holds words of how a lead ended ({quoted(ends, 3)}), and "
                "is used; leave it out unless it is known when a lead is scored.",
                DataWarning,
                stacklevel=3,
            )


def _verdict(column: Column, values: "pd.Series[Any]", leads: _Leads) -> tuple[str, str] | None:
    category = special_category(column.name)
    if category is not None:
        return SPECIAL, f"its name announces personal data on {category}"
    if column.kind == "constant":
        return CONSTANT, "no value at all" if column.n_missing else "one value in every row"
    filled = as_kind(values, column.kind, column.style).notna().to_numpy(dtype=bool)
    for sign in _futures(column, values, filled, leads):
        if sign is not None:
            return sign
    if column.kind == "identifier":
        return IDENTIFIER, "its values name rows, or are free text"
    evidence = separation(column, values, leads.won, leads.groups)
    return None if evidence is None else (SEPARATES, evidence)


def _futures(
    column: Column, values: "pd.Series[Any]", filled: Flags, leads: _Leads
) -> Iterator[tuple[str, str] | None]:
    """Yield the signs that a value was written after the outcome."""
    if column.name in leads.written:
        written = _instants(leads.written[column.name], len(values), column.name)
        yield _later(written, leads, "written")
    if column.kind == "date" and not any(
        _PLANNED.fullmatch(word) for word in name_words(column.name)
    ):
        yield _later(as_kind(values, "date", column.style), leads, "dated")
    yield _missing_by_class(filled, leads)
    if leads.closed is not None:
        yield _filled_by_end(filled, leads.closed, leads)


def _later(when: "pd.Series[Any] | None", leads: _Leads, verb: str) -> tuple[str, str] | None:
    """Compare dates with the end of a lead, then with its start, which has a day of grace."""
    day = pd.Timedelta(days=1)
    for limit, grace, name in (
        (leads.ended_at, pd.Timedelta(0), "end"),
        (leads.created_at, day, "start"),
    ):
        if limit is None or when is None:
            continue
        both = (when.notna() & limit.notna()).to_numpy(dtype=bool)
        gap = when.to_numpy() - limit.to_numpy()
        late = both & (gap >= grace.to_numpy() if name == "end" else gap > grace.to_numpy())
        if leads.count(late) >= 3 and late.sum() >= 0.05 * both.sum():
            days = float(np.median(gap[late] / np.timedelta64(1, "D")))
            return LATER, (
                f"{late.sum()} of {both.sum()} values are {verb} after the {name} of their lead, "
                f"by {days:.0f} days in the median"
            )
    return None


def _missing_by_class(filled: Flags, leads: _Leads) -> tuple[str, str] | None:
    n1, n0 = leads.count(leads.won), leads.count(~leads.won)
    for word, rows in (("filled", filled), ("missing", ~filled)):
        k1, k0 = leads.count(rows & leads.won), leads.count(rows & ~leads.won)
        times = FILLED if word == "filled" else UNFILLED
        for name, other, k, n, rest, others in (
            ("won", "not won", k1, n1, k0, n0),
            ("not won", "won", k0, n0, k1, n1),
        ):
            if _exclusive(k, n, rest, others, times):
                return MISSING, (
                    f"{word} in {k} of {n} leads {name} and in {rest} of {others} leads {other}"
                )
    return None


def _exclusive(inside: int, members: int, outside: int, others: int, limit: float) -> bool:
    """Tell whether rows belong to one class beyond what an honest column could show."""
    n, share = inside + outside, members / (members + others)
    if not n:
        return False
    empty = outside <= 0.001 * others
    for times, least, fits in ((limit, 0.9, empty), (NOISY, 0.97, True)):
        honest = max(least, times * share / (times * share + 1.0 - share))
        if fits and stats.binom.cdf(outside, n, 1.0 - honest) < ALPHA:
            return True
    return False


def _filled_by_end(filled: Flags, closed: Flags, leads: _Leads) -> tuple[str, str] | None:
    """Refuse a column three times, and 25 points, more often filled once a lead is closed."""
    n1, n0 = leads.count(closed), leads.count(~closed)
    if min(n1, n0) < 20:
        return None
    k1, k0 = leads.count(filled & closed), leads.count(filled & ~closed)
    # One success and one failure added on each side (Agresti and Caffo 2000).
    p1, p0 = (k1 + 1) / (n1 + 2), (k0 + 1) / (n0 + 2)
    error = float(np.sqrt(p1 * (1 - p1) / (n1 + 2) + p0 * (1 - p0) / (n0 + 2)))
    if p1 - p0 - float(stats.norm.isf(ALPHA)) * error < 0.25 or k1 / n1 < 3 * k0 / n0:
        return None
    return CLOSED, f"filled in {k1} of {n1} closed and in {k0} of {n0} open leads"


def separation(
    column: Column, values: "pd.Series[Any]", won: Flags, groups: Integers | None = None
) -> str | None:
    """Return the evidence that a column separates the classes alone, or None.

    Parameters
    ----------
    column : Column
    values : pandas.Series, shape (n,)
    won : ndarray of bool, shape (n,)
    groups : ndarray of int64, shape (n,), optional
        As `read_groups` returns them; by default each row is a group.

    Examples
    --------
    >>> won = np.arange(200) % 2 == 0
    >>> separation(Column("z", "number"), pd.Series(won * 5.0 + np.arange(200) / 100), won)
    'its best cut is right for 100 of 100 leads won and 100 of 100 not won'
    """
    groups = np.arange(len(values)) if groups is None else groups
    if len(values) > _MANY:
        pick = np.arange(_MANY) * len(values) // _MANY
        values, won, groups = values.iloc[pick], won[pick], groups[pick]
    weight = row_weights(won, groups)
    for score, usable, few, rates in _scores(
        column, as_kind(values, column.kind, column.style), won, groups, weight
    ):
        n1, n0 = (counted_rows(weight[usable & side]) for side in (won, ~won))
        if min(n1, n0) == 0:
            continue
        true, false = best_cut(
            score[usable], won[usable], both_ways=not rates, weight=weight[usable]
        )
        gap = abs(true - false)
        if _beyond_honest(gap, n1, n0, few):
            true, false = (true, false) if true > false else (1 - true, 1 - false)
            return (
                f"its best cut is right for {true * n1:.0f} of {n1} leads won and "
                f"{(1 - false) * n0:.0f} of {n0} not won"
            )
    return None


def _scores(
    column: Column, typed: "pd.Series[Any]", won: Flags, groups: Integers, weight: Floats
) -> Iterator[tuple[Floats, Flags, bool, bool]]:
    """Yield scores of a column: its numbers in order, then the rates of its levels.

    Levels that not every lead has are also looked at alone. Rates say something where they are
    higher for leads won. Lower they are of themselves: the rate of the others leaves out the lead's
    own win, and nothing else where levels are alike.
    """
    filled = typed.notna().to_numpy(dtype=bool)
    if column.kind == "category":
        codes = typed.cat.codes.to_numpy().astype(np.int64) + 1
        rates = rates_of_others(codes, won, groups, weight)
        yield from _by_level(rates, filled, len(column.levels) <= 5)
        return
    score = typed.to_numpy(dtype=np.float64)  # of dates the microseconds
    distinct = np.unique(score[filled])
    if len(distinct) > 2:
        yield score, filled, False, False
    edges = distinct
    if len(distinct) > 30:
        edges = np.unique(np.quantile(score[filled], np.linspace(0, 1, 21)[:-1]))
    bins = np.where(filled, np.searchsorted(edges, score, side="right"), 0)
    rates = rates_of_others(bins, won, groups, weight)
    yield from _by_level(rates, filled, len(edges) <= 5)


def _by_level(
    rates: Floats, filled: Flags, few: bool
) -> Iterator[tuple[Floats, Flags, bool, bool]]:
    yield rates, np.ones(len(rates), dtype=bool), few, True
    if not filled.all():
        yield rates, filled, few, True


def _beyond_honest(gap: float, n1: int, n0: int, few: bool) -> bool:
    if min(n1, n0) < (5 if gap >= 1.0 else 10):
        return False
    if gap >= 1.0:
        return honest_limit(n1, n0, few=few, apart=PERFECT) < 1.0
    # The limit of a sample lies above that of all leads, which often spares its simulation.
    limit = 1.0 - 2.0 * float(stats.norm.sf(CEILING / 2))
    return gap > limit and gap > honest_limit(n1, n0, few=few)


def honest_limit(n1: int, n0: int, *, few: bool = False, apart: float = CEILING) -> float:
    """Return the gap at the best cut that the strongest honest column exceeds once in a hundred.

    The gap is that of Kolmogorov and Smirnov, under two normal classes; by simulation, with a seed
    that depends on the sizes alone. Above a thousand rows a class the limit of a thousand is used,
    which is higher than the exact one.

    Parameters
    ----------
    n1, n0 : int
        Rows of each class.
    few : bool
        Whether the column has so few values that its cut is not searched for.
    apart : float
        Standard deviations between the classes.

    Examples
    --------
    >>> honest_limit(10, 90) == 1.0, 0.87 < honest_limit(1000, 1000) < 0.91
    (True, True)
    """
    return _limit(min(n1, 1000), min(n0, 1000), few, apart)


@lru_cache(maxsize=256)
def _limit(n1: int, n0: int, few: bool, apart: float) -> float:
    rng = np.random.default_rng([n1, n0, few])
    if few:
        wrong = float(stats.norm.sf(apart / 2))
        misses = rng.binomial(n1, wrong, 20_000) / n1 + rng.binomial(n0, wrong, 20_000) / n0
        gaps = 1.0 - misses
    else:
        gaps = np.empty(2000)
        for i in range(len(gaps)):
            score = np.concatenate([rng.normal(apart, 1.0, n1), rng.normal(0.0, 1.0, n0)])
            mine = np.argsort(score) < n1
            gaps[i] = np.abs(np.cumsum(mine) / n1 - np.cumsum(~mine) / n0).max()
    # Without the last rounding a perfect cut may fall short of 1.
    return round(float(np.quantile(gaps, 1.0 - ALPHA, method="higher")), 12)


def _classes(y: npt.ArrayLike, n: int) -> Flags:
    values = np.asarray(y)
    if values.shape != (n,):
        raise InputError(
            f"y has shape {values.shape} and the table {n} rows. Give one label a row."
        )
    found = pd.Series(values).unique().tolist()
    if len(found) != 2 or any(value not in (0, 1) for value in found):
        raise InputError(
            f"y holds {quoted(sorted(map(str, found)))}. Give both classes, as 0 and 1 and nothing "
            "else: leads that did not convert, and leads that did."
        )
    return values.astype(bool)


def _instants(values: Any, n: int, name: str) -> "pd.Series[Any] | None":
    return None if values is None else instants_of(values, n, name)
