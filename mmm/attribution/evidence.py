"""What a share rests on: tests or co-occurrence, and channels that count demand others made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mmm.attribution.engagement import effective_journeys, first_touches, wilson
from mmm.attribution.experiments import CORRELATIONAL, EXPERIMENT, Calibration
from mmm.attribution.measure import Floats, add_up, check_journeys, deals_touched
from mmm.attribution.rules import linear_weights
from mmm.attribution.uncertainty import FEW_CLUSTERS
from mmm.errors import ConfigError, check_level, quoted
from mmm.journeys import Journeys
from mmm.showing import Shown, as_text, statement
from mmm.wording import Finding

if TYPE_CHECKING:
    import pandas as pd

BRAND, DIRECT, RETARGETING, SEARCH = "brand_search", "direct", "retargeting", "search"
# Asked in this order, of the name in lower case; English and Italian.
NAMES: Mapping[str, str] = MappingProxyType(
    {
        RETARGETING: r"re-?targeting|re-?marketing|rtg|rmk",
        BRAND: r"(?<!non[ -])(?<!non)(brand|brands|branded|brandizzat\w*|marchio)"
        r"(?! (awareness|video|tv|ambassador|content))",
        DIRECT: r"direct|dirett[oi]|(direct|type[ -]?in) traffic|traffico dirett[oi]|"
        r"access[oi] dirett[oi]|visite dirette|\(direct\)",
        SEARCH: r"((paid|organic|generic) )?search|sea|sem|seo|google ads|adwords|bing ads|"
        r"ricerca( a pagamento| organica)?",
    }
)
WHOLE = (DIRECT, SEARCH)
SURE = (BRAND, DIRECT, RETARGETING)
NO_PROOF = (
    "A flag is a suspicion: it says where people come in who may have decided already. Only a "
    "hold-out of the channel tells what would be lost without it."
)


@dataclass(frozen=True, eq=False, repr=False)
class Evidence(Shown):
    """What the share of each channel rests on, and whether it counts demand that others made.

    Attributes
    ----------
    channels : tuple of str
        Names; what follows is in this order.
    grade : tuple of str
        "experiment" (the channel was tested), "calibrated" (others were) or "correlational".
    by_name : tuple of str
        "brand_search", "direct", "retargeting", "search" (which holds brand searches unless these
        are a channel of their own), or "" where the name says nothing.
    by_data : ndarray of bool, shape (n_channels,)
        Whether it comes last after others more often than in random order, beyond noise.
    comes_last : ndarray of float64, shape (n_channels,)
        Of the won deals with the channel and another one, the part in which it is the last
        contact, 0-1; NaN where there is no such deal.
    lower, upper : ndarray of float64, shape (n_channels,)
        Interval of `comes_last`.
    expected : ndarray of float64, shape (n_channels,)
        What `comes_last` would be, were the contacts of each deal in random order.
    level : float
        Nominal coverage.
    n_deals : ndarray of float64, shape (n_channels,)
        Won deals with the channel.
    notes : tuple of str
        What the flags are, and are not.
    """

    channels: tuple[str, ...]
    grade: tuple[str, ...]
    by_name: tuple[str, ...]
    by_data: npt.NDArray[np.bool_]
    comes_last: Floats
    lower: Floats
    upper: Floats
    expected: Floats
    level: float
    n_deals: Floats
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        flagged = [name for name, flag in zip(self.channels, self.captures, strict=True) if flag]
        kind = f"Evidence: {len(self.channels)} channels, capture: {', '.join(flagged) or 'none'}"
        found = self.findings()
        sentence = statement(found[0]) if found else "No channel only catches demand, it seems."
        return as_text(sentence, self.to_frame(), kind)

    @property
    def captures(self) -> npt.NDArray[np.bool_]:
        """Whether a channel is flagged at all, by name or by data, shape (n_channels,)."""
        named = np.array([bool(kind) for kind in self.by_name], dtype=bool)
        return np.asarray(self.by_data | named)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a channel.

        Returns
        -------
        pandas.DataFrame
            Columns channel, grade, captures (flagged at all), by_name, by_data, comes_last, lower,
            upper, expected, n_deals.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "channel": pd.Series(self.channels, dtype="str"),
                "grade": pd.Series(self.grade, dtype="str"),
                "captures": self.captures,
                "by_name": pd.Series(self.by_name, dtype="str"),
                "by_data": self.by_data,
                "comes_last": self.comes_last,
                "lower": self.lower,
                "upper": self.upper,
                "expected": self.expected,
                "n_deals": self.n_deals,
            }
        )

    def findings(self) -> tuple[Finding, ...]:
        """Say what was tested, then each flagged channel, those flagged by the data first."""
        tested = [
            c for c, grade in zip(self.channels, self.grade, strict=True) if grade == EXPERIMENT
        ]
        key = "none" if not tested else "all" if len(tested) == len(self.channels) else "some"
        said = [Finding(f"evidence.{key}", len(tested), facts={"channels": tested})]
        flagged = np.flatnonzero(self.captures)
        order = flagged[
            np.lexsort((-np.nan_to_num(self.comes_last)[flagged], ~self.by_data[flagged]))
        ]
        return (*said, *(self._finding(c) for c in order))

    def _finding(self, c: int) -> Finding:
        kind, grade = self.by_name[c], self.grade[c]
        sure = bool(self.by_data[c]) and kind != ""
        close = "captures" if sure or kind in SURE else "may_capture"
        because = ("evidence.by_name",) if kind and self.by_data[c] else ()
        return Finding(
            "evidence.comes_last" if self.by_data[c] else "evidence.by_name",
            float(self.comes_last[c]),
            because=because,
            action=f"evidence.{'tested' if grade == EXPERIMENT else close}",
            facts={
                "channel": self.channels[c],
                "kind": kind,
                "lower": self.lower[c],
                "upper": self.upper[c],
                "expected": self.expected[c],
            },
        )


def evidence(
    journeys: Journeys,
    *,
    calibration: Calibration | None = None,
    level: float = 0.9,
) -> Evidence:
    """Grade the evidence of each channel, and flag those that count demand others made.

    Every path model credits who was present. Channels through which people come who have already
    decided, such as searches for the company's own name, direct visits and retargeting, are
    present for that reason. They are flagged by their name, in English or Italian, and by the data:
    where the channel is the last contact, after others, in a larger part of its won deals than it
    would be if contacts came in random order, and the interval of that part lies above it.

    Parameters
    ----------
    journeys : Journeys
    calibration : Calibration, optional
        From `calibrate`, with its experiments. None: nothing was tested.
    level : float, default 0.9
        Coverage of the interval of the part of deals in which a channel comes last.

    Returns
    -------
    Evidence

    Raises
    ------
    ConfigError
        If the calibration is of other channels.

    References
    ----------
    Blake, Nosko and Tadelis 2015, Consumer heterogeneity and paid search effectiveness: A
    large-scale field experiment, Econometrica 83(1), 155-174 (brand search).

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Events > Email > Direct"] * 9 + ["Direct > Events"])
    >>> told = evidence(journeys)
    >>> print(repr(told).splitlines()[-1])
    <Evidence: 3 channels, capture: Direct>
    >>> print(told.findings()[1].sentence())
    Direct is the last contact, after other channels, in 90% of its deals (between 65% and 98%); \
in random order it would be in 35%. Direct, by its name, stands for direct visits. It seems to \
count demand that others made; a hold-out would tell.
    """
    check_journeys(journeys)
    level = check_level(level)
    if calibration is not None and calibration.channels != journeys.channels:
        raise ConfigError(
            f"the calibration is of the channels {quoted(calibration.channels)}, the journeys hold "
            f"{quoted(journeys.channels)}. Calibrate a result of these journeys."
        )
    n = len(journeys.channels)
    grade = (CORRELATIONAL,) * n if calibration is None else calibration.evidence
    comes_last, expected, effective = last_after_others(journeys)
    lower, upper = wilson(np.nan_to_num(comes_last), effective, level)
    enough = effective >= FEW_CLUSTERS
    return Evidence(
        channels=journeys.channels,
        grade=grade,
        by_name=tuple(capture_kind(name) for name in journeys.channels),
        by_data=enough & (lower > np.nan_to_num(expected, nan=1.0)),
        comes_last=comes_last,
        lower=lower,
        upper=upper,
        expected=expected,
        level=level,
        n_deals=deals_touched(journeys),
        notes=(NO_PROOF,),
    )


def capture_kind(channel: str) -> str:
    """Return what kind of demand capture a name stands for, "" for none.

    Examples
    --------
    >>> [capture_kind(name) for name in ["Ricerca brand", "Traffico diretto", "Email"]]
    ['brand_search', 'direct', '']
    >>> capture_kind("Google Remarketing"), capture_kind("Direct mail"), capture_kind("Non-brand")
    ('retargeting', '', '')
    """
    name = " ".join(re.sub(r"[_/|]", " ", channel.casefold()).split())
    for kind, pattern in NAMES.items():
        found = (
            re.fullmatch(pattern, name) if kind in WHOLE else re.search(rf"\b({pattern})\b", name)
        )
        if found:
            return kind
    return ""


def last_after_others(journeys: Journeys) -> tuple[Floats, Floats, Floats]:
    """Return how often channels come last in won deals that they share with others.

    Returns
    -------
    comes_last : ndarray of float64, shape (n_channels,)
        Part of these deals in which the channel is the last contact; NaN where there are none.
    expected : ndarray of float64, shape (n_channels,)
        The same in random order: the mean part of the contacts.
    effective : ndarray of float64, shape (n_channels,)
        Independent deals that the part rests on (deals of one account are taken to be alike).

    Examples
    --------
    >>> journeys = Journeys.from_paths(["a > b", "a > a > b", "b", "b > a"])
    >>> [part.round(2).tolist() for part in last_after_others(journeys)]
    [[0.33, 0.67], [0.56, 0.44], [3.0, 3.0]]
    """
    n = len(journeys.channels)
    journey, _, _ = first_touches(journeys)
    shared = np.bincount(journey, minlength=len(journeys)) > 1
    won = journeys.select(shared & (journeys.conversions > 0))
    weight = won.conversions
    owner, channel, _ = first_touches(won)
    deals = add_up(channel, weight[owner], n)
    last = add_up(won.touch[won.start[1:] - 1], weight, n)
    contacts = add_up(won.touch, linear_weights(won) * weight[won.journey_of_touch], n)
    some = deals > 0
    parts = [np.divide(x, deals, out=np.full(n, np.nan), where=some) for x in (last, contacts)]
    deals_alone = replace(won, nulls=np.zeros(len(won)))
    _, effective = effective_journeys(deals_alone, owner, channel)
    return parts[0], parts[1], effective
