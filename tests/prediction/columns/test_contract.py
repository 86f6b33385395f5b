import json

import numpy as np
import pandas as pd
import pytest

from mmm.errors import InputError
from mmm.prediction.columns.contract import (
    DataContract,
    admit,
    check_schema,
    freeze_contract,
    guard_batch,
    schema_difference,
)
from mmm.prediction.columns.types import clean_frame, describe_columns


@pytest.fixture
def trained():
    rng = np.random.default_rng(0)
    n = 300
    return pd.DataFrame(
        {
            "pages": rng.poisson(5, n),
            "source": rng.choice(["fair", "web", "mail"], n),
            "demo": rng.choice(["yes", "no"], n),
            "seen_on": pd.Timestamp("2025-01-01")
            + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
        }
    )


def test_bad_input_27_the_error_lists_the_whole_difference(trained):
    contract = freeze_contract(trained, ignored=["lead_id"])
    other = trained.drop(columns="demo").assign(
        pages=["many"] * len(trained), colour="red", lead_id=range(len(trained))
    )
    other["source"] = np.arange(len(trained))
    with pytest.raises(InputError) as caught:
        check_schema(contract, other)
    said = str(caught.value)
    assert "missing 'demo'" in said
    assert "extra 'colour'" in said
    assert "'pages' (number, now 'many' and its like in 300 of 300 values)" in said
    assert "'source' (category, now '0' and its like in 300 of 300 values, none of them" in said
    assert said.endswith("train again on the new ones.")
    assert len(schema_difference(contract, other)) == 4


def test_the_same_table_in_other_clothes_is_no_drift(trained):
    contract = freeze_contract(trained)
    dressed = trained[trained.columns[::-1]].assign(
        pages=trained["pages"].astype(str),
        demo=trained["demo"].eq("yes"),
        seen_on=trained["seen_on"].dt.strftime("%Y-%m-%d"),
        source=trained["source"].astype("category"),
    )
    assert schema_difference(contract, dressed).empty
    pd.testing.assert_frame_equal(
        admit(contract, dressed).frame, clean_frame(trained, contract.columns)
    )
    assert schema_difference(contract, trained.head(0)).empty
    assert schema_difference(contract, trained.assign(source=None, pages=np.nan)).empty


def test_bad_input_26_unseen_categories_are_counted(trained):
    contract = freeze_contract(trained)
    new = trained.head(10).assign(source=["fax"] * 3 + ["fair"] * 5 + ["post", "Select"])
    admission = admit(contract, new)
    assert admission.unseen.values.tolist() == [["source", "fax", 3], ["source", "post", 1]]
    assert len(admission.frame) == 10
    assert admission.quarantine.empty


def test_a_category_is_read_as_in_training_whatever_the_batch_stores():
    day = pd.Timestamp("2025-01-05")
    cells = [20100, 30100.0, "V6 1AA", "1.50", "00118", "TRUE", day, None] * 4
    contract = freeze_contract(pd.DataFrame({"zip": cells}))
    wanted = ["20100", "30100", "1.50", "00118", "TRUE", "2025-01-05"]
    for cell, level in zip([20100.0, 30100, 1.5, 118, True, day], wanted, strict=True):
        batch = pd.DataFrame({"zip": [cell, None]}).infer_objects()
        found = admit(contract, batch)
        assert found.frame["zip"].tolist()[0] == level
        assert found.unseen.empty
    for missing in (np.nan, None, pd.NA, pd.NaT, "Select"):
        assert admit(contract, pd.DataFrame([{"zip": missing}])).frame["zip"].isna().all()


def test_bad_input_26_new_codes_are_no_category_of_training():
    contract = freeze_contract(pd.DataFrame({"zip": ["20100", "30100", "V6 1AA"] * 5}))
    for new in ([0.5], [99999], range(40000, 40020)):
        found = admit(contract, pd.DataFrame({"zip": new}))
        assert len(found.frame) == found.unseen["n"].sum() == len(new)
    for other in (np.linspace(0.1, 0.9, 20), range(20), pd.date_range("2025-01-01", periods=20)):
        with pytest.raises(InputError, match=r"'zip' \(category.* 20 of 20 values, none of them"):
            check_schema(contract, pd.DataFrame({"zip": other}))


def test_bad_input_31_a_number_that_can_be_read_in_two_ways_is_said():
    contract = freeze_contract(pd.DataFrame({"hours": [0.125, 1.5, 2.25]}))
    with pytest.raises(InputError, match=r"now '1\.500' in 1 of 1 value, 1\.5 or 1500 as"):
        check_schema(contract, pd.DataFrame({"hours": ["1.500"]}))


def test_bad_rows_are_quarantined_and_nothing_is_lost(trained):
    contract = freeze_contract(trained, ignored=["lead_id"])
    new = trained.head(60).astype({"pages": object}).assign(lead_id=[f"l{i}" for i in range(60)])
    new.loc[3, "pages"] = "a few"
    new.loc[7, "pages"] = np.inf
    new.loc[9, "lead_id"] = None
    new.loc[11, "lead_id"] = "l12"
    admission = admit(contract, new, lead_id=new["lead_id"])
    assert admission.quarantine["row"].tolist() == [3, 7, 9, 11, 12]
    assert "'a few' is no number" in admission.quarantine["problem"].tolist()
    assert sorted([*admission.kept, *admission.quarantine["row"].unique()]) == list(range(60))
    assert len(admission.frame) == len(admission.kept) == 55
    with pytest.raises(InputError, match="All 2 rows are bad"):
        admit(contract, new.iloc[[11, 12]], lead_id=["x", "x"])


def test_bad_input_43_a_damaged_contract_is_refused(trained):
    contract = freeze_contract(trained, created_at=trained["seen_on"])
    plain = json.loads(json.dumps(contract.to_dict()))
    assert DataContract.from_dict(plain) == contract
    for broken in ({}, {**plain, "columns": [{"name": "a"}]}, {**plain, "columns": None}):
        with pytest.raises(InputError, match="contract of the model is damaged"):
            DataContract.from_dict(broken)
    wrong = {**plain, "columns": [{"name": "a", "kind": "spell", "levels": [], "n_missing": 0}]}
    with pytest.raises(InputError, match="damaged"):
        DataContract.from_dict(wrong)


def test_guards_of_freshness_volume_and_age():
    rng = np.random.default_rng(1)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    days = start + pd.to_timedelta(np.sort(rng.uniform(0, 364, 1000)), unit="D")
    contract = freeze_contract(pd.DataFrame({"a": range(1000)}), created_at=days)
    later = days + pd.Timedelta(days=90)
    usual = guard_batch(contract, later, as_of=later.max()).set_index("check")["ok"]
    assert usual.tolist() == [True, True, True]
    flood = guard_batch(contract, later.repeat(3), as_of=later.max()).set_index("check")["ok"]
    assert flood.tolist() == [True, False, True]
    stale = guard_batch(contract, later, as_of=later.max() + pd.Timedelta(days=200))
    assert stale["ok"].tolist() == [False, False, False]
    unknown = guard_batch(freeze_contract(pd.DataFrame({"a": [1, 2]})), later, as_of=later.max())
    assert unknown["ok"].isna().tolist() == [False, True, True]


def test_the_volume_guard_keeps_its_word():
    rng = np.random.default_rng(3)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    alarms = 0
    for _ in range(100):
        days = start + pd.to_timedelta(rng.uniform(0, 560, rng.poisson(800)), unit="D")
        old = days < start + pd.Timedelta(days=520)
        contract = freeze_contract(pd.DataFrame({"a": days[old]}), created_at=days[old])
        guard = guard_batch(contract, days, as_of=start + pd.Timedelta(days=560))
        alarms += not guard["ok"][1]
    assert alarms <= 3  # 0.2% promised; the mean of the weeks is itself an estimate


def test_columns_known_already_are_kept(trained):
    columns = describe_columns(trained)[:2]
    assert freeze_contract(trained, columns=columns).columns == columns
