"""Panels: what planted effects come back, how rows are told apart, and what is refused."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, InputError
from mmm.mix import LiftTest, MixModel, decompose, optimize_budget
from mmm.mix.inference.sampler import Sampling
from mmm.mix.panel import split_panels

CHANNELS = ["search", "fairs"]
SAMPLING = Sampling(n_warmup=120, n_draws=150, n_starts=2, max_rounds=1)


def table(n_weeks=104, seed=0):
    """North and south: fairs bring three times as much in the north; none are held in the west."""
    rng = np.random.default_rng(seed)
    frames, outcomes, truth = [], [], {}
    for region, size, base in (
        ("north", [300.0, 600.0], 3000),
        ("south", [250.0, 200.0], 900),
        ("west", [280.0, 0.0], 1500),
    ):
        spend = rng.gamma(2.0, [30.0, 80.0], (n_weeks, 2)) * (np.array(size) > 0)
        level = spend / np.where(spend.mean(axis=0) > 0, spend.mean(axis=0), 1.0)
        media = np.array(size) * 2 * level / (1 + level)
        frame = pd.DataFrame(spend, columns=CHANNELS)
        frame.insert(0, "week", pd.date_range("2023-01-02", periods=n_weeks, freq="7D"))
        frame.insert(1, "region", region)
        frames.append(frame)
        outcomes.append(base + media.sum(axis=1) + rng.normal(0, 60, n_weeks))
        truth[region] = media.sum(axis=0)
    order = rng.permutation(3 * n_weeks)
    X = pd.concat(frames, ignore_index=True).iloc[order].reset_index(drop=True)
    return X, np.concatenate(outcomes)[order], truth


def unfitted(**settings):
    given = {"date": "week", "panel": "region", "sampler": SAMPLING, "seed": 1}
    return MixModel(**(given | {"on_nonconvergence": "warn"} | settings))


@cache
def fitted():
    X, y, truth = table()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return unfitted().fit(X, y), X, y, truth


def test_planted_effects_of_each_panel_come_back():
    model, _, _, truth = fitted()
    inside = []
    for region, amounts in truth.items():
        found = model.panels_[region].contributions(level=0.98).set_index("channel")
        for channel, amount in zip(CHANNELS, amounts, strict=True):
            row = found.loc[channel]
            inside.append(row["contribution_lower"] <= amount <= row["contribution_upper"])
    assert np.mean(inside) >= 5 / 6
    fairs = {name: one.contributions().set_index("channel").loc["fairs", "contribution"]
             for name, one in model.panels_.items()}  # fmt: skip
    assert fairs["north"] > 2 * fairs["south"] > fairs["west"] == 0


def test_contributions_of_the_whole_are_the_sum_over_panels():
    model, X, y, _ = fitted()
    whole = model.contributions().set_index("channel")
    parts = [one.contributions().set_index("channel") for one in model.panels_.values()]
    for column in ("spend", "contribution"):
        total = sum(part[column] for part in parts)
        np.testing.assert_allclose(whole[column], total, rtol=1e-10)
    spent = X[CHANNELS].to_numpy().sum(axis=0)
    np.testing.assert_allclose(whole.loc[CHANNELS, "spend"], spent, rtol=1e-12)
    share = whole.loc["(media)", "contribution"] / y.sum()
    assert whole.loc["(media)", "share_of_outcome"] == pytest.approx(share)
    # The draws are joint: the interval of a sum is narrower than the sum of intervals.
    wide = sum(part["contribution_upper"] - part["contribution_lower"] for part in parts)
    assert (whole["contribution_upper"] - whole["contribution_lower"] <= wide + 1e-9).all()


def test_predictions_come_in_the_order_of_the_rows():
    model, X, y, _ = fitted()
    expected = model.predict(X)
    assert np.corrcoef(expected, y)[0, 1] > 0.98
    some = X.sample(40, random_state=0)
    np.testing.assert_allclose(model.predict(some), expected[some.index], rtol=1e-9)
    lower, upper = model.predict_interval(X, level=0.9)
    assert 0.82 < np.mean((lower <= y) & (y <= upper)) < 0.97


def test_each_panel_answers_as_a_model_of_its_own():
    model, *_ = fitted()
    plan = optimize_budget(model.panels_["north"])
    assert plan.proposed.sum() == pytest.approx(plan.current.sum())
    parts = decompose(model.panels_["south"])
    np.testing.assert_allclose(parts.baseline + parts.media.sum(axis=0), parts.fitted)


@pytest.mark.parametrize("ask", [optimize_budget, decompose, MixModel.response_curves])
def test_what_only_a_panel_can_answer_says_so(ask):
    with pytest.raises(ConfigError, match=r"panels 'north', 'south', 'west'.*panels_\['north'\]"):
        ask(fitted()[0])


def test_refusals_name_the_panel():
    X, y, _ = table(n_weeks=60)
    with pytest.raises(InputError, match="no panel column 'area' among"):
        unfitted(panel="area").fit(X, y)
    with pytest.raises(InputError, match="pass a frame"):
        unfitted(date=None).fit(X[CHANNELS].to_numpy(), y)
    with pytest.raises(InputError, match="The panel is missing in row 3"):
        unfitted().fit(X.assign(region=X["region"].mask(X.index == 2)), y)
    gap = (X["region"] == "south") & (X["week"] == "2023-03-06")
    with pytest.raises(InputError, match="In the panel 'south': Periods are missing"):
        unfitted().fit(X[~gap], y[~gap])
    with pytest.raises(InputError, match="180 rows and y the shape"):
        unfitted().fit(X, y[:-1])
    test = LiftTest("search", "2023-02-06", "2023-02-27", -300.0, -900.0, 150.0)
    with pytest.raises(ConfigError, match=r"tests= cannot be given with panel="):
        unfitted(tests=[test]).fit(X, y)


def test_an_unknown_panel_is_not_predicted():
    model, X, *_ = fitted()
    with pytest.raises(InputError, match="no panel 'east'; it has 'north', 'south', 'west'"):
        model.predict(X.assign(region="east"))


def test_rows_are_told_apart_in_order_of_name():
    frame = pd.DataFrame({"region": [2, 1, 2], "tv": [1.0, 2.0, 3.0]})
    rest, rows = split_panels(frame, "region")
    assert list(rest) == ["tv"]
    assert {name: at.tolist() for name, at in rows.items()} == {"1": [1], "2": [0, 2]}
