"""What is stated of single channels: what it implies, what it does, and when it is contradicted."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from mmm.errors import ConfigError, DataWarning
from mmm.mix import AttributionPrior, MixModel, Priors, prior_and_posterior, prior_check
from mmm.mix.effects.effect import log_without
from mmm.mix.inference.beliefs import Attributed, Own
from mmm.mix.inference.media import mean_contribution
from mmm.mix.inference.sampler import Sampling
from mmm.mix.inference.stated import describe, draw_media
from mmm.mix.plots import plot_prior
from tests.mix.inference.test_posterior import check_gradient
from tests.mix.problems import small_problem
from tests.mix.small_model import small_table
from tests.mix.test_transforms import ADSTOCKS, SATURATIONS

QUICK = Sampling(n_warmup=150, n_draws=250, n_starts=2, max_rounds=1)
FULL = Priors(
    contribution={"Fairs": (5_000.0, 30_000.0)},
    romi={"Search": (-0.5, 1.5)},
    marginal_romi={"Social": (-0.9, 0.2)},
    margin=0.2,
)


def with_media(problem, **parts):
    return replace(problem, media=replace(problem.media, **parts))


def own_of(*marginal):
    n = len(marginal)
    loc, scale = np.log(np.linspace(0.1, 0.2, n)), np.linspace(0.4, 0.6, n)
    return Own(np.arange(n), loc, scale, np.array(marginal))


def hint_of_two():
    node = np.array([[-2.5, -2.4], [-1.9, -2.0]])
    return Attributed(
        np.array([0, 2]), np.array([-2.0, -1.0]), np.array([0.7, 0.9]), 0.4,
        np.array([0.3, 0.7]), node, 0.8 + 0.1 * node**2,
    )  # fmt: skip


@pytest.mark.parametrize("marginal", [(False,), (True, False), (True, True, True)])
def test_gradient_with_own_channels(marginal):
    check_gradient(with_media(small_problem(), own=own_of(*marginal)), n_draws=2)


@pytest.mark.parametrize("adstock", ADSTOCKS, ids=repr)
@pytest.mark.parametrize("saturation", SATURATIONS, ids=repr)
def test_gradient_where_a_marginal_return_is_stated(adstock, saturation):
    families = {"adstocks": [ADSTOCKS[1], adstock], "saturations": [SATURATIONS[1], saturation]}
    problem = small_problem(n_channels=2, **families)
    own = Own(np.array([1]), np.array([-2.0]), np.array([0.5]), np.array([True]))
    check_gradient(with_media(problem, own=own), n_draws=2)


def test_gradient_with_a_hint_and_a_hint_beside_an_own_channel():
    hint = hint_of_two()
    check_gradient(with_media(small_problem(), attributed=hint), n_draws=2)
    check_gradient(with_media(small_problem(), attributed=hint, own=own_of(True)), n_draws=2)


def test_taking_away_an_own_channel_leaves_nothing_of_it():
    """The response of the others stays, whoever shares the total."""
    problem = with_media(small_problem(), own=own_of(True))
    z = np.random.default_rng(0).normal(size=(3, problem.n_parameters)) * 0.5
    assert np.isfinite(log_without(problem, z)).all()


@pytest.fixture(scope="module")
def stated():
    frame, outcome = small_table()
    return prior_check(MixModel(date="week", priors=FULL), frame, outcome)


@pytest.mark.parametrize(
    ("channel", "measure", "interval"),
    [
        ("Fairs", "contribution", FULL.contribution["Fairs"]),
        ("Search", "romi", FULL.romi["Search"]),
        ("Social", "marginal_romi", FULL.marginal_romi["Social"]),
    ],
)
def test_what_is_stated_is_what_is_believed(stated, channel, measure, interval):
    """Of the very figure, interval and median; curves are drawn from their prior."""
    row = stated.set_index("channel").loc[channel]
    floor = 0.0 if measure == "contribution" else -1.0
    assert row["stated"] == measure
    lower, upper = np.array(interval) - floor
    found = np.array([row[f"{measure}_lower"], row[measure], row[f"{measure}_upper"]]) - floor
    np.testing.assert_allclose(found, [lower, np.sqrt(lower * upper), upper], rtol=0.08)


def test_the_others_keep_their_part_of_the_total(stated):
    frame, outcome = small_table()
    one = prior_check(
        MixModel(date="week", priors=Priors(romi={"Fairs": (0.0, 1.0)})), frame, outcome
    )
    plain = prior_check(MixModel(date="week"), frame, outcome)
    assert (plain["stated"] == "").all()
    two = ["Search", "Social"]
    before, after = (
        f.set_index("channel").loc[two, "contribution"].to_numpy() for f in (plain, one)
    )
    np.testing.assert_allclose(after, before, rtol=0.1)
    media = plain.set_index("channel").loc["(media)"]
    rms = np.sqrt(np.mean(outcome**2))
    assert media["share_of_outcome"] == pytest.approx(0.25 * rms / outcome.mean(), rel=0.05)


def test_the_picture_names_what_is_stated(stated):
    left, right = plot_prior(stated, level=0.9)
    labels = [text.get_text() for text in left.get_yticklabels()]
    assert labels[0] == "Search\nreturn stated"
    assert labels[-1] == "all media"
    assert len(right.collections) == 2
    left.figure.canvas.draw()


def test_the_hint_is_the_mixture_it_says():
    """Quantiles of one contribution against those of the mixture, the plain prior being drawn."""
    media = small_problem().media
    rng = np.random.default_rng(1)
    plain = np.log(mean_contribution(media, draw_media(media, 20_000, rng)))[:, 1]
    weight, loc, scale = describe(media)
    nodes = (weight, loc[1:2], scale[1:2])
    hint = Attributed(np.array([1]), np.array([plain.mean() + 1]), np.array([0.7]), 0.5, *nodes)
    drawn = mean_contribution(media, draw_media(replace(media, attributed=hint), 20_000, rng))
    hinted = rng.normal(plain.mean() + 1, 0.7, len(plain))
    expected = np.concatenate([plain, hinted])
    found = np.quantile(np.log(drawn[:, 1]), (0.1, 0.3, 0.5, 0.7, 0.9))
    np.testing.assert_allclose(found, np.quantile(expected, (0.1, 0.3, 0.5, 0.7, 0.9)), atol=0.12)


def test_the_hint_is_centred_on_credit_that_is_incremental():
    hint = AttributionPrior({"a": 0.5, "brand": 0.5}, tracked=0.6, demand_capture=("brand",))
    part = np.log(scipy.stats.beta(2, 4).rvs(400_000, random_state=0))
    assert hint.log_centre("a", 1000.0) == pytest.approx(np.log(300) + part.mean(), abs=0.01)
    assert hint.log_centre("brand", 1000.0) == pytest.approx(hint.log_centre("a", 1000.0) - 0.7)
    assert hint.deviation == pytest.approx(max(0.7, part.std()), abs=0.005)
    wide = replace(hint, incrementality=(1.0, 1.0))
    assert wide.deviation == pytest.approx(1.0)


def fit(priors, seed=1):
    model = MixModel(date="week", priors=priors, sampler=QUICK, on_nonconvergence="warn", seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return model.fit(*small_table())


@pytest.fixture(scope="module")
def hinted():
    """Right of Search; Social is given forty times what it brings."""
    hint = AttributionPrior({"Search": 0.4, "Social": 0.6}, tracked=0.9, incrementality=(40, 10))
    return fit(Priors(attribution=hint, romi={"Fairs": (0.0, 9.0)}))


def contradicted(model):
    return [note for note in model.diagnostics_.warnings if "What priors= state" in note]


@pytest.fixture(scope="module")
def agreeing():
    """Search brings about 900 a week for 120: a return of 6.5."""
    return fit(Priors(romi={"Search": (4.0, 9.0)}, marginal_romi={"Fairs": (-0.5, 2.0)}))


def test_a_right_statement_is_kept_and_sharpens(agreeing):
    rows = agreeing.contributions().set_index("channel")
    truth = 900 * 104
    assert (
        rows.loc["Search", "contribution_lower"] < truth < rows.loc["Search", "contribution_upper"]
    )
    assert not contradicted(agreeing)
    beside = prior_and_posterior(agreeing, measure="romi").set_index("channel").loc["Search"]
    assert beside["prior_lower"] == pytest.approx(4.0, rel=0.06)
    assert beside["posterior_upper"] - beside["posterior_lower"] < 0.9 * 5.0
    marginal = prior_and_posterior(agreeing, measure="marginal_romi").set_index("channel")
    assert marginal.loc["Fairs", "prior_upper"] == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("interval", [(-0.9, -0.6), (-0.81, -0.79)])
def test_a_statement_that_fights_the_data_is_told(interval):
    """A wide one, that data outweigh, and a narrow one, that outweighs the data."""
    said = contradicted(fit(Priors(romi={"Search": interval})))
    assert len(said) == 1
    assert "'Search'" in said[0]
    assert "below what the data say" in said[0]


def test_a_model_with_priors_comes_back_to_the_bit(agreeing, hinted, tmp_path):
    hinted = Priors(
        attribution=AttributionPrior({"Search": 0.7}, tracked=0.9), romi={"Fairs": (0, 1)}
    )
    model = fit(hinted)
    for one in (agreeing, model):
        again = MixModel.load(one.save(tmp_path / "model"))
        assert again.priors == one.priors
        np.testing.assert_array_equal(
            again.contributions()["contribution"], one.contributions()["contribution"]
        )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"romi": {"a": (-1.0, 2.0)}}, "both above -1"),
        ({"marginal_romi": {"a": (0.5, 0.5)}}, "money for money"),
        ({"contribution": {"a": (0.0, 5.0)}}, "both above 0"),
        ({"romi": {"a": (0.0, 1.0)}, "contribution": {"a": (1.0, 2.0)}}, "one a channel"),
        ({"margin": 0.0}, "margin"),
        ({"level": 90}, "level"),
    ],
)
def test_statements_that_cannot_be_are_refused(options, reason):
    with pytest.raises(ConfigError, match=reason):
        Priors(**options)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"share": {}, "tracked": 0.5}, "pass shares"),
        ({"share": {"a": 0.8, "b": 0.4}, "tracked": 0.5}, "pass shares"),
        ({"share": {"a": 0.8}, "tracked": 0.0}, "tracked"),
        ({"share": {"a": 0.8}, "tracked": 0.5, "weight": 1.0}, "weight"),
        ({"share": {"a": 0.8}, "tracked": 0.5, "spread": 0.2}, "credit is no effect"),
        ({"share": {"a": 0.8}, "tracked": 0.5, "demand_capture": ("b",)}, "no share"),
    ],
)
def test_hints_that_cannot_be_are_refused(options, reason):
    with pytest.raises(ConfigError, match=reason):
        AttributionPrior(**options)


def test_statements_of_strange_channels_and_of_panels_are_refused():
    frame, outcome = small_table()
    for priors in (
        Priors(romi={"Radio": (0.0, 1.0)}),
        Priors(attribution=AttributionPrior({"Radio": 0.5}, tracked=0.5)),
    ):
        with pytest.raises(ConfigError, match="'Radio'"):
            MixModel(date="week", priors=priors).fit(frame, outcome)
    for priors, said in (
        (Priors(romi={"Radio": (0.0, 1.0)}), "'Radio', on which no panel spends"),
        (Priors(contribution={"Search": (1.0, 9.0)}), "with panel="),
        (Priors(attribution=AttributionPrior({"Search": 0.5}, tracked=0.5)), "with panel="),
    ):
        with pytest.raises(ConfigError, match=said):
            MixModel(date="week", panel="region", priors=priors).fit(
                frame.assign(region="north"), outcome
            )
