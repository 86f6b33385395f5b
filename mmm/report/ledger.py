"""Credit as printed columns: channels in order, and amounts that add up to their total.

What is printed is rounded by largest remainder, so that a reader with a calculator finds the total.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pandas as pd

from mmm import wording
from mmm.report.budget import signed_share
from mmm.run.advice import BudgetAdvice

UNATTRIBUTED = "(unattributed)"
MAX_CHANNELS = 60

Write = Callable[..., str]


@dataclass(frozen=True)
class Line:
    """One channel under every model; a share is missing where the total is 0.

    Attributes
    ----------
    channel : str
        Its name; empty for the line that adds up the smaller channels.
    credit, share : mapping of str to number
        By model.
    lower, upper : float or None
        Interval of the headline share.
    n_deals : float or None
        Deals touched, not additive.
    n_channels : int
        Channels in this line.
    """

    channel: str
    credit: Mapping[str, Decimal]
    share: Mapping[str, float]
    lower: float | None = None
    upper: float | None = None
    n_deals: float | None = None
    n_channels: int = 1


@dataclass(frozen=True)
class PrintedLine:
    """A line as the page shows it; bars are percentages of the widest bar.

    Attributes
    ----------
    channel : str
        Name, empty for the smaller channels together.
    n_channels : int
        Channels in this line.
    amounts, shares : tuple of str
        By model, the headline first.
    bars : tuple of str
        Widths by model.
    whisker : tuple of str or None
        Start and width of the headline interval.
    interval : str
        The interval in words, empty without one.
    n_deals : str
        Deals touched, empty where it is not known.
    """

    channel: str
    n_channels: int
    amounts: tuple[str, ...]
    shares: tuple[str, ...]
    bars: tuple[str, ...]
    whisker: tuple[str, str] | None
    interval: str
    n_deals: str


@dataclass(frozen=True)
class Ledger:
    """One measure of credit, in value or in deals.

    Attributes
    ----------
    models : tuple of str
        The headline first.
    lines : tuple of Line
        By headline credit; the smaller channels together and the unattributed last.
    total : Decimal
        What every model sums to.
    digits : int
        Decimals printed.
    """

    models: tuple[str, ...]
    lines: tuple[Line, ...]
    total: Decimal
    digits: int

    @classmethod
    def read(cls, frame: pd.DataFrame, headline: str, digits: int) -> "Ledger":
        """Read a long frame (model, channel, credit, share, lower, upper, n_deals)."""
        models = tuple(dict.fromkeys([headline, *frame["model"]]))
        lines = _read_lines(frame, models)
        raw = sum((line.credit[headline] for line in lines), Decimal(0))
        # Two digits more than printed take the noise of float sums off before halves are rounded.
        (total,) = wording.round_to_total([raw], digits + 2)
        return cls(models, _fold(lines, models), total, digits)

    @property
    def leader(self) -> Line | None:
        """The first channel with credit."""
        first = next((line for line in self.lines if line.channel != UNATTRIBUTED), None)
        return first if first is not None and first.credit[self.models[0]] > 0 else None

    @property
    def unattributed(self) -> Line | None:
        """The line without a channel."""
        return next((line for line in self.lines if line.channel == UNATTRIBUTED), None)

    @property
    def n_channels(self) -> int:
        """Channels in all lines, the unattributed not counted."""
        return sum(line.n_channels for line in self.lines if line.channel != UNATTRIBUTED)

    @property
    def has_interval(self) -> bool:
        """Whether any channel has an interval."""
        return any(line.upper is not None for line in self.lines)

    def printed(self, write: Write, lang: str) -> dict[str, Any]:
        """Return the lines and the totals as text, each column adding up to its total."""
        amounts = [self._column(model) for model in self.models]
        shares = [
            _share_column([line.share[model] for line in self.lines]) for model in self.models
        ]
        scale = self._scale()
        totals = [write(sum(column, Decimal(0))) for column in amounts]
        return {
            # On paper about 66 digits fit beside the channel and the bar of an upright page.
            "wide": sum(map(len, totals)) > 66,
            "lines": [
                PrintedLine(
                    channel=line.channel,
                    n_channels=line.n_channels,
                    amounts=tuple(write(column[i]) for column in amounts),
                    shares=tuple(wording.format_share(s[i], lang, digits=1) for s in shares),
                    bars=tuple(_percent(line.share[model], scale) for model in self.models),
                    whisker=_whisker(line, scale),
                    interval=_interval(line, lang),
                    n_deals=_whole(line.n_deals, lang),
                )
                for i, line in enumerate(self.lines)
            ],
            "totals": totals,
            "total_shares": [wording.format_share(_sum(s), lang, digits=1) for s in shares],
        }

    def _column(self, model: str) -> list[Decimal]:
        return wording.round_to_total(
            [line.credit[model] for line in self.lines], self.digits, self.total
        )

    def _scale(self) -> float:
        shares = [share for line in self.lines for share in line.share.values()]
        uppers = [line.upper for line in self.lines if line.upper is not None]
        return max([share for share in [*shares, *uppers] if share == share], default=0.0)


def print_costs(
    economics: pd.DataFrame, write: Write, lang: str, advice: BudgetAdvice | None = None
) -> dict[str, Any]:
    """Return spend, customers and cost by channel as text, and the channels without a cost.

    Parameters
    ----------
    economics : DataFrame
        channel, spend, customers, cac, and where known leads, cost_per_lead, cac_lower, cac_upper
        and credit.
    write : callable
        Writes an amount of money, with `digits` if told, or that it is missing.
    lang : {"en", "it"}
        Language.
    advice : BudgetAdvice, optional
        Gives each channel its return on spend and its verdict.
    """
    known = economics[economics["spend"].notna()]
    known = known.sort_values(["spend", "channel"], ascending=[False, True], kind="stable")
    customers = _present(known, "customers")
    ranges = list(zip(_present(known, "cac_lower"), _present(known, "cac_upper"), strict=True))
    costs = _present(known, "cost_per_lead")
    digits = wording.money_digits(costs)
    columns = {
        "spend": _adding_up(_present(known, "spend"), 0, write),
        "customers": _adding_up(customers, 1, partial(wording.format_count, lang=lang, digits=1)),
        "credit": _adding_up(_present(known, "credit"), 0, write),
        "cac": [write(cac) for cac in [*_present(known, "cac"), _mean_cac(known)]],
        "leads": _adding_up(_present(known, "leads"), 0, partial(wording.format_count, lang=lang)),
        "cost_per_lead": [*(write(cost, digits=digits) for cost in costs), ""],
        "payback": [*(_months(n, lang) for n in _present(known, "payback_months")), ""],
        **_advised(known["channel"].tolist(), advice, lang),
    }
    bought = [count is not None and count > 0 for count in customers]
    return {
        "lines": [
            {"channel": channel, "range": ranges[i]} | {key: columns[key][i] for key in columns}
            for i, channel in enumerate(known["channel"])
        ],
        "total": {key: column[-1] for key, column in columns.items()},
        "has_credit": "credit" in known.columns,
        "has_leads": "leads" in known.columns and bool(known["leads"].notna().any()),
        "has_payback": any(columns["payback"]),
        "has_verdict": advice is not None,
        "has_range": any(low is not None or high is not None for low, high in ranges),
        "unknown": [
            name
            for name in economics.loc[
                economics["spend"].isna() & (economics["customers"] > 0), "channel"
            ]
            if name != UNATTRIBUTED
        ],
        "without_customers": [
            name
            for name, spend, any_bought in zip(
                known["channel"], known["spend"], bought, strict=True
            )
            if spend > 0 and not any_bought
        ],
    }


def _advised(
    channels: Sequence[str], advice: BudgetAdvice | None, lang: str
) -> dict[str, list[str]]:
    """Return what the advice says of each channel, empty where it does not know one."""
    if advice is None:
        return {"romi": [""] * (len(channels) + 1), "verdict": [""] * (len(channels) + 1)}
    known = advice.table.set_index("channel")
    there = [name if name in known.index else None for name in channels]
    romi = ["" if n is None else signed_share(known.loc[n, "romi"], lang) for n in there]
    verdict = ["" if n is None else str(known.loc[n, "verdict"]) for n in there]
    return {"romi": [*romi, ""], "verdict": [*verdict, ""]}


def _months(months: float | None, lang: str) -> str:
    return "" if months is None else wording.say("brief.payback_months", lang, value=months)


def _mean_cac(known: pd.DataFrame) -> float | None:
    customers = sum(float(count) for count in _present(known, "customers") if count is not None)
    return sum(float(spend) for spend in known["spend"]) / customers if customers > 0 else None


def _adding_up(amounts: Sequence[Any], digits: int, write: Write) -> list[str]:
    """Write amounts and, last, their total; a missing amount stays missing and adds nothing."""
    known = [amount for amount in amounts if amount is not None]
    rounded = wording.round_to_total(known, digits)
    parts = iter(rounded)
    written = [write(None if amount is None else next(parts)) for amount in amounts]
    return [*written, write(sum(rounded, Decimal(0)))]


def _present(frame: pd.DataFrame, column: str) -> list[Any]:
    """Return a column with None for what is missing, or for all of it."""
    if column not in frame.columns:
        return [None] * len(frame)
    return [None if pd.isna(value) else value for value in frame[column]]


def _read_lines(frame: pd.DataFrame, models: Sequence[str]) -> list[Line]:
    """Gather the rows of each channel; a model without the channel credits it nothing."""
    headline = models[0]
    rows: dict[str, dict[str, Any]] = {}
    for row in frame.itertuples(index=False):
        rows.setdefault(str(row.channel), {})[str(row.model)] = row
    lines = []
    for channel, by_model in rows.items():
        # A channel that the headline does not know has its deals touched from another model.
        lead = by_model.get(headline, next(iter(by_model.values())))
        bounds = lead if headline in by_model else None
        lines.append(
            Line(
                channel,
                {m: wording.exact(by_model[m].credit if m in by_model else 0) for m in models},
                {m: float(by_model[m].share) if m in by_model else 0.0 for m in models},
                _number(bounds and bounds.lower),
                _number(bounds and bounds.upper),
                _number(lead.n_deals),
            )
        )
    by_credit = sorted(lines, key=lambda line: (-line.credit[headline], line.channel))
    return sorted(by_credit, key=lambda line: line.channel == UNATTRIBUTED)


def _fold(lines: Sequence[Line], models: Sequence[str]) -> tuple[Line, ...]:
    """Add the channels beyond the largest into one line: a page is read, a CSV is complete."""
    channels = [line for line in lines if line.channel != UNATTRIBUTED]
    if len(channels) <= MAX_CHANNELS:
        return tuple(lines)
    rest = channels[MAX_CHANNELS - 1 :]
    together = Line(
        "",
        {m: sum((line.credit[m] for line in rest), Decimal(0)) for m in models},
        {m: sum(line.share[m] for line in rest) for m in models},
        n_channels=len(rest),
    )
    last = [line for line in lines if line.channel == UNATTRIBUTED]
    return (*channels[: MAX_CHANNELS - 1], together, *last)


def _share_column(shares: Sequence[float]) -> list[Decimal | None]:
    """Round shares so that the printed tenths of a percent add up."""
    if any(share != share for share in shares):
        return [None] * len(shares)
    return list(wording.round_to_total(shares, 3))


def _sum(parts: Sequence[Decimal | None]) -> Decimal | None:
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if len(known) == len(parts) else None


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _whole(count: float | None, lang: str) -> str:
    if count is None:
        return ""
    return wording.format_count(count, lang, digits=0 if count == int(count) else 1)


def _interval(line: Line, lang: str) -> str:
    if line.upper is None:
        return ""
    if line.lower is None:
        return wording.say("page.up_to", lang, upper=line.upper)
    return wording.say("page.between", lang, lower=line.lower, upper=line.upper)


def _whisker(line: Line, scale: float) -> tuple[str, str] | None:
    if line.upper is None:
        return None
    start = line.lower or 0.0
    return _percent(start, scale), _percent(line.upper - start, scale)


def _percent(part: float, whole: float) -> str:
    """Width of a bar; a missing or negative share has none."""
    return f"{max(100 * part / whole, 0):.1f}%" if whole > 0 and part == part else "0%"
