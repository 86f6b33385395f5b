import json

import numpy as np
import pandas as pd
import pytest

from mmm.errors import InputError
from mmm.prediction.columns.drift import (
    FeatureBins,
    bin_features,
    bin_numbers,
    calibration_doubt,
    count_features,
    counted_drift,
    feature_drift,
)
from mmm.prediction.columns.types import Column, clean_frame, describe_columns

NUMBER = [Column("a", "number")]


def drift_of(before, now, columns=None):
    old, new = pd.DataFrame({"a": before}), pd.DataFrame({"a": now})
    columns = columns or describe_columns(old)
    bins = bin_features(clean_frame(old, columns), columns)
    return feature_drift(bins, clean_frame(new, columns)).iloc[0]


@pytest.mark.parametrize(("n_old", "n_new"), [(200, 50), (500, 500), (5000, 100)])
def test_no_drift_is_called_none_at_every_size(n_old, n_new):
    rng = np.random.default_rng([n_old, n_new])
    found = [drift_of(rng.normal(size=n_old), rng.normal(size=n_new), NUMBER) for _ in range(150)]
    states = [row["state"] for row in found]
    assert sum(state != "none" for state in states) <= 6  # 1% promised
    if n_new == 50:
        # The usual limit of 0.1 would have cried at most of these.
        assert np.mean([row["psi"] > 0.1 for row in found]) > 0.5


def test_the_interval_covers_the_index_of_the_populations():
    rng = np.random.default_rng(11)
    p, q = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.25, 0.3, 0.25, 0.2])
    truth = float(((q - p) * np.log(q / p)).sum())
    covered = 0
    for _ in range(120):
        old, new = rng.choice(list("abcd"), 1000, p=p), rng.choice(list("abcd"), 400, p=q)
        row = drift_of(old, new)
        covered += row["lower"] <= truth <= row["upper"]
        assert row["lower"] <= row["upper"]
    assert 0.82 <= covered / 120 <= 0.97  # 90% promised


def test_bad_input_39_drift_per_feature():
    rng = np.random.default_rng(2)
    n = 2000
    old = pd.DataFrame(
        {
            "size": rng.lognormal(3, 1, n),
            "source": rng.choice(["fair", "web"], n),
            "pages": rng.poisson(5, n),
            "phone": np.where(rng.random(n) < 0.05, None, "given"),
        }
    )
    new = old.sample(800, random_state=1).assign(
        size=rng.lognormal(3.8, 1, 800),
        source=rng.choice(["fair", "web", "fax"], 800, p=[0.4, 0.4, 0.2]),
    )
    new["phone"] = new["phone"].where(rng.random(800) < 0.8)
    columns = describe_columns(old)
    bins = bin_features(clean_frame(old, columns), columns)
    table = feature_drift(bins, clean_frame(new, columns)).set_index("feature")["state"]
    assert table["pages"] == "none"
    assert table["size"] == "strong"
    assert table["source"] != "none"  # a level that training never saw
    assert table["phone"] != "none"  # missing more often than it was


def test_a_constant_number_that_moves_is_drift():
    same = drift_of(np.r_[np.zeros(300), 1.0], np.zeros(300), NUMBER)
    assert same["state"] == "none"
    assert drift_of(np.zeros(300), np.ones(300), NUMBER)["state"] == "none"  # one bin has no index
    assert drift_of(np.r_[np.zeros(290), np.ones(10)], np.ones(300), NUMBER)["state"] == "strong"


def test_nothing_to_compare_is_not_drift():
    row = drift_of(np.arange(50.0), np.array([]), NUMBER)
    assert row["state"] == "none"
    assert row["n"] == 0


def test_bad_input_39_calibration_in_doubt():
    rng = np.random.default_rng(4)
    trained = rng.beta(1, 9, 3000)
    quiet = pd.DataFrame({"feature": ["a"], "psi": [0.01], "state": ["none"]})
    moved = pd.DataFrame(
        {"feature": ["a", "b"], "psi": [0.2, 0.5], "state": ["moderate", "strong"]}
    )
    low = calibration_doubt(quiet, trained, rng.beta(1, 9, 500))
    raised = calibration_doubt(moved, trained, rng.beta(1, 9, 500))
    high = calibration_doubt(moved, trained, rng.beta(4, 4, 500))
    assert [low.state, raised.state, high.state] == ["low", "raised", "high"]
    assert raised.features == ("b", "a")
    assert high.thin > 0.2 > low.thin
    said = raised.finding().sentence()
    assert said.startswith("2 features have moved since training, first of all b and a.")
    assert raised.finding().sentence("it").endswith("prima di basare su di esse i piani.")
    assert "from 9.6% to 51% on average" in high.finding().sentence()


def test_bad_input_43_bins_survive_json_and_damage_is_refused():
    bins = bin_numbers("a", np.random.default_rng(0).normal(size=99))
    assert FeatureBins.from_dict(json.loads(json.dumps(bins.to_dict()))) == bins
    for broken in ({}, {**bins.to_dict(), "counts": ["x"]}):
        with pytest.raises(InputError, match="bins of the model's features are damaged"):
            FeatureBins.from_dict(broken)


def test_counts_of_parts_give_the_drift_of_the_whole():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"a": rng.normal(size=400), "b": pd.Categorical(rng.choice([*"xyz"], 400))}
    )
    columns = [Column("a", "number"), Column("b", "category", ("x", "y", "z"))]
    bins = bin_features(frame, columns)
    parts = [count_features(bins, frame[:150]), count_features(bins, frame[150:])]
    added = [one + other for one, other in zip(*parts, strict=True)]
    pd.testing.assert_frame_equal(counted_drift(bins, added), feature_drift(bins, frame))
