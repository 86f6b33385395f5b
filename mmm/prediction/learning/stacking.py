"""Stacking: which learners are believed, how far, and whether any of them says anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from mmm.prediction.learning.calibrate import Mix, level_of, loss_of, mix, track_level
from mmm.prediction.learning.encoding import Feature
from mmm.prediction.learning.learners import Candidate, Sample, fit_logistic, held_out, log_odds
from mmm.prediction.splits import Fold

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

MEMORIES = (None, 0.25, 0.1)  # latest rows that are trained on, as shares of all
STEADY = 10.0  # how firmly weights are held to the plain average: as by this many rows
CLEARLY = 2.0  # paired standard errors by which full boosting has to win


@dataclass(frozen=True, eq=False)
class Folds:
    """What is trained and tested, in order.

    Attributes
    ----------
    splits : sequence of (train, test)
        Positions; a row may be held out several times, as often as any other.
    samples : sequence of Sample
        The rows as they were known when the split was made, one a split.
    timed : bool
        Whether splits run forward in time; rows are then in order of time.
    """

    splits: Sequence[Fold]
    samples: Sequence[Sample]
    timed: bool


@dataclass(frozen=True, eq=False)
class Choice:
    """The mixture that was chosen.

    Attributes
    ----------
    base : float
        Intercept, log-odds.
    weights : mapping of Candidate to float
        Factor of the log-odds of each learner; empty where none says anything.
    memory : float or None
        Share of the rows, the latest, that were trained on; None where all were.
    moves : bool
        Whether the level moves, so that that of the rows held out counts, not that of all.
    level_half_life : float or None
        Half-life of the level, in rows held out; None where they all count alike.
    rows : ndarray of int64, shape (n_tested,)
        Positions of the rows that were held out, ascending.
    z : ndarray of float64, shape (n_tested,)
        Their log-odds under the mixture, from learners that had not seen them.
    fold : ndarray of int64, shape (n_tested,)
        The split they were held out in.
    losses : mapping of str to float
        Mean log loss on those rows: the best of each family, "base rate" and "chosen".
    kept : float
        Share of the departure from the base rate that is believed, 0-1.
    """

    base: float
    weights: Mapping[Candidate, float]
    memory: float | None
    moves: bool
    level_half_life: float | None
    rows: Integers
    z: Floats
    fold: Integers
    losses: Mapping[str, float]
    kept: float


def choose(
    tried: Sequence[Candidate],
    features: Sequence[Feature],
    sample: Sample,
    folds: Folds,
    *,
    seed: int,
    own: Any = None,
) -> Choice:
    """Hold rows out, and choose the mixture of learners that forecasts them best.

    Each learner gets a slope of its own; the best setting of each family stays.
    Families are mixed with weights of 0 or more, held to their average. Full boosting joins where
    it wins by more than two paired standard errors. What is left of the departure from the base
    rate is multiplied by ``1 - k / (2 G)``, G the gain in log likelihood per row held out times all
    rows, and k = 2 for each family, which brings a weight and a setting, 3 where there is one (van
    Houwelingen and le Cessie 1990, Statistics in Medicine 9, 1303-1325): 0, "no signal", where G is
    no more than what useless learners would gain.

    Parameters
    ----------
    tried : sequence of Candidate
    features : sequence of Feature
    sample : Sample
        All rows, as known in the end.
    folds : Folds
    seed : int
    own : scikit-learn classifier, optional

    Returns
    -------
    Choice
    """
    if not folds.splits or not tried:
        return _nothing(sample)
    memory = _memory(features, sample, folds) if folds.timed else None
    tested, rows, fold = _tested(tried, features, sample, folds, memory, seed=seed, own=own)
    y, weight = tested.y, tested.weight
    weights, z, losses, kept = _mixture(tested)
    half_life, moves = None, False
    if folds.timed and weights:
        level = track_level(z, y, weight, fold, tested.plainest)
        base, half_life, moves = level.shift, level.half_life, level.moves
    else:
        base = level_of(z, y, weight)
    rows, first, row = np.unique(rows, return_index=True, return_inverse=True)
    z = np.bincount(row, z) / np.bincount(row)
    return Choice(
        base, weights, memory, moves, half_life, rows, z + base, fold[first], losses, kept
    )


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What the learners said of rows held out, and what became of those.

    Attributes
    ----------
    z : mapping of Candidate to ndarray of float64, shape (n,)
        Log-odds.
    y, weight : ndarray of float64, shape (n,)
    place : ndarray of int64, shape (n,)
        Which rows share an intercept.
    reach : float
        Weight of all rows over that of these.
    row : ndarray of int64, shape (n,), optional
        Which of them are the same row, held out again; by default none are.
    """

    z: Mapping[Candidate, Floats]
    y: Floats
    weight: Floats
    place: Integers
    reach: float = 1.0
    row: Integers | None = None

    def mixed(self, members: Sequence[Candidate], steady: float) -> Mix:
        """Mix some learners."""
        scores = np.column_stack([self.z[c] for c in members])
        return mix(scores, self.y, self.weight, self.place, steady=steady)

    @property
    def plainest(self) -> Floats:
        """Log-odds of the first learner, as it forecast them."""
        return next(iter(self.z.values()))


def _tested(
    tried: Sequence[Candidate],
    features: Sequence[Feature],
    sample: Sample,
    folds: Folds,
    memory: float | None,
    *,
    seed: int,
    own: Any,
) -> tuple[HeldOut, Integers, Integers]:
    """Hold rows out; return what was said of them, their positions, ascending, and their folds."""
    said: dict[Candidate, list[Floats]] = {candidate: [] for candidate in tried}
    for (train, test), known in zip(folds.splits, folds.samples, strict=True):
        past = latest(known.take(train), memory)
        found = held_out(tried, features, past, sample.rows.take(test), seed=seed, own=own)
        for candidate, z in found.items():
            said[candidate].append(z)
    rows = np.concatenate([test for _, test in folds.splits]).astype(np.int64)
    sizes = [len(test) for _, test in folds.splits]
    fold = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
    order = np.flatnonzero(sample.weight[rows] > 0)
    order = order[np.argsort(rows[order], kind="stable")]
    rows, fold = rows[order], fold[order]
    weight = sample.weight[rows] / np.bincount(rows)[rows]
    tested = HeldOut(
        {c: np.concatenate(z)[order] for c, z in said.items()},
        sample.y[rows],
        weight,
        _places(fold, folds),
        float(sample.weight.sum() / weight.sum()),
        np.unique(rows, return_inverse=True)[1],
    )
    return tested, rows, fold


def _places(fold: Integers, folds: Folds) -> Integers:
    """Let each fold have its own intercept where folds run in time."""
    if not folds.timed:
        return np.zeros(len(fold), dtype=np.int64)
    return np.unique(fold, return_inverse=True)[1].astype(np.int64)


def _nothing(sample: Sample) -> Choice:
    """Return the base rate, where nothing could be tried."""
    base, n = float(logit(sample.rate)), len(sample.y)
    z, rows = np.full(n, base), np.arange(n, dtype=np.int64)
    loss = float(np.average(loss_of(sample.y, z), weights=sample.weight))
    said = {"base rate": loss, "chosen": loss}
    return Choice(base, {}, None, False, None, rows, z, np.zeros(n, dtype=np.int64), said, 0.0)


def latest(sample: Sample, share: float | None) -> Sample:
    """Return the latest rows, which hold a share of the weight; all of them by default.

    Rows count by their weight: young leads, which say little yet, do not push the others out.
    """
    if share is None:
        return sample
    later = np.cumsum(sample.weight[::-1])[::-1] - sample.weight
    return sample.take(np.flatnonzero(later < share * float(sample.weight.sum())))


def _mixture(
    tested: HeldOut,
) -> tuple[dict[Candidate, float], Floats, dict[str, float], float]:
    """Return weights, log-odds up to a shift, losses by family and the share believed."""
    total = tested.weight.sum()
    alone = {c: tested.mixed([c], 1.0) for c in tested.z}
    loss = {c: float(found.loss.sum() / total) for c, found in alone.items()}
    families = {
        c.family: min((k for k in loss if k.family == c.family), key=loss.__getitem__)
        for c in tested.z
    }
    slopes = {c: float(alone[c].weights[0]) for c in families.values()}
    scaled = HeldOut(
        {c: slope * tested.z[c] for c, slope in slopes.items()},
        tested.y,
        tested.weight,
        tested.place,
    )
    members = [c for name, c in families.items() if name != "full"]
    found = scaled.mixed(members, STEADY) if members else alone[families["full"]]
    if members and "full" in families:
        more = scaled.mixed([*members, families["full"]], STEADY)
        gain: Any = found.loss - more.loss
        if tested.row is not None:
            gain = np.bincount(tested.row, gain)
        if gain.sum() > CLEARLY * gain.std() * np.sqrt(len(gain)):
            members, found = [*members, families["full"]], more
    nothing = mix(np.zeros((len(tested.y), 1)), tested.y, tested.weight, tested.place, steady=1.0)
    gained = float((nothing.loss - found.loss).sum() * tested.reach)
    kept = max(0.0, 1.0 - max(len(families), 1.5) / gained) if gained > 0 else 0.0
    weights = {
        c: kept * float(w) * slopes[c]
        for c, w in zip(members, found.weights, strict=True)
        if kept * w * slopes[c] > 0
    }
    z = np.zeros(len(tested.y))
    for c, weight in weights.items():
        z += weight * tested.z[c]
    said = {name: loss[c] for name, c in families.items()}
    said["base rate"] = float(nothing.loss.sum() / total)
    said["chosen"] = float(found.loss.sum() / total) if weights else said["base rate"]
    return weights, z, said, kept


def _memory(features: Sequence[Feature], sample: Sample, folds: Folds) -> float | None:
    """Choose how much of the past is trained on, by the forecasts of a logistic regression.

    Less than all has to win by more than one paired standard error. A cut does better than weights
    that fade: old rows of small weight still decide what recent ones are silent about.
    """
    loss: dict[float | None, list[Floats]] = {share: [] for share in MEMORIES}
    weights = []
    for (train, test), known in zip(folds.splits, folds.samples, strict=True):
        rows, weight = sample.rows.take(test), sample.weight[test]
        weights.append(weight)
        for share in MEMORIES:
            fitted = fit_logistic(features, latest(known.take(train), share), 1.0)
            loss[share].append(weight * loss_of(sample.y[test], log_odds(fitted, features, rows)))
    total = {share: np.concatenate(found) for share, found in loss.items()}
    best: float | None = None
    for share in MEMORIES[1:]:
        gain = total[best] - total[share]
        if gain.sum() > gain.std() * np.sqrt(len(gain)):
            best = share
    return best
