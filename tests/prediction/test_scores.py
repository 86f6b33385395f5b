"""Scores are frozen, and no batch with a bad probability exists (bad input 40)."""

import numpy as np
import pandas as pd
import pytest

from mmm.errors import InputError
from mmm.prediction.scores import LeadScores, read_instant


def scores(p):
    n = len(p)
    return LeadScores(
        np.array([f"L{i}" for i in range(n)], dtype=object),
        np.array(p, dtype=np.float64),
        np.array(["A"] * n, dtype=object),
        np.array([("because", "also")] * n + [None], dtype=object)[:n],
        pd.Timestamp("2025-03-01", tz="UTC"),
        "v1",
    )


@pytest.mark.parametrize("bad", [np.nan, 1.2, -0.1, np.inf])
def test_bad_input_40_stops_the_batch(bad):
    with pytest.raises(InputError, match=r"'L1'.*Nothing is written"):
        scores([0.2, bad, 0.3])


def test_frame_has_what_is_written_back():
    frame = scores([0.2]).to_frame()
    assert frame.columns.tolist() == [
        "lead_id", "probability", "grade", "reason_1", "reason_2", "reason_3", "scored_at",
        "model_version",
    ]  # fmt: skip
    assert frame.loc[0, ["reason_1", "reason_2", "reason_3"]].tolist() == ["because", "also", ""]


def test_arrays_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        scores([0.2]).probability[0] = 0.9


def test_instants_are_utc():
    assert str(read_instant("2025-01-01T02:00+02:00")) == "2025-01-01 00:00:00+00:00"
    assert str(read_instant("2025-01-01")) == "2025-01-01 00:00:00+00:00"
    with pytest.raises(InputError, match="no date"):
        read_instant("soon")
