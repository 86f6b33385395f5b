"""Which leads of a table are over."""

import numpy as np
import pandas as pd
import pytest

from mmm.prediction.recipe import Recipe
from mmm.run.scoring import over_on

FATES = ["won", "lost", "in touch", None, "won", "lost"]
ENDS = ["2025-03-01", "2025-03-01", None, None, None, "2025-05-01"]


@pytest.mark.parametrize(
    ("columns", "ended_at", "over"),
    [
        (("end", "fate"), "end", "YY..Y."),  # an end to come is not known yet
        (("end",), "end", "YY...."),
        (("fate",), "end", "YY..YY"),
        (("fate",), None, "Y...Y."),  # no end was asked for: "no" may be "not yet"
        ((), "end", "......"),
    ],
)
def test_a_lead_is_over_by_its_end_and_else_by_its_outcome(columns, ended_at, over):
    table = pd.DataFrame({"end": pd.to_datetime(ENDS, utc=True), "fate": FATES})[list(columns)]
    recipe = Recipe("v", ended_at=ended_at, outcome="fate")
    found = over_on(table, recipe, np.datetime64("2025-04-01"))
    assert found.tolist() == [sign == "Y" for sign in over]
