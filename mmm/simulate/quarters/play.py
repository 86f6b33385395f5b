"""The play: budgets go in a quarter at a time, revenue, deals and touches come out."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mmm.errors import ConfigError
from mmm.simulate.quarters.firm import HISTORY, QUARTER, REGIONS, Firm
from mmm.simulate.quarters.people import draw_people
from mmm.simulate.worlds.optimum import best_split
from mmm.simulate.worlds.spends import BURN_IN
from mmm.simulate.worlds.streams import Floats

START = pd.Timestamp("2021-01-04")
HALF = REGIONS // 2
NAMES = tuple(f"Region {r + 1}" for r in range(REGIONS))
MOST = 0.5  # a channel moves by at most half of the quarter before


@dataclass(frozen=True)
class Trial:
    """A pilot in half of the regions for a quarter; the company's total stays as it is.

    Attributes
    ----------
    channel : int
        Position.
    change : float
        One half of the regions has (1 - change) times the spend, the other half (1 + change).
    less : {0, 1}
        Which half has less: the first five regions or the last five.
    """

    channel: int
    change: float = 0.5
    less: int = 0

    @property
    def treated(self) -> list[str]:
        """Regions that have less."""
        return list(NAMES[:HALF] if self.less == 0 else NAMES[HALF:])


@dataclass(frozen=True, eq=False)
class Play:
    """A company up to the last quarter that was played.

    Attributes
    ----------
    firm : Firm
    spend : float (2, BURN_IN + weeks, n_channels)
        Weekly spend in each half of the regions, as if that half were the whole market.
    people : tuple of (DataFrame, DataFrame)
        Touches and deals, history first, then quarter by quarter.
    """

    firm: Firm
    spend: Floats
    people: tuple[tuple[pd.DataFrame, pd.DataFrame], ...] = ()

    @property
    def n_quarters(self) -> int:
        """Quarters played."""
        return (self.weeks - HISTORY) // QUARTER

    @property
    def weeks(self) -> int:
        """Weeks of history and play."""
        return int(self.spend.shape[1]) - BURN_IN

    @property
    def now(self) -> Floats:
        """Weekly spend of the last quarter, or before the first the last year's, (n_channels,)."""
        if self.n_quarters == 0:
            return self.firm.today
        return np.asarray(self.spend[:, -QUARTER:].mean(axis=(0, 1)))

    def after(self, weekly: Floats, trial: Trial | None = None) -> "Play":
        """Play a quarter.

        Parameters
        ----------
        weekly : float (n_channels,)
            Mean weekly spend of each channel: the total of the quarter before, and no channel more
            than half off its spend of that quarter.
        trial : Trial, optional

        Returns
        -------
        Play

        Raises
        ------
        ConfigError
            If the budget breaks the rules, or all quarters are over.
        """
        weekly, now = np.asarray(weekly, dtype=np.float64), self.now
        slack = 1e-6 * float(now.sum())
        if self.n_quarters >= self.firm.n_quarters:
            raise ConfigError(f"all {self.firm.n_quarters} quarters are over; draw more of them")
        if (
            abs(float(weekly.sum() - now.sum())) > slack
            or (np.abs(weekly - now) > MOST * now + slack).any()
        ):
            raise ConfigError(
                f"the budget {weekly.round(2)} has to have the total of {now.round(2)}, and no "
                "channel more than half off it"
            )
        first = QUARTER * self.n_quarters
        quarter = weekly * self.firm.rhythm[first : first + QUARTER]
        halves = np.stack([quarter, quarter])
        if trial is not None:
            halves[trial.less, :, trial.channel] *= 1 - trial.change
            halves[1 - trial.less, :, trial.channel] *= 1 + trial.change
        grown = replace(self, spend=np.concatenate([self.spend, halves], axis=1))
        return grown._with_people(grown.weeks - QUARTER)

    def _with_people(self, first: int) -> "Play":
        brought = self.contribution()[first:]
        level = self.spend.mean(axis=0)[BURN_IN:][first:] / self.firm.effects.unit
        drawn = draw_people(
            self.firm, first, brought, self.regions().to_numpy()[first:].sum(axis=1), level, START
        )
        return replace(self, people=(*self.people, drawn))

    def contribution(self) -> Floats:
        """Return what each channel truly brought, by week of the history, (weeks, n_channels)."""
        return np.asarray(self._by_half().mean(axis=0))

    def _by_half(self) -> Floats:
        effects = self.firm.effects
        level = self.spend / effects.unit
        shape = np.empty_like(level)
        for half in range(2):
            for c, (curve, lag) in enumerate(zip(effects.curves, effects.lags, strict=True)):
                shape[half, :, c] = curve(lag.carry(level[half, :, c]))
        return np.asarray(effects.strength[0] * shape[:, BURN_IN:])

    def earned(self) -> float:
        """Return what media truly brought in the quarters played, noise and baseline left out."""
        return float(self.contribution()[HISTORY:].sum())

    def dates(self) -> pd.DatetimeIndex:
        """Return the Mondays."""
        return pd.date_range(START, periods=self.weeks, freq="7D", unit="us")

    def regions(self) -> pd.DataFrame:
        """Return weekly revenue by region, Mondays as index."""
        media = np.repeat(self._by_half().sum(axis=2).T, HALF, axis=1)
        expected = (self.firm.baseline[: self.weeks, None] + media) / REGIONS
        sold = np.maximum(expected + self.firm.noise[: self.weeks], 0.02 * expected)
        return pd.DataFrame(sold, index=self.dates(), columns=list(NAMES))

    def table(self) -> pd.DataFrame:
        """Return date, the weekly spend of each channel, revenue."""
        spend = pd.DataFrame(self.spend.mean(axis=0)[BURN_IN:], columns=list(self.firm.channels))
        spend.insert(0, "date", self.dates())
        return spend.assign(revenue=self.regions().sum(axis=1).to_numpy())

    def touches(self) -> pd.DataFrame:
        """Return person_id, channel, touched_at, of all people who have decided."""
        return pd.concat([touches for touches, _ in self.people], ignore_index=True)

    def deals(self) -> pd.DataFrame:
        """Return deals, won and lost; the won ones of a week add up to its revenue."""
        return pd.concat([deals for _, deals in self.people], ignore_index=True)


def begin(firm: Firm) -> Play:
    """Return the company after its history, before the first quarter."""
    return Play(firm, np.stack([firm.past, firm.past]))._with_people(0)


def best_next(play: Play) -> Floats:
    """Return the budget of the next quarter under the rules that is best by the true curves.

    Steady: what carry-over brings later counts in full. Returns shape (n_channels,).
    """
    now = play.now
    response = play.firm.effects.response
    return best_split(response, (1 - MOST) * now, (1 + MOST) * now, float(now.sum()))
