"""`hygiene`: what is wrong in the CRM, in rows and euros, and the list to mend; nothing is changed.

Shares carry Wilson's interval. Euros are the value of the deals concerned, whatever became of them,
except where a check is about won deals alone; they are exact, and a deal that fails two checks
counts in both, so the euros of different checks are never added up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from mmm.errors import ConfigError, quoted
from mmm.funnel.hygiene.check import CrmTables, HygieneCheck
from mmm.funnel.hygiene.checks import run_checks
from mmm.funnel.opening import opening
from mmm.funnel.records.columns import amounts, typed
from mmm.funnel.records.instants import last_look
from mmm.funnel.records.links import with_accounts
from mmm.showing import Shown
from mmm.wording import Finding, say

__all__ = ["Hygiene", "HygieneCheck", "hygiene"]

# What the sentence at the end asks for, by the beginning of the name of the check.
_ACTIONS: Mapping[str, str] = {
    "duplicate": "action.merge",
    "missing_source": "action.fill_source",
    "half_filled": "action.fill_columns",
    "stale": "action.close_or_call",
    "overdue": "action.new_close_date",
    "spelling": "action.unify_spelling",
    "invoices": "action.take_invoiced",
    "zero_value": "action.fill_value",
    "kind_missing": "action.fill_kind",
}
_BUYS = ("missing_source", "stale_deals", "duplicate_deals")

_WORTH_SAYING = Decimal("0.01")


@dataclass(frozen=True, eq=False, repr=False)
class Hygiene(Shown):
    """The state of the CRM.

    Attributes
    ----------
    checks : tuple of HygieneCheck
        In a fixed order; those that could not run have n_of 0 and a `note`.
    as_of : pandas.Timestamp
        The day on which age is measured.
    currency : str
        Of all amounts here.
    """

    checks: tuple[HygieneCheck, ...]
    as_of: pd.Timestamp
    currency: str = "EUR"

    def __repr__(self) -> str:
        found = self.findings()
        run = [check for check in self.checks if check.note is None]
        kind = f"Hygiene: {len(run)} of {len(self.checks)} checks ran, {len(found)} found something"
        return opening(
            found[0] if found else "Nothing to mend was found in the tables.",
            f"{kind}; as of {self.as_of:%Y-%m-%d}",
        )

    def __getitem__(self, name: str) -> HygieneCheck:
        """Return the check of that name."""
        for check in self.checks:
            if check.name == name:
                return check
        names = [check.name for check in self.checks]
        raise ConfigError(f"there is no check {name!r}; use one of {quoted(names, len(names))}.")

    def to_frame(self, lang: str = "en") -> pd.DataFrame:
        """Return one row a check: check, n, n_of, share, lower, upper, euros, euros_of, note."""
        return pd.DataFrame(
            {
                "check": [check.name for check in self.checks],
                "n": [check.n for check in self.checks],
                "n_of": [check.n_of for check in self.checks],
                "share": [check.kpi.value for check in self.checks],
                "lower": [check.kpi.lower for check in self.checks],
                "upper": [check.kpi.upper for check in self.checks],
                "euros": pd.Series([check.euros for check in self.checks], dtype=object),
                "euros_of": pd.Series([check.euros_of for check in self.checks], dtype=object),
                "note": [check.note.sentence(lang) if check.note else "" for check in self.checks],
            }
        )

    def mend(self, name: str, lang: str = "en") -> pd.DataFrame:
        """Return the list to mend of one check.

        Parameters
        ----------
        name : str
            Name of the check.
        lang : {"en", "it"}
            Language of `what`.

        Returns
        -------
        pandas.DataFrame
            table, id, what, found (what the row says), suggested (None where the data do not tell).
        """
        check = self[name]
        rows = check.rows.copy()
        what = say(_label(check.name), lang)
        rows.insert(2, "what", pd.Series([what] * len(rows), index=rows.index, dtype="str"))
        return rows

    def findings(self) -> tuple[Finding, ...]:
        """Return what was found wrong, most euros first, then by the share of rows."""
        failing = [check for check in self.checks if check.n]
        failing.sort(key=lambda check: (-(check.euros or Decimal(0)), -check.kpi.value, check.name))
        return tuple(_finding(check, self.currency) for check in failing)


def hygiene(
    deals: pd.DataFrame,
    leads: pd.DataFrame | None = None,
    touches: pd.DataFrame | None = None,
    contacts: pd.DataFrame | None = None,
    *,
    invoices: pd.DataFrame | None = None,
    as_of: object | None = None,
    currency: str = "EUR",
    stale_days: float | None = None,
    tolerance: Decimal = Decimal("0.01"),
) -> Hygiene:
    """Check the state of the CRM: what is doubled, missing, stale, impossible or misspelt.

    Parameters
    ----------
    deals, leads, touches, contacts : pandas.DataFrame
        As their readers return them. Names, phones and companies of contacts may stand in the
        columns name, phone and company, the product of a deal in product.
    invoices : pandas.DataFrame, optional
        deal_id and amount (or value, or invoiced); several a deal are added up.
    as_of : date or text, optional
        The day on which age is measured; the latest instant of the tables by default.
    currency : str, default "EUR"
        Of the amounts, where the deals name none.
    stale_days : float, optional
        Days without a change after which what is open is stale. By default the own cycle: nine in
        ten of the ended deals (leads) took less; 180 days where fewer than 20 have ended.
    tolerance : Decimal
        Difference between invoices and CRM value that is none.

    Returns
    -------
    Hygiene

    Raises
    ------
    InputError
        If a table lacks its ids or dates; an absent table never fails, its checks say so.

    Examples
    --------
    >>> when = pd.to_datetime(["2025-03-01", "2025-04-01"], utc=True)
    >>> deals = pd.DataFrame({"deal_id": ["d1", "d2"], "closed_at": when, "won": [True, True],
    ...     "value": [Decimal("100.00"), None]})
    >>> found = hygiene(deals)
    >>> found["zero_value"].n, found.mend("zero_value")["id"].tolist()
    (1, ['d2'])
    >>> found["missing_source"].note.sentence()
    'The check “won deals without origin” did not run: it needs leads.source.'
    """
    sold, met = typed(deals, "deals"), typed(touches, "touches")
    known, people = typed(leads, "leads"), typed(contacts, "contacts")
    if sold is None:
        raise ConfigError("deals is None; pass the frame of mmm.read_deals.")
    if met is not None:
        met = with_accounts(met, [people, known])
    present = [table for table in (sold, known, met) if table is not None]
    tables = CrmTables(
        sold,
        known,
        met,
        people,
        invoices,
        last_look(as_of, *present),
        stale_days,
        tolerance,
        amounts(sold["value"]) if "value" in sold.columns else None,
    )
    return Hygiene(tuple(run_checks(tables)), tables.as_of, currency_of(sold, currency))


def currency_of(deals: pd.DataFrame, default: str = "EUR") -> str:
    """Return the currency of the deals, the default where none is written.

    Examples
    --------
    >>> currency_of(pd.DataFrame({"currency": ["USD"]}))
    'USD'
    """
    written = set(deals["currency"].dropna()) if "currency" in deals.columns else set()
    return str(written.pop()) if len(written) == 1 else default


def _label(name: str) -> str:
    return f"hygiene.name_{'spelling' if name.startswith('spelling') else name}"


def _finding(check: HygieneCheck, currency: str) -> Finding:
    facts = {
        "n": check.n,
        "n_of": check.n_of,
        "share": check.kpi.value,
        "euros": check.euros,
        "euros_of": check.euros_of,
        "currency": currency,
        **check.facts,
    }
    metric = "spelling" if check.name.startswith("spelling") else check.name
    action = next((key for start, key in _ACTIONS.items() if metric.startswith(start)), None)
    because = tuple(_because(check, facts))
    return Finding(
        f"hygiene.{metric}",
        check.kpi.value,
        because=because,
        action=action or "action.mend_dates",
        facts=facts,
    )


def _because(check: HygieneCheck, facts: Mapping[str, object]) -> Iterator[str | Finding]:
    """Say what it is about in euros, and what mending buys."""
    if check.name == "invoices_differ":
        yield "hygiene.off"
    elif check.euros and check.euros_of:
        share = check.euros / check.euros_of
        yield Finding("hygiene.euros", share, facts={**facts, "euros_share": share})
        if check.name in _BUYS and share >= _WORTH_SAYING:
            yield Finding(f"hygiene.buys_{check.name}", share, facts={**facts, "now": 1 - share})
    if check.name == "zero_value":
        yield "hygiene.buys_zero_value"
