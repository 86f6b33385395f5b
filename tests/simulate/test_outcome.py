import numpy as np

from mmm.simulate import simulate_company
from mmm.simulate.accounts import feature_logit
from mmm.simulate.market import NAMES
from mmm.simulate.outcome import OPPORTUNITY, draw_outcome
from mmm.simulate.world import win_probability


def test_leads_are_won_with_their_true_probability():
    leads = simulate_company(n_accounts=3_000, seed=1).truth.leads
    probability = leads["probability"].to_numpy()
    for decile in np.array_split(np.argsort(probability), 10):
        expected = probability[decile]
        spread = np.sqrt((expected * (1 - expected)).sum())
        assert abs(leads["won"].to_numpy()[decile].sum() - expected.sum()) < 4 * spread


def test_the_crm_shows_the_ending_once_it_has_come(company):
    both = company.leads.merge(company.truth.leads, on="lead_id")
    assert both.loc[both["stage"] == "won", "won"].all()
    assert not both.loc[both["stage"].isin(["lost", "discarded"]), "won"].any()


def test_won_leads_became_an_opportunity(make_world):
    outcome = draw_outcome(make_world(n_accounts=500))
    assert (outcome.reached[outcome.won] == OPPORTUNITY).all()
    assert (outcome.reached[~outcome.won] < OPPORTUNITY).any()


def test_features_tell_winners_from_losers(company):
    leads = company.truth.leads
    gap = leads.groupby("won")["feature_logit"].mean()
    assert gap[True] - gap[False] > 0.3


def test_intent_counts_only_where_it_confounds(make_world):
    on = np.ones(len(NAMES), dtype=bool)
    for confounding, low, high in ((0.0, -0.1, 0.1), (1.0, 0.5, 1.0)):
        world = make_world(n_accounts=3_000, confounding=confounding)
        correlation = np.corrcoef(world.accounts.intent, win_probability(world, on))[0, 1]
        assert low < correlation < high


def test_persuasion_only_raises_the_odds(make_world):
    world = make_world(n_accounts=300, confounding=0.0)
    without = win_probability(world, np.zeros(len(NAMES), dtype=bool))
    with_all = win_probability(world, np.ones(len(NAMES), dtype=bool))
    assert (with_all >= without).all()
    assert (with_all > without).mean() > 0.8
    np.testing.assert_allclose(np.log(without / (1 - without)), feature_logit(world.accounts))
