"""The joined signal against the truth of simulated companies."""

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest

from mmm.attribution import linear
from mmm.errors import DataWarning
from mmm.signal import (
    attribute_expected,
    credit_to_come,
    expected_journeys,
    expected_value,
)
from mmm.simulate import simulate_company

DAYS = ("2022-02-14", "2022-05-16", "2022-08-15", "2022-11-14")
SEEDS = (0, 1, 2)


@cache
def company(seed):
    return simulate_company(n_accounts=500, weeks=170, seed=seed, start="2021-01-04")


def told(seed, day):
    """Return what was expected on a day, and what the same leads and deals had brought at the end.

    Deals that were opened later for leads already there belong to them.
    """
    tables = company(seed)
    worth = expected_value(tables.leads, tables.deals, as_of=day)
    end = expected_value(tables.leads, tables.deals)
    new = (worth.records["lead_id"].notna() & (worth.records["stage"] != "other deal")).to_numpy()
    ids = set(worth.records.loc[new, "lead_id"])
    same = end.records["lead_id"].isin(ids) & (end.records["stage"] != "other deal")
    return worth.only(new), end.only(same.to_numpy())


@pytest.mark.slow
def test_intervals_of_what_will_be_won_hold_it():
    inside, ratio = [], []
    for seed in SEEDS:
        for day in DAYS:
            worth, end = told(seed, day)
            whole = worth.totals().set_index("part").loc["total"]
            inside.append(whole["lower"] <= end.realised.sum() <= whole["upper"])
            ratio.append(whole["value"] / end.realised.sum())
    assert np.mean(inside) >= 0.7  # 90% promised; twelve looks that share companies
    assert 0.9 < np.mean(ratio) < 1.1


@pytest.mark.slow
def test_chances_are_calibrated():
    chance, won, stage = [], [], []
    for seed in SEEDS:
        for day in DAYS[::3]:
            worth, end = told(seed, day)
            records = worth.records.iloc[worth.open]
            winners = set(end.records.loc[end.records["state"] == "won", "lead_id"])
            chance.append(worth.probability[worth.open])
            won.append(records["lead_id"].isin(winners).to_numpy())
            stage.append(records["stage"].to_numpy(dtype=str))
    chance, won, stage = np.concatenate(chance), np.concatenate(won), np.concatenate(stage)
    deal = stage == "deal"
    for part in (deal, ~deal):
        error = np.sqrt((chance[part] * (1 - chance[part])).sum())
        assert abs(chance[part].sum() - won[part].sum()) < 3 * error
    assert chance[deal].mean() > chance[~deal].mean() + 0.05
    assert won[deal].mean() > won[~deal].mean()


@pytest.mark.slow
def test_credit_to_come_brings_shares_nearer_to_the_end():
    errors = {"today": [], "foreseen": []}
    options = {"by": "account"}
    for seed in SEEDS:
        tables = company(seed)
        day = DAYS[2]
        worth = expected_value(tables.leads, tables.deals, as_of=day)
        since = pd.Timestamp(day, tz="UTC") - pd.Timedelta(days=182)
        part, end = told(seed, day)
        part = part.only((part.records["began_at"] > since).to_numpy())
        end = end.only(end.records["lead_id"].isin(set(part.records["lead_id"])).to_numpy())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            args = (tables.touches, tables.deals)
            both = expected_journeys(*args, part, leads=tables.leads, **options)
            after = expected_journeys(*args, end, leads=tables.leads, **options)
            coming = credit_to_come(linear, *args, worth, leads=tables.leads, **options)
        truth = attribute_expected(linear, after, end).share
        for name, way in (("today", None), ("foreseen", coming)):
            said = attribute_expected(linear, both, part, coming=way).share
            errors[name].append(np.abs(said - truth).sum() / 2)
    assert np.mean(errors["foreseen"]) < 0.9 * np.mean(errors["today"])
