"""`warning_signs`: do marketing and sales pull together? Five signs, where the tables tell.

Three or more present signs are a fault of the process, not of a campaign: more budget would run
through the same leaks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from mmm.errors import ConfigError, InputError, check_level, quoted
from mmm.funnel.alignment.signs import LIMITS, AlignmentTables, WarningSign, all_signs
from mmm.funnel.hygiene.overview import currency_of
from mmm.funnel.opening import opening
from mmm.funnel.records.as_known import as_known, begun
from mmm.funnel.records.columns import amounts, total, typed
from mmm.funnel.records.instants import last_look
from mmm.funnel.records.links import with_accounts
from mmm.showing import Shown
from mmm.wording import Finding, say

__all__ = ["Alignment", "WarningSign", "warning_signs"]

_STRUCTURAL = 3


@dataclass(frozen=True, eq=False, repr=False)
class Alignment(Shown):
    """The five warning signs.

    Attributes
    ----------
    signs : tuple of WarningSign
        Always five, in a fixed order.
    as_of : pandas.Timestamp
        The last look.
    currency : str
        Of all amounts here.
    """

    signs: tuple[WarningSign, ...]
    as_of: pd.Timestamp
    currency: str = "EUR"

    def __repr__(self) -> str:
        by_state = {
            state: [sign.name for sign in self.signs if sign.state == state]
            for state in ("present", "absent", "cannot tell")
        }
        sentence = f"{self.n_present} of {len(self.signs)} warning signs present"
        present = ", ".join(by_state["present"])
        others = "; ".join(
            f"{s}: {', '.join(n)}" for s, n in by_state.items() if n and s != "present"
        )
        return opening(
            f"{sentence}: {present}." if present else f"{sentence}.",
            f"Alignment: {others or 'all present'}; as of {self.as_of:%Y-%m-%d}",
        )

    @property
    def n_present(self) -> int:
        """How many signs are present."""
        return sum(sign.state == "present" for sign in self.signs)

    @property
    def structural(self) -> bool:
        """Whether three or more are: the process is at fault."""
        return self.n_present >= _STRUCTURAL

    def __getitem__(self, name: str) -> WarningSign:
        """Return the sign of that name."""
        for sign in self.signs:
            if sign.name == name:
                return sign
        names = quoted(sign.name for sign in self.signs)
        raise ConfigError(f"there is no warning sign {name!r}; use one of {names}.")

    def to_frame(self, lang: str = "en") -> pd.DataFrame:
        """Return one row a sign: sign, state, value, lower, upper, n, euros, how, reason."""
        return pd.DataFrame(
            {
                "sign": [sign.name for sign in self.signs],
                "state": [sign.state for sign in self.signs],
                "value": [sign.kpi.value for sign in self.signs],
                "lower": [sign.kpi.lower for sign in self.signs],
                "upper": [sign.kpi.upper for sign in self.signs],
                "n": [sign.kpi.n for sign in self.signs],
                "euros": pd.Series([sign.euros for sign in self.signs], dtype=object),
                "how": [say(sign.how, lang) if sign.how else "" for sign in self.signs],
                "reason": [
                    sign.reason.sentence(lang) if sign.reason else "" for sign in self.signs
                ],
            }
        )

    def findings(self) -> tuple[Finding, ...]:
        """Return the verdict where it is structural, the signs present, and what cannot be told."""
        present = [sign for sign in self.signs if sign.state == "present"]
        present.sort(key=lambda sign: -(sign.euros or Decimal(0)))
        found = [self._verdict()] if self.structural else []
        found += [_finding(sign, self.currency) for sign in present]
        return (*found, *(sign.reason for sign in self.signs if sign.reason is not None))

    def finding(self, name: str) -> Finding:
        """Return what is said of one sign: its evidence, why it is none, or why nobody can tell."""
        sign = self[name]
        if sign.state == "present":
            return _finding(sign, self.currency)
        if sign.reason is not None:
            return sign.reason
        return Finding(f"alignment.absent_{name}", sign.kpi.value, facts=sign.facts)

    def _verdict(self) -> Finding:
        facts = {"n": self.n_present, "n_of": len(self.signs)}
        return Finding(
            "alignment.structural", self.n_present, action="action.mend_process", facts=facts
        )


def warning_signs(
    deals: pd.DataFrame,
    leads: pd.DataFrame | None = None,
    touches: pd.DataFrame | None = None,
    contacts: pd.DataFrame | None = None,
    *,
    spend: pd.DataFrame | None = None,
    as_of: object | None = None,
    currency: str = "EUR",
    follow_days: float = 30,
    limits: Mapping[str, float] | None = None,
    level: float = 0.9,
) -> Alignment:
    """Measure the five warning signs between marketing and sales.

    1. ``discarded_mqls``: qualified by marketing, and discarded or never called by sales.
    2. ``missing_origin``: won deals without a touch or a lead with a source.
    3. ``unused_content``: content that no deal's journey touched.
    4. ``not_nurtured``: leads not ready (no MQL yet, or discarded for their timing) without a touch
       in the days that follow.
    5. ``diverging_goals``: more leads, of which fewer become an SQL (a won deal where SQLs are not
       recorded), between the two halves of the period.

    Parameters
    ----------
    deals, leads, touches, contacts : pandas.DataFrame
        As their readers return them; contacts tell the account of a person.
    spend : pandas.DataFrame, optional
        To price a lead: all spend over all leads of the days it covers.
    as_of : date or text, optional
        The last look; the latest instant of the tables by default. What came later is not known.
    currency : str, default "EUR"
        Of the amounts, where the deals name none.
    follow_days : float, default 30
        Days that sales has to call, marketing to follow up, and content to be seen.
    limits : mapping of str to float, optional
        Shares from which the first four are signs, where they are not those of
        `mmm.funnel.alignment.signs.LIMITS`: conventions, not laws.
    level : float, default 0.9
        Coverage of the intervals.

    Returns
    -------
    Alignment

    Examples
    --------
    >>> when = pd.to_datetime(["2025-03-01"], utc=True)
    >>> deals = pd.DataFrame({"deal_id": ["d1"], "closed_at": when, "won": [True]})
    >>> found = warning_signs(deals)
    >>> found["unused_content"].state, found["unused_content"].reason.sentence()
    ('cannot tell', 'Whether content goes unused cannot be told without touches.content.')
    """
    unknown = set(limits or {}) - set(LIMITS)
    if unknown:
        raise ConfigError(f"limits has {quoted(sorted(unknown))}; it takes {quoted(LIMITS)}.")
    sold, met = typed(deals, "deals"), typed(touches, "touches")
    known, people = typed(leads, "leads"), typed(contacts, "contacts")
    if sold is None:
        raise ConfigError("deals is None; pass the frame of mmm.read_deals.")
    look = last_look(as_of, *[table for table in (sold, known, met) if table is not None])
    sold = as_known(sold, "deals", look).reset_index(drop=True)
    known = None if known is None else as_known(known, "leads", look).reset_index(drop=True)
    if met is not None:
        met = as_known(met, "touches", look).reset_index(drop=True)
        met = with_accounts(met, [people, known])
    tables = AlignmentTables(
        sold,
        known,
        met,
        amounts(sold["value"]) if "value" in sold.columns else None,
        _cost_per_lead(None if spend is None else begun(spend, look), known),
        look,
        follow_days,
        {**LIMITS, **(limits or {})},
        check_level(level),
    )
    return Alignment(tuple(all_signs(tables)), tables.as_of, currency_of(sold, currency))


def _cost_per_lead(spend: pd.DataFrame | None, leads: pd.DataFrame | None) -> Decimal | None:
    """Return spend over leads, for the days from the first to the last week of spend."""
    if spend is None or leads is None or spend.empty:
        return None
    if not {"date", "spend"} <= set(spend.columns):
        raise InputError(
            f"spend needs date and spend; found {quoted(spend.columns)}. "
            "Read it with mmm.read_spend."
        )
    day = leads["created_at"].dt.tz_localize(None)
    first, last = pd.Timestamp(spend["date"].min()), pd.Timestamp(spend["date"].max())
    n = int(((day >= first) & (day < last + pd.Timedelta(days=7))).sum())
    return total(amounts(spend["spend"])) / n if n else None


def _finding(sign: WarningSign, currency: str) -> Finding:
    facts = {"currency": currency, "euros": sign.euros, **sign.facts}
    return Finding(
        f"alignment.{sign.name}",
        sign.kpi.value,
        change=sign.kpi.value if sign.name == "diverging_goals" else None,
        because=tuple(_because(sign)),
        action=f"action.{sign.name}",
        facts=facts,
    )


def _because(sign: WarningSign) -> Iterator[str]:
    if sign.name == "discarded_mqls":
        yield "alignment.mostly"
    if sign.name == "diverging_goals":
        yield "alignment.shift"
    if sign.euros:
        yield "alignment.costs"
        yield sign.how
