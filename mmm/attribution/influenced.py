"""Influenced share: how much of what was won a channel had a part in, however small."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmm.attribution.engagement import first_touches
from mmm.attribution.measure import Floats, add_up, deals_touched, measured
from mmm.attribution.result import CONVENTION
from mmm.attribution.rules import rule_influence
from mmm.attribution.uncertainty import share_interval
from mmm.errors import check_level
from mmm.journeys import Journeys
from mmm.showing import Shown, as_text
from mmm.wording import format_share

if TYPE_CHECKING:
    import pandas as pd

OVERLAP = "A deal is influenced by every channel in it: these shares are never to be added up."


@dataclass(frozen=True, eq=False, repr=False)
class Influenced(Shown):
    """What each channel had a part in; unlike credit it counts each deal once a channel.

    Attributes
    ----------
    measure : str
        "value" or "conversions".
    channels : tuple of str
        Names; the arrays are in this order.
    value : ndarray of float64, shape (n_channels,)
        Of won deals with a touch of the channel, in the unit of the measure.
    share : ndarray of float64, shape (n_channels,)
        The same over all that was won, 0-1; the shares sum to more than 1.
    lower, upper : ndarray of float64, shape (n_channels,)
        Interval of `share`; NaN where it is refused.
    level : float
        Nominal coverage.
    n_deals : ndarray of float64, shape (n_channels,)
        Won deals with a touch of the channel (weighted counts).
    notes : tuple of str
        What the figures mean, and what was refused.
    """

    measure: str
    channels: tuple[str, ...]
    value: Floats
    share: Floats
    lower: Floats
    upper: Floats
    level: float
    n_deals: Floats
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        kind = f"Influenced: {self.measure}, {len(self.channels)} channels"
        won = "value" if self.measure == "value" else "deals"
        if not self.share.size or not self.share.max() > 0:
            return as_text(f"No channel had a part in the {won} won.", None, kind)
        first = int(np.argmax(self.share))
        said = f"{self.channels[first]} had a part in most: {format_share(self.share[first])}"
        return as_text(f"{said} of the {won} won; parts overlap.", self._small_table(), kind)

    def _small_table(self) -> "pd.DataFrame":
        return self.to_frame().sort_values("influenced", ascending=False, kind="stable")

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a channel.

        Returns
        -------
        pandas.DataFrame
            Columns channel, influenced (unit of the measure), share (0-1), lower, upper (interval
            of the share), n_deals. Nothing here adds up.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "channel": pd.Series(self.channels, dtype="str"),
                "influenced": self.value,
                "share": self.share,
                "lower": self.lower,
                "upper": self.upper,
                "n_deals": self.n_deals,
            }
        )


def influenced_share(
    journeys: Journeys, *, measure: str | None = None, level: float = 0.9
) -> Influenced:
    """Return the share of what was won in which each channel had a touch.

    Parameters
    ----------
    journeys : Journeys
    measure : {"value", "conversions"}, optional
        Value by default where the journeys have it.
    level : float, default 0.9
        Coverage of the intervals, clustered as those of every model.

    Returns
    -------
    Influenced

    Raises
    ------
    MmmError
        If an option is unknown, or values are asked for and missing.

    Examples
    --------
    >>> journeys = Journeys.from_paths(["Events > Email", "Email"], value=[900.0, 100.0])
    >>> influenced_share(journeys).to_frame()[["channel", "influenced", "share"]]
      channel  influenced  share
    0   Email      1000.0    1.0
    1  Events       900.0    0.9
    """
    of, level = measured(journeys, measure), check_level(level)
    present = presence_weights(journeys)
    n_channels = len(journeys.channels)
    value = add_up(journeys.touch, present * of.amount[journeys.journey_of_touch], n_channels)
    share = value / of.whole if of.whole else np.zeros(n_channels)
    influence = rule_influence(journeys, of, present, share)
    interval = share_interval(journeys, of, share, influence, level)
    return Influenced(
        measure=of.measure,
        channels=journeys.channels,
        value=value,
        share=share,
        lower=interval.lower,
        upper=interval.upper,
        level=level,
        n_deals=deals_touched(journeys),
        notes=(OVERLAP, CONVENTION, *of.notes, *interval.notes),
    )


def presence_weights(journeys: Journeys) -> Floats:
    """Return 1 on the first touch of each channel in each journey, else 0, shape (n_touches,).

    Examples
    --------
    >>> presence_weights(Journeys.from_paths(["a > b > a"])).tolist()
    [1.0, 1.0, 0.0]
    """
    weights = np.zeros(len(journeys.touch))
    weights[first_touches(journeys)[2]] = 1.0
    return weights
