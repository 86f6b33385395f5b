"""A second fit beside the first: what moved and why, and whether the plan should move too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import ConfigError, InputError, quoted
from mmm.mix.budget.certainty import judge
from mmm.mix.budget.optimize import gain_draws, hidden_bias
from mmm.mix.budget.plan import BudgetPlan
from mmm.mix.fitted import Fitted
from mmm.mix.table.dates import read_dates
from mmm.mix.transforms import Floats
from mmm.wording import Finding

if TYPE_CHECKING:
    from mmm.mix.model import MixModel

STEPS = ("restated", "rows", "tests", "settings", "seed")
FIGURES = ("romi", "marginal_romi")
_TESTS = "tests"  # parameter of a model that holds tests
_NOISE = 2.0  # times the spread of seeds
_SWITCH = 0.75


@dataclass(frozen=True, eq=False)
class Ladder:
    """Why figures moved from one fit to another.

    Attributes
    ----------
    figure : str
        Column of `MixModel.contributions` that is explained.
    channels : tuple of str
        Those of the new fit, and "(media)".
    before, after : ndarray, shape (n_channels,)
        The figure in the old and in the new fit; NaN where a fit lacks the channel.
    lower, upper : ndarray, shape (n_channels,)
        50% interval of the figure in the old fit.
    steps : tuple of str
        What was changed, one after another: restated old rows, new rows, new tests, new settings,
        new seed; only what did change.
    parts : ndarray, shape (n_steps, n_channels)
        What each step moved; they sum to after - before.
    spread : ndarray, shape (n_channels,)
        Standard deviation of the figure over seeds alone; a part within twice that is no real
        change.
    """

    figure: str
    channels: tuple[str, ...]
    before: Floats
    after: Floats
    lower: Floats
    upper: Floats
    steps: tuple[str, ...]
    parts: Floats
    spread: Floats

    @property
    def real(self) -> npt.NDArray[np.bool_]:
        """Whether a part is more than the seed's doing, shape (n_steps, n_channels)."""
        return np.asarray(np.abs(self.parts) > _NOISE * self.spread)

    @property
    def surprising(self) -> npt.NDArray[np.bool_]:
        """Whether a figure left the 50% interval of the old fit, shape (n_channels,)."""
        return np.asarray((self.after < self.lower) | (self.after > self.upper))

    def to_frame(self) -> pd.DataFrame:
        """Return one row a channel and step.

        Returns
        -------
        pandas.DataFrame
            Columns channel, step, before (of the step), part, after (of the step), real.
        """
        ends = self.before + np.cumsum(self.parts, axis=0)
        n_steps, n_channels = self.parts.shape
        return pd.DataFrame(
            {
                "channel": pd.Series(np.repeat(self.channels, n_steps), dtype="str"),
                "step": pd.Series(self.steps * n_channels, dtype="str"),
                "before": (ends - self.parts).T.ravel(),
                "part": self.parts.T.ravel(),
                "after": ends.T.ravel(),
                "real": self.real.T.ravel(),
            }
        )

    def findings(self) -> tuple[Finding, ...]:
        """Say which figures left their old 50% interval, and by which step most."""
        found = []
        for c in np.flatnonzero(self.surprising & (self.channels != np.array("(media)"))):
            facts: dict[str, object] = {
                "channel": self.channels[c],
                "before": float(self.before[c]),
                "after": float(self.after[c]),
            }
            largest = int(np.argmax(np.abs(self.parts[:, c])))
            if self.real[largest, c]:
                facts |= {"step": self.steps[largest], "part": float(self.parts[largest, c])}
                found.append(Finding("refresh.moved", float(self.after[c]), facts=facts))
            else:
                found.append(Finding("refresh.only_chance", float(self.after[c]), facts=facts))
        if not found:
            n = int(np.isfinite(self.after - self.before).sum()) - 1
            found.append(Finding("refresh.steady", n, facts={"n": n}))
        return tuple(found)


def ladder(figures: Sequence[Floats]) -> Floats:
    """Return what each step moved.

    Parameters
    ----------
    figures : sequence of ndarray, shape (n_channels,)
        After no step, after the first, and so on.

    Returns
    -------
    ndarray, shape (n_steps, n_channels)
        Sums to the last less the first.

    Examples
    --------
    >>> ladder([np.array([1.0]), np.array([1.5]), np.array([1.25])]).tolist()
    [[0.5], [-0.25]]
    """
    return np.diff(np.array(figures), axis=0)


def explain_refresh(
    old: "MixModel",
    old_table: tuple[pd.DataFrame, Any],
    new_table: tuple[pd.DataFrame, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    figure: str = "romi",
    margin: float = 1.0,
    n_seeds: int = 2,
) -> tuple["MixModel", Ladder]:
    """Fit again on the new table, and explain each figure's change by a ladder of fits.

    All rows are fitted again with the original priors. Each step changes one thing and keeps what
    the steps before changed; a step that changes nothing is left out, and costs no fit.

    Parameters
    ----------
    old : MixModel
        Fitted on the old table.
    old_table, new_table : (frame, outcome)
        With the dates of the old model; rows of the new one that bear an old date restate it.
    settings : mapping of str to object, optional
        Parameters of `MixModel` that are new; tests and the seed are steps of their own.
    figure : str
        "romi" or "marginal_romi".
    margin : float
        Part of the outcome that is margin.
    n_seeds : int
        Further fits of the new table, that differ in their seed alone; at least 1.

    Returns
    -------
    model : MixModel
        The new fit.
    ladder : Ladder

    Raises
    ------
    ConfigError
        If the model has no dates, a setting is unknown, or the figure is.
    InputError
        If an old date is missing in the new table.
    """
    params = old.get_params(deep=False)
    unknown = [name for name in settings or {} if name not in params]
    if unknown or old.date is None or n_seeds < 1:
        raise ConfigError(
            f"cannot refresh: unknown settings are {quoted(unknown) or 'none'}, "
            f"date={old.date!r}, n_seeds={n_seeds}. Name parameters of MixModel, fit with date=, "
            "and use 1 seed or more."
        )
    if figure not in FIGURES:
        raise ConfigError(f"figure is {figure!r}. Pass one of {quoted(FIGURES)}.")
    restated = _restated(old.date, old_table[0], new_table)
    fits: list[tuple[str, MixModel]] = []
    table, reached = old_table, dict(params)
    for step in STEPS:
        if step == "restated":
            after, change = restated, {}
        else:
            after, change = new_table, _of_step(step, settings or {})
        moved = {name: x for name, x in change.items() if not _same_setting(reached[name], x)}
        if moved or not _same_table(table, after):
            reached |= moved
            fits.append((step, type(old)(**reached).fit(*after)))
        table = after
    new = fits[-1][1] if fits else old
    seeds = [
        type(old)(**{**reached, "seed": reached["seed"] + 1 + i}).fit(*new_table)
        for i in range(n_seeds)
    ]
    return new, _explained(old, fits, [new, *seeds], figure, margin)


def _of_step(step: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    if step == "rows":
        return {}
    kind = {name: "tests" if name == _TESTS else "settings" for name in settings}
    if "seed" in kind:
        kind["seed"] = "seed"
    return {name: x for name, x in settings.items() if kind[name] == step}


def _explained(
    old: "MixModel",
    fits: Sequence[tuple[str, "MixModel"]],
    seeds: Sequence["MixModel"],
    figure: str,
    margin: float,
) -> Ladder:
    first = old.contributions(level=0.5, margin=margin).set_index("channel")
    channels = tuple(seeds[0].contributions()["channel"])

    def figures(model: "MixModel") -> Floats:
        found = model.contributions(margin=margin).set_index("channel")[figure]
        return found.reindex(list(channels)).to_numpy(dtype=np.float64)

    reached = [figures(old), *(figures(model) for _, model in fits)]
    kept = first.reindex(list(channels))
    return Ladder(
        figure=figure,
        channels=channels,
        before=reached[0],
        after=reached[-1],
        lower=kept[f"{figure}_lower"].to_numpy(dtype=np.float64),
        upper=kept[f"{figure}_upper"].to_numpy(dtype=np.float64),
        steps=tuple(step for step, _ in fits),
        parts=ladder(reached).reshape(len(fits), len(channels)),
        spread=np.std([figures(model) for model in seeds], axis=0, ddof=1),
    )


def _restated(
    date: str, old: pd.DataFrame, new_table: tuple[pd.DataFrame, Any]
) -> tuple[pd.DataFrame, Any]:
    """Return the rows of the new table that bear a date of the old one."""
    table, outcome = new_table
    dates = pd.Series(read_dates(table, date), index=table.index)
    known = pd.Series(read_dates(old, date), index=old.index)
    gone = known[~known.isin(dates)]
    if len(gone):
        raise InputError(
            f"{len(gone)} periods of the old table are missing in the new one, the first is "
            f"{gone.iloc[0].date()}. Keep all old rows; what changed in them is told apart."
        )
    inside = dates.isin(known).to_numpy()
    return table.loc[inside], np.asarray(outcome)[inside]


def _same_table(one: tuple[pd.DataFrame, Any], other: tuple[pd.DataFrame, Any]) -> bool:
    same = one[0].reset_index(drop=True).equals(other[0].reset_index(drop=True))
    return same and np.array_equal(np.asarray(one[1]), np.asarray(other[1]))


def _same_setting(one: Any, other: Any) -> bool:
    return one is other or bool(np.all(one == other))


@dataclass(frozen=True)
class Switch:
    """Whether a new plan should replace the old one.

    Attributes
    ----------
    switch : bool
    probability_better : float
        That the new plan earns more than the old one, hidden demand included.
    gain : float
        Expected profit of the new plan less that of the old, over the horizon, in money.
    switching_cost : float
        In money.
    horizon : int
        Periods.
    """

    switch: bool
    probability_better: float
    gain: float
    switching_cost: float
    horizon: int

    def findings(self, currency: str) -> tuple[Finding, ...]:
        """Say whether to keep the plan."""
        facts = {
            "gain": self.gain,
            "cost": self.switching_cost,
            "probability": self.probability_better,
            "currency": currency,
        }
        return (
            Finding("refresh.switch" if self.switch else "refresh.keep", self.gain, facts=facts),
        )


def keep_or_switch(
    model: Fitted,
    old: BudgetPlan,
    new: BudgetPlan,
    *,
    switching_cost: float = 0.0,
    tau: Mapping[str, float] | float | None = None,
) -> Switch:
    """Keep the old plan unless the new one is surely better.

    It replaces it where P(new better than old) is at least 75%, on the draws that chose no plan,
    and the expected gain exceeds the cost of switching.

    Parameters
    ----------
    model : MixModel
        The new fit.
    old, new : BudgetPlan
        Of the same channels; margin and horizon are those of the new one.
    switching_cost : float
        In money.
    tau
        As in `optimize_budget`.

    Returns
    -------
    Switch

    Raises
    ------
    ConfigError
        If the channels differ, or the cost is negative.
    """
    if not old.channels == new.channels == model.channels_:
        raise ConfigError(
            f"the plans have {quoted(old.channels, 20)} and {quoted(new.channels, 20)}, the model "
            f"{quoted(model.channels_, 20)}. Compare plans of the same channels."
        )
    if not switching_cost >= 0:
        raise ConfigError(f"switching_cost is {switching_cost!r}. Pass 0 or more.")
    moved = new.proposed - old.proposed
    gain = gain_draws(model, old.proposed, new.proposed, new.horizon)[1::2]
    profit = new.margin * gain - moved.sum()
    probability = judge(profit, moved, hidden_bias(model, new.margin, tau)).probability_better
    expected = float(profit.mean()) * new.horizon
    return Switch(
        switch=probability >= _SWITCH and expected > switching_cost,
        probability_better=probability,
        gain=expected,
        switching_cost=float(switching_cost),
        horizon=new.horizon,
    )
