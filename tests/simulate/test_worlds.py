import itertools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from mmm.errors import ConfigError, InputError, SourceError
from mmm.simulate.worlds import (
    MAKINGS,
    Answer,
    Scorecard,
    World,
    compare,
    current_spend,
    do_nothing,
    make_world,
    ridge_on_spend,
    score,
    worlds,
)
from mmm.simulate.worlds.curves import CURVES, LAGS, Curve, Lag
from mmm.simulate.worlds.market import NOISES, TRENDS
from mmm.simulate.worlds.optimum import best_split


@pytest.fixture(scope="module")
def many() -> list[World]:
    return list(worlds(80, making="standard"))


def perfect(world: World) -> Answer:
    truth = world.truth
    true = truth.contribution.sum(axis=0)
    better = (
        truth.effects.response(truth.optimum).sum() - truth.effects.response(truth.current).sum()
    )
    return Answer(
        contribution=true,
        lower=true,
        upper=true,
        media=true.sum(),
        media_lower=true.sum(),
        media_upper=true.sum(),
        plan=truth.optimum,
        probability_better=1.0,
        gain=better,
    )


def answering(answer, companies):
    """Return a fit that answers the companies in their order, from the truth."""
    queue = iter(companies)
    return lambda *_: answer(next(queue))


def assert_same(first: World, second: World) -> None:
    pd.testing.assert_frame_equal(first.frame, second.frame, check_exact=True)
    np.testing.assert_array_equal(first.outcome, second.outcome)
    np.testing.assert_array_equal(first.truth.contribution, second.truth.contribution)
    np.testing.assert_array_equal(first.truth.optimum, second.truth.optimum)
    assert first.fingerprint() == second.fingerprint()


def test_the_company_does_not_depend_on_the_threads_of_the_machine():
    prints = []
    for limit in (1, 2):
        with threadpool_limits(limits=limit):
            prints.append([make_world(seed).fingerprint() for seed in (2005, 2011, 2017)])
    assert prints[0] == prints[1]


@pytest.mark.parametrize("making", MAKINGS)
def test_the_same_seed_and_making_give_the_same_company(making):
    assert_same(make_world(3, making=making), make_world(3, making=making))


def test_no_two_companies_are_the_same(many):
    prints = {world.fingerprint() for world in many}
    prints |= {make_world(0, making=making).fingerprint() for making in MAKINGS[1:]}
    assert len(prints) == len(many) + len(MAKINGS) - 1


@pytest.mark.parametrize("making", MAKINGS)
def test_the_truth_adds_up(making):
    for world in worlds(4, making=making):
        truth, frame = world.truth, world.frame
        told = truth.baseline + truth.contribution.sum(axis=1) + truth.noise
        np.testing.assert_allclose(told, world.outcome, rtol=1e-9)
        assert (truth.contribution >= 0).all()
        assert (truth.baseline > 0).all()
        assert (world.outcome >= 0).all()
        np.testing.assert_array_equal(truth.contribution.sum(axis=0) > 0, truth.live)
        spend = frame[list(world.channels)].to_numpy()
        assert (spend >= 0).all()
        np.testing.assert_allclose(truth.roas * spend.sum(axis=0), truth.contribution.sum(axis=0))
        assert set(frame) - {"date", "region"} == {*world.channels, *world.controls}
        assert not frame.isna().any().any()


@pytest.mark.parametrize("making", [making for making in MAKINGS if making != "panel"])
def test_contributions_follow_from_spend_written_out_week_by_week(making):
    world = make_world(5, making=making)
    effects = world.truth.effects
    spend = world.frame[list(world.channels)].to_numpy() / effects.unit
    late = range(54, len(spend))  # by then no earlier spend is left
    level = {
        (week, c): sum(lag.weights()[back] * spend[week - back, c] for back in range(53))
        for c, lag in enumerate(effects.lags)
        for week in late
    }
    for week in late:
        shape = [float(effects.curves[c](np.array(level[week, c]))) for c in range(spend.shape[1])]
        told = [effects.strength[0, c] * shape[c] for c in range(spend.shape[1])]
        if effects.pair is not None:
            source, through = effects.pair
            told[source] += effects.joint[0] * shape[source] * shape[through]
        np.testing.assert_allclose(world.truth.contribution[week], told, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", LAGS)
def test_carry_over_keeps_the_scale_of_steady_spend(kind):
    lag = Lag(kind, retention=0.6, peak_weeks=3.0, shape=2.0)
    assert lag.weights().sum() == pytest.approx(1)
    assert lag.carry(np.full(60, 7.0))[-1] == pytest.approx(7)


def test_geometric_carry_over_is_the_recursion():
    spend = np.random.default_rng(0).gamma(1, 1, 40)
    carried, state = [], 0.0
    for week in spend:
        state = 0.3 * week + 0.7 * state
        carried.append(state)
    # The weights end after a year: .7^53 of the scale is missing.
    np.testing.assert_allclose(Lag("geometric", retention=0.7).carry(spend), carried, rtol=1e-7)


@pytest.mark.parametrize("kind", CURVES)
def test_curves_start_at_zero_and_rise(kind):
    level = np.linspace(0, 5, 50)
    response = Curve(kind, scale=1.3, shape=0.7)(level)
    assert response[0] == 0
    assert (np.diff(response) > 0).all()


def test_the_steady_response_is_where_constant_spend_leads():
    world = make_world(11)
    effects = world.truth.effects
    spend = 1.3 * world.truth.current
    for c, (curve, lag) in enumerate(zip(effects.curves, effects.lags, strict=True)):
        level = lag.carry(np.full(60, spend[c] / effects.unit[c]))[-1]
        expected = effects.strength[0, c] * float(curve(np.array(level)))
        assert effects.response(spend)[c] == pytest.approx(expected)


def test_standard_companies_are_as_described(many):
    weeks = [len(world.frame) for world in many]
    channels = [len(world.channels) for world in many]
    assert (min(weeks), max(weeks)) >= (104, 190)
    assert max(weeks) <= 208
    assert (min(channels), max(channels)) == (3, 10)
    assert {len(world.controls) for world in many} == {0, 1, 2, 3}
    for seen, kinds in (
        ({world.trend for world in many}, TRENDS),
        ({world.noise for world in many}, NOISES),
        ({curve.kind for world in many for curve in world.truth.effects.curves}, CURVES),
        ({lag.kind for world in many for lag in world.truth.effects.lags}, LAGS),
    ):
        assert seen == set(kinds)


def test_standard_companies_have_the_described_strengths(many):
    # The floor under heavy-tailed outcomes may move a company's R2 by a little.
    assert all(0.74 < world.r2 < 0.96 for world in many)
    media = [
        world.truth.contribution.sum()
        / (world.truth.contribution.sum() + world.truth.baseline.sum())
        for world in many
    ]
    assert 0.12 <= min(media) < 0.17
    assert 0.40 < max(media) <= 0.45
    means = [world.outcome.mean() for world in many]
    assert min(means) < 1e3
    assert max(means) > 1e6
    spread = [np.log(world.truth.roas[world.truth.live]).std(ddof=1) for world in many]
    # Two draws of standard deviation s differ by a factor of exp(1.13 s) on average.
    assert np.exp(1.13 * np.median(spread)) == pytest.approx(2, rel=0.25)
    null = np.array([not world.truth.live.all() for world in many])
    assert 0.3 < null.mean() < 0.7
    assert all(world.truth.live.sum() >= 2 for world in many)


def test_standard_spends_are_flighted_or_not_correlated_or_not(many):
    off = np.concatenate([(w.frame[list(w.channels)] == 0).mean().to_numpy() for w in many])
    assert 0.3 < (off == 0).mean() < 0.7
    assert (off[off > 0] > 0.2).mean() > 0.9
    together = []
    for world in many:
        correlation = np.corrcoef(world.frame[list(world.channels)].to_numpy().T)
        together.append(correlation[np.triu_indices_from(correlation, 1)].mean())
    assert np.mean(np.array(together) < 0.15) > 0.25
    assert np.mean(np.array(together) > 0.3) > 0.2


def _follows(companies, driver):
    """Largest correlation of a channel's log spend with a driver, company by company."""
    largest = []
    for world in companies:
        spend = world.frame[list(world.channels)].to_numpy()
        always = [column for column in spend.T if (column > 0).all()]
        seen = [abs(np.corrcoef(np.log(column), driver(world))[0, 1]) for column in always]
        largest.append(max(seen, default=np.nan))
    return np.nanmedian(largest)


def test_reacting_spend_follows_demand(many):
    reacting = list(worlds(30, making="reacting"))
    by_demand = _follows(reacting, lambda world: world.truth.baseline)
    assert by_demand > _follows(many[:30], lambda world: world.truth.baseline) + 0.1


def test_dear_channels_return_less():
    slopes = []
    for world in worlds(20, making="dear"):
        spend = world.frame[list(world.channels)].sum().to_numpy()
        live = world.truth.live
        slopes.append(np.corrcoef(np.log(spend[live]), np.log(world.truth.roas[live]))[0, 1])
        assert 0.25 < spend.max() / spend.sum() < 0.43
    assert np.median(slopes) < -0.8


def test_narrow_companies_have_few_weeks_and_two_confounders(many):
    narrow = list(worlds(20, making="narrow"))
    assert all(60 <= len(world.frame) <= 104 for world in narrow)
    assert all(9 <= len(world.controls) <= 14 for world in narrow)
    for name in ("control_1", "control_2"):
        effect = [np.corrcoef(w.frame[name], w.truth.baseline)[0, 1] for w in narrow]
        assert np.median(effect) > 0.2
        moved = _follows(narrow, lambda world, name=name: world.frame[name])
        assert moved > _follows(narrow, lambda world: world.frame["control_9"]) + 0.05


def test_a_mediated_channel_brings_more_where_the_other_captures_more():
    for world in worlds(5, making="mediated"):
        effects, spend = world.truth.effects, world.truth.current.copy() + world.truth.effects.unit
        source, through = effects.pair
        before = effects.response(spend)
        spend[through] *= 1.5
        after = effects.response(spend)
        assert after[source] > before[source]
        others = np.delete(np.arange(spend.size), [source, through])
        np.testing.assert_allclose(after[others], before[others])
        # Most of what the source brings would be lost without the other.
        spend[through] = 0
        assert effects.response(spend)[source] < 0.6 * before[source]


def test_long_lags_peak_after_two_months():
    for world in worlds(15, making="long_lag"):
        peaks = [int(np.argmax(lag.weights())) for lag in world.truth.effects.lags]
        assert 1 <= sum(peak >= 7 for peak in peaks) <= 3
        assert max(peaks) <= 26


def test_counts_are_whole_and_some_weeks_have_none():
    companies = list(worlds(30, making="counts"))
    assert {world.noise for world in companies} == {"poisson", "negative_binomial"}
    assert all((world.outcome == np.round(world.outcome)).all() for world in companies)
    assert np.mean([(world.outcome == 0).any() for world in companies]) > 0.4
    residual = np.array([w.truth.noise.mean() / np.sqrt(w.outcome.mean()) for w in companies])
    assert abs(residual.mean()) < 0.1


def test_panels_share_curves_and_differ_in_strength():
    world = make_world(2, making="panel")
    n_regions = world.frame["region"].nunique()
    assert 4 <= n_regions <= 8
    assert world.frame.groupby("region")["date"].nunique().nunique() == 1
    assert not world.frame.duplicated(["region", "date"]).any()
    strength = world.truth.effects.strength[:, world.truth.live]
    assert strength.shape[0] == n_regions
    assert (strength.std(axis=0) > 0).all()


@pytest.mark.parametrize("shape", [0.6, 1.0, 2.5, 5.0])
def test_the_optimum_equals_brute_force(shape):
    rng = np.random.default_rng(int(10 * shape))
    curves = [Curve("hill", float(rng.uniform(0.5, 1.5)), shape) for _ in range(3)]
    strength, unit = rng.uniform(1, 3, 3), rng.uniform(10, 40, 3)

    def value(spend):
        level = np.asarray(spend) / unit
        return strength * np.array([curve(one) for curve, one in zip(curves, level, strict=True)])

    today = unit.copy()
    lower, upper, total = 0.5 * today, 1.5 * today, today.sum()
    found = best_split(value, lower, upper, total)
    assert found.sum() == pytest.approx(total)
    assert (found >= lower - 1e-9).all()
    assert (found <= upper + 1e-9).all()
    first, second = np.meshgrid(*np.linspace(lower[:2], upper[:2], 401).T, indexing="ij")
    third = total - first - second
    feasible = (third >= lower[2]) & (third <= upper[2])
    grid = np.array([first[feasible], second[feasible], third[feasible]]).T
    level = grid / unit
    brute = sum(strength[c] * curves[c](level[:, c]) for c in range(3)).max()
    assert value(found).sum() >= brute * (1 - 1e-9)
    assert value(found).sum() == pytest.approx(brute, rel=1e-3)


def test_the_optimum_of_a_mediated_company_equals_brute_force():
    world = make_world(0, making="mediated")
    effects, today = world.truth.effects, world.truth.current
    best = effects.response(world.truth.optimum).sum()
    rng = np.random.default_rng(0)
    reached = 0.0
    for _ in range(3_000):
        plan = today * rng.uniform(0.5, 1.5, today.size)
        plan *= today.sum() / plan.sum()
        if (np.abs(plan / np.maximum(today, 1e-12) - 1) <= 0.5).all():
            reached = max(reached, effects.response(plan).sum())
    # Pairwise moves from the optimum find nothing better either.
    for giver, taker in itertools.permutations(range(today.size), 2):
        step = min(
            world.truth.optimum[giver] - 0.5 * today[giver],
            1.5 * today[taker] - world.truth.optimum[taker],
        )
        for part in (0.01, 0.1, 0.5, 1.0):
            plan = world.truth.optimum.copy()
            plan[giver] -= part * step
            plan[taker] += part * step
            reached = max(reached, effects.response(plan).sum())
    assert best >= reached * (1 - 1e-7)


@given(seed=st.integers(0, 10_000), n=st.integers(2, 5), part=st.floats(0, 1))
def test_no_plan_beats_the_optimum(seed, n, part):
    rng = np.random.default_rng(seed)
    curves = [Curve("hill", float(s), float(p)) for s, p in rng.uniform(0.4, 4, (n, 2))]
    lower = rng.uniform(0, 1, n)
    upper = lower + rng.uniform(0, 2, n)
    total = float(lower.sum() + part * (upper - lower).sum())

    def value(spend):
        return np.array([curve(one) for curve, one in zip(curves, spend, strict=True)])

    found = best_split(value, lower, upper, total)
    assert found.sum() == pytest.approx(total)
    assert (found >= lower - 1e-9).all()
    assert (found <= upper + 1e-9).all()
    # Any plan inside the bounds with the same total: corners, filled in a random order.
    for _ in range(10):
        plan, rest = lower.copy(), total - float(lower.sum())
        for channel in rng.permutation(n):
            extra = min(rest, float(upper[channel] - plan[channel])) * rng.uniform(0.5, 1)
            plan[channel] += extra
            rest -= extra
        short = value(plan).sum()  # spends no more than the total, and curves rise
        assert value(found).sum() >= short * (1 - 1e-4)


@pytest.mark.parametrize("making", MAKINGS)
def test_a_perfect_answer_scores_perfectly(making):
    companies = list(worlds(3, making=making))
    card = score(answering(perfect, companies), companies, name="truth")
    told = card.to_frame().set_index("measure")["value"]
    for measure in ("regret", "regret_worst", "share_error", "loses", "failed", "width_live"):
        assert told[measure] == pytest.approx(0, abs=1e-9)
    for measure in ("coverage_live", "coverage_total", "total_ratio", "predicted_over_realised"):
        assert told[measure] == pytest.approx(1)
    assert told["gain"] > 0
    assert card.calibration().set_index("high").loc[1.0, "happened"] == 1


def test_doing_nothing_gains_nothing_and_loses_nothing(many):
    told = score(do_nothing, many[:20]).to_frame().set_index("measure")["value"]
    assert told["gain"] == told["loses"] == told["coverage_live"] == 0
    # What reallocation could bring, as the description has it.
    assert 5 < told["regret"] < 20


def linear_company(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=150, freq="W-MON")})
    for name, mean in (("a", 100.0), ("b", 20.0)):
        frame[name] = mean * rng.gamma(2, 0.5, 150)
    frame["price"] = rng.standard_normal(150)
    outcome = 500 + 2 * frame["a"] + 0.5 * frame["b"] - 30 * frame["price"]
    true = np.array([2 * frame["a"].sum(), 0.5 * frame["b"].sum()])
    return frame, outcome.to_numpy() + 10 * rng.standard_normal(150), true


def test_the_ridge_finds_linear_effects():
    covered = []
    for seed in range(60):
        frame, outcome, true = linear_company(seed)
        answer = ridge_on_spend(frame, outcome, ("a", "b"), ("price",))
        covered += ((answer.lower < true) & (true < answer.upper)).tolist()
        assert answer.contribution[0] == pytest.approx(true[0], rel=0.1)
    # 120 intervals of 90%: three standard errors are .08.
    assert np.mean(covered) == pytest.approx(0.9, abs=0.08)
    today = current_spend(frame, ("a", "b"))
    assert answer.plan == pytest.approx([today[0] + 0.5 * today[1], 0.5 * today[1]])


def test_the_ridge_answers_every_making():
    card = score(ridge_on_spend, worlds(len(MAKINGS), making=MAKINGS))
    assert card.grades["failure"].isna().all()
    assert card.grades["making"].tolist() == list(MAKINGS)


def test_a_failed_fit_is_kept_and_counts_as_staying(many):
    def fails(*_):
        raise RuntimeError("no")

    card = score(fails, many[:3])
    assert card.grades["failure"].tolist() == ["RuntimeError: no"] * 3
    told = card.to_frame().set_index("measure")
    assert told.loc["failed", "value"] == 1
    assert told.loc["gain", "value"] == 0
    assert told.loc["coverage_live", "n"] == 0
    stays = score(do_nothing, many[:3]).to_frame().set_index("measure")
    assert told.loc["regret", "value"] == stays.loc["regret", "value"]


def test_a_long_run_can_be_interrupted_and_goes_on(many, tmp_path):
    asked = []

    def fit(frame, outcome, channels, controls):
        asked.append(len(frame))
        return ridge_on_spend(frame, outcome, channels, controls)

    lines = []
    first = score(fit, many[:2], folder=tmp_path, progress=lines.append)
    both = score(fit, many[:4], folder=tmp_path)
    assert len(asked) == 4
    assert len(lines) == 2
    pd.testing.assert_frame_equal(both.grades.head(2), first.grades)
    # Other data under the same name are fitted again.
    other = replace(many[0], outcome=many[0].outcome + 1)
    score(fit, [other], folder=tmp_path)
    assert len(asked) == 5
    # Without time nothing begins, and what is stored is still read.
    late = score(fit, many[2:6], folder=tmp_path, seconds=-1)
    assert late.grades["seed"].tolist() == [2, 3]
    assert len(asked) == 5


@pytest.mark.parametrize("text", ["{", json.dumps({"answer": 1}), "[]"])
def test_a_file_that_is_no_answer_is_refused(many, tmp_path, text):
    (tmp_path / "standard-0.json").write_text(text)
    with pytest.raises(SourceError, match="no stored answer"):
        score(do_nothing, many[:1], folder=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contribution": np.zeros(1)}, "contribution has shape"),
        ({"upper": np.full(3, np.nan)}, "not finite"),
        ({"lower": np.full(3, 1e12)}, "ends below"),
        ({"probability_better": 1.2}, "between 0 and 1"),
        ({"gain": np.inf}, "gain is inf"),
        ({"level": 90}, "level is 90"),
        ({"plan": np.full(3, 1e12)}, "the plan spends"),
        ({"plan": "one channel only"}, "moves channel"),
    ],
)
def test_an_answer_that_cannot_be_graded_is_a_failure(change, message):
    world = next(world for world in worlds(50) if len(world.channels) == 3)
    if isinstance(change.get("plan"), str):
        today = world.truth.current
        change = {"plan": np.array([today.sum(), 0, 0])}
    card = score(lambda *_: replace(perfect(world), **change), [world])
    assert message in card.grades["failure"][0]


def test_coverage_is_counted_over_channels_with_companies_as_the_sample():
    grades = score(do_nothing, worlds(3)).grades
    grades["n_live"], grades["n_live_covered"] = [4.0, 5.0, 6.0], [4.0, 4.0, 4.0]
    row = Scorecard("x", grades).to_frame().set_index("measure").loc["coverage_live"]
    assert row["value"] == pytest.approx(12 / 15)
    off = np.array([4 - 3.2, 0.0, 4 - 4.8])
    assert row["standard_error"] == pytest.approx(np.sqrt(3 / 2 * (off**2).sum()) / 15)


def test_losses_are_those_beyond_half_a_percent_of_media():
    grades = score(do_nothing, worlds(4)).grades
    grades["gain"] = [1.0, -0.4, -0.6, -7.0]
    told = Scorecard("x", grades).to_frame().set_index("measure")["value"]
    assert told["loses"] == 0.5
    assert told["gain_worst"] == -7


def test_calibration_counts_the_plans_that_beat_today():
    grades = score(do_nothing, worlds(5)).grades
    grades["moved"] = [1.0, 1.0, 1.0, 1.0, 0.0]
    grades["probability_better"] = [0.92, 0.98, 0.9, 0.65, 0.95]
    grades["gain"] = [1.0, 2.0, -1.0, 3.0, 0.0]
    told = Scorecard("x", grades).calibration().set_index("low")
    assert told["n"].tolist() == [0, 0, 1, 0, 0, 3]
    assert told.loc[0.9, "happened"] == pytest.approx(2 / 3)
    assert told.loc[0.9, "said"] == pytest.approx((0.92 + 0.98 + 0.9) / 3)


def test_two_models_are_compared_on_the_same_companies(many):
    ridge, nothing = score(ridge_on_spend, many[:12]), score(do_nothing, many[4:16])
    told = compare(ridge, nothing).set_index("measure").loc["regret"]
    difference = ridge.grades["regret"][4:12].to_numpy() - nothing.grades["regret"][:8].to_numpy()
    assert told["n"] == 8
    assert told["difference"] == pytest.approx(difference.mean())
    assert told["standard_error"] == pytest.approx(difference.std(ddof=1) / np.sqrt(8))
    with pytest.raises(InputError, match="no company in common"):
        compare(ridge, score(do_nothing, many[20:22]))


def test_an_answer_survives_json():
    answer = perfect(make_world(1))
    again = Answer.from_dict(json.loads(json.dumps(answer.to_dict())))
    assert again.to_dict() == answer.to_dict()


def test_unknown_makings_and_seeds_are_named():
    with pytest.raises(ConfigError, match="'standard', 'reacting'"):
        make_world(0, making="mine")
    with pytest.raises(ConfigError, match="seed is -1"):
        make_world(-1)
