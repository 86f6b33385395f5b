"""The makings: ways in which a simulated company may come about, so that nobody tunes to one."""

from dataclasses import dataclass

from mmm.errors import ConfigError, quoted


@dataclass(frozen=True, kw_only=True)
class Making:
    """What a kind of company draws from; ranges are (smallest, largest).

    Attributes
    ----------
    says : str
        What is special about it.
    weeks, n_channels, n_controls, n_regions : (int, int)
        Size.
    media_share : (float, float)
        Media's part of the expected outcome.
    n_confounders : int
        Controls that move spend as well as the outcome.
    reaction : (float, float)
        Elasticity of spend to demand, of the channels that react; (0, 0): none does.
    dear : (float, float)
        Power of spend in return: return ~ spend^-dear.
    lag_weeks : (float, float)
        Where the carry-over of the late channels peaks; (0, 0): ordinary, short carry-over.
    mediated : bool
        One channel works through another.
    counts : bool
        The outcome is a small number of deals a week, not money.
    """

    says: str
    weeks: tuple[int, int] = (104, 208)
    n_channels: tuple[int, int] = (3, 10)
    n_controls: tuple[int, int] = (0, 3)
    n_regions: tuple[int, int] = (1, 1)
    media_share: tuple[float, float] = (0.12, 0.45)
    n_confounders: int = 0
    reaction: tuple[float, float] = (0.0, 0.0)
    dear: tuple[float, float] = (0.0, 0.0)
    lag_weeks: tuple[float, float] = (0.0, 0.0)
    mediated: bool = False
    counts: bool = False


_MAKINGS = {
    "standard": Making(says="spend is set by a plan; nothing is hidden but the noise"),
    "reacting": Making(
        says="about half of the channels spend more when demand is high, and part of that demand "
        "stands in no column",
        reaction=(0.15, 0.45),
    ),
    "dear": Making(
        says="the more a channel costs, the less it returns; the dearest takes about a third",
        n_channels=(4, 10),
        dear=(0.7, 1.2),
    ),
    "narrow": Making(
        says="few weeks, many controls, of which two move spend and outcome alike",
        weeks=(60, 104),
        n_channels=(4, 8),
        n_controls=(9, 14),
        n_confounders=2,
    ),
    "mediated": Making(
        says="a channel works mostly by raising what another one captures, and its spend with it",
        n_channels=(4, 8),
        mediated=True,
    ),
    "long_lag": Making(
        says="one to three channels act two to six months after the spend",
        weeks=(130, 208),
        lag_weeks=(8.0, 26.0),
    ),
    "counts": Making(
        says="the outcome is a few deals a week, with weeks of none",
        n_channels=(3, 6),
        counts=True,
    ),
    "panel": Making(
        says="regions that share curves and differ in size, level and strength of effect",
        weeks=(104, 156),
        n_channels=(3, 6),
        n_regions=(4, 8),
    ),
}

MAKINGS = tuple(_MAKINGS)


def making_of(name: str) -> Making:
    """Return what the making called `name` draws from.

    Raises
    ------
    ConfigError
        If no making has that name.

    Examples
    --------
    >>> making_of("narrow").n_confounders
    2
    """
    if name not in _MAKINGS:
        raise ConfigError(f"no making is called {name!r}; choose one of {quoted(MAKINGS)}")
    return _MAKINGS[name]
