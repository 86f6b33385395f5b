import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.errors import InputError
from mmm.prediction.columns.contract import (
    DataContract,
    admit,
    freeze_contract,
    schema_difference,
)
from mmm.prediction.columns.special import special_category
from mmm.prediction.columns.types import clean_frame, describe_columns, unlike

DAYS = [dt.date(2025, 1, day) for day in range(1, 13)]


def kind(values, name="a"):
    return describe_columns(pd.DataFrame({name: values}))[0].kind


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 2, None], "number"),
        ([Decimal("1.50"), Decimal(2), None], "number"),
        (["1.5", "-2", "n/a"], "number"),
        (["1.500", "2.250"], "category"),
        (["1,500", "2,250"], "category"),
        (["1.234,50", "7", "-2,5"], "number"),
        (["€ 1.234,50", "€ 7,00"], "number"),
        (["12%", "7%", ""], "number"),
        (["5 €", "7 $"], "category"),
        (["01/13/2025", "01/02/2025"], "date"),
        (["2025/01/13", "2025/02/01"], "date"),
        (["00123", "00456", "00123"], "category"),
        (["red", "Select", "blue"], "category"),
        (["sì", "no", "sconosciuto"], "boolean"),
        ([True, None, False], "boolean"),
        (["2025-01-05", "2025-02-05T10:00:00Z"], "date"),
        (["13/02/2025", "01/02/2025", "-"], "date"),
        (["03/02/2025", "01/02/2025", "03/02/2025"], "category"),
        (DAYS, "date"),
        (["x"] * 9, "constant"),
        (["Select", None, "-"], "constant"),
        ([f"L{i}" for i in range(30)], "identifier"),
        (list(range(1000, 1040)), "identifier"),
    ],
)
def test_kinds(values, expected):
    assert kind(values) == expected


def test_a_name_alone_makes_an_identifier_only_of_our_own_ids():
    assert kind(["a", "b"] * 20, "account_id") == "identifier"
    assert kind(["a", "b"] * 20, "landing_page_id") == "category"
    assert kind([f"a{i}@x.it" for i in range(8)], "email") == "identifier"
    assert kind(np.random.default_rng(0).lognormal(4, 1, 50), "time_on_site") == "number"


@pytest.mark.parametrize("name", ["Last Name", "nome", "Mobile Phone", "work_email"])
def test_names_and_addresses_of_people_are_no_feature_however_often_they_repeat(name):
    assert kind([f"word{i}" for i in range(30)] * 10, name) == "identifier"
    assert kind([f"word{i}" for i in range(30)] * 10, "industry") == "category"
    assert kind(["valid", "bounced", "unknown to us"] * 10, name) == "category"


def test_honest_whole_numbers_are_no_identifier():
    rng = np.random.default_rng(3)
    for n in (20, 200, 2000):
        assert kind(rng.integers(0, 10**6, n)) == "number"
        assert kind(rng.poisson(4, n)) == "number"


@pytest.mark.parametrize("form", [pl.from_pandas, pa.Table.from_pandas, lambda frame: frame])
def test_every_frame_reads_the_same(form):
    frame = pd.DataFrame(
        {"a": [1.0, None, 3.0], "b": ["x", "unknown", "y"], "c": [True, False, True]}
    )
    clean = clean_frame(form(frame))
    assert clean["a"].isna().tolist() == [False, True, False]
    assert clean["b"].cat.categories.tolist() == ["x", "y"]
    assert clean["c"].tolist() == [1.0, 0.0, 1.0]


stored = st.sampled_from([
    20100, 20100.0, 150000.0, 1, 0, True, False, 1.0, 2.5, -0.0, 1e-7, Decimal("1.50"), DAYS[0],
    pd.Timestamp(DAYS[0]), pd.Timestamp("2025-01-13 10:00"), "V6 1AA", "20100", "1.50", "2,5",
    "€ 5", "yes", "no", "2025-01-05", "13/02/2025", "Select", None, np.nan, pd.NA, pd.NaT,
])  # fmt: skip


@given(st.lists(stored, min_size=1, max_size=12), st.data())
def test_a_part_of_a_table_is_read_as_the_whole(values, data):
    frame = pd.DataFrame({"z": pd.Series(values, dtype=object)})
    rows = data.draw(st.lists(st.sampled_from(range(len(values))), min_size=1, unique=True))
    contract = freeze_contract(frame)
    whole = clean_frame(frame, contract.columns)["z"].iloc[rows].astype(object).tolist()
    for part in (frame.iloc[rows], frame.iloc[rows].infer_objects()):
        assert schema_difference(contract, part).empty
        typed = clean_frame(part, contract.columns)["z"].astype(object)
        for one, other in zip(whole, typed, strict=True):
            assert one == other or (pd.isna(one) and pd.isna(other))


def test_a_number_that_is_stored_is_no_text_with_a_decimal_comma():
    frame = pd.DataFrame({"fee": [1.234, "2,5", "3,5"]})
    columns = describe_columns(frame)
    assert clean_frame(frame, columns)["fee"].tolist() == [1.234, 2.5, 3.5]


words = st.sampled_from(["a", "b", "3", "4.5", "Select", "no", "yes", "2025-01-31", "", None, "é"])


@given(st.lists(words, min_size=1, max_size=30), st.randoms())
def test_typing_does_not_depend_on_the_order_of_rows(values, random):
    moved = values.copy()
    random.shuffle(moved)
    one, other = (describe_columns(pd.DataFrame({"z": v})) for v in (values, moved))
    assert one == other
    typed = clean_frame(pd.DataFrame({"z": values}))["z"]
    assert typed.isna().sum() == one[0].n_missing


@given(st.lists(words, min_size=1, max_size=30))
def test_cleaning_twice_changes_nothing(values):
    columns = describe_columns(pd.DataFrame({"z": values}))
    once = clean_frame(pd.DataFrame({"z": values}), columns)
    pd.testing.assert_frame_equal(clean_frame(once, columns), once)


def test_what_cannot_be_a_table_is_refused():
    with pytest.raises(InputError, match="Reshape your data"):
        clean_frame(np.zeros(3))
    with pytest.raises(InputError, match="Complex data not supported"):
        clean_frame(np.zeros((3, 1), dtype=complex))
    with pytest.raises(InputError, match=r"several columns named 'a'.*Rename"):
        clean_frame(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(InputError, match="no column 'b'"):
        clean_frame(pd.DataFrame({"a": [1]}), describe_columns(pd.DataFrame({"b": [1, 2]})))


def test_bad_input_02_infinite_values():
    with pytest.raises(InputError, match=r"'a' contains infinity in rows 2, 3"):
        clean_frame(pd.DataFrame({"a": [1.0, np.inf, -np.inf]}))


def test_a_few_bad_cells_are_not_another_type():
    assert not unlike(pd.Series(["1", "2", "x"] + ["3"] * 40), "number")
    assert unlike(pd.Series(["1", "x", "y"]), "number")
    assert unlike(pd.Series(["x"]), "number")
    assert not unlike(pd.Series([None, None], dtype=object), "category")


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("Stato di salute", "health"),
        ("disabilità", "health"),
        ("religione", "religion"),
        ("Religious_belief", "religion"),
        ("ethnicGroup", "ethnicity"),
        ("etnia", "ethnicity"),
        ("political_party", "politics"),
        ("opinioni politiche", "politics"),
        ("trade_union", "trade union"),
        ("iscrizione_sindacato", "trade union"),
        ("orientamento_sessuale", "sexual life"),
        ("biometric_id", "biometric or genetic data"),
        ("impronta_digitale", "biometric or genetic data"),
    ],
)
def test_special_categories_are_known_by_name(name, category):
    assert special_category(name) == category


@pytest.mark.parametrize(
    "name",
    [
        "account_health", "customerHealthScore", "device_fingerprint", "medical_industry", "sector",
        "settore_salute", "politica_prezzi", "privacy_policy", "european_union", "gender", "eta",
        "nationality", "invalid_email", "email_valid", "Last Activity", "region", "time_on_site",
        "healthcare", "racecourse", "impronta_carbonio",
    ],
)  # fmt: skip
def test_honest_names_are_no_special_category(name):
    assert special_category(name) is None


def test_text_is_read_later_as_training_wrote_it():
    training = pd.DataFrame(
        {
            "fee": ["1.234,5", "12,25", "7"] * 10,
            "met_on": ["25/03/2025", "01/04/2025", "02/04/2025"] * 10,
        }
    )
    contract = freeze_contract(training)
    assert [(c.kind, c.style) for c in contract.columns] == [("number", ","), ("date", "dmy")]
    # By themselves these could be read in two ways.
    tonight = pd.DataFrame({"fee": ["1.500", "2.250"], "met_on": ["05/11/2025", "06/11/2025"]})
    found = admit(DataContract.from_dict(contract.to_dict()), tonight)
    assert found.frame["fee"].tolist() == [1500.0, 2250.0]
    assert found.frame["met_on"].dt.month.tolist() == [11, 11]
    bad = admit(contract, pd.concat([tonight, tonight.assign(fee="1,234.5").head(1)]), whole=False)
    assert bad.quarantine["column"].tolist() == ["fee"]


def test_nested_values_are_refused_by_name():
    with pytest.raises(InputError, match="'tags' holds nested values"):
        describe_columns(pd.DataFrame({"tags": [["a"], ["b"]]}))
