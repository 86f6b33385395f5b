"""The model that scores: a mixture of learners in log-odds, and the hazards behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from mmm.prediction.learning.calibrate import level_of
from mmm.prediction.learning.encoding import (
    MISSING,
    Encoded,
    Feature,
    blocks,
    codes_of,
    encode,
    numbers,
    values_of,
)
from mmm.prediction.learning.forest import Forest
from mmm.prediction.learning.hazard import Hazards
from mmm.prediction.learning.learners import (
    Additive,
    Candidate,
    Fitted,
    Sample,
    Whole,
    fit,
    nothing,
    weighted,
)
from mmm.prediction.learning.parts import neutral, swapped
from mmm.prediction.learning.stacking import Choice, latest

Floats = npt.NDArray[np.float64]

LEAST = 1e-9  # no probability is reported nearer to 0 or 1
N_CENTRE = 4_000  # rows of training, evenly spaced, over which parts are centred


@dataclass(frozen=True, eq=False)
class Model:
    """What turns a clean frame into log-odds.

    Attributes
    ----------
    features : tuple of Feature
    additive : Additive
        The sum over columns, intercept included.
    wholes : tuple of (float, Forest or Whole)
        Learners that are no such sum, with their weights; often none.
    typical : Encoded
        One row: the commonest code of each feature, numbers at their mean.
    middle : ndarray of float64, shape (n_features,)
        What each feature adds where it says nothing, over training; see `neutral`.
    spread : ndarray of float64, shape (n_features,)
        Standard deviation of what each feature adds (`parts`), over training.
    hazards : Hazards or None
        When leads of a score are won and lost, where that is known.
    """

    features: tuple[Feature, ...]
    additive: Additive
    wholes: tuple[tuple[float, Forest | Whole], ...]
    typical: Encoded
    middle: Floats
    spread: Floats
    hazards: Hazards | None = None

    @property
    def centre(self) -> float:
        """Score of an average lead: where contributions start from."""
        z = self.additive.base + float(self.middle.sum())
        for weight, whole in self.wholes:
            z += weight * float(whole.log_odds(self.features, self.typical)[0])
        return z

    def parts(self, rows: Encoded) -> Floats:
        """Return what each feature adds to the score of encoded rows, shape (n, n_features)."""
        parts = np.empty(rows.codes.shape)
        for j in range(len(self.features)):
            parts[:, j] = self.additive.part(rows, j)
        for weight, whole in self.wholes:
            parts += weight * swapped(whole, self.features, self.typical, rows)
        return parts

    def score(self, frame: pd.DataFrame) -> Floats:
        """Return the score of each row of a clean frame, log-odds, shape (n,)."""
        if any(isinstance(whole, Whole) for _, whole in self.wholes):
            return self.score_encoded(encode(self.features, frame))
        if self.wholes:
            z = self.score_encoded(encode(self.features, frame, with_values=False))
            for j in np.flatnonzero(self.additive.slopes).tolist():
                z += self.additive.slopes[j] * values_of(
                    self.features[j], frame[self.features[j].name]
                )
            return z
        z = np.full(len(frame), self.additive.base)
        for j, feature in enumerate(self.features):
            _add(z, feature, self.additive, j, frame[feature.name])
        return z

    def score_encoded(self, rows: Encoded) -> Floats:
        """Return the score of encoded rows, log-odds, shape (n,)."""
        z = self.additive.log_odds(rows)
        for weight, whole in self.wholes:
            z += weight * whole.log_odds(self.features, rows)
        return z

    def score_table(self, table: pd.DataFrame) -> Floats:
        """Return the score of each row of any table, block by block."""
        z = np.empty(len(table))
        for rows, frame in blocks(self.features, table):
            z[rows] = self.score(frame)
        return z

    def log_odds(self, score: Floats, ages: Floats, within: float | None = None) -> Floats:
        """Return log-odds of winning from scores and ages in days."""
        return score if self.hazards is None else self.hazards.link(score, ages, within)

    def probability(self, log_odds: Floats) -> Floats:
        """Return probabilities, never 0 or 1."""
        return as_probability(log_odds)

    def with_hazards(self, hazards: Hazards) -> "Model":
        """Return the model that also knows when leads end."""
        return replace(self, hazards=hazards)

    def ever(self, score: Floats) -> Floats:
        """Return the probability of a new lead with each score."""
        return as_probability(self.log_odds(score, np.zeros(len(score))))


def assemble(
    features: tuple[Feature, ...], sample: Sample, choice: Choice, *, seed: int, own: Any = None
) -> Model:
    """Fit what was chosen on all rows, and add it up.

    Parameters
    ----------
    features : tuple of Feature
    sample : Sample
        In order of time where that is known.
    choice : Choice
    seed : int
    own : scikit-learn classifier, optional

    Returns
    -------
    Model
        Without hazards.
    """
    recent = latest(sample, choice.memory)
    fitted: list[tuple[float, Fitted]] = [
        (weight, fit(candidate, features, recent, seed=seed, own=own))
        for candidate, weight in sorted(choice.weights.items(), key=_in_order)
    ]
    sums = [(weight, part) for weight, part in fitted if isinstance(part, Additive)]
    wholes = tuple((weight, part) for weight, part in fitted if not isinstance(part, Additive))
    additive = weighted([(1.0, nothing(features)), *sums], choice.base)
    none = np.zeros(len(features))
    model = Model(features, additive, wholes, typical_row(features, sample.rows), none, none)
    return _centred(model if choice.moves else _level(model, recent), sample.rows)


def _centred(model: Model, rows: Encoded) -> Model:
    """Measure what columns add from where they say nothing, and how far it goes apart."""
    n = min(len(rows), N_CENTRE)
    some = rows.take(np.arange(n) * len(rows) // max(n, 1))
    parts = model.parts(some)
    spread = parts.std(axis=0) if n else model.spread
    return replace(model, middle=neutral(parts, model.score_encoded(some)), spread=spread)


def _level(model: Model, sample: Sample) -> Model:
    """Set the intercept so that the mean probability is the rate of the sample.

    Where the level is steady this is the better estimate: rows held out are fewer, and in time they
    are the later ones.
    """
    shift = level_of(model.score_encoded(sample.rows), sample.y, sample.weight)
    additive = replace(model.additive, base=model.additive.base + shift)
    return replace(model, additive=additive)


def typical_row(features: Sequence[Feature], rows: Encoded) -> Encoded:
    """Return one row of the commonest codes; numbers in the bin of their middle row."""
    codes = np.zeros((1, len(features)), dtype=np.uint8)
    for j, feature in enumerate(features):
        column = rows.codes[:, j]
        known = column[column != MISSING]
        if feature.numeric and len(known):
            codes[0, j] = np.sort(known)[len(known) // 2]
        elif len(column):
            codes[0, j] = np.bincount(column).argmax()
    return Encoded(codes, np.zeros(codes.shape))


def as_probability(log_odds: Floats) -> Floats:
    """Return probabilities, never 0 or 1: no data are that sure."""
    return np.clip(expit(log_odds), LEAST, 1.0 - LEAST)


def _in_order(item: tuple[Candidate, float]) -> tuple[str, float]:
    return item[0].family, item[0].setting


def _add(z: Floats, feature: Feature, additive: Additive, j: int, cells: "pd.Series[Any]") -> None:
    """Add what one column contributes, in place; numbers are put in bins only where it matters."""
    table, slope = additive.tables[j], additive.slopes[j]
    if slope:
        z += slope * values_of(feature, cells)
    if not feature.numeric or not additive.flat(j):
        z += table[codes_of(feature, cells)]
    elif table[MISSING] != table[1]:
        z += np.where(np.isnan(numbers(cells)), table[MISSING], table[1])
    else:
        z += table[1]
