import numpy as np
import pytest

from mmm.simulate import simulate_company
from mmm.simulate.revenue import adstock, hill


def test_revenue_is_the_sum_of_its_true_parts(company):
    parts = company.truth.mix.components
    assert (parts["date"] == company.weekly["date"]).all()
    total = parts.drop(columns="date").sum(axis=1)
    np.testing.assert_allclose(company.weekly["revenue"], total, rtol=0, atol=0.006)


def test_contributions_follow_from_spend_and_parameters(company):
    mix = company.truth.mix
    for row in mix.parameters.itertuples():
        spend = company.weekly[row.channel].to_numpy()
        # Closed form instead of the recursion: every past week, weighted by its age.
        age = np.arange(spend.size)[:, None] - np.arange(spend.size)
        weight = np.where(age >= 0, (1 - row.retention) * row.retention ** np.abs(age), 0)
        stock = weight @ spend
        response = 1 / (1 + (row.half_saturation / stock.clip(1e-9)) ** row.slope)
        np.testing.assert_allclose(
            mix.components[row.channel], row.beta * response, rtol=1e-6, atol=0.006
        )
        assert row.contribution == pytest.approx(mix.components[row.channel].sum())
        assert row.spend == pytest.approx(spend.sum())
        assert row.romi == pytest.approx(row.contribution / row.spend - 1)


@pytest.mark.parametrize("retention", [0.0, 0.3, 0.9])
def test_constant_spend_tends_to_itself(retention):
    weeks = np.arange(60)
    expected = 250.0 * (1 - retention ** (weeks + 1))
    np.testing.assert_allclose(adstock(np.full(60, 250.0), retention), expected, rtol=1e-12)


def test_adstock_keeps_the_total_of_a_pulse():
    pulse = np.zeros(400)
    pulse[0] = 100.0
    assert adstock(pulse, 0.8).sum() == pytest.approx(100.0)


def test_hill_is_half_at_half_saturation_and_never_falls():
    stock = np.linspace(0, 1_000, 50)
    for slope in (0.7, 1.0, 2.5):
        assert hill(np.array([80.0]), 80.0, slope)[0] == pytest.approx(0.5)
        response = hill(stock, 80.0, slope)
        assert response[0] == 0
        assert (np.diff(response) > 0).all()
        assert response[-1] < 1


def test_noise_has_the_size_asked_for():
    truth = simulate_company(n_accounts=50, weeks=104, noise=0.1).truth
    assert truth.mix.components["noise"].std() == pytest.approx(truth.mix.noise_sd, rel=0.25)
    silent = simulate_company(n_accounts=50, weeks=104, noise=0.0)
    assert (silent.truth.mix.components["noise"] == 0).all()


def test_media_is_a_part_of_revenue_not_all_of_it(company):
    share = company.truth.mix.parameters["contribution"].sum() / company.weekly["revenue"].sum()
    assert 0.1 < share < 0.5
