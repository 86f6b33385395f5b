"""The what-if: the numbers and the words that the script of the page works with."""

import base64
import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from scipy.interpolate import PchipInterpolator

from mmm import wording
from mmm.mix.budget.certainty import HALF, LOSS_SHARE, MOVE
from mmm.run.advice import BudgetAdvice
from mmm.run.answer import STILL, counts, no_test_pays, places

N_KNOTS, FEW_KNOTS = 11, 7  # of a draw; fewer where channels are many
MANY = 12
MOST_BYTES = 40_000  # of all draws, before they are written as text
_STEPS = 60  # of the slider, about
_PLACES = 6  # digits kept of what is computed; of spend there are more

Floats = npt.NDArray[np.float64]


def has_room(advice: BudgetAdvice) -> bool:
    """Tell whether any channel may get another spend than today's."""
    spend = advice.curves.spend
    return bool(((spend[:, -1] - spend[:, 0]) > STILL * max(advice.total, _unit(advice))).any())


def whatif_data(advice: BudgetAdvice, lang: str) -> dict[str, Any]:
    """Gather what the script needs: curves, draws, thresholds and words.

    Channels follow the rows of the table. Draws are what each channel brings beyond today, as
    16-bit numbers of one scale a channel.

    Parameters
    ----------
    advice : BudgetAdvice
    lang : {"en", "it"}

    Returns
    -------
    dict
        Plain values alone.
    """
    curves, table = advice.curves, advice.table
    order = [curves.channels.index(name) for name in table["channel"]]
    spend = curves.spend[order]
    today = table["current"].to_numpy(dtype=np.float64)
    response = _beyond(spend, curves.response_mean[order], today)
    held = _beyond(spend, curves.held_mean[order], today)
    draws, scale = _packed(spend, curves.draws[:, order].astype(np.float64), today)
    return {
        "today": _short(today, 10),
        "total": float(f"{table['proposed'].sum():.12g}"),
        "proposal": {
            "profit": advice.expected_profit,
            "chance": advice.probability_better,
            "stance": advice.stance,
        },
        # Half a move is the most where records are counted, as for the proposal itself.
        "most": "half" if counts(advice) else "move",
        "low": _short(spend[:, 0], 10),
        "high": _short(spend[:, -1], 10),
        "response": [_short(row) for row in response],
        "held": [_short(row) for row in held],
        "draws": base64.b64encode(draws.tobytes()).decode(),
        "n_knots": draws.shape[2],
        "n_draws": draws.shape[0],
        "scale": _short(scale),
        "tau": _short(curves.tau[order]),
        "margin": advice.margin,
        "digits": places(table),
        "step": nice_step(float((spend[:, -1] - spend[:, 0]).sum()) / _STEPS, _unit(advice)),
        "move": MOVE,
        "half": HALF,
        "loss": LOSS_SHARE,
        **_forms(advice, lang),
        "words": _words(advice, lang),
    }


def whatif_script(data: dict[str, Any]) -> Markup:
    r"""Write data as JSON that no element can end and no script can be.

    Examples
    --------
    >>> str(whatif_script({"words": "</script><!-- & "}))
    '{"words":"\\u003c/script\\u003e\\u003c!-- \\u0026 "}'
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return Markup(text)


def _unit(advice: BudgetAdvice) -> float:
    """Return the least amount of money that is printed."""
    return float(10.0 ** -places(advice.table))


def nice_step(least: float, unit: float = 1.0) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... units that is not below an amount.

    Examples
    --------
    >>> nice_step(0.3), nice_step(13.0), nice_step(50.0), nice_step(0.13, 0.01)
    (1.0, 20.0, 50.0, 0.2)
    """
    if least <= unit:
        return unit
    power = 10.0 ** math.floor(math.log10(least))
    return next(by * power for by in (1, 2, 5, 10) if by * power >= least * (1 - 1e-12))


def _beyond(spend: Floats, curve: Floats, today: Floats) -> Floats:
    """Take off what today's spend brings, so that few digits tell small gains."""
    return np.stack([y - _at(x, y, now) for x, y, now in zip(spend, curve, today, strict=True)])


def _at(x: Floats, y: Floats, now: float) -> Any:
    """Read a curve at today's spend, its last axis over x; no room: it is what it is."""
    if not x[-1] > x[0]:
        return y[..., :1]
    return PchipInterpolator(x, y, axis=-1)(now)[..., None]


def _packed(spend: Floats, draws: Floats, today: Floats) -> tuple[npt.NDArray[np.int16], Floats]:
    """Return gains beyond today at fewer points, of at most `MOST_BYTES`, and their scales."""
    n_draws, n_channels, n_grid = draws.shape
    knots = min(N_KNOTS if n_channels <= MANY else FEW_KNOTS, n_grid)
    room = max(1, MOST_BYTES // (2 * n_channels * knots))
    chosen = np.linspace(0, n_draws - 1, min(n_draws, room)).round().astype(np.intp)
    gains = np.zeros((len(chosen), n_channels, knots))
    for c in range(n_channels):
        x, y = spend[c], draws[chosen, c]
        if x[-1] > x[0]:
            curve = PchipInterpolator(x, y, axis=-1)
            gains[:, c] = curve(np.linspace(x[0], x[-1], knots)) - curve(today[c])[:, None]
    scale = np.maximum(np.abs(gains).max(axis=(0, 2)), 1e-12) / 32_000
    packed = np.rint(gains / scale[None, :, None]).astype("<i2")
    return packed, scale


def _short(values: Floats, places: int = _PLACES) -> list[float]:
    return [float(f"{value:.{places}g}") for value in values]


def _forms(advice: BudgetAdvice, lang: str) -> dict[str, str]:
    """Return how the language writes numbers, from what it makes of a few."""
    thousands, tenth = wording.format_count(1234, lang), wording.format_count(0.5, lang, digits=1)
    return {
        "money": wording.format_money(0, advice.currency, lang),
        "group": thousands[1],
        "point": tenth[1],
    }


def _words(advice: BudgetAdvice, lang: str) -> dict[str, str]:
    """Return the sentences, with ``%name%`` where the script puts a number."""
    names = ("total", "change", "profit", "probability", "advice")
    facts: dict[str, Any] = {name: f"%{name}%" for name in names} | {"period": advice.every}
    said = {
        key: wording.say(f"whatif.{key}", lang, **facts)
        for key in ("amount", "more", "less", "same")
    }
    stances = ("move", "half", "test", "stay")
    named = {name: wording.say(f"stance.{name}", lang) for name in stances}
    if no_test_pays(advice):
        named["test"] = wording.say("stance.keep", lang)
    return said | named
