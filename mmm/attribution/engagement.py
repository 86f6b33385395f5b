"""Which content engages: what is read, by whom, what follows, and what it is credited with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mmm.attribution.measure import Floats, Integers, add_up
from mmm.attribution.result import AttributionResult
from mmm.attribution.rules import linear
from mmm.attribution.uncertainty import FEW_CLUSTERS
from mmm.errors import check_level
from mmm.journeys import Journeys
from mmm.showing import Shown, as_text, statement
from mmm.wording import Finding

if TYPE_CHECKING:
    import pandas as pd

# Labels that name what is not known: shown, never called the most engaging.
NAMELESS = ("(not set)", "(unmatched)")
NOT_A_CAUSE = (
    "Progression and credit describe what people looked at on their way. Whoever is about to buy "
    "looks at more: they do not say what would have happened without the content."
)


@dataclass(frozen=True, eq=False, repr=False)
class Engagement(Shown):
    """What each content was part of.

    Attributes
    ----------
    dimension : str
        Column of touches that the labels are from.
    labels : tuple of str
        Names; every array below is in this order.
    touches : ndarray of float64, shape (n_labels,)
        Touches in journeys that have ended (weighted counts).
    people : ndarray of float64, shape (n_labels,)
        Persons among them; NaN where journeys do not know persons.
    journeys : ndarray of float64, shape (n_labels,)
        Journeys with a touch of it, won or not.
    clusters : ndarray of float64, shape (n_labels,)
        Accounts (or persons) these belong to; journeys where unknown.
    influenced_value : ndarray of float64, shape (n_labels,)
        Value of won deals with a touch of it; never to be added up.
    won : ndarray of float64, shape (n_labels,)
        Share of its journeys that ended in a won deal, 0-1.
    progression : ndarray of float64, shape (n_labels,)
        Share of its journeys in which another content, or a won deal, followed it, 0-1.
    lower, upper : ndarray of float64, shape (n_labels,)
        Interval of the progression.
    effective : ndarray of float64, shape (n_labels,)
        Independent journeys that the interval rests on, at most `clusters`.
    result : AttributionResult
        Credit of each label, with its interval and the number of won deals.
    notes : tuple of str
        What the figures mean, and what they cannot.
    """

    dimension: str
    labels: tuple[str, ...]
    touches: Floats
    people: Floats
    journeys: Floats
    clusters: Floats
    influenced_value: Floats
    won: Floats
    progression: Floats
    lower: Floats
    upper: Floats
    effective: Floats
    result: AttributionResult
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        kind = f"Engagement: {len(self.labels)} {self.dimension} labels, {self.result.model}"
        return as_text(statement(self.finding()), self.to_frame(), kind)

    @property
    def enough(self) -> npt.NDArray[np.bool_]:
        """Whether a label has a name and enough accounts to be judged, shape (n_labels,)."""
        named = np.array([label not in NAMELESS for label in self.labels], dtype=bool)
        return named & (self.clusters >= FEW_CLUSTERS)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a label, the most credited first.

        Returns
        -------
        pandas.DataFrame
            Columns named after the dimension (the label), touches, people, journeys, n_deals,
            influenced_value, credit, share, lower, upper (interval of the share), progression,
            progression_lower, progression_upper, won, enough (false: too few accounts to judge).
        """
        import pandas as pd

        result = self.result
        frame = pd.DataFrame(
            {
                self.dimension: pd.Series(self.labels, dtype="str"),
                "touches": self.touches,
                "people": self.people,
                "journeys": self.journeys,
                "n_deals": result.n_deals,
                "influenced_value": self.influenced_value,
                "credit": result.credit,
                "share": result.share,
                "lower": result.lower,
                "upper": result.upper,
                "progression": self.progression,
                "progression_lower": self.lower,
                "progression_upper": self.upper,
                "won": self.won,
                "enough": self.enough,
            }
        )
        order = ["credit", "journeys", self.dimension]
        return frame.sort_values(order, ascending=[False, False, True], ignore_index=True)

    @property
    def leader(self) -> int | None:
        """Position of the label that engages beyond chance, None where none does.

        Its progression has to exceed that of all other labels together: the interval of the
        difference, its level raised for the number of labels compared (Bonferroni), lies above 0.
        """
        judged = np.flatnonzero(self.enough)
        if len(judged) < 2:
            return None
        level = 1 - (1 - self.result.level) / len(judged)
        others, n_others = self.others
        gap = smallest_gap(
            (self.progression[judged], self.effective[judged]),
            (others[judged], n_others[judged]),
            level,
        )
        above = judged[gap > 0]
        return int(above[np.argmax(self.progression[above])]) if len(above) else None

    @property
    def others(self) -> tuple[Floats, Floats]:
        """Progression of all other named labels together, and the journeys it rests on."""
        named = np.array([label not in NAMELESS for label in self.labels], dtype=bool)
        weight, sure = np.where(named, self.journeys, 0.0), np.where(named, self.effective, 0.0)
        went = weight * np.nan_to_num(self.progression)
        return _over(went.sum() - went, weight.sum() - weight), sure.sum() - sure

    def finding(self) -> Finding:
        """Say which content engages, or that none stands out, in words of both languages.

        Examples
        --------
        >>> paths = ["Guide > Demo"] * 30 + ["News"] * 60 + ["Guide"] * 3 + ["News > Demo"] * 7
        >>> won = [1] * 12 + [0] * 88
        >>> journeys = Journeys.from_paths(paths, conversions=won, nulls=[1 - w for w in won])
        >>> print(engagement(journeys).finding().sentence())
        Guide engages most: after it 91% of 33 journeys went on, to something else or to a \
contract (between 79% and 96%), against 18% after the rest. It took part in 12 won deals and is \
credited with 50% of the total. Whoever is about to buy looks at more: this shows where interest \
goes on, not what causes it.
        """
        n_judged = int(self.enough.sum())
        if not any(label not in NAMELESS for label in self.labels):
            return Finding("attribution.content_unknown", None, facts={"column": self.dimension})
        at = self.leader
        if at is None:
            facts = {"n": n_judged, "journeys": self.journeys.max(initial=0), "few": FEW_CLUSTERS}
            key = "attribution.content_no_leader" if n_judged > 1 else "attribution.content_few"
            return Finding(key, None, facts=facts)
        facts = {
            "content": self.labels[at],
            "n": self.journeys[at],
            "lower": self.lower[at],
            "upper": self.upper[at],
            "others": self.others[0][at],
            "deals": self.result.n_deals[at],
            "share": self.result.share[at],
        }
        return Finding(
            "attribution.content_engages",
            self.progression[at],
            because=("attribution.content_credit", "attribution.content_not_cause"),
            facts=facts,
        )


def engagement(
    journeys: Journeys,
    *,
    model: Callable[..., AttributionResult] = linear,
    measure: str | None = None,
    level: float = 0.9,
) -> Engagement:
    """Tell which content engages: how often journeys went on after it, and its credit.

    A journey went on after a content when a touch of another one followed its first touch, or the
    deal was won. Only journeys that have ended count, so that youth is not taken for a stop.

    Parameters
    ----------
    journeys : Journeys
        Built with ``dimension="content"``, or any other column of touches; to see what leads to
        leads instead of deals, those of `stage_journeys`.
    model : callable, default `linear`
        Called as ``model(journeys, measure=..., level=...)``.
    measure : {"value", "conversions"}, optional
        What to share out; value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals.

    Returns
    -------
    Engagement

    Raises
    ------
    MmmError
        As the model.

    References
    ----------
    Wilson 1927, JASA 22(158), 209-212 (interval of a proportion); Newcombe 1998, Statistics in
    Medicine 17(8), 873-890 (of a difference); Kish 1965, Survey Sampling,
    ch. 8 (effective number of records in clusters).

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Guide > Demo", "Guide"], conversions=[1, 0], nulls=[0, 1])
    >>> engagement(journeys).to_frame()[["channel", "touches", "journeys", "progression", "won"]]
      channel  touches  journeys  progression  won
    0   Guide      2.0       2.0          0.5  0.5
    1    Demo      1.0       1.0          1.0  1.0
    """
    level = check_level(level)
    result = model(journeys, measure=measure, level=level)
    journey, label, first = first_touches(journeys)
    n_labels, ended = len(journeys.channels), journeys.conversions + journeys.nulls
    weight = ended[journey]
    held = add_up(label, weight, n_labels)
    won = add_up(label, journeys.conversions[journey], n_labels)
    went = np.where(went_on(journeys, first, journey), weight, journeys.conversions[journey])
    progression = _over(add_up(label, went, n_labels), held)
    clusters, effective = effective_journeys(journeys, journey, label)
    lower, upper = wilson(progression, effective, level)
    pairs = journeys.won_channels
    told = Engagement(
        dimension=str(journeys.about.get("dimension", "channel")),
        labels=journeys.channels,
        touches=add_up(journeys.touch, ended[journeys.journey_of_touch], n_labels),
        people=_people(journeys),
        journeys=held,
        clusters=clusters,
        influenced_value=add_up(pairs[1], journeys.value[pairs[0]], n_labels),
        won=_over(won, held),
        progression=progression,
        lower=lower,
        upper=upper,
        effective=effective,
        result=result,
    )
    return replace(told, notes=(NOT_A_CAUSE, *_few(told), *result.notes))


def first_touches(journeys: Journeys) -> tuple[Integers, Integers, Integers]:
    """Return each pair of journey and label that occurs, with the position of its first touch.

    Examples
    --------
    >>> [part.tolist() for part in first_touches(Journeys.from_paths(["b > a > b"]))]
    [[0, 0], [0, 1], [1, 0]]
    """
    n_labels = max(len(journeys.channels), 1)
    key = journeys.journey_of_touch * n_labels + journeys.touch
    pairs, first = np.unique(key, return_index=True)
    return pairs // n_labels, pairs % n_labels, first.astype(np.int64)


def went_on(journeys: Journeys, first: Integers, journey: Integers) -> npt.NDArray[np.bool_]:
    """Tell whether another label follows: the first touch lies before the last run of one label.

    Parameters
    ----------
    journeys : Journeys
    first, journey : ndarray of int64, shape (n_pairs,)
        Position of the first touch of a label in a journey, and that journey.

    Returns
    -------
    ndarray of bool, shape (n_pairs,)

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > b > b"])
    >>> went_on(journeys, np.array([0, 1]), np.array([0, 0])).tolist()
    [True, False]
    """
    if len(journeys) == 0:
        return np.zeros(0, dtype=bool)
    changes = np.append(True, journeys.touch[1:] != journeys.touch[:-1])
    changes[journeys.start[:-1]] = True
    runs = np.where(changes, np.arange(len(journeys.touch)), -1)
    last_run = np.maximum.reduceat(runs, journeys.start[:-1])
    return np.asarray(first < last_run[journey])


def effective_journeys(
    journeys: Journeys, journey: Integers, label: Integers
) -> tuple[Floats, Floats]:
    """Count the clusters of each label, and the independent journeys they are worth.

    Journeys of one account are taken to end alike, the worst case: n_eff = (sum n_g)^2 / sum n_g^2
    over the journeys n_g of each account.

    Returns
    -------
    clusters, effective : ndarray of float64, shape (n_labels,)

    Examples
    --------
    >>> from dataclasses import replace
    >>> journeys = replace(Journeys.from_paths(["a", "a", "a"]), cluster=np.array([7, 7, 9]))
    >>> journey, label, _ = first_touches(journeys)
    >>> [part.tolist() for part in effective_journeys(journeys, journey, label)]
    [[2.0], [1.8]]
    """
    n_labels = len(journeys.channels)
    weight = (journeys.conversions + journeys.nulls)[journey]
    if journeys.cluster is None:
        held = add_up(label, weight, n_labels)
        return held, held
    _, code = np.unique(journeys.cluster, return_inverse=True)
    pairs, at = np.unique(code[journey] * max(n_labels, 1) + label, return_inverse=True)
    size, of = add_up(at, weight, len(pairs)), pairs % max(n_labels, 1)
    clusters = add_up(of, (size > 0).astype(np.float64), n_labels)
    return clusters, _over(add_up(of, size, n_labels) ** 2, add_up(of, size**2, n_labels), 0.0)


def wilson(rate: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    """Return Wilson's interval of proportions; 0 to 1 where nothing was seen.

    Parameters
    ----------
    rate, n : ndarray of float64, shape (n_labels,)
        Proportions and the records they rest on.
    level : float
        Coverage.

    Examples
    --------
    >>> low, high = wilson(np.array([0.5]), np.array([10.0]), 0.95)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.237], [0.763])
    """
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    seen = n > 0
    share, count = np.where(seen, rate, 0.5), np.where(seen, n, 1.0)
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    spread = np.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (1 + z2 / count)
    lower = np.where(seen, np.maximum(middle - spread, 0.0), 0.0)
    return lower, np.where(seen, np.minimum(middle + spread, 1.0), 1.0)


def smallest_gap(one: tuple[Floats, Floats], two: tuple[Floats, Floats], level: float) -> Floats:
    """Return the lower bound of the difference of two proportions, one minus two.

    Parameters
    ----------
    one, two : tuple of ndarray of float64, shape (n_labels,)
        Proportions and the records they rest on.
    level : float
        Coverage of the two-sided interval (Newcombe 1998, Statistics in Medicine 17(8), 873-890,
        method 10, from Wilson's intervals of both).

    Examples
    --------
    >>> one, two = (np.array([56 / 70]), np.array([70.0])), (np.array([48 / 80]), np.array([80.0]))
    >>> smallest_gap(one, two, 0.95).round(4).tolist()
    [0.0524]
    """
    lower, upper = wilson(*one, level)[0], wilson(*two, level)[1]
    spread = np.sqrt((one[0] - lower) ** 2 + (upper - two[0]) ** 2)
    return np.asarray(one[0] - two[0] - spread)


def _people(journeys: Journeys) -> Floats:
    """Count the persons with a touch of each label; NaN where persons are not known."""
    n_labels = len(journeys.channels)
    if journeys.person is None:
        return np.full(n_labels, np.nan)
    known = journeys.person >= 0
    key = journeys.person[known].astype(np.int64) * max(n_labels, 1) + journeys.touch[known]
    reached = np.unique(key) % max(n_labels, 1)
    return np.bincount(reached, minlength=n_labels).astype(np.float64)


def _over(part: Floats, whole: Floats, nothing: float = np.nan) -> Floats:
    ratio = np.full(len(whole), nothing)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _few(told: Engagement) -> tuple[str, ...]:
    few = int(np.count_nonzero(told.clusters < FEW_CLUSTERS))
    if not few:
        return ()
    return (
        f"{few} of {len(told.labels)} labels were met by fewer than {FEW_CLUSTERS} accounts: too "
        "few to judge.",
    )
