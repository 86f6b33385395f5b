"""What a deal with a lead may be worth: the mean of deals won, by segment where it tells."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from mmm.errors import ConfigError, quoted
from mmm.prediction.features.ends import link_deals

Floats = npt.NDArray[np.float64]


def deal_values(
    leads: pd.DataFrame, deals: pd.DataFrame, by: str | None = None, level: float = 0.9
) -> pd.DataFrame:
    """Expect, for each lead, the value of the deal that it would become.

    Parameters
    ----------
    leads : pandas.DataFrame
    deals : pandas.DataFrame
        Of new business.
    by : str, optional
        Column of the leads whose values are segments. Their means are drawn towards that of all
        deals, as far as chance explains how they differ; without it all leads have the same.
    level : float
        Coverage of the interval of the mean.

    Returns
    -------
    pandas.DataFrame
        value, value_lower, value_upper: one row a lead, in their order; missing where no won deal
        has a value.

    Raises
    ------
    ConfigError
        If there is no such column.

    Examples
    --------
    >>> at = pd.to_datetime(["2025-01-01", "2025-01-02"], utc=True)
    >>> leads = pd.DataFrame({"person_id": ["a", "b"], "created_at": at})
    >>> deals = pd.DataFrame({"person_id": ["a", "b"], "won": True, "value": [100, 300],
    ...     "closed_at": at})
    >>> deal_values(leads, deals)["value"].tolist()
    [200.0, 200.0]
    """
    if by is not None and by not in leads.columns:
        raise ConfigError(
            f"value_by is {by!r}; the leads have {quoted(leads.columns, 30)}. Name one of these."
        )
    won = deals["won"].fillna(False).to_numpy(dtype=bool)
    valued = won & deals["value"].notna().to_numpy() if "value" in deals.columns else won & False
    value = np.array([float(x) for x in deals.loc[valued, "value"]] if valued.any() else [])
    if not len(value):
        return pd.DataFrame(
            np.nan, index=leads.index, columns=["value", "value_lower", "value_upper"]
        )
    names = pd.Series("all", index=leads.index) if by is None else leads[by].astype("str")
    of_lead = link_deals(leads, deals[valued])
    told = of_lead >= 0
    segment = pd.Series(pd.NA, index=range(len(value)), dtype="object")
    segment[told] = names.to_numpy(dtype=object)[of_lead[told]]
    mean, error = shrunk_means(value, segment)
    each = names.map(mean).fillna(mean["(all)"]).to_numpy(dtype=np.float64)
    spread = names.map(error).fillna(error["(all)"]).to_numpy(dtype=np.float64)
    z = float(ndtri(0.5 * (1.0 + level)))
    return pd.DataFrame(
        {
            "value": each,
            "value_lower": np.maximum(each - z * spread, 0.0),
            "value_upper": each + z * spread,
        },
        index=leads.index,
    )


def shrunk_means(
    value: Floats, segment: "pd.Series[Any]"
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the mean of each segment, drawn towards that of all, and its standard error.

    The variance between segments is that of DerSimonian and Laird (1986, Control. Clin. Trials 7,
    177-188), the scatter within them taken as one.

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
    segment : Series, shape (n,)
        Missing where unknown.

    Returns
    -------
    mean, error : dict of str to float
        By segment, and of all under "(all)".

    Examples
    --------
    >>> value = np.array([1.0, 1.2, 0.8, 9.0, 9.2, 8.8])
    >>> mean, _ = shrunk_means(value, pd.Series(["a"] * 3 + ["b"] * 3))
    >>> 0.9 < mean["a"] < 1.2 and 8.8 < mean["b"] < 9.1
    True
    """
    n, whole = len(value), float(value.mean())
    scatter = float(value.std(ddof=1)) if n > 1 else whole
    mean, error = {"(all)": whole}, {"(all)": scatter / np.sqrt(n)}
    known = segment.notna().to_numpy()
    names, of = np.unique(segment[known].astype("str").to_numpy(dtype="U"), return_inverse=True)
    if len(names) < 2:
        return mean, error
    told, size = value[known], np.bincount(of).astype(np.float64)
    total = size.sum()
    centre, pooled = np.bincount(of, told) / size, float(told.mean())
    within = float(((told - centre[of]) ** 2).sum()) / max(total - len(names), 1.0)
    excess = float((size * (centre - pooled) ** 2).sum()) - (len(names) - 1) * within
    between = max(excess / (total - float((size**2).sum()) / total), 0.0)
    noise = within / size
    kept = np.divide(between, between + noise, out=np.zeros(len(size)), where=between + noise > 0)
    for name, m, k, s in zip(names, centre, kept, noise, strict=True):
        mean[str(name)] = float(k * m + (1 - k) * pooled)
        error[str(name)] = float(np.sqrt(k * s + (1 - k) ** 2 * within / total))
    return mean, error
