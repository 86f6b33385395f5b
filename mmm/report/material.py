"""What the page is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from mmm.errors import InputError, quoted
from mmm.run.advice import BudgetAdvice, Calls, Gap, Signal
from mmm.run.health import Health
from mmm.wording import Finding

CREDIT_COLUMNS = ("model", "channel", "credit", "share", "lower", "upper", "n_deals")
COST_COLUMNS = ("channel", "spend", "customers", "cac")


@dataclass(frozen=True, eq=False)
class Brief:
    """What the page is made from.

    Attributes
    ----------
    company : str
        Name at the top of the page.
    as_of : date
        Day up to which the data go.
    period : tuple of (date, date)
        First and last day on which the deals were won.
    credit : DataFrame or None
        Value won, one row a model and channel: model, channel, credit (Decimal or float), share,
        lower, upper (interval of the share, missing where there is none) and n_deals; a row
        ``(unattributed)`` where it is not 0. Every model sums to the same total.
    deals : DataFrame or None
        The same measured in deals. At least one of the two is needed.
    economics : DataFrame or None
        One row a channel: channel, spend (missing where unknown), customers, cac and, where
        known, cac_lower, cac_upper and credit.
    currency : str
        Three-letter code of every amount.
    headline : str
        Model that orders the rows and has its interval shown.
    level : float
        Level of the intervals.
    health : Health or None
        The funnel: indicators, stages, forecast, warning signs, state of the data.
    budget : BudgetAdvice or None
        Where the budget should go.
    calls : Calls or None
        Which leads to call first.
    signal : Signal or None
        What is open is worth, and what the models say together.
    work : DataFrame or None
        Work of the coming month by owner: owner, leads, opportunities, hours.
    decisions : DataFrame or None
        Advice of before, graded, as `mmm.mix.DecisionLog.to_frame` returns it.
    gaps : tuple of Gap
        What is missing for an answer.
    findings : tuple of Finding
        The sentences that answer; none: the leader and the unattributed part.
    reasons : tuple of Finding
        What the credit says besides.
    disagreements : tuple of Finding
        Of which channels the models differ, and why.
    limits : tuple of Finding
        What the data cannot say, besides what always holds.
    manifest : mapping
        ``version``, ``inputs`` (name, rows and sha256 of each table), ``settings`` (name to
        value).
    """

    company: str
    as_of: date
    period: tuple[date, date]
    credit: pd.DataFrame | None = None
    deals: pd.DataFrame | None = None
    economics: pd.DataFrame | None = None
    currency: str = "EUR"
    headline: str = "markov"
    level: float = 0.9
    health: Health | None = None
    budget: BudgetAdvice | None = None
    calls: Calls | None = None
    signal: Signal | None = None
    work: pd.DataFrame | None = None
    decisions: pd.DataFrame | None = None
    gaps: tuple[Gap, ...] = ()
    findings: tuple[Finding, ...] = ()
    reasons: tuple[Finding, ...] = ()
    disagreements: tuple[Finding, ...] = ()
    limits: tuple[Finding, ...] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.credit is None and self.deals is None:
            raise InputError("A brief needs credit in money or in deals; pass credit= or deals=.")
        for name, frame in (("credit", self.credit), ("deals", self.deals)):
            if frame is not None:
                _check_credit(name, frame, self.headline)
        if self.economics is not None:
            _check_columns("economics", self.economics, COST_COLUMNS)


def _check_columns(name: str, frame: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(
            f"The frame {name} lacks {quoted(missing)}; it has {quoted(map(str, frame.columns))}. "
            f"Pass one with {quoted(columns)}."
        )


def _check_credit(name: str, frame: pd.DataFrame, headline: str) -> None:
    """Refuse a frame whose columns would not add up to one total."""
    _check_columns(name, frame, CREDIT_COLUMNS)
    models = list(dict.fromkeys(frame["model"]))
    if headline not in models:
        raise InputError(
            f"The headline model {headline!r} is not in {name}, which has {quoted(models)}; "
            "name one of these as headline=."
        )
    for column in ("model", "channel", "credit"):
        if bool(frame[column].isna().any()):
            raise InputError(f"The frame {name} has rows without {column}; fill them or drop them.")
    twice = frame.loc[frame.duplicated(["model", "channel"]), "channel"]
    if len(twice):
        channels = quoted(dict.fromkeys(twice))
        raise InputError(
            f"The frame {name} has more than one row for a model and {channels}; "
            "pass one row a model and channel."
        )
    totals = {
        str(model): float(sum(part)) for model, part in frame.groupby("model", sort=False)["credit"]
    }
    for model, total in totals.items():
        if abs(total - totals[headline]) > max(0.005, 1e-9 * abs(total)):
            raise InputError(
                f"In {name} the model {model!r} sums to {total:.2f} and {headline!r} to "
                f"{totals[headline]:.2f}; credit every model from the same journeys."
            )
