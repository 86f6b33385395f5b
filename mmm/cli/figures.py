"""Figures of lead scores, as the command line writes them."""

from typing import Any

from mmm.wording import format_count, format_share, say

_DIGITS = {"log_loss": 3, "lift": 1}


def written(value: float, name: str, lang: str) -> str:
    """Return the figure of a metric.

    Examples
    --------
    >>> written(0.30449, "log_loss", "it"), written(0.9312, "auc", "en")
    ('0,304', '93%')
    """
    if name in _DIGITS:
        return format_count(value, lang, digits=_DIGITS[name])
    return format_share(value, lang, digits=0 if name == "auc" else 1)


def with_range(metric: Any, name: str, lang: str) -> str:
    """Return the figure of a metric with its interval.

    Examples
    --------
    >>> with_range({"value": 0.7, "lower": 0.65, "upper": 0.75}, "auc", "it")
    '70% (da 65% a 75%)'
    """
    value, low, high = (
        written(float(metric[of]), name, lang) for of in ("value", "lower", "upper")
    )
    return f"{value} ({say('scored.to', lang, low=low, high=high)})"
