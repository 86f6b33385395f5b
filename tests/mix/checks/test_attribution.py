"""Attribution as a hint: trusted where it is right, and no harm where it misleads."""

import warnings

import numpy as np
import pandas as pd
import pytest

from mmm.errors import ConfigError, DataWarning
from mmm.mix import (
    AttributionPrior,
    MixModel,
    Priors,
    attribution_findings,
    compare_attribution,
)
from mmm.mix.inference.sampler import Sampling
from tests.mix.small_model import small_model

QUICK = Sampling(n_warmup=150, n_draws=250, n_starts=2, max_rounds=1)
CHANNELS = ("Search", "Social", "Fairs")


def company(seed):
    """Two years, three channels whose returns differ by up to nine; what each of them brought."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(3.0, [40.0, 60.0, 50.0], (104, 3))
    spend[:, 2] *= rng.random(104) < 0.4
    level = spend / spend.mean(axis=0)
    curve = level / (0.8 + level)
    media = rng.permutation([900.0, 300.0, 100.0]) * curve / curve.mean(axis=0)
    outcome = 2500 + media.sum(axis=1) + rng.normal(0, 180, 104)
    frame = pd.DataFrame(spend, columns=CHANNELS)
    frame.insert(0, "week", pd.date_range("2023-01-02", periods=104, freq="7D"))
    return frame, outcome, media.sum(axis=0)


def fit(seed, share):
    frame, outcome, truth = company(seed)
    hint = AttributionPrior(dict(zip(CHANNELS, share(truth), strict=True)), tracked=0.8)
    model = MixModel(
        date="week", priors=Priors(attribution=hint), sampler=QUICK, on_nonconvergence="warn"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return model.fit(frame, outcome), truth


def right(truth):
    return truth / truth.sum()


def reversed_shares(truth):
    """The channel that brings least gets the credit of the one that brings most."""
    share, order = right(truth), np.argsort(truth)
    turned = np.empty_like(share)
    turned[order] = share[order[::-1]]
    return turned


@pytest.fixture(scope="module")
def misled():
    return [fit(seed, reversed_shares) for seed in range(4)]


def test_a_misleading_hint_does_not_break_coverage(misled):
    """Of 90% intervals twelve channels hold at least nine; fewer in one case of two hundred."""
    covered = []
    for model, truth in misled:
        rows = model.contributions().set_index("channel").loc[list(CHANNELS)]
        covered += list((rows["contribution_lower"] < truth) & (truth < rows["contribution_upper"]))
    assert sum(covered) >= 9


def test_trust_is_lost_where_data_contradict_and_kept_where_they_agree(misled):
    honest, _ = fit(0, right)
    frames = [compare_attribution(model).iloc[:-1] for model, _ in misled]
    wrong = [
        frame["trust"].iloc[k]
        for frame, (_, truth) in zip(frames, misled, strict=True)
        for k in (np.argmax(truth), np.argmin(truth))
    ]
    trusted = compare_attribution(honest).iloc[:-1]["trust"]
    assert np.mean(wrong) < 0.45
    assert trusted.mean() > np.mean(wrong) + 0.1


def test_what_the_data_say_alone_is_what_a_fit_without_the_hint_says(misled):
    model, _ = misled[0]
    told = compare_attribution(model).iloc[:-1]
    plain = model.__class__(**{**model.get_params(deep=False), "priors": None})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        plain.fit(*company(0)[:2])
    drawn = np.log(plain.posterior_.contribution * 104)
    apart = np.log(told["data"].to_numpy()) - np.median(drawn, axis=0)
    assert (np.abs(apart) < 0.5 * drawn.std(axis=0)).all()


def test_the_baseline_is_what_is_left(misled):
    model, _ = misled[0]
    frame = compare_attribution(model)
    last, outcome = frame.iloc[-1], model.outcome_.sum()
    assert last["channel"] == "(baseline)"
    brought = model.posterior_.contribution.sum(axis=1) * 104
    assert last["both"] == pytest.approx(outcome - np.median(brought))
    assert last[["trust", "z"]].isna().all()
    assert last["agrees"]


def test_disagreement_is_said_in_both_languages(misled):
    """Here a fifth of the outcome is made to be the credit of what brings next to nothing."""
    frame, outcome, truth = company(1)
    least = CHANNELS[int(np.argmin(truth))]
    hint = AttributionPrior({least: 0.99}, tracked=1.0, incrementality=(90.0, 10.0))
    model = MixModel(
        date="week", priors=Priors(attribution=hint), sampler=QUICK, on_nonconvergence="warn"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model.fit(frame, outcome)
    row = compare_attribution(model).set_index("channel").loc[least]
    assert row["z"] > 2
    assert not row["agrees"]
    assert row["trust"] < 0.3
    (found,) = attribution_findings(model)
    assert "Do not move money on this alone" in found.sentence("en")
    assert "prima fate un test" in found.sentence("it")
    assert least in found.sentence("it")


def test_without_attribution_there_is_nothing_to_compare():
    with pytest.raises(ConfigError, match="no attribution"):
        compare_attribution(small_model())
