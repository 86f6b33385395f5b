from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from mmm import datasets
from mmm.errors import ConfigError, InputError
from mmm.funnel.customers.loyalty import SegmentRules, churn, retention_table, segments
from mmm.funnel.customers.profile import levels, shrink, winner_profile


def deals(*rows):
    frame = pd.DataFrame(rows, columns=["account_id", "closed_at", "won", "kind", "value"])
    frame["closed_at"] = pd.to_datetime(frame["closed_at"], utc=True)
    frame["won"] = frame["won"].astype("boolean")
    return frame


COMPANY = deals(
    ("A", "2022-01-01", True, "new", Decimal("100.10")),
    ("A", "2023-01-05", True, "renewal", Decimal("50.05")),
    ("A", "2024-01-05", False, "renewal", Decimal("50.00")),
    ("B", "2022-02-01", True, "new", Decimal("30.00")),
    ("B", "2023-02-01", False, "renewal", Decimal("30.00")),
    ("B", "2023-09-01", True, "new", Decimal("30.00")),
    ("C", "2022-03-01", True, "new", None),
    ("C", None, None, "expansion", Decimal("9.00")),
    ("D", "2023-12-01", True, "new", Decimal("10.00")),
)


def test_retention_by_hand():
    table = retention_table(COMPANY, months=(12, 24, 36), as_of="2024-12-31")
    rows = table.set_index(["cohort", "months"])
    # A left after 734 days; B came back; C is still there: two of three after 36 months.
    assert rows.loc[("2022", 12), "retention"] == 1.0
    assert rows.loc[("2022", 24), "retention"] == 1.0
    assert rows["n"].tolist() == [3, 3, 3, 1, 1, 1]
    assert rows["left"].tolist() == [1, 1, 1, 0, 0, 0]
    assert rows.loc[("2023", 12), "retention"] == 1.0
    assert np.isnan(rows.loc[("2023", 24), "retention"])
    late = retention_table(COMPANY, every=None, months=(30,), as_of="2024-12-31").iloc[0]
    assert late["retention"] == pytest.approx(2 / 3)
    assert late["churn"] == pytest.approx(1 / 3)
    assert late["lower"] < late["retention"] < late["upper"]


def test_churn_is_lost_renewals_over_decided_ones():
    (kpi,) = churn(COMPANY)
    assert (kpi.value, kpi.n) == (pytest.approx(2 / 3), 3)
    years = churn(COMPANY, every="year")
    assert [(k.group, k.value) for k in years] == [("2023", 0.5), ("2024", 1.0)]
    (none,) = churn(COMPANY[COMPANY["kind"] == "new"])
    assert np.isnan(none.value)
    assert "no renewal" in none.note


def test_retention_interval_covers():
    rng = np.random.default_rng(3)
    inside = 0
    start = pd.Timestamp("2023-01-01", tz="UTC")
    for _ in range(120):
        lives = rng.exponential(900.0, 60)
        seen = lives < 700
        names = [f"c{i}" for i in range(60)]
        won = pd.DataFrame({"account_id": names, "closed_at": start, "won": True, "kind": "new"})
        lost = won.assign(closed_at=start + pd.to_timedelta(lives, "D"), won=False, kind="renewal")
        table = retention_table(
            pd.concat([won, lost[seen]]), months=(12,), as_of=start + pd.Timedelta(days=700)
        )
        truth = np.exp(-365.25 / 900)
        inside += table["lower"].iloc[0] <= truth <= table["upper"].iloc[0]
    assert 0.82 < inside / 120 < 0.97


def test_segments_follow_the_rules_and_add_up_exactly():
    table = segments(COMPANY, as_of="2024-12-31").set_index("customer")
    assert table.loc["account A", "value"] == Decimal("150.15")
    assert table["value"].dropna().sum() == Decimal("220.15")
    assert table.loc["account C", "value"] is None
    # C has an open deal: nobody has to win it back.
    assert table["to_reactivate"].to_dict() == {
        "account A": True, "account B": True, "account D": True, "account C": False,
    }  # fmt: skip
    assert table["recurring"].tolist() == [True, True, False, False]
    loose = SegmentRules(high_value_share=0.7, silent_days=4000)
    mild = segments(COMPANY, rules=loose, as_of="2024-12-31").set_index("customer")
    assert mild["segment"].tolist() == ["high value", "high value", "other", "other"]


def test_segments_do_not_depend_on_the_order_of_deals():
    company = datasets.load("deals")
    one = segments(company)
    two = segments(company.sample(frac=1, random_state=5))
    pd.testing.assert_frame_equal(
        one.sort_values("customer", ignore_index=True),
        two.sort_values("customer", ignore_index=True),
    )
    assert 0.15 < one["high_value"].mean() < 0.25


def test_segment_rules_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="such as"):
        SegmentRules(high_value_share=20)
    with pytest.raises(ConfigError, match="at least 2"):
        SegmentRules(recurring_deals=1)
    with pytest.raises(InputError, match="no customer"):
        segments(COMPANY, as_of="2020-01-01")


def simulated(rng, n=400, n_noise=12, effect=0.35):
    leads = pd.DataFrame({f"noise{i}": rng.integers(0, 3, n) for i in range(n_noise)})
    leads["demo"] = rng.integers(0, 2, n)
    return leads, rng.random(n) < 0.2 + effect * leads["demo"].to_numpy()


def test_profile_finds_what_matters_and_not_what_does_not():
    rng = np.random.default_rng(1)
    false, found, inside, strong = 0, 0, [], []
    for _ in range(30):
        table = winner_profile(*simulated(rng))
        noise = table["attribute"].str.startswith("noise")
        false += bool(table.loc[noise, "separates"].any())
        found += bool(table.loc[~noise, "separates"].all())
        inside.append(((table["lower"] <= 1) & (table["upper"] >= 1))[noise].mean())
        top = table[(table["attribute"] == "demo") & (table["level"] == "1")].iloc[0]
        strong.append(top["lower"] <= 0.55 / 0.375 <= top["upper"])
    assert found >= 29
    assert false <= 7
    assert np.mean(inside) > 0.9
    assert np.mean(strong) > 0.7


def test_without_any_effect_nothing_separates():
    rng = np.random.default_rng(2)
    alarms = [winner_profile(*simulated(rng, effect=0.0))["separates"].any() for _ in range(30)]
    assert np.mean(alarms) <= 0.2


def test_lift_is_a_ratio_of_rates_and_shrinks_toward_one():
    leads = pd.DataFrame({"size": ["small"] * 30 + ["large"] * 10 + [None] * 10})
    won = [True] * 6 + [False] * 24 + [True] * 8 + [False] * 2 + [True] * 3 + [False] * 7
    table = winner_profile(leads, won, ["size"]).set_index("level")
    assert table.loc["large", "raw_lift"] == pytest.approx(0.8 / 0.34)
    assert 1 < table.loc["large", "lift"] < 0.8 / 0.34
    assert table.loc["(missing)", ["n", "won"]].tolist() == [10, 3]
    assert table["n"].sum() == 50
    assert (table["lower"] < table["lift"]).all()
    assert (table["q_value"] >= table["p_value"]).all()


def test_leads_of_unknown_end_are_left_out():
    leads = pd.DataFrame({"size": ["s"] * 20 + ["l"] * 20})
    won = pd.array(([True] * 5 + [False] * 10 + [None] * 5) * 2, dtype="boolean")
    assert winner_profile(leads, won)["n"].tolist() == [15, 15]


def test_numbers_become_ranges():
    assert levels(pd.Series([1, 2, None])).tolist() == ["1.0", "2.0", "(missing)"]
    ranges = levels(pd.Series(np.arange(100)))
    assert ranges.value_counts().tolist() == [25] * 4
    mean, spread = shrink(np.array([3.0, -3.0, 3.0]), np.full(3, 0.1))
    np.testing.assert_allclose(mean, [3.0, -3.0, 3.0], rtol=0.01)
    assert (spread < 0.1).all()


def test_profile_of_the_shipped_company_uses_what_was_known_at_the_start():
    leads = datasets.load("leads")
    won = leads["stage"].map({"won": True, "lost": False, "discarded": False}).astype("boolean")
    table = winner_profile(leads, won)
    assert not {"stage", "ended_at", "owner", "lead_id"} & set(table["attribute"])
    assert {"industry", "employees", "demo_request"} <= set(table["attribute"])
    assert np.isfinite(table[["lift", "lower", "upper"]]).all().all()


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"won": [True]}, InputError, "1 entries for 4 leads"),
        ({"won": [True] * 4}, InputError, "nothing to compare"),
        ({"attributes": ["colour"]}, InputError, "'colour'"),
        ({"false_discovery": 5}, ConfigError, "such as 0.1"),
    ],
)
def test_bad_profiles_are_refused(change, error, text):
    leads = pd.DataFrame({"size": ["s", "l", "s", "l"]})
    arguments = {"leads": leads, "won": [True, False, True, False]} | change
    with pytest.raises(error, match=text):
        winner_profile(**arguments)
