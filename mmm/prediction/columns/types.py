"""Columns of a mixed frame: which kind each one is, and its values typed accordingly."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from mmm.channels import PLACEHOLDERS
from mmm.errors import InputError, name_rows, quoted
from mmm.prediction.columns.written import Style, date_style, dates_of, number_style, numbers_of

Kind = Literal["number", "category", "date", "boolean", "constant", "identifier"]

KINDS: tuple[Kind, ...] = ("number", "category", "date", "boolean", "constant", "identifier")
_BLANKS = ("", "null", "nan", "nat", "<na>", "na", "n.a.", "nd", "#n/a", "#n/d", "..", "...", "---")
_BLANKS_EN = ("(none)", "(empty)", "(blank)", "not available", "not specified", "not selected")
_BLANKS_EN_FORM = ("please select", "select...", "choose", "tbd", "undefined")
_BLANKS_IT = ("seleziona", "selezionare", "scegli", "da selezionare", "da definire", "vuoto")
_BLANKS_IT_FORM = ("non disponibile", "non indicato", "non indicata", "ignoto", "nessun dato")
MISSING_WORDS = PLACEHOLDERS | {
    *_BLANKS, *_BLANKS_EN, *_BLANKS_EN_FORM, *_BLANKS_IT, *_BLANKS_IT_FORM, "\u2013", "\u2014"
}  # fmt: skip
_TRUE = frozenset({"true", "yes", "y", "t", "si", "s\u00ec", "vero", "s"})
_FALSE = frozenset({"false", "no", "n", "f", "falso"})
_ID_NAMES = re.compile(
    r"(.*[_ ])?(id|uuid|guid|e[-_ ]?mail|phone|telefono|cellulare|matricola|cookie|hash)"
    r"|(full[_ ]?|first[_ ]?|last[_ ]?)?name|nome|cognome|ragione[_ ]sociale|url"
)
# Names of people and their addresses say nothing of the next lead, however often one comes back.
_PERSONAL = re.compile(
    r"(.*[_ ])?(e[-_ ]?mail|phone|mobile|telefono|cellulare)"
    r"|((full|first|last|given|family)[_ ]?)?name|nome|surname|cognome|nominativo"
)
_MANY = 20  # different values, above which such a column holds people and no few kinds of them
# Ids of our own tables identify at any number of repeats: a person with two leads is no category.
_OWN_IDS = frozenset({"id", "lead_id", "person_id", "account_id", "deal_id", "touch_id", "mql_id"})
_ENOUGH = 10  # values, below which nothing is called an identifier by its values alone
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
_EITHER = re.compile(r"-?[1-9]\d{0,2}[.,]\d{3}")  # 1.500 may be 1500


@dataclass(frozen=True)
class Column:
    """One column of a frame.

    Attributes
    ----------
    name : str
    kind : {"number", "category", "date", "boolean", "constant", "identifier"}
        An identifier names rows or holds free text; a constant has one value, or none.
    levels : tuple of str
        Values of a category, sorted; empty for other kinds.
    n_missing : int
        Rows without a value; a placeholder such as "Select" or "unknown" is none.
    style : {"", ".", ",", "iso", "dmy", "mdy"}
        How its text writes numbers or dates; empty where they are stored as such.
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    n_missing: int = 0
    style: Style = ""


def describe_columns(X: Any) -> tuple[Column, ...]:
    """Tell the kind of each column from its values.

    Parameters
    ----------
    X : pandas, Polars or pyarrow frame, or array of shape (n, p)

    Returns
    -------
    tuple of Column
        In the order of the frame.

    Raises
    ------
    InputError
        As `clean_frame`.

    Examples
    --------
    >>> frame = pd.DataFrame({"pages": [3, 5, 4], "source": ["fair", "Select", "web"]})
    >>> [(c.name, c.kind, c.levels, c.n_missing) for c in describe_columns(frame)]
    [('pages', 'number', (), 0), ('source', 'category', ('fair', 'web'), 1)]
    """
    frame = to_frame(X)
    return tuple(_describe(str(name), frame[name]) for name in frame.columns)


def clean_frame(X: Any, columns: Sequence[Column] | None = None) -> pd.DataFrame:
    """Type a mixed frame; placeholders become missing values.

    Parameters
    ----------
    X : pandas, Polars or pyarrow frame, or array of shape (n, p)
        Columns of an array are named x0, x1, ...
    columns : sequence of Column, optional
        Columns wanted, of the kinds found in training; others are left out. By default all, of the
        kinds that `describe_columns` tells.

    Returns
    -------
    pandas.DataFrame
        number and boolean: float64 (0 and 1 for false and true); date: datetime64[us], UTC without
        zone; category: pandas category of text, its categories sorted; constant and identifier:
        text. Missing is NaN or NaT.

    Raises
    ------
    InputError
        If a wanted column is absent, a name stands twice, a number is infinite, or values are not
        of the wanted kind; naming columns and rows.

    Examples
    --------
    >>> clean_frame(pd.DataFrame({"demo": ["yes", "no", "n/a"]}))["demo"].tolist()
    [1.0, 0.0, nan]
    """
    frame = to_frame(X)
    if columns is None:
        columns = [_describe(str(name), frame[name]) for name in frame.columns]
    absent = [column.name for column in columns if column.name not in frame.columns]
    if absent:
        raise InputError(
            f"The table has no column {quoted(absent)}; found {quoted(frame.columns)}. "
            "Give the columns that the model was trained on."
        )
    typed = {
        column.name: as_kind(frame[column.name], column.kind, column.style, column.levels)
        for column in columns
    }
    return pd.DataFrame(typed, index=frame.index)


def to_frame(X: Any) -> pd.DataFrame:
    """Return any table as a pandas frame with distinct text names, values untouched.

    Raises
    ------
    InputError
        If it is no table of two dimensions, or a name stands twice.

    Examples
    --------
    >>> to_frame(np.zeros((2, 2))).columns.tolist()
    ['x0', 'x1']
    """
    if isinstance(X, pd.DataFrame):
        frame = X
    elif hasattr(X, "to_pandas"):
        frame = X.to_pandas()
    else:
        if hasattr(X, "tocsr"):
            raise InputError("The table is sparse. Pass a frame, or X.toarray().")
        array = np.asarray(X)
        if array.ndim != 2:
            raise InputError(
                f"Expected 2D array, got {array.ndim}D array instead. Reshape your data: one row "
                "a lead, one column a feature."
            )
        frame = pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InputError(f"The table has several columns named {quoted(twice)}. Rename them.")
    return frame if names == list(frame.columns) else frame.set_axis(names, axis="columns")


def as_kind(
    values: "pd.Series[Any]", kind: Kind, style: Style = "", levels: Sequence[str] = ()
) -> "pd.Series[Any]":
    """Return the values of one column as a kind; see `clean_frame`.

    `style` and `levels` are those of `Column`: what a column stores as a number, a day, or true or
    false is the one level of a category that means it. 1.5 is the level 1.50, and 118 is 00118.

    Raises
    ------
    InputError
        Naming the rows whose values are not of that kind.

    Examples
    --------
    >>> as_kind(pd.Series(["3", "Select"]), "number").tolist()
    [3.0, nan]
    """
    if kind in {"number", "boolean", "date"}:
        typed, bad = read_kind(values, kind, style)
        if bad.any():
            rows = np.flatnonzero(bad)
            first = values.iloc[rows[0]]
            infinite = isinstance(first, float | np.floating)
            what = "infinity" if infinite else f"{str(first)!r}, which is no {kind},"
            raise InputError(
                f"Column {values.name!r} contains {what} in {name_rows(rows.tolist())}. "
                "Correct those values, or leave them empty."
            )
        return typed
    return _categories(values, levels) if kind == "category" else _text(values)


def read_kind(
    values: "pd.Series[Any]", kind: Kind, style: Style = ""
) -> tuple["pd.Series[Any]", Any]:
    """Read one column as a number, boolean or date, and tell which rows resist.

    Where text has a `style` it is read so; by default as all its words tell.

    Returns
    -------
    typed : pandas.Series
        Missing where the value resists.
    bad : ndarray of bool, shape (n,)
        Rows that hold something, and not of that kind; infinity is no number.

    Examples
    --------
    >>> read_kind(pd.Series(["3", "many"]), "number")[1].tolist()
    [False, True]
    """
    nature = _nature(values)
    if kind == "date" and nature == "date":
        return _naive(values), np.zeros(len(values), dtype=bool)
    if kind in {"number", "boolean"} and nature in {"number", "boolean"}:
        floats = _floats(values)
        infinite = np.isinf(floats.to_numpy())
        return (floats.mask(infinite) if infinite.any() else floats), infinite
    codes, words = _coded(values)
    if kind == "date":
        read: Any = dates_of(words, style)
        fill: Any = np.datetime64("NaT", "us")
    else:
        read, fill = (numbers_of(words, style) if kind == "number" else _flags_of(words)), np.nan
    known = np.append(read, np.array([fill], dtype=read.dtype))
    typed = known[codes]
    if kind == "number" and values.dtype == object:  # 1.234 as stored is never 1234
        stored = np.array([pd.api.types.is_number(value) for value in values], dtype=bool)
        typed[stored] = values[stored].astype("float64")
        typed[np.isinf(typed)] = np.nan
    bad = (codes >= 0) & pd.isna(typed)
    return pd.Series(typed, index=values.index, name=values.name), bad


def unlike(
    values: "pd.Series[Any]", kind: Kind, style: Style = "", levels: Sequence[str] = ()
) -> bool:
    """Tell whether a column cannot be of the kind it had in training.

    A few cells that resist are bad rows, not another type: more than one in twenty is. Anything can
    be a category that was never seen. Only ten or more values that are stored as numbers, dates, or
    true and false are another type, where none is a level and most are not even written like one.

    Examples
    --------
    >>> numbers = pd.Series(range(20))
    >>> unlike(numbers, "category", levels=("fair", "web")), unlike(numbers[:1], "category")
    (True, False)
    """
    if kind in {"constant", "identifier"}:
        return False
    nature = _nature(values)
    n_known = int(values.notna().sum())
    if not n_known:
        return False
    if kind == "category":
        return nature != "text" and _strange(values, levels)
    _, bad = read_kind(values, kind, style)
    return bool(bad.sum() > max(1, n_known // 20) or bad.sum() == n_known)


def _strange(values: "pd.Series[Any]", levels: Sequence[str]) -> bool:
    """Tell whether values are no levels, and most of them not written like one."""
    codes, words = _coded(values, levels)
    if (codes >= 0).sum() < _ENOUGH or not set(levels).isdisjoint(words):
        return False
    forms = {re.sub(r"\d", "0", level) for level in levels}
    return sum(re.sub(r"\d", "0", word) in forms for word in words) < len(words) / 2


def _describe(name: str, values: "pd.Series[Any]") -> Column:
    nature = _nature(values)
    if nature in {"number", "boolean"}:
        floats = _floats(values)
        kind: Kind = "boolean" if nature == "boolean" else "number"
        known = floats[floats.notna()]
        if nature == "number" and _counts_rows(name, known.to_numpy(dtype=np.float64)):
            kind = "identifier"
        return _unless_constant(name, kind, known.nunique(), len(values) - len(known))
    if nature == "date":
        known_dates = values[values.notna()]
        n_missing = len(values) - len(known_dates)
        return _unless_constant(name, "date", known_dates.nunique(), n_missing)
    codes, words = _coded(values)
    n_missing = int((codes < 0).sum())
    kind, levels, style = _text_kind(name, words, len(values) - n_missing)
    found = _unless_constant(name, kind, len(words), n_missing)
    return replace(found, levels=levels, style=style) if found.kind == kind else found


def _unless_constant(name: str, kind: Kind, n_values: int, n_missing: int) -> Column:
    constant = n_values + (n_missing > 0) <= 1
    return Column(name, "constant" if constant else kind, (), n_missing)


def _text_kind(
    name: str, words: "np.ndarray[Any, Any]", n: int
) -> tuple[Kind, tuple[str, ...], Style]:
    low = [word.lower() for word in words]
    if words.size and {*low} <= _TRUE | _FALSE and {*low} & _TRUE and {*low} & _FALSE:
        return "boolean", (), ""
    if words.size and np.isfinite(read := numbers_of(words)).all():
        counts = _counts_rows(name, np.sort(read)) if len(words) == n else False
        if counts or name.lower() in _OWN_IDS:
            return "identifier", (), ""
        return "number", (), number_style(words)
    if words.size and not np.isnat(dates_of(words)).any():
        return "date", (), date_style(words)
    distinct = n >= _ENOUGH and len(words) > 0.9 * n
    blanks = float(np.mean([word.count(" ") for word in low])) if low else 0.0
    wordy = len(words) > 20 and (blanks > 6 or (blanks >= 2 and len(words) > 0.5 * n))
    named = _ID_NAMES.fullmatch(name.lower()) is not None and len(words) > 0.5 * n
    named = named or (_PERSONAL.fullmatch(name.lower()) is not None and len(words) > _MANY)
    if name.lower() in _OWN_IDS or distinct or wordy or (named and len(words) > 1):
        return "identifier", (), ""
    return "category", tuple(sorted(words)), ""


def _counts_rows(name: str, known: "np.ndarray[Any, Any]") -> bool:
    """Tell whether numbers only count or name rows: whole, all distinct, and dense or so named."""
    if name.lower() in _OWN_IDS:
        return True
    n = len(known)
    if n < _ENOUGH or not np.array_equal(known, np.floor(known)) or len(np.unique(known)) < n:
        return False
    dense = n >= 20 and float(known.max() - known.min()) < 3 * n
    return dense or _ID_NAMES.fullmatch(name.lower()) is not None


def _nature(values: "pd.Series[Any]") -> str:
    """Tell what is stored: number, boolean, date, text or empty."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _nature(pd.Series(dtype.categories)) if len(dtype.categories) else "empty"
    if pd.api.types.is_object_dtype(dtype) or isinstance(dtype, pd.ArrowDtype):
        return _nature_of_objects(values)
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "date"
    if pd.api.types.is_complex_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        raise _foreign(values, str(dtype))
    return "number" if pd.api.types.is_numeric_dtype(dtype) else "text"


_NATURES = {
    "boolean": ("boolean",),
    "number": ("integer", "floating", "mixed-integer-float", "decimal"),
    "date": ("datetime64", "datetime", "date"),
    "empty": ("empty",),
}


def _nature_of_objects(values: "pd.Series[Any]") -> str:
    found = pd.api.types.infer_dtype(values, skipna=True)
    if found in {"complex", "timedelta", "timedelta64"}:
        raise _foreign(values, found)
    return next((nature for nature, names in _NATURES.items() if found in names), "text")


def _foreign(values: "pd.Series[Any]", found: str) -> InputError:
    known = "Complex data not supported: column" if "complex" in found else "Column"
    return InputError(
        f"{known} {values.name!r} holds {found} values. Pass numbers, text, dates, true or false."
    )


def _floats(values: "pd.Series[Any]") -> "pd.Series[float]":
    if values.dtype == np.float64:
        floats = values
    elif isinstance(values.dtype, pd.CategoricalDtype) or values.dtype == object:
        read = [np.nan if pd.isna(value) else float(value) for value in values]
        floats = pd.Series(read, index=values.index, name=values.name, dtype="float64")
    else:
        floats = values.astype("Float64").astype("float64")
    return floats


def _naive(values: "pd.Series[Any]") -> "pd.Series[Any]":
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    instants = pd.to_datetime(values, utc=True)
    return instants.dt.tz_localize(None).astype("datetime64[us]")


def _coded(
    values: "pd.Series[Any]", levels: Sequence[str] = ()
) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    """Return a code a row, -1 where missing, and the distinct texts behind the codes, sorted."""
    say = _speller(levels)
    try:
        codes, found = pd.factorize(values)
    except TypeError:  # a list or another thing that has no hash
        raise _foreign(values, "nested") from None
    if values.dtype == object and not all(isinstance(value, str) for value in found):
        # True equals 1: which of the two stands first must not decide what is read.
        codes, found = pd.factorize(values.map(say, na_action="ignore"))
    said = [say(value) for value in found]
    words = sorted({word for word in said if word is not None})
    place = {word: i for i, word in enumerate(words)}
    lookup = np.array([-1 if word is None else place[word] for word in said] + [-1], dtype=np.int64)
    return lookup[codes], np.array(words, dtype=object)


def _speller(levels: Sequence[str]) -> Callable[[object], str | None]:
    """Return what tells the text of a cell, None where it is a placeholder."""
    exact = frozenset(levels)

    @cache
    def meant() -> dict[float | str, str]:
        plain = [level for level in levels if not _EITHER.fullmatch(level)]
        counts = Counter(map(_meaning, plain))
        return {_meaning(level): level for level in plain if counts[_meaning(level)] == 1}

    def say(value: object) -> str | None:
        text = (value if isinstance(value, str) else _plain(value)).strip()
        if text.lower() in MISSING_WORDS:
            return None
        if not exact or isinstance(value, str) or text in exact:
            return text
        return meant().get(_meaning(text), text)

    return say


def _plain(value: object) -> str:
    """Return the text of what is stored, without the zeros that its type adds: 20100.0 is 20100."""
    if isinstance(value, float | np.floating | Decimal):
        number = float(value)
        if number.is_integer() and abs(number) < 2**53:
            return str(int(number))
    text = str(value)
    return text.removesuffix(" 00:00:00") if isinstance(value, dt.datetime) else text


def _meaning(text: str) -> float | str:
    """Return what equal texts of numbers, days, or true and false have in common."""
    if _NUMBER.fullmatch(text):
        return float(text.replace(",", "."))
    return text.lower().removesuffix(" 00:00:00")


def _text(values: "pd.Series[Any]") -> "pd.Series[str]":
    codes, words = _coded(values)
    filled = np.append(words, np.array([None], dtype=object))[codes]
    return pd.Series(filled, index=values.index, name=values.name, dtype="str")


def _categories(values: "pd.Series[Any]", levels: Sequence[str] = ()) -> "pd.Series[Any]":
    codes, words = _coded(values, levels)
    coded = pd.Categorical.from_codes(codes, categories=pd.Index(words, dtype="str"))
    return pd.Series(coded, index=values.index, name=values.name)


def _flags_of(words: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    spelled = {**dict.fromkeys(_TRUE | {"1"}, 1.0), **dict.fromkeys(_FALSE | {"0"}, 0.0)}
    return np.array([spelled.get(word.lower(), np.nan) for word in words], dtype=np.float64)


def instants_of(values: Any, n: int, name: str) -> "pd.Series[Any]":
    """Return instants in UTC, without their zone, shape (n,).

    Raises
    ------
    InputError
        If they are no instants, or not `n` of them.
    """
    column = pd.Series(values).reset_index(drop=True)
    if len(column) != n:
        raise InputError(f"{name} has {len(column)} rows, the table {n}. Give one instant a row.")
    try:
        stamps = pd.to_datetime(column, utc=True)
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} is not all dates: {error}. Write YYYY-MM-DD.") from error
    return stamps.dt.tz_localize(None).astype("datetime64[us]")
