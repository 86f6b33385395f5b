"""The order is chosen by what predicts other journeys."""

from dataclasses import replace

import numpy as np
import pytest

from mmm.attribution import choose_order
from mmm.attribution.chain.selection import Steps, held_out_losses
from mmm.errors import ConfigError, InputError
from mmm.journeys import Journeys


def of_second_order(rng, n_journeys):
    """Four channels whose next step depends on the last two."""
    n, start = 4, 4
    chance = np.random.default_rng(99).dirichlet(np.ones(n + 2) * 0.6, size=(n + 1, n + 1))
    chance[:, :, n:] += 0.15
    chance = np.cumsum(chance / chance.sum(axis=2, keepdims=True), axis=2)
    paths, won = [], []
    for _ in range(n_journeys):
        before, last = start, int(rng.integers(n))
        path = [last]
        while (step := int((rng.random() > chance[before, last]).sum())) < n:
            before, last = last, step
            path.append(step)
        paths.append(path)
        won.append(float(step == n))
    won = np.array(won)
    return Journeys(
        channels=("a", "b", "c", "d"),
        touch=np.concatenate(paths).astype(np.int32),
        start=np.concatenate([[0], np.cumsum([len(path) for path in paths])]),
        conversions=won,
        value=won,
        nulls=1 - won,
    )


def test_the_true_order_is_chosen(company):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        assert choose_order(company.draw(rng, 1000)).order == 1
        assert choose_order(of_second_order(rng, 1000)).order == 2


def test_the_loss_is_the_entropy_of_a_known_chain(company):
    journeys = company.draw(np.random.default_rng(3), 50_000)
    step = np.column_stack([company.step])
    visits = company.first @ np.linalg.inv(np.eye(5) - step[:, :5])
    entropy = -(step * np.log(step)).sum(axis=1)
    total = -(company.first * np.log(company.first)).sum() + visits @ entropy
    choice = choose_order(journeys, max_order=1, folds=5)
    assert choice.loss[0] == pytest.approx(total / (1 + visits.sum()), rel=0.005)


def test_by_hand():
    # Trained on a > b (once) and a > a (once), the step a after a has (1 + P0) / 3.
    steps = Steps(
        context=np.array([0, 1, 1]),
        outcome=np.array([1, 1, 2]),
        count=np.array([[0.0, 2.0], [1.0, 1.0], [0.0, 1.0]]),
        n_channels=2,
    )
    losses, weight = held_out_losses(steps, 1, lambda count: count[:, ::-1])
    anywhere = (3 + 1 / 4) / 5
    assert weight.tolist() == [1, 4]
    assert losses[0, 0] == pytest.approx(-np.log((1 + anywhere) / 3))


def test_a_context_never_seen_backs_off_to_a_shorter_one():
    # At order 2 nothing was seen after (b, a), at order 1 something after a.
    base = 3
    steps = Steps(
        context=np.array([1 * base + 1, 2 * base + 1]),
        outcome=np.array([2, 2]),
        count=np.array([[3.0, 0.0], [0.0, 1.0]]),
        n_channels=2,
    )
    losses, _ = held_out_losses(steps, 2, lambda count: count[:, ::-1])
    assert losses[1, 1] == losses[0, 1]


def test_accounts_stay_together():
    """Two journeys of an account are the same: to learn one from the other would be to cheat."""
    rng = np.random.default_rng(5)
    paths = [[f"c{i}" for i in rng.integers(0, 6, 5)] for _ in range(60)]
    twice = Journeys.from_paths(paths * 2, nulls=[1] * 120)
    accounts = replace(twice, cluster=np.tile(np.arange(60), 2))
    honest = choose_order(accounts, max_order=3, folds=5)
    cheated = choose_order(twice, max_order=3, folds=5)
    assert honest.order == 1
    assert cheated.loss[2] < honest.loss[2] - 0.5


def test_time_learns_from_the_past_alone(company):
    journeys = company.draw(np.random.default_rng(7), 600)
    day = np.datetime64("2025-01-01T00:00", "us")
    at = day + np.repeat(np.arange(600), journeys.lengths) * np.timedelta64(1, "h")
    timed = replace(journeys, touched_at=at)
    choice = choose_order(timed, by="time", folds=3)
    assert choice.fold_loss.shape == (4, 3)
    assert choice.order == 1
    backwards = replace(timed, touched_at=at[::-1].copy())
    assert not np.allclose(choose_order(backwards, by="time", folds=3).loss, choice.loss)
    with pytest.raises(InputError, match=r"no times.*account"):
        choose_order(journeys, by="time")


def test_seeds_repeat_and_rows_may_be_aggregated(path_data):
    one, two = (choose_order(path_data, max_order=2, folds=4, seed=3) for _ in range(2))
    assert one.fold_loss.tobytes() == two.fold_loss.tobytes()
    assert one.to_frame()["chosen"].sum() == 1
    # 10,000 paths: 19,750 conversions and 50,000 odd nulls, every step of them held out once.
    held = path_data.conversions + path_data.nulls
    assert one.n_steps == pytest.approx(held @ (path_data.lengths + 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "week"}, "by is 'week'"),
        ({"folds": 1}, "folds is 1"),
        ({"max_order": 9}, "order is 9"),
        ({"folds": 50}, "cannot make 50 folds"),
    ],
)
def test_options_are_checked(options, message):
    journeys = Journeys.from_paths(["a > b", "b"], nulls=[1, 1])
    with pytest.raises(ConfigError, match=message):
        choose_order(journeys, **options)


def test_it_shows_itself_by_how_far_back_the_next_step_looks(company):
    rng = np.random.default_rng(0)
    one = choose_order(company.draw(rng, 1000), max_order=2)
    two = choose_order(of_second_order(rng, 1000), max_order=2)
    assert repr(one).startswith("The next step hangs on the last contact: order 1 is")
    assert repr(two).startswith("The next step hangs on the last 2 contacts: order 2 is")
    assert "<OrderChoice: 2 orders, " in repr(one)
    paths = Journeys.from_paths(["a > b", "b"] * 10, nulls=[1] * 20)
    assert choose_order(paths, folds=2).by == "journey"  # there are no accounts
