import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmm.attribution
from mmm.attribution import linear, markov
from mmm.journeys import Journeys, Unattributed
from mmm.wording import round_to_total

JOURNEYS = replace(
    Journeys.from_paths(["c > a > b", "b"], value=[100.0, 20.0], nulls=[1, 2]),
    unattributed=Unattributed(1, 0.07),
    total_value=Decimal("120.07"),
)
COLUMNS = ["channel", "credit", "share", "lower", "upper", "n_deals"]


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.floats(0, 1e6), min_size=1, max_size=30),
    cents=st.integers(0, 10**17),
)
def test_cents_add_up_and_stay_within_one(parts, cents):
    total = Decimal(cents).scaleb(-2)
    if sum(parts) == 0:
        assert set(round_to_total(parts, 2, Decimal(0))) == {Decimal("0.00")}
        return
    credit = [float(total) * (part / sum(parts)) for part in parts]
    rounded = round_to_total(credit, 2, total)
    assert sum(rounded) == total
    for part, amount in zip(credit, rounded, strict=True):
        assert abs(amount - Decimal(part)) < Decimal("0.010001") + Decimal(part) * Decimal("1e-14")
        assert amount.as_tuple().exponent == -2


@pytest.mark.parametrize("total", ["0.01", "999999999999999.99", "1000000000000000.00"])
def test_cents_of_thirds(total):
    rounded = round_to_total([float(total) / 3] * 3, 2, Decimal(total))
    assert sum(rounded) == Decimal(total)
    assert max(rounded) - min(rounded) <= Decimal("0.01")


def test_cents_keep_more_digits_than_the_decimal_context():
    total = Decimal("123456789012345678901234567890.12")
    assert round_to_total([float(total)], 2, total) == [total]


def test_cents_of_signed_parts_add_up():
    rounded = round_to_total([1.0, -1 / 3, 1 / 3], 2, Decimal("1.00"))
    assert rounded == [Decimal("1.00"), Decimal("-0.33"), Decimal("0.33")]


def test_frame_in_cents():
    frame = linear(JOURNEYS).to_frame(cents=True)
    assert list(frame) == COLUMNS
    assert frame["channel"].tolist() == ["a", "b", "c", "(unattributed)"]
    expected = ["33.33", "53.34", "33.33", "0.07"]
    assert frame["credit"].tolist() == [Decimal(amount) for amount in expected]


def test_conversions_are_not_cents():
    frame = linear(JOURNEYS, measure="conversions").to_frame(cents=True)
    assert frame["credit"].dtype == np.float64
    assert frame["credit"].sum() == pytest.approx(3)


def test_no_row_for_nothing_unattributed():
    frame = linear(replace(JOURNEYS, unattributed=Unattributed(), total_value=None)).to_frame()
    assert frame["channel"].tolist() == ["a", "b", "c"]
    assert [str(kind) for kind in frame.dtypes] == ["str"] + ["float64"] * 5


def test_results_do_not_change():
    result = markov(JOURNEYS)
    with pytest.raises(FrozenInstanceError):
        result.credit = result.share
    with pytest.raises(ValueError, match="read-only"):
        result.credit[0] = 1


def test_repr_begins_with_what_matters_and_ends_with_the_kind():
    first, *table, kind = repr(linear(JOURNEYS)).splitlines()
    assert first.startswith("b earned the most: 44%")
    assert first.endswith("of the value won, by linear.")
    assert table[0].split() == ["channel", "credit", "share", "lower", "upper", "n_deals"]
    assert kind == (
        "<AttributionResult: linear, value, 3 channels, total 120.07, 0.1% unattributed>"
    )


def test_all_names_exist():
    assert all(hasattr(mmm.attribution, name) for name in mmm.attribution.__all__)


def test_import_draws_nothing():
    code = (
        "import sys, mmm.attribution; "
        "print([m for m in ('matplotlib', 'sklearn', 'statsmodels') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
