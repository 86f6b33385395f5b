"""What one counted deal or lead is worth, without which a plan of counts is in no money."""

from mmm.errors import ConfigError
from mmm.mix.fitted import Fitted, panels_of

_LEAST = 0.05  # of what was spent: all deals together are worth more, whoever brought them


def check_worth(n_counted: float, spend: float, margin: float) -> None:
    """Raise where a margin is no money that one counted deal or lead leaves.

    Parameters
    ----------
    n_counted : float
        Deals or leads of all fitted periods.
    spend : float
        Media spend of the same periods, in money.
    margin : float
        Money that one of them leaves. 1, the default, is taken as not stated.

    Raises
    ------
    ConfigError
        If it is 1, or all of them together would leave less than a twentieth of the spend.

    Examples
    --------
    >>> check_worth(120, 30_000.0, 900.0)
    >>> check_worth(120, 30_000.0, 0.4)
    Traceback (most recent call last):
    ...
    mmm.errors.ConfigError: the outcome counts, and a margin of 0.4 makes all 120 of them worth 48 \
beside 30,000 of spend. Pass the money that one leaves, such as margin=900 a deal: its value x the \
share that is margin.
    """
    worth = margin * n_counted
    if margin != 1.0 and worth >= _LEAST * spend:
        return
    raise ConfigError(
        f"the outcome counts, and a margin of {margin:g} makes all {n_counted:,.0f} of them worth "
        f"{worth:,.0f} beside {spend:,.0f} of spend. Pass the money that one leaves, such as "
        "margin=900 a deal: its value x the share that is margin."
    )


def check_money(model: Fitted, margin: float) -> None:
    """Raise as `check_worth` where a model explains counts."""
    if panels_of(model)[0].posterior_.dispersion is not None:
        check_worth(float(model.outcome_.sum()), float(model.spend_.sum()), margin)
