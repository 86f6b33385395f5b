import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from mmm.errors import ConfigError
from mmm.simulate.log import LogSettings, draw_chunks, write_log

SETTINGS = LogSettings(n_touches=20_000)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return write_log(tmp_path_factory.mktemp("log"), SETTINGS, chunk=3000)


def test_a_log_has_its_rows_and_chunks_of_bounded_size(log):
    metadata = pq.read_metadata(log.touches)
    assert metadata.num_rows == SETTINGS.n_touches
    assert metadata.num_row_groups == 7
    assert max(metadata.row_group(i).num_rows for i in range(7)) < 3500
    assert pq.read_metadata(log.deals).num_rows == log.n_deals
    assert sorted(path.name for path in log.touches.parent.iterdir()) == [
        "deals.parquet",
        "touches.parquet",
    ]


def test_the_same_seed_gives_the_same_log(log, tmp_path):
    again = write_log(tmp_path, SETTINGS, chunk=3000)
    assert pq.read_table(again.touches).equals(pq.read_table(log.touches))
    other = write_log(tmp_path, LogSettings(n_touches=20_000, seed=1), chunk=3000)
    assert not pq.read_table(other.touches).equals(pq.read_table(log.touches))


def test_rows_lie_in_no_order_of_person_or_time(log):
    table = pq.read_table(log.touches).to_pandas()
    number = table["person_id"].str[1:].astype(int).to_numpy()
    at = table["touched_at"].astype("int64").to_numpy()
    for column in (number, at):
        # A fair shuffle correlates with its own order by less than 5 standard errors.
        assert abs(np.corrcoef(np.arange(len(column)), column)[0, 1]) < 5 / np.sqrt(len(column))


def test_no_account_lies_in_two_chunks_and_people_stay_with_theirs():
    seen = set()
    for touches, deals in draw_chunks(SETTINGS, 3000):
        people = {
            int(p[1:]) // SETTINGS.people_per_account for p in touches["person_id"].to_pylist()
        }
        assert not people & seen
        seen |= people
        assert {int(a[1:]) for a in deals["account_id"].to_pylist()} <= people


def test_the_truth_is_in_the_deals(tmp_path):
    log = write_log(tmp_path, LogSettings(n_touches=150_000, base=-4.0), chunk=50_000)
    touches = pd.read_parquet(log.touches)
    account = touches["person_id"].str[1:].astype(int) // SETTINGS.people_per_account
    touched = pd.crosstab(account, touches["channel"]).clip(upper=1).astype(float)
    opened = pd.read_parquet(log.deals)["account_id"].str[1:].astype(int)
    y = touched.index.isin(opened).astype(float)
    x = np.column_stack([np.ones(len(touched)), touched[list(log.effects)]])
    beta = np.zeros(x.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-(x @ beta)))
        information = (x * (p * (1 - p))[:, None]).T @ x
        beta += np.linalg.solve(information, x.T @ (y - p))
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    truth = np.array([-4.0, *log.effects.values()])
    # 13 figures: none further off than 4 standard errors.
    assert (np.abs(beta - truth) < 4 * error).all()


def test_touches_and_deals_are_of_the_period(log):
    at = pq.read_table(log.touches)["touched_at"].to_pandas()
    deals = pq.read_table(log.deals).to_pandas()
    first, end = pd.Timestamp("2023-01-01", tz="UTC"), pd.Timestamp("2024-12-31", tz="UTC")
    assert at.min() >= first
    assert at.max() < end
    closed = deals["closed_at"].dropna()
    assert (closed < end).all()
    assert (deals["created_at"] <= deals["closed_at"].fillna(end)).all()
    assert (deals["closed_at"].isna() == deals["won"].isna()).all()


@pytest.mark.parametrize(("n_touches", "chunk"), [(0, 10), (10, 0)])
def test_an_empty_log_is_refused(tmp_path, n_touches, chunk):
    with pytest.raises(ConfigError, match="nothing to write"):
        write_log(tmp_path, LogSettings(n_touches=n_touches), chunk=chunk)
