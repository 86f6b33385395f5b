from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import InputError
from mmm.funnel import channel_costs
from mmm.funnel.economics import cac


def credit(**columns):
    base = {
        "channel": ["Events", "Email", "Direct"],
        "credit": [4.0, 0.0, 1.0],
        "lower": [0.5, 0.0, np.nan],
        "upper": [0.9, 0.1, np.nan],
    }
    return pd.DataFrame(base | columns)


def spend(*rows):
    return pd.DataFrame(rows, columns=["channel", "spend"])


def test_cost_of_a_customer_is_spend_over_customers():
    table = channel_costs(
        credit(), spend(("Events", Decimal("600.10")), ("Events", Decimal("399.90")))
    )
    events = table.iloc[0]
    assert events["spend"] == Decimal("1000.00")
    assert events["cac"] == 250.0
    assert events["cac_lower"] == pytest.approx(1000 / (0.9 * 5))
    assert events["cac_upper"] == pytest.approx(1000 / (0.5 * 5))


def test_unknown_spend_and_no_customer_have_no_cost():
    table = channel_costs(credit(), spend(("Email", 50.0), ("Display", 70.0)))
    rows = table.set_index("channel")
    assert list(rows.index) == ["Events", "Email", "Direct", "Display"]
    assert rows["cac"].isna().all()
    assert rows.loc["Events", "spend"] is None
    assert rows.loc["Display", "customers"] == 0.0


def test_missing_columns_are_named():
    with pytest.raises(InputError, match="spend has no column 'channel'"):
        channel_costs(credit(), pd.DataFrame({"spend": [1.0]}))


@given(
    st.lists(st.floats(0, 1e9), min_size=1, max_size=9),
    st.floats(0.5, 1e4),
)
def test_scaling_spend_scales_the_cost(amounts, factor):
    money, customers = np.array(amounts), np.arange(1.0, len(amounts) + 1)
    np.testing.assert_allclose(cac(money * factor, customers), cac(money, customers) * factor)
