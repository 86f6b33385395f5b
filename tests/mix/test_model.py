"""`MixModel`: what it promises of tables, predictions, sums and units."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mmm.errors import ConfigError, ConvergenceError, DataWarning, InputError
from mmm.mix.effects.curves import marginal_response, simulate_response, steady_response
from mmm.mix.families import GeometricAdstock, HillSaturation, NoSaturation
from mmm.mix.inference.design import Baseline, Event
from mmm.mix.inference.sampler import Sampling
from mmm.mix.model import MixModel
from mmm.mix.priors import Priors

QUICK = Sampling(n_warmup=100, n_draws=100, n_starts=2, max_rounds=1)
COLUMNS = [
    "channel", "spend", "contribution", "contribution_lower", "contribution_upper",
    "share_of_outcome", "share_of_media", "roas", "romi", "romi_lower", "romi_upper",
    "marginal_romi", "marginal_romi_lower", "marginal_romi_upper", "identified",
    "probability_of_effect",
]  # fmt: skip


def company(n_weeks=110, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "week": pd.date_range("2023-01-02", periods=n_weeks, freq="7D"),
            "search": rng.gamma(3, 100, n_weeks),
            "fairs": rng.gamma(2, 150, n_weeks) * (rng.random(n_weeks) < 0.4),
            "price": rng.normal(10, 1, n_weeks),
        }
    )
    carried = np.convolve(frame["search"], 0.5 * 0.5 ** np.arange(12))[:n_weeks]
    media = 900 * carried / (400 + carried) + 0.8 * frame["fairs"]
    outcome = 3000 - 60 * frame["price"] + media + rng.normal(0, 40, n_weeks)
    return frame, outcome.to_numpy(copy=True)


def fitted(frame, outcome, **options):
    model = MixModel(
        date="week", controls=["price"], sampler=QUICK, on_nonconvergence="warn", **options
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return model.fit(frame, outcome)


@pytest.fixture(scope="module")
def model():
    return fitted(*company())


def test_frame_of_contributions_adds_up(model):
    frame = model.contributions(margin=0.4)
    assert list(frame.columns) == COLUMNS
    assert list(frame["channel"]) == ["search", "fairs", "(media)"]
    parts, total = frame.iloc[:-1], frame.iloc[-1]
    for column in ("spend", "contribution", "share_of_outcome", "share_of_media"):
        assert parts[column].sum() == pytest.approx(total[column])
    assert total["share_of_media"] == pytest.approx(1)
    np.testing.assert_allclose(
        frame["romi"], (0.4 * frame["contribution"] - frame["spend"]) / frame["spend"]
    )
    np.testing.assert_allclose(frame["roas"], frame["contribution"] / frame["spend"])
    assert (frame["contribution_lower"] < frame["contribution"]).all()
    assert (frame["marginal_romi_lower"] < frame["marginal_romi_upper"]).all()


def test_fitted_values_are_baseline_plus_contributions(model):
    frame, outcome = company()
    baseline = (model.posterior_.coefficient @ model.design_.T).mean(axis=0).sum()
    media = model.contributions().iloc[-1]["contribution"]
    assert model.predict(frame).sum() == pytest.approx(baseline + media)
    assert model.predict(frame).sum() == pytest.approx(outcome.sum(), rel=0.01)


def test_units_do_not_matter(model):
    """To the bit, where the change of units is exact in binary."""
    frame, outcome = company()
    cents = frame.assign(search=128 * frame["search"], fairs=128 * frame["fairs"])
    other = fitted(cents, outcome / 2**30).contributions()
    np.testing.assert_array_equal(
        other["contribution"] * 2**30, model.contributions()["contribution"]
    )


def test_order_of_rows_does_not_matter_with_dates(model):
    frame, outcome = company()
    order = np.random.default_rng(1).permutation(len(frame))
    shuffled = fitted(frame.iloc[order], outcome[order])
    np.testing.assert_allclose(
        shuffled.predict(frame.iloc[order]), model.predict(frame)[order], rtol=1e-9
    )


def test_same_seed_same_answer(model):
    again = fitted(*company())
    assert (again.posterior_.z == model.posterior_.z).all()


def test_forecast_carries_spend_over():
    frame, outcome = company()
    steady = frame.assign(search=300.0 + 30 * (np.arange(110) % 2), fairs=0.0, price=10.0)
    steady.loc[:40, "fairs"] = 10.0
    model = fitted(frame, outcome, adstock=GeometricAdstock())
    media = simulate_response(model, np.tile([300.0, 0.0], (5, 1)))
    alone = simulate_response(
        fitted(frame.assign(search=frame["search"].where(frame.index < 90, 0)), outcome,
               adstock=GeometricAdstock()),
        np.tile([300.0, 0.0], (5, 1)),
    )  # fmt: skip
    assert media.shape == (len(model.posterior_.z), 2, 5 + 13)
    later = pd.DataFrame(
        {
            "week": pd.date_range(frame["week"].iloc[-1], periods=6, freq="7D")[1:],
            "search": 300.0,
            "fairs": 0.0,
            "price": 10.0,
        }
    )
    first = media[:, 0, 0].mean() / steady_response(model, np.array([300.0, 0.0]))[:, 0].mean()
    cold = alone[:, 0, 0].mean() / alone[:, 0, 4].mean()
    assert first > 0.9
    assert cold < 0.9
    assert len(model.predict(later)) == 5


def test_forecast_needs_the_weeks_between(model):
    frame, _ = company()
    gap = frame.iloc[:2].assign(week=pd.to_datetime(["2025-03-03", "2025-03-10"]))
    with pytest.raises(InputError, match="between the fitted ones"):
        model.predict(gap)


def test_rows_of_a_frame_without_dates_are_placed_by_its_index():
    frame, outcome = company()
    frame = frame.drop(columns=["week", "price"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        model = MixModel(sampler=QUICK, on_nonconvergence="warn")
        model.fit(frame.iloc[:100], outcome[:100])
    whole = model.predict(frame)
    np.testing.assert_allclose(model.predict(frame.iloc[100:]), whole[100:])


def test_intervals_of_predictions_hold_the_outcome(model):
    frame, outcome = company()
    lower, upper = model.predict_interval(frame, level=0.9)
    assert 0.8 < np.mean((outcome > lower) & (outcome < upper)) < 0.99
    narrow = model.predict_interval(frame, level=0.5)
    assert (narrow[1] - narrow[0] < upper - lower).all()


@pytest.mark.parametrize("margin", [0, -1, float("nan"), "all"])
def test_a_margin_that_is_none_is_refused(model, margin):
    for ask in (model.contributions, model.response_curves):
        with pytest.raises(ConfigError, match=r"margin is .* as a share of the outcome"):
            ask(margin=margin)


def test_a_marginal_return_is_missing_where_nothing_is_spent(model):
    rows = model.response_curves().to_frame()
    nothing = rows["spend"] == 0
    assert nothing.any()
    for name in ("marginal_romi", "marginal_romi_lower", "marginal_romi_upper"):
        np.testing.assert_array_equal(rows[name].isna(), nothing)
    assert rows["response"].notna().all()


def test_response_curves_agree_with_their_slopes(model):
    curves = model.response_curves(margin=0.5)
    assert curves.response.shape == (len(model.posterior_.z), 2, curves.spend.shape[1])
    assert np.allclose(curves.response[:, :, 0], 0, atol=1e-6)
    assert (np.diff(curves.response, axis=2) >= 0).all()
    spend = np.array([250.0, 100.0])
    step = np.array([0.01, 0.01])
    numeric = (steady_response(model, spend + step) - steady_response(model, spend - step)) / 0.02
    np.testing.assert_allclose(marginal_response(model, spend), numeric, rtol=1e-4)
    frame = curves.to_frame(level=0.8)
    assert (frame["response_lower"] <= frame["response_upper"]).all()
    assert set(frame["channel"]) == {"search", "fairs"}


def test_steady_response_of_several_plans(model):
    plans = np.array([[100.0, 50.0], [0.0, 0.0]])
    both = steady_response(model, plans)
    assert both.shape == (len(model.posterior_.z), 2, 2)
    np.testing.assert_array_equal(both[:, 0], steady_response(model, plans[0]))
    assert np.allclose(both[:, 1], 0, atol=1e-6)


def test_a_linear_channel_has_equal_average_and_marginal_return():
    frame, outcome = company()
    model = fitted(frame, outcome, saturation=NoSaturation())
    rows = model.contributions()
    np.testing.assert_allclose(rows["romi"], rows["marginal_romi"], rtol=1e-9)


def test_families_by_channel():
    families = {"search": GeometricAdstock(max_lag=5)}
    model = fitted(*company(), adstock=families, saturation={"fairs": NoSaturation()})
    adstocks = {g.channels: g.adstock for g in model.scaled_.problem.media.groups}
    assert adstocks[(0,)] == GeometricAdstock(max_lag=5)
    saturations = {g.channels: g.saturation for g in model.scaled_.problem.media.groups}
    assert saturations[(0,)] == HillSaturation()
    assert saturations[(1,)] == NoSaturation()


def test_events_take_their_weeks():
    frame, outcome = company()
    outcome = outcome.copy()
    outcome[50] += 2000
    fair = Baseline(events=(Event("fair", (str(frame["week"][50].date()),)),))
    model = fitted(frame, outcome, baseline=fair)
    column = list(model.recipe_.columns).index("event:fair")
    assert model.posterior_.coefficient[:, column].mean() == pytest.approx(2000, rel=0.1)


def test_heavy_tails_are_seen_and_treated():
    frame, outcome = company()
    rng = np.random.default_rng(3)
    wild = outcome.copy()
    wild[rng.choice(110, 5, replace=False)] += rng.choice([-700, 700], 5)
    model = fitted(frame, wild)
    normal = fitted(frame, wild, likelihood="normal")
    assert np.isfinite(model.posterior_.freedom).all()
    assert any("count less" in note for note in model.diagnostics_.warnings)
    assert any("full weight" in note for note in normal.diagnostics_.warnings)
    assert model.posterior_.sigma.mean() < 0.6 * normal.posterior_.sigma.mean()
    assert np.isinf(fitted(frame, outcome).posterior_.freedom).all()


def test_missing_convergence_is_an_error_unless_insisted():
    frame, outcome = company()
    hasty = Sampling(n_warmup=5, n_draws=10, n_starts=1, max_rounds=1)
    with pytest.raises(ConvergenceError, match="Likely cause"):
        MixModel(date="week", sampler=hasty).fit(frame, outcome)
    with pytest.warns(DataWarning, match="do not agree"):
        MixModel(date="week", sampler=hasty, on_nonconvergence="warn").fit(frame, outcome)


def test_unused_columns_are_ignored_and_the_others_found_by_name(model):
    frame, outcome = company()
    wide = frame.assign(event="na", sold=outcome)[["sold", *frame.columns[::-1], "event"]]
    named = fitted(wide, outcome, channels=["search", "fairs"])
    assert set(named.feature_names_in_) == {"search", "fairs", "price"}
    assert named.n_features_in_ == 3
    np.testing.assert_array_equal(named.predict(frame), model.predict(frame))
    np.testing.assert_array_equal(named.predict(wide.assign(event="?")), model.predict(frame))
    with pytest.raises(InputError, match="no column 'fairs', which the fit used, among 'search'"):
        named.predict(frame.drop(columns="fairs"))


@pytest.mark.parametrize(
    ("frame_of", "column_of"),
    [(pl.from_pandas, pl.Series), (pa.Table.from_pandas, pa.array)],
    ids=["polars", "pyarrow"],
)
def test_frames_of_other_libraries_are_read_as_those_of_pandas(model, frame_of, column_of):
    """To the bit, dates without a time included."""
    frame, outcome = company()
    other = frame_of(frame.assign(week=frame["week"].dt.date))
    again = fitted(other, column_of(outcome))
    pd.testing.assert_frame_equal(again.contributions(), model.contributions(), check_exact=True)
    np.testing.assert_array_equal(again.predict(other), model.predict(frame))
    np.testing.assert_array_equal(model.predict_interval(other), model.predict_interval(frame))
    assert model.score(other, column_of(outcome)) == model.score(frame, outcome)


def test_columns_that_the_fit_did_not_see_are_named(model):
    frame, _ = company()
    with pytest.raises(InputError, match="no column 'price', which the fit used, among 'search'"):
        model.predict(frame.drop(columns="price"))
    with pytest.raises(InputError, match=r"no column 'search'.* among 'week'. Add it"):
        model.predict(frame[["week"]])
    with pytest.raises(InputError, match=r"'event', which the fit did not see. Drop it, or name"):
        model.predict(frame.assign(event=1.0))
    with pytest.raises(InputError, match="'search' stands there twice"):
        model.predict(pd.concat([frame, frame["search"]], axis=1))
    np.testing.assert_array_equal(model.predict(frame.iloc[:, ::-1]), model.predict(frame))


def test_columns_of_text_or_there_twice_are_named():
    frame, outcome = company()
    with pytest.raises(InputError, match=r"'event' holds text \('na'\) in rows 1, 2, .*channels="):
        fitted(frame.assign(event="na"), outcome)
    twice = pd.concat([frame, frame["search"]], axis=1)
    with pytest.raises(InputError, match="'search' stands there twice"):
        fitted(twice, outcome, channels=["search", "fairs"])


def test_a_single_date_is_read_in_the_order_of_the_fit(model, tmp_path):
    """Of 04/03/2024 alone nobody knows; the fitted column showed the day first."""
    frame, outcome = company()
    text = frame.assign(week=frame["week"].dt.strftime("%d/%m/%Y"))
    by_text = MixModel.load(fitted(text, outcome).save(tmp_path / "model"))
    row = int(np.flatnonzero(frame["week"] == "2024-03-04")[0])
    expected = model.predict(frame.iloc[[row]])
    np.testing.assert_array_equal(by_text.predict(text.iloc[[row]]), expected)
    with pytest.raises(InputError, match="can be read in two ways"):
        model.predict(text.iloc[[row]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": ["radio"]}, "no column 'radio'"),
        ({"channels": ["search", "price"]}, "more than one role"),
        ({"date": "day"}, "no date column"),
        ({"controls": ["search", "fairs", "price"]}, "no channel"),
    ],
)
def test_wrong_columns_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        MixModel(**{"date": "week", "controls": ["price"], **options}).fit(*company())


@pytest.mark.parametrize(
    "options",
    [{"likelihood": "cauchy"}, {"on_nonconvergence": "shrug"}, {"seed": -1}, {"seed": None}],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError, match=r"[Pp]ass|fit each"):
        MixModel(date="week", **options).fit(*company())


@pytest.mark.parametrize("bad", [[1.0], [1.0, -2.0], [np.nan, 1.0]])
def test_wrong_plans_are_refused(model, bad):
    with pytest.raises(ConfigError, match="spend"):
        steady_response(model, np.array(bad))


def test_a_prior_that_fights_the_data_is_told():
    frame, outcome = company()
    tight = Priors(media_share=0.01, media_spread=0.3)
    notes = fitted(frame, outcome, priors=tight).diagnostics_.warnings
    assert any("far larger than the prior expects" in note for note in notes)
    plain = fitted(frame, outcome).diagnostics_.warnings
    assert not any("prior expects" in note for note in plain)


@pytest.mark.parametrize("kind", ["adstock", "saturation"])
def test_what_is_no_family_or_of_no_channel_is_refused(kind):
    spend, outcome = np.random.default_rng(0).gamma(2.0, 50.0, (2, 60))
    for given in ("geometric", HillSaturation):
        with pytest.raises(ConfigError, match=f"{kind} is .*; pass a family"):
            MixModel(**{kind: given}).set_up(spend[:, None], outcome)
    with pytest.raises(ConfigError, match=f"{kind} names 'tv'; the channels are 'x0'"):
        MixModel(**{kind: {"tv": HillSaturation()}}).set_up(spend[:, None], outcome)
