"""The health of the funnel, as the texts of its part of the page."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

import pandas as pd

from mmm import wording
from mmm.funnel.kpi import Kpi
from mmm.funnel.stages.groups import NO_GROUP
from mmm.report.findings import cac_figures
from mmm.run.agreement import Kept
from mmm.run.health import Health
from mmm.wording import Finding

Sentence = Callable[[Finding], Any]
Write = Callable[..., str]
MOST_MENDS = 5
MOST_OWNERS = 12


def print_health(
    health: Health,
    currency: str,
    level: float,
    lang: str,
    sentence: Sentence,
    economics: pd.DataFrame | None = None,
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
    economics : DataFrame, optional
        Costs by channel, to say how they go with the indicator.

    Returns
    -------
    dict
        indicators, compared, cac_figures, quiet, changes, periods, stages, won, agreement, owners,
        signs, structural, mends, forecast, months, level.
    """
    write = partial(print_value, currency=currency, lang=lang)
    compared = _compared(health, write, lang)
    figures = None if economics is None else cac_figures(economics, health, currency)
    return {
        "level": level,
        "indicators": [_indicator(kpi, write, lang, compared) for kpi in health.indicators],
        "compared": bool(compared),
        "cac_figures": None if figures is None else sentence(figures),
        "won": _won(health, sentence),
        "quiet": _quiet(health, lang),
        "changes": [
            sentence(why.finding(currency=currency))
            for why in health.changes
            if not why.within_noise
        ],
        "periods": _periods(health.periods),
        "stages": [] if health.stages is None else _stages(health.stages, lang),
        "agreement": [] if health.kept is None else print_agreement(health.kept, sentence),
        "owners": [] if health.kept is None else _owners(health.kept, lang),
        "signs": _signs(health, sentence),
        "structural": health.alignment.structural,
        "mends": [sentence(one) for one in health.hygiene.findings()[:MOST_MENDS]],
        "forecast": None if health.forecast is None else sentence(health.forecast.finding()),
        "months": [] if health.forecast is None else _months(health, currency, lang),
    }


def print_value(
    value: float, unit: str, currency: str, lang: str, beside: Sequence[float] = ()
) -> str:
    """Write the value of an indicator in its unit.

    Parameters
    ----------
    value : float
    unit : str
    currency : str
    lang : {"en", "it"}
    beside : sequence of float
        Values of the same indicator that stand beside it, with as many decimals.

    Examples
    --------
    >>> print_value(0.4, "money", "EUR", "en"), print_value(0.4, "money", "EUR", "en", [12.0])
    ('€0.40', '€0')
    >>> print_value(0.328, "share", "EUR", "it"), print_value(12.4, "days", "EUR", "en")
    ('33%', '12 days')
    """
    if unit == "share":
        return wording.format_share(value, lang)
    if unit == "money":
        digits = wording.money_digits([value, *beside])
        return wording.format_money(value, currency, lang, digits=digits)
    if unit == "money_per_day":
        return wording.say("page.money_a_day", lang, value=value, currency=currency)
    if unit == "days":
        return wording.format_days(value, lang)
    if unit == "months":
        return wording.say("page.months", lang, value=value)
    return wording.format_count(value, lang, digits=0 if unit == "count" else 1)


def _compared(health: Health, write: Write, lang: str) -> dict[str, dict[str, str]]:
    """Write each indicator in the two periods, and whether the difference is more than noise."""
    rows = {}
    for why in health.changes:
        name, unit = why.formula.name, why.formula.unit
        ratio = why.change / why.before if why.before else float("nan")
        said = (
            wording.say("page.noise", lang)
            if why.within_noise
            else wording.say("page.ratio", lang, change=ratio)
        )
        both = [why.before, why.after]
        before, after = (write(one, unit, beside=both) for one in both)
        rows[name] = {"before": before, "after": after, "change": said}
    return rows


def _quiet(health: Health, lang: str) -> str:
    """Name the indicators whose change may be chance, and what to do: nothing yet."""
    names = [why.formula.name for why in health.changes if why.within_noise]
    if not names:
        return ""
    said = [wording.say(f"kpi_named.{name}", lang) for name in names]
    listed = wording.format_list(said, lang)
    return wording.say("page.within_noise", lang, indicators=listed, n=len(names))


def _indicator(
    kpi: Kpi, write: Write, lang: str, compared: dict[str, dict[str, str]]
) -> dict[str, Any]:
    known = kpi.lower == kpi.lower and kpi.upper == kpi.upper
    all_three = [kpi.value, kpi.lower, kpi.upper]
    value, lower, upper = (write(one, kpi.unit, beside=all_three) for one in all_three)
    return {
        "name": kpi.name,
        "value": value,
        "interval": _between(lower, upper, lang) if known else "",
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


def _won(health: Health, sentence: Sentence) -> Any:
    """Say how the deals won and the leads won go together; nothing where they are the same."""
    if health.stages is None or health.won.n_deals == 0:
        return None
    leads = int(health.stages["entered"].iloc[-1])
    facts = {
        "n": health.won.n_deals,
        "new": health.won.n_new,
        "others": health.won.n_deals - health.won.n_new,
        "leads": leads,
    }
    fewer = ("page.won_followed",) if leads != facts["new"] else ()
    if facts["others"]:
        return sentence(Finding("page.won_and_new", None, because=fewer, facts=facts))
    return sentence(Finding(fewer[0], None, facts=facts)) if fewer else None


def print_agreement(kept: Kept, sentence: Sentence) -> list[Any]:
    """Say how marketing and how sales kept their side, as far as the leads tell."""
    said = []
    if kept.delivery is not None and kept.delivery.complete.any():
        over = kept.delivery.complete
        facts: dict[str, object] = {
            "promised": kept.agreement.leads_a_month,
            "n": int(kept.delivery.delivered[over].sum()),
            "months": int(over.sum()),
            "kept": int((over & (kept.delivery.delivered >= kept.delivery.promised)).sum()),
        }
        key = "promise_none" if kept.agreement.leads_a_month is None else "promise_kept"
        said.append(sentence(Finding(f"page.{key}", None, facts=facts)))
    if kept.speed is not None:
        share, median = kept.speed.in_time[0], kept.speed.median[0]
        hours = kept.agreement.within_hours
        if share.n:
            facts = {"hours": hours, "n": share.n, "share": share.value, "level": share.level}
            facts |= {"lower": share.lower, "upper": share.upper}
            said.append(sentence(Finding("page.called_in_time", share.value, facts=facts)))
        if median.value == median.value:
            said.append(sentence(Finding("page.called_median", _hours(median, share, hours))))
    return said


def _hours(median: Kpi, share: Kpi, hours: float) -> float:
    """Return working days as business hours; the window of the share tells how many make one."""
    assert share.window_days is not None
    return median.value * hours / share.window_days


def _owners(kept: Kept, lang: str) -> list[dict[str, str]]:
    if kept.by_owner is None or len(kept.by_owner.groups) > MOST_OWNERS:
        return []
    share = partial(wording.format_share, lang=lang)
    return [
        {
            "owner": "" if owner == NO_GROUP else owner,
            "n": wording.format_count(in_time.n, lang),
            "share": share(in_time.value),
            "interval": _between(share(in_time.lower), share(in_time.upper), lang)
            if in_time.n
            else "",
        }
        for owner, in_time in zip(kept.by_owner.groups, kept.by_owner.in_time, strict=True)
    ]


def _signs(health: Health, sentence: Sentence) -> list[dict[str, Any]]:
    """Pair each sign with its sentence: its evidence, or why it is absent or cannot be told."""
    return [
        {
            "name": f"name_{sign.name}",
            "state": sign.state,
            "text": sentence(health.alignment.finding(sign.name)),
        }
        for sign in health.alignment.signs
    ]


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
