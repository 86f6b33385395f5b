"""What a budget has to respect, by name, and which two rules clash where none can be met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mmm.errors import ConfigError, quoted
from mmm.mix.budget.allocation import Rules
from mmm.mix.transforms import Floats

Group = tuple[str, ...]
NOT_RAISED = "not raised"


@dataclass(frozen=True)
class Limits:
    """Rules of a budget beside its total and its bounds.

    Attributes
    ----------
    max_change : float or None
        Most that a channel without bounds of its own may move, as a share of its current spend;
        None: from nothing to three times today.
    fixed : tuple of str
        Channels that stay as they are.
    not_raised : tuple of str
        Channels that get no more than today until a test shows what they add, such as those that
        attribution suspects of harvesting demand that others made.
    presence : mapping of str to float
        A channel gets nothing or at least this much per period.
    committed : mapping of str to float
        Spend per period that is under contract.
    step : mapping of str to float
        A channel is bought in multiples of this.
    caps : mapping of tuple of str to float
        Most that a group of channels may spend together; no channel in two groups.
    pilot : float
        Most that a channel may move whose effect the data do not identify, as a share of its
        current spend: the size of a test, not of a decision.

    Examples
    --------
    >>> Limits(fixed=("Events",), caps={("Search", "Social"): 900.0}).max_change
    0.5
    """

    max_change: float | None = 0.5
    fixed: tuple[str, ...] = ()
    not_raised: tuple[str, ...] = ()
    presence: Mapping[str, float] = field(default_factory=dict)
    committed: Mapping[str, float] = field(default_factory=dict)
    step: Mapping[str, float] = field(default_factory=dict)
    caps: Mapping[Group, float] = field(default_factory=dict)
    pilot: float = 0.2


@dataclass(frozen=True)
class Bound:
    """One side of a channel's room, and the rule that sets it."""

    amount: float
    rule: str


@dataclass(frozen=True, eq=False)
class Room:
    """The rules in numbers, and the words for them.

    Attributes
    ----------
    rules : Rules
    lowest, highest : tuple of Bound, one a channel
    """

    rules: Rules
    lowest: tuple[Bound, ...]
    highest: tuple[Bound, ...]

    def binding(self, spend: Floats) -> tuple[str, ...]:
        """Return the rule that stops each channel, empty where none does."""
        slack = 1e-6 * max(float(spend.sum()), 1e-12)
        return tuple(
            high.rule
            if x >= high.amount - slack and high.amount > low.amount
            else low.rule
            if x <= low.amount + slack
            else ""
            for x, low, high in zip(spend, self.lowest, self.highest, strict=True)
        )


def find_room(
    channels: Sequence[str],
    current: Floats,
    total: float | None,
    bounds: Mapping[str, tuple[float, float]],
    limits: Limits,
    blind: Sequence[str] = (),
) -> Room:
    """Turn named rules into numbers.

    Parameters
    ----------
    channels : sequence of str
    current : ndarray of float64, shape (n_channels,)
        Spend per period today.
    total : float or None
    bounds : mapping of str to (float, float)
    limits : Limits
    blind : sequence of str
        Channels whose effect the data do not identify.

    Returns
    -------
    Room

    Raises
    ------
    ConfigError
        If a channel is unknown, a number is no spend, or two rules clash, which are named.

    Examples
    --------
    >>> room = find_room(["A", "B"], np.array([10.0, 10.0]), 20.0, {"A": (0.0, 12.0)}, Limits())
    >>> room.rules.lower.tolist(), room.rules.upper.tolist()
    ([0.0, 5.0], [12.0, 15.0])
    """
    _check_names(channels, bounds, limits)
    sides = [
        _sides(name, float(now), bounds.get(name), limits, name in blind)
        for name, now in zip(channels, current, strict=True)
    ]
    for name, (low, high) in zip(channels, sides, strict=True):
        if low.amount > high.amount * (1 + 1e-12):
            raise ConfigError(
                f"two rules clash for {name!r}: {low.rule} asks for at least {low.amount:g}, "
                f"{high.rule} allows at most {high.amount:g}. Change one of them."
            )
    rules = Rules(
        lower=np.array([low.amount for low, _ in sides]),
        upper=np.array([high.amount for _, high in sides]),
        total=total,
        presence=np.array([float(limits.presence.get(name, 0.0)) for name in channels]),
        step=np.array([float(limits.step.get(name, 0.0)) for name in channels]),
        caps=tuple(
            (tuple(list(channels).index(name) for name in group), float(cap))
            for group, cap in limits.caps.items()
        ),
    )
    lowest, highest = zip(*sides, strict=True)
    _check_sums(channels, rules, lowest, highest)
    return Room(rules, lowest, highest)


def _sides(
    name: str, now: float, given: tuple[float, float] | None, limits: Limits, blind: bool
) -> tuple[Bound, Bound]:
    """Return the least and most of a channel, each with the tightest rule that sets it."""
    if given is not None:
        low, high = Bound(given[0], "bounds"), Bound(given[1], "bounds")
    elif limits.max_change is None:
        low, high = Bound(0.0, "no spend"), Bound(3 * now, "three times today")
    else:
        low = Bound(max(now * (1 - limits.max_change), 0.0), "max_change")
        high = Bound(now * (1 + limits.max_change), "max_change")
    if name in limits.fixed:
        _check_fixed(name, now, given)
        low = high = Bound(now, "fixed")
    if blind and name not in limits.fixed:
        low, high = _within_pilot(now, low, high, limits.pilot)
    if name in limits.not_raised and high.amount > now:
        high = Bound(max(now, low.amount), NOT_RAISED)
    committed = limits.committed.get(name)
    if committed is not None and committed > low.amount:
        low = Bound(float(committed), "committed")
    step = limits.step.get(name)
    if step:
        least = float(np.ceil(low.amount / step - 1e-9) * step)
        # Where no multiple lies between, it is the step that clashes.
        rule = low.rule if least <= high.amount else f"a step of {step:g} above {low.rule}"
        low = Bound(least, rule)
    return low, high


def _check_fixed(name: str, now: float, given: tuple[float, float] | None) -> None:
    """Refuse bounds that a channel which stays as it is does not keep."""
    if given is not None and not given[0] - 1e-9 <= now <= given[1] + 1e-9:
        raise ConfigError(
            f"two rules clash for {name!r}: fixed keeps it at {now:g}, bounds allow {given[0]:g} "
            f"to {given[1]:g}. Change one of them."
        )


def _within_pilot(now: float, low: Bound, high: Bound, pilot: float) -> tuple[Bound, Bound]:
    """Keep a channel that the data do not identify within a pilot, as far as the rules allow."""
    least, most = now * (1 - pilot), now * (1 + pilot)
    if least > high.amount or most < low.amount:
        return low, high
    word = "not identified"
    return (
        Bound(least, word) if least > low.amount else low,
        Bound(most, word) if most < high.amount else high,
    )


def _check_names(
    channels: Sequence[str], bounds: Mapping[str, tuple[float, float]], limits: Limits
) -> None:
    _check_kinds(limits)
    grouped = [name for group in limits.caps for name in group]
    asked = [*bounds, *limits.fixed, *limits.not_raised, *limits.presence, *limits.committed]
    asked += [*limits.step, *grouped]
    unknown = [name for name in dict.fromkeys(asked) if name not in channels]
    if unknown:
        raise ConfigError(
            f"the rules name {quoted(unknown)}, which the model does not have; it has "
            f"{quoted(channels, 20)}. Correct the names."
        )
    if len(set(grouped)) < len(grouped):
        raise ConfigError("a channel stands in two caps. Put each channel in one group.")
    named = {"presence": limits.presence, "committed": limits.committed, "step": limits.step}
    amounts = {f"{rule}[{name!r}]": x for rule, by in named.items() for name, x in by.items()}
    amounts |= {f"caps[{group!r}]": cap for group, cap in limits.caps.items()}
    for name, pair in bounds.items():
        if np.shape(pair) != (2,):
            raise ConfigError(f"bounds[{name!r}] is {pair!r}. Pass (lowest, highest).")
        amounts |= {f"bounds[{name!r}][{i}]": side for i, side in enumerate(pair)}
        if pair[0] > pair[1]:
            raise ConfigError(
                f"bounds[{name!r}] = ({pair[0]:g}, {pair[1]:g}) is crossed: the lowest is above "
                "the highest. Swap them."
            )
    for place, amount in amounts.items():
        if not (np.isfinite(amount) and amount >= 0):
            raise ConfigError(f"{place} is {amount!r}. Pass a spend per period, 0 or more.")


def _check_kinds(limits: Limits) -> None:
    """Refuse shares below 0, and a name where a tuple of names is asked for."""
    for rule in ("max_change", "pilot"):
        share = getattr(limits, rule)
        if share is not None and not (np.isfinite(share) and share >= 0):
            raise ConfigError(f"{rule} is {share!r}. Pass a share of today's spend, such as 0.5.")
    given: dict[str, object] = {"fixed": limits.fixed, "not_raised": limits.not_raised}
    given |= {f"caps[{group!r}]": group for group in limits.caps}
    alone = [f"{rule}={names!r}" for rule, names in given.items() if isinstance(names, str)]
    if alone:
        raise ConfigError(f"{alone[0]} is one name. Pass a tuple of names, such as ('Search',).")


def _check_sums(
    channels: Sequence[str], rules: Rules, lowest: Sequence[Bound], highest: Sequence[Bound]
) -> None:
    """Refuse totals and caps that the sides cannot meet, naming the two rules that clash."""
    slack = 1 + 1e-9
    for members, cap in rules.caps:
        inside = list(members)
        if rules.lower[inside].sum() > cap * slack:
            rule = _largest(channels, rules.lower, lowest, inside)
            raise ConfigError(
                f"two rules clash: the cap of {cap:g} on {quoted(channels[i] for i in inside)}, "
                f"and their least spends, {rules.lower[inside].sum():g} in all ({rule}). "
                "Raise the cap, or lower them."
            )
    for i, name in enumerate(channels):
        if rules.presence[i] > rules.upper[i] * slack and rules.lower[i] > 0:
            raise ConfigError(
                f"two rules clash for {name!r}: presence asks for {rules.presence[i]:g}, "
                f"{highest[i].rule} allows at most {rules.upper[i]:g}. Change one of them."
            )
    if rules.total is None:
        return
    least, most = float(rules.lower.sum()), _most(rules)
    if rules.total * slack < least:
        rule = _whose(channels, lowest)
        raise ConfigError(
            f"two rules clash: the total of {rules.total:g}, and the least spends, {least:g} in "
            f"all ({rule}). Raise the total, or lower them."
        )
    if rules.total > most * slack:
        rule = _whose(channels, highest)
        raise ConfigError(
            f"two rules clash: the total of {rules.total:g}, and the most that may be spent, "
            f"{most:g} in all ({rule}{', and caps' if rules.caps else ''}). "
            "Lower the total, or raise them."
        )


def _most(rules: Rules) -> float:
    capped = {channel for members, _ in rules.caps for channel in members}
    alone = [i for i in range(len(rules.upper)) if i not in capped]
    groups = sum(min(float(rules.upper[list(m)].sum()), cap) for m, cap in rules.caps)
    return float(rules.upper[alone].sum()) + groups


def _whose(channels: Sequence[str], bounds: Sequence[Bound]) -> str:
    """Name the rules that set one side of all channels, and whose they are."""
    by_rule: dict[str, list[str]] = {}
    for name, bound in zip(channels, bounds, strict=True):
        by_rule.setdefault(bound.rule, []).append(name)
    if len(by_rule) == 1 < len(channels):
        return f"{bounds[0].rule} of every channel"
    return "; ".join(f"{rule} of {quoted(names)}" for rule, names in by_rule.items())


def _largest(
    channels: Sequence[str], amounts: Floats, bounds: Sequence[Bound], among: Sequence[int]
) -> str:
    i = max(among, key=lambda one: float(amounts[one]))
    return f"{bounds[i].rule} of {channels[i]!r}: {amounts[i]:g}"
