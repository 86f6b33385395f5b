"""A pilot: the test of one channel, its calendar and what it is worth."""

from dataclasses import dataclass, field

import pandas as pd

from mmm.mix.pilots.knowing import LEAST_CHANCE
from mmm.mix.transforms import Floats
from mmm.wording import Finding


@dataclass(frozen=True, eq=False, repr=False)
class Pilot:
    """A test of one channel, and what it is worth.

    Attributes
    ----------
    channel : str
    mode : {"flighting", "holdout"}
        Spend up and down in turn, or changed in a part of the regions or accounts only.
    delta : float
        Size of the change, as a share of today's spend.
    n_periods, block : int
        Length of the pilot, and of its blocks.
    expected, spread : float
        What is believed of the marginal ROMI: mean, and standard deviation with hidden bias.
    threshold : float
        Marginal ROMI above which money moves in.
    standard_error : float
        Of the marginal ROMI that the pilot measures.
    power : float
        Probability that it tells the expected return from the threshold, at 95% confidence.
    chance : float
        Probability that it reads above or below the threshold at 95% confidence, over all that is
        believed of the return.
    periods_needed : int or None
        Periods at which the power reaches 80%; None where no length does.
    reaches : bool
        Whether an allowed length has that power.
    value, perfect_value : float
        What its result is worth over the horizon, in money; and what certainty would be.
    outcome_lost : float
        Profit expected to be lost during the pilot, in money; 0 where none is.
    set_up_cost, net_value : float
        In money; net_value = value - outcome_lost - set_up_cost.
    false_alarms : float
        Part of the windows of the company's own history, in which nothing was tested, where the
        same reading would have found an effect; 0.05 is promised. NaN where history is too short.
    dates : Index, length n_periods
    spend : ndarray, shape (n_periods,)
        Of the channel where it is changed: all of it, or the held-out part.
    unchanged : ndarray, shape (n_periods,)
        Spend in the other part; 0 in flighting.
    exposure : ndarray, shape (n_before + n_periods,)
        Change of effective spend, carry-over counted, in the periods that are read; a hold-out is
        read against the periods before it.
    part : float
        Part of the company in which spend is changed; 1 in flighting.
    notes : tuple of str
    """

    channel: str
    mode: str
    delta: float
    n_periods: int
    block: int
    expected: float
    spread: float
    threshold: float
    standard_error: float
    power: float
    chance: float
    periods_needed: int | None
    reaches: bool
    value: float
    perfect_value: float
    outcome_lost: float
    set_up_cost: float
    net_value: float
    false_alarms: float
    dates: pd.Index
    spend: Floats
    unchanged: Floats
    exposure: Floats
    part: float = 1.0
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return (
            f"Pilot({self.channel}: {self.mode} {self.delta:.0%}, {self.n_periods} periods, "
            f"power {self.power:.2f}, net value {self.net_value:+,.4g})"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the calendar, one row a period and part.

        Returns
        -------
        pandas.DataFrame
            Columns date, channel, part ("all", "held out" or "others"), spend (per period).
        """
        parts = {"all": self.spend}
        if self.mode == "holdout":
            parts = {"held out": self.spend, "others": self.unchanged}
        frames = [
            pd.DataFrame(
                {
                    "date": self.dates,
                    "channel": pd.Series([self.channel] * self.n_periods, dtype="str"),
                    "part": pd.Series([part] * self.n_periods, dtype="str"),
                    "spend": spend,
                }
            )
            for part, spend in parts.items()
        ]
        return pd.concat(frames, ignore_index=True)

    @property
    def pays(self) -> bool:
        """Whether it is worth more than it costs, and likely enough to give a clear answer."""
        return self.net_value > 0 and self.chance >= LEAST_CHANCE

    def findings(self, currency: str) -> tuple[Finding, ...]:
        """Say whether the pilot pays, and where it cannot tell."""
        facts = {
            "channel": self.channel,
            "n": self.n_periods,
            "delta": self.delta,
            "value": self.value,
            "cost": self.outcome_lost + self.set_up_cost,
            "power": self.power,
            "chance": self.chance,
            "currency": currency,
        }
        key = f"pilot.worth_{self.mode}" if self.pays else f"pilot.not_worth_{self.mode}"
        if self.net_value > 0 and not self.pays:
            key = "pilot.hardly_tells"
        found = [Finding(key, self.net_value, facts=facts)]
        if not self.reaches:
            found.append(Finding("pilot.out_of_reach", self.power, facts=facts))
        return tuple(found)
