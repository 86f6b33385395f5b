"""Spend of the paid channels by week, and the costs of tools and people by month."""

import numpy as np
import pandas as pd

from mmm.simulate.columns import CURRENCY, constant, money
from mmm.simulate.draws import Floats
from mmm.simulate.market import PAID

# Kind, item, channel, euros a month.
_MONTHLY = (
    ("tools", "CRM licences", None, 620.0),
    ("tools", "marketing automation", "Email", 450.0),
    ("tools", "webinar platform", "Webinar", 180.0),
    ("people", "marketing team", None, 7_800.0),
    ("people", "sales team", None, 16_500.0),
)


def spend_table(dates: pd.DatetimeIndex, spend: Floats) -> pd.DataFrame:
    """Write spend in long form: every paid channel, every week."""
    weeks, n_paid = spend.shape
    return pd.DataFrame(
        {
            "date": np.repeat(dates.to_numpy(), n_paid),
            "channel": pd.Series(list(PAID) * weeks, dtype="str"),
            "spend": money(spend.ravel()),
            "currency": constant(CURRENCY, weeks * n_paid),
        }
    )


def cost_table(dates: pd.DatetimeIndex) -> pd.DataFrame:
    """Write what is not media, on the first day of every month that the history touches."""
    months = pd.DatetimeIndex(dates.to_period("M").unique().to_timestamp()).as_unit("us")
    n = len(months)
    return pd.DataFrame(
        {
            "date": np.repeat(months.to_numpy(), len(_MONTHLY)),
            "channel": pd.Series([row[2] for row in _MONTHLY] * n, dtype="str"),
            "kind": pd.Series([row[0] for row in _MONTHLY] * n, dtype="str"),
            "item": pd.Series([row[1] for row in _MONTHLY] * n, dtype="str"),
            "cost": money(np.array([row[3] for row in _MONTHLY] * n)),
            "currency": constant(CURRENCY, n * len(_MONTHLY)),
        }
    )
