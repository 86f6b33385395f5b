"""What is believed of media before the data speak."""

from dataclasses import dataclass

from mmm.errors import ConfigError


@dataclass(frozen=True)
class Priors:
    """Prior of the size of media, relative to the outcome.

    One total is shared out over channels. Shares are centred on the shares of spend, that is, on
    one return for all channels, and are free to leave them.

    Attributes
    ----------
    media_share : float
        Prior median of the part of the outcome that media bring.
    media_spread : float
        Standard deviation of its logarithm.
    channel_spread : float
        Prior median of the standard deviation of the log contribution of a channel around its share
        of spend, which the channels together tell.
    spread_doubt : float
        Standard deviation of its logarithm; 0 where it is known.
    spend_before : {"mean", "none"}
        What was spent in the periods before the first: as much as usual, or nothing.

    Examples
    --------
    >>> Priors(media_share=0.3).channel_spread
    0.6
    """

    media_share: float = 0.25
    media_spread: float = 0.5
    channel_spread: float = 0.6
    spread_doubt: float = 0.5
    spend_before: str = "mean"

    def __post_init__(self) -> None:
        if not min(self.media_share, self.media_spread, self.channel_spread) > 0:
            raise ConfigError(f"{self} cannot be; pass numbers above 0.")
        if not self.spread_doubt >= 0:
            raise ConfigError(f"spread_doubt is {self.spread_doubt}; pass 0 or more.")
        if self.spend_before not in ("mean", "none"):
            raise ConfigError(f"spend_before is {self.spend_before!r}; pass 'mean' or 'none'.")
