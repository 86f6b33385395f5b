"""Tables as they were known on the day of a look: what came later is not there yet."""

import pandas as pd

_ENDS = {"deals": ("closed_at", ("won", "lost_reason")), "leads": ("ended_at", ("discard_reason",))}
_BEGINS = {"deals": "created_at", "leads": "created_at", "touches": "touched_at"}


def as_known(table: pd.DataFrame, kind: str, look: pd.Timestamp) -> pd.DataFrame:
    """Return a table as it was on the day: later rows left out, later instants not yet there.

    A deal that closes later is open, a lead that ends later goes on.

    Parameters
    ----------
    table : pandas.DataFrame
        Typed, with instants in UTC.
    kind : {"deals", "leads", "touches"}
    look : pandas.Timestamp
        In UTC.

    Returns
    -------
    pandas.DataFrame
        The same table where nothing is later.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> deals = load("deals")
    >>> known = as_known(deals, "deals", pd.Timestamp("2025-01-01", tz="UTC"))
    >>> len(known) < len(deals), bool((known["closed_at"] > "2025-01-01").any())
    (True, False)
    """
    begins = _BEGINS[kind]
    if begins in table.columns:
        # A deal without its first day is known from its close on.
        first = table[begins]
        if kind == "deals" and "won" in table.columns:
            first = first.fillna(table["closed_at"].where(table["won"].notna()))
        later = (first > look).to_numpy(dtype=bool)
        table = table[~later].reset_index(drop=True) if later.any() else table
    at, told = _ENDS.get(kind, ("", ()))
    instants = [name for name in table.columns if str(name).endswith("_at") and name != begins]
    for name in instants:
        if not isinstance(table[name].dtype, pd.DatetimeTZDtype):
            continue
        to_come = (table[name] > look).to_numpy(dtype=bool)
        if not to_come.any():
            continue
        table = table.assign(**{name: table[name].mask(to_come)})
        for fact in (one for one in told if name == at and one in table.columns):
            table[fact] = table[fact].mask(to_come)
    return table


def begun(money: pd.DataFrame, look: pd.Timestamp) -> pd.DataFrame:
    """Leave out amounts of periods that begin after the day of the look: they are plans.

    Examples
    --------
    >>> spend = pd.DataFrame({"date": pd.to_datetime(["2025-01-06", "2025-01-13"]), "spend": 1.0})
    >>> len(begun(spend, pd.Timestamp("2025-01-10", tz="UTC")))
    1
    """
    if "date" not in money.columns:
        return money
    later = (pd.to_datetime(money["date"], utc=True) > look).to_numpy(dtype=bool)
    return money[~later] if later.any() else money
