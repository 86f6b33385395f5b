"""The health of the funnel, as the texts of its part of the page."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pandas as pd

from mmm import wording
from mmm.funnel.kpi import Kpi
from mmm.run.health import Health
from mmm.wording import Finding

Sentence = Callable[[Finding], Any]
Write = Callable[[float, str], str]
MOST_MENDS = 5


def print_health(
    health: Health, currency: str, level: float, lang: str, sentence: Sentence
) -> dict[str, Any]:
    """Return what the template shows of the funnel; it decides nothing itself.

    Parameters
    ----------
    health : Health
    currency : str
    level : float
        Coverage of the intervals.
    lang : {"en", "it"}
    sentence : callable
        Writes a finding, safe for the page.

    Returns
    -------
    dict
        indicators, change, periods, stages, signs, structural, mends, forecast, months, level.
    """
    write = partial(print_value, currency=currency, lang=lang)
    compared = _compared(health, write, lang)
    return {
        "level": level,
        "indicators": [_indicator(kpi, write, lang, compared) for kpi in health.indicators],
        "compared": bool(compared),
        "change": None
        if health.change is None
        else sentence(health.change.finding(currency=currency)),
        "periods": _periods(health.periods),
        "stages": [] if health.stages is None else _stages(health.stages, lang),
        "signs": _signs(health, sentence, lang),
        "structural": health.alignment.structural,
        "mends": [sentence(one) for one in health.hygiene.findings()[:MOST_MENDS]],
        "forecast": None if health.forecast is None else sentence(health.forecast.finding()),
        "months": [] if health.forecast is None else _months(health, currency, lang),
    }


def print_value(value: float, unit: str, currency: str, lang: str) -> str:
    """Write the value of an indicator in its unit.

    Examples
    --------
    >>> print_value(0.328, "share", "EUR", "it"), print_value(12.4, "days", "EUR", "en")
    ('33%', '12 days')
    """
    if unit == "share":
        return wording.format_share(value, lang)
    if unit == "money":
        return wording.format_money(value, currency, lang)
    if unit == "money_per_day":
        return wording.say("page.money_a_day", lang, value=value, currency=currency)
    if unit == "days":
        return wording.format_days(value, lang)
    if unit == "months":
        return wording.say("page.months", lang, value=value)
    return wording.format_count(value, lang, digits=0 if unit == "count" else 1)


def _compared(health: Health, write: Write, lang: str) -> dict[str, dict[str, str]]:
    """Write each indicator in the two periods, and whether the difference is more than noise."""
    known: list[tuple[Any, ...]] = [
        (c.after.name, c.after.unit, c.before.value, c.after.value, c) for c in health.changes
    ]
    if health.change is not None:
        why = health.change
        known.append((why.formula.name, why.formula.unit, why.before, why.after, why))
    rows = {}
    for name, unit, before, after, change in known:
        ratio = (after - before) / before if before else float("nan")
        said = (
            wording.say("page.noise", lang)
            if change.within_noise
            else wording.say("page.ratio", lang, change=ratio)
        )
        rows[name] = {"before": write(before, unit), "after": write(after, unit), "change": said}
    return rows


def _indicator(
    kpi: Kpi, write: Write, lang: str, compared: dict[str, dict[str, str]]
) -> dict[str, Any]:
    known = kpi.lower == kpi.lower and kpi.upper == kpi.upper
    return {
        "name": kpi.name,
        "value": write(kpi.value, kpi.unit),
        "interval": _between(write(kpi.lower, kpi.unit), write(kpi.upper, kpi.unit), lang)
        if known
        else "",
        "n": wording.format_count(kpi.n, lang),
        **compared.get(kpi.name, {"before": "", "after": "", "change": ""}),
    }


def _between(lower: str, upper: str, lang: str) -> str:
    return wording.say("page.text_between", lang, lower=lower, upper=upper)


def _periods(periods: tuple[tuple[date, date], ...]) -> dict[str, date]:
    if not periods:
        return {}
    (before_first, before_last), (first, last) = periods
    return {
        "first": first,
        "last": last,
        "before_first": before_first,
        "before_last": before_last,
    }


def _stages(stages: pd.DataFrame, lang: str) -> list[dict[str, Any]]:
    count = partial(wording.format_count, lang=lang)
    share = partial(wording.format_share, lang=lang)
    rows = []
    records: list[Any] = list(stages.itertuples(index=False))
    for row in records:
        last = pd.isna(row.next_stage)
        known = not last and pd.notna(row.rate_lower) and pd.notna(row.rate_upper)
        rows.append(
            {
                "stage": row.stage,
                "entered": count(row.entered),
                "moved": "" if last else count(row.moved),
                "lost": "" if last else count(row.lost),
                "open": "" if last else count(row.open),
                "rate": "" if last else share(row.rate),
                "interval": _between(share(row.rate_lower), share(row.rate_upper), lang)
                if known
                else "",
                "days": "" if last else count(row.days),
            }
        )
    return rows


def _signs(health: Health, sentence: Sentence, lang: str) -> list[dict[str, Any]]:
    """Pair each sign with its sentence, its figure, or the reason why it cannot be told."""
    said = {one.metric: one for one in health.alignment.findings()}
    rows = []
    for sign in health.alignment.signs:
        finding = said.get(f"alignment.{sign.name}") if sign.state == "present" else sign.reason
        text = _figure(sign.kpi, lang) if finding is None else sentence(finding)
        rows.append({"name": f"name_{sign.name}", "state": sign.state, "text": text})
    return rows


def _figure(kpi: Kpi, lang: str) -> str:
    """Write a share with its interval; nothing where there is none."""
    if kpi.unit != "share" or kpi.value != kpi.value:
        return ""
    value, *bounds = (wording.format_share(x, lang) for x in (kpi.value, kpi.lower, kpi.upper))
    return f"{value} ({_between(bounds[0], bounds[1], lang)})"


def _months(health: Health, currency: str, lang: str) -> list[dict[str, str]]:
    assert health.forecast is not None
    frame = health.forecast.to_frame()
    chosen = frame[(frame["part"] == "total") & (frame["measure"] == "bookings")]
    money = partial(wording.format_money, currency=currency, lang=lang)
    records: list[Any] = list(chosen[chosen["month"] > 0].itertuples(index=False))
    return [
        {
            "end": wording.format_date(row.end.date(), lang),
            "expected": money(row.mean),
            "interval": _between(money(row.lower), money(row.upper), lang),
        }
        for row in records
    ]
