"""Economics of a channel: what was spent on it and what its customers cost."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmm.errors import InputError, quoted

Floats = npt.NDArray[np.float64]


def cac(spend: Floats, customers: Floats) -> Floats:
    """Return the cost of one customer: spend / customers, missing where there is no customer.

    Parameters
    ----------
    spend, customers : ndarray of float64, shape (n,)

    Examples
    --------
    >>> cac(np.array([1000.0, 50.0]), np.array([4.0, 0.0]))
    array([250.,  nan])
    """
    result = np.full(len(spend), np.nan)
    np.divide(spend, customers, out=result, where=customers > 0)
    return result


def channel_costs(credit: pd.DataFrame, spend: pd.DataFrame) -> pd.DataFrame:
    """Put spend beside the customers credited to each channel, over the same period.

    This is media spend only, of the period in which the deals closed: neither lagged by the sales
    cycle nor including tools and people.

    Parameters
    ----------
    credit : pandas.DataFrame
        channel, credit (customers), lower and upper (bounds of the share, may be missing), of one
        model.
    spend : pandas.DataFrame
        channel and spend; several rows a channel are added up exactly.

    Returns
    -------
    pandas.DataFrame
        channel, spend (missing where unknown), customers, cac, cac_lower, cac_upper; credited
        channels first, then channels with spend and no customer. The interval of the cost comes
        from that of the share, and is missing where that reaches 0.

    Raises
    ------
    InputError
        If a column is missing.

    Examples
    --------
    >>> credit = pd.DataFrame({"channel": ["Events", "Direct"], "credit": [4.0, 1.0],
    ...     "lower": [0.5, 0.0], "upper": [0.9, 0.4]})
    >>> spend = pd.DataFrame({"channel": ["Events"], "spend": [1000.0]})
    >>> channel_costs(credit, spend)[["channel", "cac"]]
      channel    cac
    0  Events  250.0
    1  Direct    NaN
    """
    for name, frame, needed in (
        ("credit", credit, ("channel", "credit", "lower", "upper")),
        ("spend", spend, ("channel", "spend")),
    ):
        missing = [column for column in needed if column not in frame.columns]
        if missing:
            raise InputError(
                f"{name} has no column {quoted(missing)}; found {quoted(frame.columns)}. "
                "Pass the frame of one model, and the spend with its channel."
            )
    exact = spend.groupby("channel", sort=True)["spend"].sum()
    channels = [*credit["channel"], *(c for c in exact.index if c not in set(credit["channel"]))]
    bounds = credit.set_index("channel")[["credit", "lower", "upper"]].reindex(channels)
    customers = bounds["credit"].fillna(0.0).to_numpy(dtype=np.float64)
    money: Any = exact.reindex(channels)
    spent = money.astype("float64").to_numpy(dtype=np.float64, na_value=np.nan)
    total = float(credit["credit"].astype("float64").sum())
    return pd.DataFrame(
        {
            "channel": pd.Series(channels, dtype="str"),
            "spend": money.to_numpy(dtype=object, na_value=None),
            "customers": customers,
            "cac": cac(spent, customers),
            "cac_lower": cac(spent, bounds["upper"].to_numpy(dtype=np.float64) * total),
            "cac_upper": cac(spent, bounds["lower"].to_numpy(dtype=np.float64) * total),
        }
    )
