import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm.attribution import linear, markov
from mmm.errors import InputError
from mmm.journeys import Journeys

names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=3)
names = names.filter(lambda name: ">" not in name)
sequences = st.lists(st.lists(names, min_size=1, max_size=5), min_size=1, max_size=12)


@given(sequences, st.randoms(use_true_random=False))
def test_texts_sequences_and_mixtures_give_the_same_journeys(rows, random):
    import unicodedata

    expected = [tuple(unicodedata.normalize("NFC", name) for name in row) for row in rows]
    texts = [" > ".join(row) for row in rows]
    mixed = [text if random.random() < 0.5 else row for text, row in zip(texts, rows, strict=True)]
    forms = [
        texts,
        rows,
        mixed,
        pd.Series(texts),
        pd.Categorical(texts),
        np.array(texts, dtype=object),
        iter(texts),
    ]
    for form in forms:
        journeys = Journeys.from_paths(form)
        assert list(journeys.paths()) == expected
        assert journeys.channels == tuple(sorted({name for row in expected for name in row}))


def test_bad_input_16_and_17_unicode_is_composed_and_separators_in_sequences_are_kept():
    journeys = Journeys.from_paths(["Caffe\u0301 > פרסום", ["A > B", "Caffé"]])
    assert list(journeys.paths()) == [("Caffé", "פרסום"), ("A > B", "Caffé")]


def test_bad_input_20_a_journey_of_ten_thousand_touches():
    journeys = Journeys.from_paths([" > ".join(["a", "b"] * 5000)])
    assert journeys.lengths.tolist() == [10_000]
    assert linear(journeys).credit.tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("paths", "row"),
    [
        (["a", "a >  > b"], 2),
        (["a", "a", ""], 3),
        (["a", None], 2),
        ([["a"], []], 2),
        ([["a"], ["a", " "]], 2),
        ([b"a"], 1),
        (["a", 7], 2),
        (pd.Series(["a", None, "b"]), 2),
        (["b > (unattributed)", "a"], 1),
    ],
)
def test_the_row_at_fault_is_named(paths, row):
    with pytest.raises(InputError, match=f"row {row}"):
        Journeys.from_paths(paths)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b > a", "a > c"]), st.booleans(), st.floats(1, 50)),
        min_size=6,
    )
)
def test_merged_rows_have_the_same_credit_and_intervals(rows):
    paths, won, value = zip(*rows, strict=True)
    won = np.array(won, dtype=float)
    columns = {"conversions": won, "value": won * value, "nulls": 1 - won}
    plain = Journeys.from_paths(paths, **columns)
    merged = Journeys.from_paths(paths, **columns, merge=True)
    assert len(merged) == len(set(paths))
    if not won.any():
        return
    for model in (linear, markov):
        one, other = (quiet(model, journeys) for journeys in (plain, merged))
        np.testing.assert_allclose(other.credit, one.credit, rtol=1e-9, atol=1e-9)
        # The root of a variance near 0 doubles the error of its sum.
        np.testing.assert_allclose(other.upper, one.upper, rtol=1e-6, atol=1e-6)


def quiet(model, journeys):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model(journeys)


def test_merged_rows_of_several_deals_without_squares_refuse_intervals_of_value():
    merged = Journeys.from_paths(["a", "a"], conversions=[2, 3], value=[5.0, 5.0], merge=True)
    assert merged.value_squares is None
    assert np.isnan(linear(merged).upper).all()


def test_categories_that_no_row_has_are_no_channels():
    paths = pd.Categorical(["a"], categories=["a", "b > c"])
    assert Journeys.from_paths(paths, merge=True).channels == ("a",)


def test_columns_of_lists_and_views_of_text_are_read():
    rows = [("a", "b > c"), ("b",)]
    lists = [list(row) for row in rows]
    for form in (
        pa.array(lists),
        pa.chunked_array([lists[:1], lists[1:]]),
        pa.array(lists, pa.large_list(pa.string())),
        pd.Series([np.array(row, dtype=object) for row in rows]),
        pl.Series(lists),
    ):
        assert list(Journeys.from_paths(form).paths()) == rows
    square = np.array([["a", "b"], ["b", "c"]])
    assert list(Journeys.from_paths(square).paths()) == [("a", "b"), ("b", "c")]
    texts = pa.array(["a > b", "b"], pa.string_view())
    assert list(Journeys.from_paths(texts).paths()) == [("a", "b"), ("b",)]


@pytest.mark.parametrize(
    "given", ["a > b", b"a", {"a > b": 3}, pd.DataFrame({"path": ["a"]}), pa.table({"path": ["a"]})]
)
def test_what_is_no_column_of_paths_is_refused_by_its_kind(given):
    with pytest.raises(InputError, match=f"paths is a {type(given).__name__}. Pass a list"):
        Journeys.from_paths(given)


@pytest.mark.parametrize("sep", ["", 3, None])
def test_a_separator_is_a_text(sep):
    with pytest.raises(InputError, match=f"sep is {sep!r}"):
        Journeys.from_paths(["a > b"], sep=sep)


@pytest.mark.parametrize("merge", [False, True])
def test_channels_that_google_analytics_counts_are_written_out(merge):
    texts = ["Organic Search × 2 > Email", "Email × 3", "Email"]
    found = Journeys.from_paths(texts, merge=merge)
    whole = ["Organic Search > Organic Search > Email", "Email > Email > Email", "Email"]
    assert list(found.paths()) == list(Journeys.from_paths(whole).paths())
    mixed = Journeys.from_paths([*texts, ["Email × 3"]])
    assert list(mixed.paths())[:3] == list(found.paths())
    assert list(mixed.paths())[3] == ("Email × 3",)  # a sequence stands as it is
    assert list(Journeys.from_paths(["Email × 0", "a × b"]).paths()) == [("Email × 0",), ("a × b",)]
