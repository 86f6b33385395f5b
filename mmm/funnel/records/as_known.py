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
        With the index and the notes of the table.

    Examples
    --------
    >>> from mmm.datasets import load
    >>> deals = load("deals")
    >>> known = as_known(deals, "deals", pd.Timestamp("2025-01-01", tz="UTC"))
    >>> len(known) < len(deals), bool((known["closed_at"] > "2025-01-01").any())
    (True, False)
    """
    whole, begins = table, _BEGINS[kind]
    if begins in table.columns:
        table = table[~(table[begins] > look)]
    later = {
        str(name): table[name] > look
        for name in table.columns
        if name != begins and isinstance(table[name].dtype, pd.DatetimeTZDtype)
    }
    later = {name: rows for name, rows in later.items() if rows.any()}
    end, told = _ENDS.get(kind, ("", ()))
    if end in later:
        facts = {name: table[name] for name in told if name in table.columns}
        if "won" in facts:
            facts["won"] = facts["won"].astype("boolean")  # which has a word for open
        table = table.assign(**{name: fact.mask(later[end]) for name, fact in facts.items()})
    table = table.assign(**{name: table[name].mask(rows) for name, rows in later.items()})
    table.attrs = dict(whole.attrs)
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
