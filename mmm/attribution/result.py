"""What every attribution model answers with, and how it prints cents that add up."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mmm.attribution.measure import Floats, Integers, Measured
from mmm.attribution.uncertainty import Sampling
from mmm.errors import ConfigError
from mmm.journeys import UNATTRIBUTED, Journeys
from mmm.showing import Shown, as_text
from mmm.wording import format_share, round_to_total, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NO_ACCOUNT = "(no account)"
CONVENTION = (
    "Intervals hold the sampling error of this convention, not of a causal effect: "
    "they say how far the shares would move with other journeys of the same kind."
)


@dataclass(frozen=True)
class UnattributedCredit:
    """Credit of won deals that no channel touched.

    Attributes
    ----------
    credit : float
        In the unit of the measure.
    share : float
        Of the total, 0-1.
    n_deals : float
        Won deals.
    """

    credit: float = 0.0
    share: float = 0.0
    n_deals: float = 0.0


@dataclass(frozen=True, eq=False)
class DealCredit:
    """Credit of each channel in each won journey.

    Attributes
    ----------
    journey : ndarray of int64, shape (n_pairs,)
        Position of the journey.
    channel : ndarray of int64, shape (n_pairs,)
        Position of the channel.
    credit : ndarray of float64, shape (n_pairs,)
        In the unit of the measure.
    deal_id : ndarray of object, shape (n_pairs,), or None
        Deal of the journey, where known.
    account_id : ndarray of object, shape (n_pairs,), or None
        Account of the deal, where known.
    """

    journey: Integers
    channel: Integers
    credit: Floats
    deal_id: npt.NDArray[np.object_] | None = None
    account_id: npt.NDArray[np.object_] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class AttributionResult(Shown):
    """Credit of each channel under one model.

    Attributes
    ----------
    model : str
        Name of the model.
    definition : str
        What was computed, and the source of the definition.
    measure : str
        "value" (currency of the deals) or "conversions" (won deals).
    channels : tuple of str
        Names; every array below is in this order.
    credit : ndarray of float64, shape (n_channels,)
        Unrounded, in the unit of the measure.
    share : ndarray of float64, shape (n_channels,)
        Credit over the total, unattributed included, 0-1.
    lower, upper : ndarray of float64, shape (n_channels,)
        Interval of `share`; NaN where it is refused, with the reason in `notes`.
    level : float
        Nominal coverage of the interval.
    n_deals : ndarray of float64, shape (n_channels,)
        Won deals with a touch of the channel (weighted counts); they do not add up.
    unattributed : UnattributedCredit
        Won deals without a touch.
    total : Decimal or float
        Sum of all credit; exact where the deals gave exact values.
    notes : tuple of str
        What the interval means, what was refused and why.
    deal_credit : callable, optional
        Computes the credit per deal, where the model has one.
    sampling : Sampling, optional
        What the sampling error follows from; needed to shrink or to calibrate the result.
    """

    model: str
    definition: str
    measure: str
    channels: tuple[str, ...]
    credit: Floats
    share: Floats
    lower: Floats
    upper: Floats
    level: float
    n_deals: Floats
    unattributed: UnattributedCredit
    total: Decimal | float
    notes: tuple[str, ...] = ()
    deal_credit: Callable[[], DealCredit] | None = None
    sampling: Sampling | None = None

    def __post_init__(self) -> None:
        for column in (self.credit, self.share, self.lower, self.upper, self.n_deals):
            column.flags.writeable = False

    def __repr__(self) -> str:
        kind = (
            f"AttributionResult: {self.model}, {self.measure}, {len(self.channels)} channels, "
            f"total {self.total}, {self.unattributed.share:.1%} unattributed"
        )
        return as_text(self._sentence(), self._small_table(), kind)

    def _sentence(self) -> str:
        won = "value" if self.measure == "value" else "deals"
        if not self.credit.size or not self.credit.max() > 0:
            return f"No channel has a part in the {won} won."
        first = int(np.argmax(self.credit))
        said = f"{self.channels[first]} earned the most: {format_share(self.share[first])}"
        if np.isfinite(self.lower[first]):
            ends = f"{format_share(self.lower[first])} to {format_share(self.upper[first])}"
            said += f" ({format_share(self.level)} interval: {ends})"
        return f"{said} of the {won} won, by {self.model}."

    def _small_table(self) -> "pd.DataFrame":
        return self.to_frame().sort_values("credit", ascending=False, kind="stable")

    def to_frame(self, *, cents: bool = False) -> "pd.DataFrame":
        """Return one row a channel, and one for unattributed deals where there are any.

        Parameters
        ----------
        cents : bool, default False
            Round value credit to cents by largest remainder (Balinski and Young 1982, Fair
            Representation, ch. 3), so that the column adds up to the exact total; `credit` then
            holds `decimal.Decimal`. Conversions stay unrounded.

        Returns
        -------
        pandas.DataFrame
            Columns channel, credit (unit of the measure), share (0-1), lower, upper (interval of
            the share), n_deals. `credit` sums to the total and `share` to 1.

        Examples
        --------
        >>> from mmm.attribution import linear
        >>> from mmm.journeys import Journeys
        >>> journeys = Journeys.from_paths(["Email > Events > Search"], value=[100.0])
        >>> linear(journeys).to_frame(cents=True)["credit"].tolist()
        [Decimal('33.34'), Decimal('33.33'), Decimal('33.33')]
        """
        import pandas as pd

        rest = self.unattributed
        names = [*self.channels, UNATTRIBUTED]
        rows = len(names) if rest.credit or rest.n_deals else len(self.channels)
        credit = np.append(self.credit, rest.credit)[:rows]
        rounded = cents and self.measure == "value"
        columns = {
            "channel": pd.Series(names[:rows], dtype="str"),
            "credit": pd.Series(
                round_to_total(credit.tolist(), 2, self.total) if rounded else credit,
                dtype="object" if rounded else "float64",
            ),
            "share": np.append(self.share, rest.share)[:rows],
            "lower": np.append(self.lower, np.nan)[:rows],
            "upper": np.append(self.upper, np.nan)[:rows],
            "n_deals": np.append(self.n_deals, rest.n_deals)[:rows],
        }
        return pd.DataFrame(columns)

    def by_deal(self) -> "pd.DataFrame":
        """Return the credit of each channel in each won deal that has a touch.

        Returns
        -------
        pandas.DataFrame
            Columns deal_id (or journey, its position from 0, where deals have no id), channel,
            credit. Unattributed deals are not listed.

        Raises
        ------
        ConfigError
            If the model has no credit per deal.

        Examples
        --------
        >>> from mmm.attribution import last_touch
        >>> from mmm.journeys import Journeys
        >>> last_touch(Journeys.from_paths(["Email > Events"], value=[100.0])).by_deal()
           journey channel  credit
        0        0  Events   100.0
        """
        import pandas as pd

        if self.deal_credit is None:
            raise ConfigError(
                f"{self.model} has no credit per deal: it describes all journeys together. "
                "Use first_touch, last_touch, linear or any other rule, shapley, or "
                "markov(allocation='per_journey') for credit by deal."
            )
        pairs = self.deal_credit()
        known = pairs.deal_id is not None
        names = np.array(self.channels, dtype=object)
        return pd.DataFrame(
            {
                "deal_id" if known else "journey": pairs.deal_id if known else pairs.journey,
                "channel": pd.Series(names[pairs.channel], dtype="str"),
                "credit": pairs.credit,
            }
        )

    def by_account(self) -> "pd.DataFrame":
        """Return the credit of each channel in each account that won a deal with a touch.

        Returns
        -------
        pandas.DataFrame
            Columns account_id ("(no account)" for deals without one), channel, credit, n_deals
            (deals of the account in which the channel has credit). Unattributed deals are not
            listed.

        Raises
        ------
        ConfigError
            If the model has no credit per deal, or the journeys name no account.

        Examples
        --------
        >>> from dataclasses import replace
        >>> import numpy as np
        >>> from mmm.attribution import last_touch
        >>> from mmm.journeys import Journeys
        >>> journeys = Journeys.from_paths(["Email", "Events > Email"], value=[100.0, 50.0])
        >>> known = replace(journeys, account_id=np.array(["A", "A"], dtype=object))
        >>> last_touch(known).by_account()
          account_id channel  credit  n_deals
        0          A   Email   150.0        2
        """
        rows = self.by_deal()
        pairs = self.deal_credit() if self.deal_credit is not None else None
        if pairs is None or pairs.account_id is None:
            raise ConfigError(
                "these journeys name no account. Build them with mmm.build_journeys from deals "
                "with account_id, or use by_deal()."
            )
        known = [NO_ACCOUNT if name is None else name for name in pairs.account_id]
        by = rows.assign(account_id=known).groupby(["account_id", "channel"], sort=True)["credit"]
        return by.agg(credit="sum", n_deals="size").reset_index()

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the shares as horizontal bars, with the interval as a whisker.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from mmm.attribution.plots import plot_shares
        from mmm.attribution.plots.style import label

        title = f"{label('model', self.model)}: share of {say(f'won.{self.measure}')}"
        return plot_shares(self.to_frame(), title=title, level=self.level, ax=ax)


def unattributed_credit(journeys: Journeys, of: Measured) -> UnattributedCredit:
    """Return the credit of deals without a touch.

    Examples
    --------
    >>> from mmm.attribution.measure import measured
    >>> journeys = Journeys.from_paths(["a"])
    >>> unattributed_credit(journeys, measured(journeys, None)).credit
    0.0
    """
    share = of.unattributed / of.whole if of.whole else 0.0
    return UnattributedCredit(of.unattributed, share, float(journeys.unattributed.deals))
