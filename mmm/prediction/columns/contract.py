"""Data contract: what a model was trained on, and what may be scored with it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from mmm.errors import InputError, counted, quoted
from mmm.prediction.columns.types import (
    KINDS,
    Column,
    clean_frame,
    describe_columns,
    read_kind,
    to_frame,
    unlike,
)
from mmm.prediction.columns.written import STYLES, Style, numbers_of

_WEEK = pd.Timedelta(days=7)


@dataclass(frozen=True)
class DataContract:
    """The table a model was trained on, as far as scoring has to agree with it.

    Attributes
    ----------
    columns : tuple of Column
        Columns the model uses, in order.
    ignored : tuple of str
        Columns known in training that the model does not use; they may be there or not.
    n_rows : int
        Rows of training.
    first_at, last_at : str or None
        First and last day on which a lead of training came in, ISO; None where unknown.
    weekly_mean, weekly_variance : float or None
        Leads a week in training, over whole weeks; None with fewer than four.
    """

    columns: tuple[Column, ...]
    ignored: tuple[str, ...] = ()
    n_rows: int = 0
    first_at: str | None = None
    last_at: str | None = None
    weekly_mean: float | None = None
    weekly_variance: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "DataContract":
        """Return the contract that `to_dict` wrote.

        Raises
        ------
        InputError
            If something is missing or of the wrong kind.
        """
        try:
            columns = tuple(
                Column(
                    str(c["name"]), c["kind"], tuple(map(str, c["levels"])), int(c["n_missing"]),
                    c.get("style", ""),
                )
                for c in plain["columns"]
            )  # fmt: skip
            if any(column.kind not in KINDS or column.style not in STYLES for column in columns):
                raise ValueError("a column is of no known kind")
            rest = {name: plain[name] for name in _PLAIN}
            return cls(columns, tuple(map(str, plain["ignored"])), **rest)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"The data contract of the model is damaged ({error!r}). Train again, or restore "
                "the model from its copy."
            ) from error


_PLAIN = ("n_rows", "first_at", "last_at", "weekly_mean", "weekly_variance")


@dataclass(frozen=True, eq=False)
class Admission:
    """A table that was let in for scoring.

    Attributes
    ----------
    frame : pandas.DataFrame
        Good rows, columns of the contract, typed as `clean_frame` types them.
    kept : ndarray of int64, shape (n_kept,)
        Positions of the good rows in the table given.
    unseen : pandas.DataFrame
        column, level, n: categories that training never saw; they are scored as "other".
    quarantine : pandas.DataFrame
        row (position), column, problem: rows left out, one row a problem.
    """

    frame: pd.DataFrame
    kept: npt.NDArray[np.int64]
    unseen: pd.DataFrame
    quarantine: pd.DataFrame


def freeze_contract(
    X: Any,
    *,
    columns: Sequence[Column] | None = None,
    ignored: Collection[str] = (),
    created_at: Any = None,
) -> DataContract:
    """Write down what the training table looks like.

    Parameters
    ----------
    X : frame or array, shape (n, p)
    columns : sequence of Column, optional
        Columns the model uses, where they are known already; by default all but `ignored`.
    ignored : collection of str
        Columns not used: refused, dropped, ids.
    created_at : array_like of instants, shape (n,), optional
        When the leads came in: what fresh data and a usual week are.

    Returns
    -------
    DataContract

    Examples
    --------
    >>> freeze_contract(pd.DataFrame({"source": ["fair", "web"]})).columns[0].levels
    ('fair', 'web')
    """
    frame = to_frame(X)
    if columns is None:
        used = frame[[name for name in frame.columns if name not in set(ignored)]]
        columns = describe_columns(used)
    first = last = mean = variance = None
    if created_at is not None:
        when = pd.to_datetime(pd.Series(created_at), utc=True).dropna()
        if len(when):
            first, last = (f"{moment:%Y-%m-%d}" for moment in (when.min(), when.max()))
            mean, variance = _weekly(when)
    return DataContract(tuple(columns), tuple(ignored), len(frame), first, last, mean, variance)


def schema_difference(contract: DataContract, X: Any) -> pd.DataFrame:
    """List how a table differs from the one of training.

    Returns
    -------
    pandas.DataFrame
        column, problem ("missing", "extra" or "retyped"), expected, found; empty where they agree.

    Examples
    --------
    >>> contract = freeze_contract(pd.DataFrame({"pages": [1, 2], "source": ["fair", "web"]}))
    >>> other = pd.DataFrame({"pages": ["many", "few"], "owner": ["a", "b"]})
    >>> schema_difference(contract, other)[["column", "problem"]].values.tolist()
    [['pages', 'retyped'], ['source', 'missing'], ['owner', 'extra']]
    """
    frame = to_frame(X)
    rows: list[tuple[str, str, str, str]] = []
    for column in contract.columns:
        if column.name not in frame.columns:
            rows.append((column.name, "missing", column.kind, "nothing"))
        elif unlike(frame[column.name], column.kind, column.style, column.levels):
            rows.append(
                (column.name, "retyped", column.kind, _unlike_cells(frame[column.name], column))
            )
    known = {column.name for column in contract.columns} | set(contract.ignored)
    rows += [(str(name), "extra", "nothing", "a column") for name in frame if name not in known]
    return pd.DataFrame(rows, columns=["column", "problem", "expected", "found"], dtype="str")


def check_schema(contract: DataContract, X: Any) -> None:
    """Refuse a table whose columns differ from those of training.

    Raises
    ------
    InputError
        Listing every missing, extra and retyped column.

    Examples
    --------
    >>> frame = pd.DataFrame({"pages": [1, 2]})
    >>> check_schema(freeze_contract(frame), frame)
    """
    difference = schema_difference(contract, X)
    if difference.empty:
        return
    said = []
    for problem, rows in difference.groupby("problem", sort=False):
        if problem == "retyped":
            pairs = zip(rows["column"], rows["expected"], rows["found"], strict=True)
            said.append("retyped " + ", ".join(f"{n!r} ({e}, now {f})" for n, e, f in pairs))
        else:
            said.append(f"{problem} {quoted(rows['column'], limit=40)}")
    raise InputError(
        f"The table differs from the one the model was trained on: {'; '.join(said)}. "
        "Give the same columns with values of the same type, or train again on the new ones."
    )


def _unlike_cells(values: "pd.Series[Any]", column: Column) -> str:
    """Name what does not fit into a column, and how often it stands there."""
    there = values.notna().to_numpy(dtype=bool)
    category = column.kind == "category"
    bad = there if category else read_kind(values, column.kind, column.style)[1]
    first = str(values.iloc[int(np.flatnonzero(bad)[0])])
    said = f"{first!r} and its like" if bad.sum() > 1 else repr(first)
    said += f" in {int(bad.sum()):,} of {counted(int(there.sum()), 'value')}"
    if category:
        return f"{said}, none of them known"
    styles: tuple[Style, ...] = (".", ",")
    read = [numbers_of([first], style)[0] for style in styles]
    either = column.kind == "number" and np.isfinite(read).all()
    return f"{said}, {read[0]:g} or {read[1]:g} as a locale says" if either else said


def admit(contract: DataContract, X: Any, *, lead_id: Any = None, whole: bool = True) -> Admission:
    """Let a table in for scoring: same columns, bad rows apart, unseen categories counted.

    A row is bad where a value is infinite or not of its column's kind, and where its lead_id is
    missing or stands twice. It is not scored and not lost: `quarantine` names it.

    Parameters
    ----------
    contract : DataContract
    X : frame or array, shape (n, p)
    lead_id : array_like, shape (n,), optional
    whole : bool, default True
        Whether the rows speak for the table. In a later part of one they do not: the schema has
        been checked, and bad rows are bad rows however many of them the part holds.

    Returns
    -------
    Admission

    Raises
    ------
    InputError
        As `check_schema`, and if every row is bad.

    Examples
    --------
    >>> contract = freeze_contract(pd.DataFrame({"pages": [1, 2], "source": ["fair", "web"]}))
    >>> new = pd.DataFrame({"pages": [3, 4, float("inf")], "source": ["web", "fax", "web"]})
    >>> admission = admit(contract, new)
    >>> admission.kept.tolist(), admission.unseen.values.tolist()
    ([0, 1], [['source', 'fax', 1]])
    """
    frame = to_frame(X)
    if whole:
        check_schema(contract, frame)
    problems = _bad_cells(contract, frame)
    if lead_id is not None:
        problems += _bad_ids(pd.Series(lead_id).reset_index(drop=True), len(frame))
    quarantine = pd.DataFrame(problems, columns=["row", "column", "problem"])
    quarantine = quarantine.sort_values(["row", "column"], ignore_index=True)
    kept = np.setdiff1d(np.arange(len(frame)), quarantine["row"].to_numpy(dtype=np.int64))
    if whole and len(frame) and not len(kept):
        raise InputError(
            f"All {len(frame)} rows are bad: {quoted(quarantine['problem'].unique())} in "
            f"{quoted(quarantine['column'].unique())}. Correct them and score again."
        )
    good = clean_frame(frame.iloc[kept], contract.columns)
    return Admission(good, kept.astype(np.int64), unseen_levels(contract, good), quarantine)


def unseen_levels(contract: DataContract, frame: pd.DataFrame) -> pd.DataFrame:
    """Count the categories that training never saw.

    Parameters
    ----------
    contract : DataContract
    frame : pandas.DataFrame
        Typed by `clean_frame`.

    Returns
    -------
    pandas.DataFrame
        column, level, n.
    """
    rows = []
    for column in contract.columns:
        if column.kind == "category":
            counts = frame[column.name].value_counts(sort=False)
            known = set(column.levels)
            rows += [
                (column.name, str(level), int(n))
                for level, n in counts.items()
                if n and level not in known
            ]
    return pd.DataFrame(rows, columns=["column", "level", "n"])


def guard_batch(
    contract: DataContract,
    created_at: Any,
    *,
    as_of: Any,
    max_age_days: float = 14.0,
    max_model_days: float = 180.0,
) -> pd.DataFrame:
    """Check that leads are fresh, that as many came in as usual, and that the model is young.

    A usual volume lies within the middle 99.8% of a negative binomial with the mean and variance
    of the weeks of training (Poisson where the variance is smaller than the mean).

    Parameters
    ----------
    contract : DataContract
    created_at : array_like of instants, shape (n,)
        When the leads to score came in.
    as_of : date, str or timestamp
        Day of the scoring.
    max_age_days : float, default 14
        The newest lead should not be older.
    max_model_days : float, default 180
        Nor should the newest lead of training.

    Returns
    -------
    pandas.DataFrame
        check ("fresh", "volume", "model"), ok (true, false, or missing where it cannot be told),
        found, expected.

    Examples
    --------
    >>> days = pd.date_range("2025-01-01", "2025-06-30", freq="D", tz="UTC")
    >>> contract = freeze_contract(pd.DataFrame({"a": range(len(days))}), created_at=days)
    >>> guard_batch(contract, days[-60:], as_of="2025-07-01")["ok"].tolist()
    [True, True, True]
    >>> guard_batch(contract, days[-60:-40], as_of="2025-07-01")["ok"].tolist()
    [False, False, True]
    """
    when = pd.to_datetime(pd.Series(created_at), utc=True).dropna()
    today = pd.Timestamp(as_of)
    today = today.tz_localize("UTC") if today.tzinfo is None else today.tz_convert("UTC")
    rows: list[tuple[str, object, str, str]] = []
    age = None if when.empty else (today - when.max()) / pd.Timedelta(days=1)
    found = "no dated lead" if age is None else f"newest lead {age:.0f} days old"
    fresh = age is not None and age <= max_age_days
    rows.append(("fresh", fresh, found, f"at most {max_age_days:.0f} days"))
    rows.append(("volume", *_volume(contract, when, today)))
    if contract.last_at is None:
        rows.append(("model", None, "training without dates", f"at most {max_model_days:.0f} days"))
    else:
        old = (today - pd.Timestamp(contract.last_at, tz="UTC")) / pd.Timedelta(days=1)
        said = f"training ends {old:.0f} days ago"
        rows.append(("model", old <= max_model_days, said, f"at most {max_model_days:.0f} days"))
    return pd.DataFrame(rows, columns=["check", "ok", "found", "expected"]).astype(
        {"ok": "boolean"}
    )


def _volume(
    contract: DataContract, when: "pd.Series[Any]", today: pd.Timestamp
) -> tuple[object, str, str]:
    mean, variance = contract.weekly_mean, contract.weekly_variance
    n_weeks = 4
    n = int(((when > today - n_weeks * _WEEK) & (when <= today)).sum())
    found = f"{n} leads in the last {n_weeks} weeks"
    if mean is None or variance is None or mean <= 0:
        return None, found, "not known from training"
    total, spread = mean * n_weeks, variance * n_weeks
    usual: Any
    if spread > total:
        usual = stats.nbinom(total**2 / (spread - total), total / spread)
    else:
        usual = stats.poisson(total)
    low, high = int(usual.ppf(0.001)), int(usual.ppf(0.999))
    return low <= n <= high, found, f"{low} to {high}"


def _weekly(when: "pd.Series[Any]") -> tuple[float | None, float | None]:
    week = ((when - when.min()) // _WEEK).to_numpy(dtype=np.int64)
    counts = np.bincount(week)[: int((when.max() - when.min()) // _WEEK)]
    if len(counts) < 4:
        return None, None
    return float(counts.mean()), float(counts.var(ddof=1))


def _bad_cells(contract: DataContract, frame: pd.DataFrame) -> list[tuple[int, str, str]]:
    problems = []
    for column in contract.columns:
        if column.kind in {"number", "boolean", "date"}:
            values = frame[column.name]
            _, bad = read_kind(values, column.kind, column.style)
            problems += [
                (int(row), column.name, f"{str(values.iloc[row])!r} is no {column.kind}")
                for row in np.flatnonzero(bad)
            ]
    return problems


def _bad_ids(ids: "pd.Series[Any]", n: int) -> list[tuple[int, str, str]]:
    if len(ids) != n:
        raise InputError(f"lead_id has {len(ids)} rows, the table {n}. Give one id a row.")
    missing = ids.isna().to_numpy()
    twice = ids.duplicated(keep=False).to_numpy() & ~missing
    said = [(int(row), "lead_id", "is missing") for row in np.flatnonzero(missing)]
    return said + [
        (int(row), "lead_id", f"{str(ids.iloc[row])!r} stands twice")
        for row in np.flatnonzero(twice)
    ]
