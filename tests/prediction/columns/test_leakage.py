"""Planted leaks are refused, honest columns are not; both at several sizes and base rates."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import datasets
from mmm.errors import ConfigError, DataWarning, InputError
from mmm.prediction.columns.leakage import (
    CLOSED,
    CONSTANT,
    DROPPED,
    IDENTIFIER,
    LATER,
    MISSING,
    SEPARATES,
    SPECIAL,
    best_cut,
    find_leakage,
    hinted,
    honest_limit,
)


def outcomes(rng, n, share):
    won = np.zeros(n, dtype=bool)
    won[: int(share * n)] = True
    return rng.permutation(won)


def honest_table(rng, won):
    """Columns known before the outcome, up to the strongest anybody has seen."""
    n = len(won)

    def normal(apart):
        return rng.normal(0, 1, n) + apart * won

    def flag(if_won, otherwise):
        return rng.random(n) < np.where(won, if_won, otherwise)

    weights = np.exp(0.4 * np.arange(8))
    levels = np.array(list("abcdefgh"))
    up, down = (rng.choice(levels, n, p=w / w.sum()) for w in (weights, weights[::-1]))
    return pd.DataFrame(
        {
            "noise": normal(0.0),
            "time_on_site": np.exp(normal(1.5)),
            "visits": np.where(flag(0.9, 0.4), np.exp(normal(2.0)), 0.0),
            "very_strong": normal(2.5),
            "pages": rng.poisson(np.where(won, 9, 3)),
            "demo": flag(0.8, 0.05).astype(int),
            "industry": np.where(won, up, down),
            "city": rng.integers(0, max(n // 4, 3), n).astype(str),
            "employees": np.where(flag(0.05, 0.3), np.nan, rng.lognormal(3, 1, n).round()),
            "phone": pd.Series(np.where(flag(0.05, 0.25), None, "given"), dtype="str"),
            "partner_code": pd.Series(np.where(flag(0.08, 0.01), "x", None), dtype="str"),
        }
    )


def leaking_table(rng, won):
    n = len(won)
    lost_some = ~won & (rng.random(n) < 0.7)
    return pd.DataFrame(
        {
            "copy": won.astype(int),
            "typed_wrong": np.where(rng.random(n) < 0.01, ~won, won).astype(int),
            "last_score": won * 10.0 + rng.normal(size=n),
            "phase": np.where(won, "signed", rng.choice(["new", "mql", "over"], n)),
            "why_not": pd.Series(np.where(lost_some, rng.choice(["price", "time"], n), None)),
            "order_value": np.where(won, rng.lognormal(9, 1, n), np.nan),
            "paid": np.where(won, rng.lognormal(9, 1, n), 0.0),
        }
    )


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("n", [60, 150, 400, 1500])
def test_honest_columns_are_hardly_ever_refused(n, share):
    rng = np.random.default_rng([n, int(100 * share)])
    refused, judged = 0, 0
    for _ in range(8):
        won = outcomes(rng, n, share)
        table = honest_table(rng, won)
        found = find_leakage(table, won)
        refused += int((~found["reason"].isin(DROPPED)).sum())
        judged += table.shape[1]
    # 1% a column would be 0.9 of 88; the tests are built to stay below it.
    assert refused <= 2, (refused, judged)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("n", [500, 3000])
def test_bad_input_24_planted_leaks_are_refused_by_name(n, share):
    rng = np.random.default_rng([n, int(100 * share)])
    won = outcomes(rng, n, share)
    table = leaking_table(rng, won)
    found = find_leakage(table, won).set_index("column")["reason"]
    assert list(found.index) == list(table.columns)
    assert set(found[["copy", "typed_wrong", "last_score", "phase", "paid"]]) == {SEPARATES}
    assert set(found[["why_not", "order_value"]]) == {MISSING}


def test_bad_input_24_allow_insists():
    rng = np.random.default_rng(0)
    won = outcomes(rng, 400, 0.3)
    table = leaking_table(rng, won)
    left = find_leakage(table, won, allow=["copy", "phase"])["column"].tolist()
    assert left == [name for name in table.columns if name not in {"copy", "phase"}]
    with pytest.raises(ConfigError, match=r"names 'cop'; the table has 'copy'"):
        find_leakage(table, won, allow=["cop"])


def test_small_exact_copies_are_found_and_chance_is_not():
    won = np.arange(60) % 5 == 0
    assert find_leakage(pd.DataFrame({"signed_up": won}), won)["reason"].tolist() == [SEPARATES]
    tiny = np.arange(20) < 2
    with_luck = pd.DataFrame({"a": np.where(tiny, 9.0, np.arange(20) % 7)})
    assert find_leakage(with_luck, tiny).empty


def test_filled_as_leads_close():
    rng = np.random.default_rng(4)
    n = 600
    closed = rng.random(n) < 0.5
    won = closed & (rng.random(n) < 0.4)
    day = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(rng.uniform(0, 200, n), unit="D")
    ended = pd.Series(day + pd.Timedelta(days=30)).where(closed)
    written = rng.random(n) < np.where(closed, 0.8, 0.1)
    slowly = rng.random(n) < np.where(closed, 0.9, 0.6)
    table = pd.DataFrame(
        {"note": np.where(written, "x", None), "enriched": np.where(slowly, "y", None)}
    )
    found = find_leakage(table, won, created_at=day, ended_at=ended)
    assert found[["column", "reason"]].values.tolist() == [["note", CLOSED]]
    assert find_leakage(table, won).empty


def test_dates_after_the_lead():
    rng = np.random.default_rng(5)
    n = 200
    won = rng.random(n) < 0.3
    day = pd.Series(pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.uniform(0, 99, n), unit="D"))
    table = pd.DataFrame(
        {
            "founded": day - pd.to_timedelta(rng.uniform(100, 9000, n), unit="D"),
            "visit": day + pd.to_timedelta(rng.uniform(5, 50, n), unit="D"),
            "expected_start": day + pd.Timedelta(days=60),
            "size": rng.integers(1, 50, n),
        }
    )
    found = find_leakage(table, won, created_at=day)
    assert found[["column", "reason"]].values.tolist() == [["visit", LATER]]
    assert "200 of 200 values are dated after the start" in found["evidence"].iloc[0]
    written = {"size": day + pd.Timedelta(days=9)}
    assert find_leakage(table, won, created_at=day, dates=written)["column"].tolist() == [
        "visit",
        "size",
    ]


def test_identifiers_constants_and_special_categories():
    won = np.arange(80) % 2 == 0
    table = pd.DataFrame(
        {
            "code": [f"c{i}" for i in range(80)],
            "country": "IT",
            "religione": np.resize(["a", "b", "b"], 80),
            "region": np.resize(["a", "b", "b"], 80),
        }
    )
    found = find_leakage(table, won)
    assert dict(zip(found["column"], found["reason"], strict=True)) == {
        "code": IDENTIFIER,
        "country": CONSTANT,
        "religione": SPECIAL,
    }


def test_bad_input_25_single_class():
    with pytest.raises(InputError, match="Give both classes"):
        find_leakage(pd.DataFrame({"a": [1, 2]}), [1, 1])
    with pytest.raises(InputError, match="as 0 and 1 and nothing else"):
        find_leakage(pd.DataFrame({"a": [1, 2]}), [1, 2])


def test_bad_input_24_olist_columns_of_closed_deals(shared):
    leads = pd.read_csv(shared / "data/leads/olist_marketing_qualified_leads_dataset.csv.gz")
    deals = pd.read_csv(shared / "data/leads/olist_closed_deals_dataset.csv")
    table = leads.merge(deals, how="left", on="mql_id")
    won = table["won_date"].notna().to_numpy()
    found = find_leakage(table, won)
    refused = found.loc[~found["reason"].isin(DROPPED), "column"].tolist()
    assert refused == [name for name in deals.columns if name != "mql_id"]
    assert found.loc[found["column"] == "mql_id", "reason"].tolist() == [IDENTIFIER]
    assert find_leakage(leads.drop(columns="mql_id"), won).empty


def test_bank_duration_is_named_and_not_proven(shared):
    table = pd.read_csv(shared / "data/leads/bank-additional-full.csv.gz", sep=";")
    won = (table.pop("y") == "yes").to_numpy()
    with pytest.warns(DataWarning, match="'duration' sound like something known only after"):
        found = find_leakage(table, won)
    assert found.empty
    true, false = best_cut(table["duration"].to_numpy(dtype=float), won)
    assert 0.4 < true - false < honest_limit(1000, 1000)


def test_the_crm_of_the_synthetic_company():
    leads = datasets.load("leads")
    found = find_leakage(
        leads, leads["stage"] == "won", created_at=leads["created_at"], ended_at=leads["ended_at"]
    ).set_index("column")["reason"]
    assert set(found.index) == {
        "lead_id", "person_id", "account_id", "stage", "mql_at", "sql_at", "first_contacted_at",
        "ended_at", "discard_reason",
    }  # fmt: skip


def test_hints_leave_honest_names_alone():
    honest = [
        "days_since_last_deal",
        "previous_outcome",
        "won_before_us_last",
        "fatturato",
        "window",
        "account_n_won",
        "account_n_lost",
    ]
    assert hinted(honest) == []
    assert hinted(["Motivo Perdita", "closedDate", "esito"]) == [
        "Motivo Perdita",
        "closedDate",
        "esito",
    ]


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=40).filter(
        lambda rows: len({won for _, won in rows}) == 2
    )
)
def test_the_best_cut_is_the_best_of_all_cuts(rows):
    score = np.array([float(value) for value, _ in rows])
    won = np.array([flag for _, flag in rows])
    true, false = best_cut(score, won)
    brute = [abs((score > c)[won].mean() - (score > c)[~won].mean()) for c in np.unique(score)]
    assert abs(true - false) == pytest.approx(max(brute))


def test_the_limit_is_that_of_its_definition():
    rng = np.random.default_rng(9)
    limit = honest_limit(60, 240)
    above = 0
    for _ in range(400):
        score = np.concatenate([rng.normal(3, 1, 60), rng.normal(0, 1, 240)])
        true, false = best_cut(score, np.arange(300) < 60)
        above += abs(true - false) > limit
    assert above <= 12  # 4 expected


def test_a_count_that_says_nothing_is_not_refused_for_leaving_out_its_own_win():
    # Rates of the others of a level differ by the row's own win alone, where levels are alike.
    counts = np.repeat(np.arange(7.0), [200, 50, 25, 25, 25, 25, 25])
    won = np.arange(len(counts)) % 25 < 9
    for column in (counts, np.array(list("abcdefg"))[counts.astype(int)]):
        assert find_leakage(pd.DataFrame({"n_touches": column}), won).empty


def test_categories_that_say_how_leads_ended_are_warned_of():
    won = np.arange(400) % 3 == 0
    tags = np.where(won, "Closed by Rossi", "Ringing").astype(object)
    tags[::7] = "Lost to a rival"
    tags[1::5] = "Busy"
    with pytest.warns(DataWarning, match=r"'Tags' holds words .* \('Closed by Rossi', 'Lost to a"):
        find_leakage(pd.DataFrame({"Tags": tags}), won)
    for name, other in (("Last campaign", tags), ("Tags", np.where(won, "Busy", tags))):
        find_leakage(pd.DataFrame({name: other}), won)  # of before; and one word alone
