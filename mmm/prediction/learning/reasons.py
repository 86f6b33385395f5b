"""Reasons: what each column adds to the log-odds of a lead, in numbers and in plain sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit

from mmm.prediction.handover.grades import LETTERS, Grades
from mmm.prediction.learning.encoding import Encoded, Feature, encode
from mmm.prediction.learning.model import Model
from mmm.prediction.learning.naming import column_name, is_own, is_step, opening_name
from mmm.wording import entries, format_count, format_date, say

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

AGE = "(age)"
N_REASONS = 3
LEAST = 0.02  # log-odds below which a column says nothing worth reading
SLIGHT, MUCH = np.log(1.25), np.log(2.0)
ADDITIVE = "exact: the model is a sum over columns"
SWAPPED = (
    "additive part exact; the rest is shared out by swapping columns from a typical lead to this "
    "one, in the order of their names and in reverse, and averaging (Shapley values of two orders)"
)


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each column adds to the log-odds of each lead.

    Attributes
    ----------
    columns : tuple of str
        Columns of the table; "(age)", last, where the model knows when leads end.
    base : float
        Log-odds of an average new lead, of which no column says anything: a part is above 0 where
        leads would convert more often than those of training do, had all of them that part.
    values : ndarray of float64, shape (n, n_columns)
        Log-odds; ``base + values.sum(axis=1)`` is `log_odds`.
    log_odds : ndarray of float64, shape (n,)
        Of the probability reported.
    method : str
        How the parts were found.
    """

    columns: tuple[str, ...]
    base: float
    values: Floats
    log_odds: Floats
    method: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row a lead: base, the columns, log_odds."""
        frame = pd.DataFrame(self.values, columns=list(self.columns))
        frame.insert(0, "(base)", self.base)
        return frame.assign(**{"(log-odds)": self.log_odds})


def contributions(
    model: Model, rows: Encoded, ages: Floats, within: float | None = None
) -> Contributions:
    """Share the log-odds of each lead out to its columns.

    The score is a sum over columns. Where the model knows when leads end, the log-odds reported
    are an increasing function g_a of the score s at age a alone: ``g_a(s) - g_a(c)``, c the score
    of an average lead, is shared out in proportion to the parts of ``s - c``, and
    ``g_a(c) - g_0(c)`` is the part of the age.

    Parameters
    ----------
    model : Model
    rows : Encoded
    ages : ndarray of float64, shape (n,)
        Days since creation.
    within : float, optional
        Days; as `Hazards.link`.

    Returns
    -------
    Contributions
    """
    n = len(rows)
    parts = model.parts(rows) - model.middle
    names = tuple(feature.name for feature in model.features)
    method = SWAPPED if model.wholes else ADDITIVE
    gap, centre = parts.sum(axis=1), model.centre
    if model.hazards is None:
        return Contributions(names, centre, parts, centre + gap, method)
    target = model.log_odds(centre + gap, ages, within)
    aged = model.log_odds(np.full(n, centre), ages, within)
    base = float(model.log_odds(np.array([centre]), np.zeros(1), within)[0])
    tiny = np.abs(gap) < 1e-9
    factor = np.where(tiny, 0.0, (target - aged) / np.where(tiny, 1.0, gap))
    values = np.column_stack([parts * factor[:, None], aged - base])
    return Contributions((*names, AGE), base, values, base + values.sum(axis=1), method)


def sentences(
    parts: Contributions,
    frame: pd.DataFrame,
    features: Sequence[Feature],
    ages: Floats,
    lang: str = "en",
) -> npt.NDArray[np.object_]:
    """Say the three weightiest columns of each lead, as tuples of sentences, shape (n,).

    Columns are named as people read them; see `mmm.prediction.learning.naming`. A value that is
    missing is named where it says more than slightly, or nothing else tells a lead from the others.

    Parameters
    ----------
    parts : Contributions
    frame : pandas.DataFrame
        Clean; the same rows.
    features : sequence of Feature
    ages : ndarray of float64, shape (n,)
    lang : {"en", "it"}
    """
    n = len(frame)
    result = np.empty(n, dtype=object)
    none = (say("reasons.nothing", lang),)
    if parts.values.shape[1] == 0:
        result[:] = [none] * n
        return result
    size = _of_values(np.abs(parts.values), features, frame)
    top = np.argsort(-size, axis=1, kind="stable")[:, :N_REASONS]
    strong = np.take_along_axis(size, top, axis=1) >= LEAST
    said = np.full(top.shape, None, dtype=object)
    for j, name in enumerate(parts.columns):
        row, place = np.nonzero((top == j) & strong)
        if len(row):
            if name == AGE:
                column, cells = say("reasons.age", lang), _ages(ages[row], lang)
            else:
                column = opening_name(name, lang, numeric=features[j].numeric)
                cells = _cells(features[j], frame, row, lang)
            said[row, place] = _say_all(column, cells, parts.values[row, j], lang)
    for i in range(n):
        result[i] = tuple(text for text in said[i] if text is not None) or none
    return result


def _of_values(size: Floats, features: Sequence[Feature], frame: pd.DataFrame) -> Floats:
    """Pass over missing values that say little, where a lead has something else to be told by.

    Features of ours are missing where nothing has happened yet: that their count says.
    """
    passed = np.zeros(size.shape, dtype=np.bool_)
    for j, feature in enumerate(features):
        little = True if feature.numeric and is_own(feature.name) else size[:, j] < SLIGHT
        passed[:, j] = frame[feature.name].isna() & little
    told = np.any((size >= LEAST) & ~passed, axis=1, keepdims=True)
    return np.where(passed & told, 0.0, size)


def next_grades(model: Model, grades: Grades, frame: pd.DataFrame, lang: str) -> pd.DataFrame:
    """Find, for each lead, the one column whose change would lift it by a grade.

    Of the columns that suffice alone, the one that says most is named; a number goes to the nearest
    value that suffices.

    Returns
    -------
    pandas.DataFrame
        grade, column, value, next_grade, sentence.
    """
    rows = encode(model.features, frame)
    z = model.score_encoded(rows)
    ages = np.zeros(1)
    found: list[tuple[str | None, ...]] = []
    for i, grade in enumerate(grades.assign(model.ever(z))):
        place = LETTERS.index(grade)
        if place == 0:
            found.append((grade, None, None, None, say("reasons.best_grade", lang)))
            continue
        better = LETTERS[place - 1]
        edge = float(logit(np.clip(grades.edges[place - 1], 1e-9, 1 - 1e-9)))
        change = None
        for j, code, value in _steps(model, rows, i):
            one = _changed(rows, i, j, code, value)
            if model.log_odds(model.score_encoded(one), ages)[0] >= edge:
                change = (j, code)
                break
        if change is None:
            text = say("reasons.no_single_column", lang, grade=better)
            found.append((grade, None, None, None, text))
            continue
        feature = model.features[change[0]]
        shown = _shown(feature, change[1], lang)
        column = column_name(feature.name, lang, numeric=feature.numeric)
        text = say("reasons.next_grade", lang, column=column, value=shown, grade=better)
        found.append((grade, feature.name, shown, better, text))
    names = ["grade", "column", "value", "next_grade", "sentence"]
    return pd.DataFrame(found, columns=names, index=frame.index, dtype="str")


def _steps(model: Model, rows: Encoded, i: int) -> list[tuple[int, int, float]]:
    """List changes of one column of a lead: columns by what they can add, values by nearness."""
    ranked = []
    for j, feature in enumerate(model.features):
        codes = np.arange(1, feature.n_codes if feature.numeric else feature.n_codes - 1)
        if not len(codes):
            continue
        values = np.array([_standard(feature, int(code)) for code in codes])
        added = model.additive.tables[j][codes] + model.additive.slopes[j] * values
        now = int(rows.codes[i, j])
        order = np.argsort(np.abs(codes - now) if feature.numeric else -added, kind="stable")
        if model.wholes:
            order = order[:20]
        ranked.append((-float(added.max()), j, [(int(codes[k]), float(values[k])) for k in order]))
    return [(j, code, value) for _, j, steps in sorted(ranked) for code, value in steps]


def _changed(rows: Encoded, i: int, j: int, code: int, value: float) -> Encoded:
    one = rows.take(np.array([i]))
    one.codes[0, j], one.values[0, j] = code, value
    return one


def _middle(feature: Feature, code: int) -> float:
    """Return a value in the middle of a bin."""
    ends = np.concatenate([[feature.low], feature.edges, [feature.high]])
    if code == 1:
        return float(feature.low)
    return float(feature.high) if code == len(ends) - 1 else float(ends[code - 1 : code + 1].mean())


def _standard(feature: Feature, code: int) -> float:
    return (_middle(feature, code) - feature.centre) / feature.scale if feature.numeric else 0.0


def _shown(feature: Feature, code: int, lang: str) -> str:
    if not feature.numeric:
        return _level(feature, feature.levels[code - 1], lang)
    return _written(feature, _middle(feature, code), lang)


def _cells(feature: Feature, frame: pd.DataFrame, row: Integers, lang: str) -> list[str]:
    """Write the values of one column; each distinct one once."""
    codes, distinct = pd.factorize(frame[feature.name].iloc[row])
    texts = [_written(feature, value, lang) for value in distinct]
    texts.append(say("reasons.missing", lang))
    return [texts[code] for code in codes]


def _written(feature: Feature, value: Any, lang: str) -> str:
    match feature.column.kind:
        case "category":
            return _level(feature, str(value), lang)
        case "boolean":
            return say("reasons.yes" if value >= 0.5 else "reasons.no", lang)
        case "date":
            stamp = value if isinstance(value, pd.Timestamp) else pd.Timestamp(value, unit="D")
            return format_date(stamp.date(), lang)
    if is_step(feature.name):
        return say("reasons.yes" if value >= 0.5 else "reasons.no", lang)
    size = abs(float(value))
    digits = 0 if size >= 100 or float(value).is_integer() else 1 if size >= 10 else 2
    return format_count(float(value), lang, digits)


def _level(feature: Feature, level: str, lang: str) -> str:
    """Name a category; channels of ours are translated."""
    key = f"channel.{level}"
    return say(key, lang) if feature.name == "channel" and key in entries() else level


def _ages(ages: Floats, lang: str) -> list[str]:
    return [format_count(float(np.floor(age)), lang) for age in ages]


def _say_all(column: str, cells: Sequence[str], values: Floats, lang: str) -> list[str]:
    """Say each cell with the direction and strength of its contribution; each pair once."""
    size = np.abs(values)
    strength = np.where(size >= MUCH, 2, np.where(size >= SLIGHT, 1, 0))
    known: dict[tuple[str, int, bool], str] = {}
    said = []
    for cell, power, up in zip(cells, strength.tolist(), (values > 0).tolist(), strict=True):
        key = (cell, power, up)
        if key not in known:
            word = ("slightly_", "", "much_")[power] + ("more" if up else "less")
            known[key] = say(f"reasons.{word}", lang, column=column, value=cell)
        said.append(known[key])
    return said
