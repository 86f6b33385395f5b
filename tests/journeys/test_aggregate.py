import warnings
from collections import defaultdict
from decimal import Decimal

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmm.errors import ConfigError, DataWarning, InputError, SourceError
from mmm.journeys import Journeys, aggregate_paths, build_journeys, local_engine
from mmm.simulate.log import LogSettings, write_log
from tests.journeys.spark import SPARK_WARNINGS, connect

COLUMNS = ("touch", "start", "conversions", "nulls", "value", "value_squares", "cluster")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return write_log(
        tmp_path_factory.mktemp("log"), LogSettings(n_touches=6000, base=-4.0), chunk=2500
    )


@pytest.fixture(scope="module")
def spark():
    connection = connect()
    yield connection
    connection._session.stop()


def quietly(function, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return function(*args, **options)


def sums(journeys):
    """Add up conversions, cents and nulls by path."""
    found = defaultdict(lambda: np.zeros(3))
    cents = np.round(journeys.value * 100)
    weights = zip(journeys.conversions, cents, journeys.nulls, strict=True)
    for path, row in zip(journeys.paths(), weights, strict=True):
        found[path] += row
    return {path: tuple(row) for path, row in found.items()}


def in_memory(rows, **columns):
    return ibis.memtable(pa.table({**rows, **columns}))


def small_log():
    at = pd.to_datetime(["2024-01-10", "2024-02-10", "2024-01-20", "2023-01-01"])
    return {
        "person_id": ["p1", "p1", "p2", "p3"],
        "channel": ["Events", "Email", "Email", "Direct"],
        "touched_at": pa.array(at),
    }


def small_deals(value="100.00"):
    return pd.DataFrame(
        {
            "deal_id": ["d1", "d2"],
            "person_id": ["p1", "p9"],
            "created_at": ["2024-03-01", "2024-03-01"],
            "closed_at": ["2024-04-01", "2024-04-02"],
            "won": [True, True],
            "value": [value, "50.00"],
        }
    )


@pytest.mark.parametrize("by", ["person", "account"])
@pytest.mark.parametrize("touch_sharing", ["next_deal", "all_open"])
def test_paths_of_a_log_equal_those_of_build_journeys(log, by, touch_sharing):
    options = {"by": by, "touch_sharing": touch_sharing, "lookback_days": 90}
    built = build_journeys(log.touches, log.deals, **options)
    found = aggregate_paths(log.touches, log.deals, **options)
    assert found.channels == built.channels
    assert sums(found) == sums(built)
    assert found.unattributed == built.unattributed
    assert found.total_value == built.total_value
    assert found.about["maturity_days"] == pytest.approx(built.about["maturity_days"], rel=1e-12)
    assert found.about["counts"].items() <= built.about["counts"].items()


def test_squares_are_those_of_single_deals_and_buckets_hold_whole_accounts(log):
    built = build_journeys(log.touches, log.deals)
    found = aggregate_paths(log.touches, log.deals)
    won = built.conversions > 0
    assert found.value_squares.sum() == pytest.approx((built.value[won] ** 2).sum(), rel=1e-12)
    assert set(found.cluster) <= set(range(256))
    pairs = list(zip(found.cluster.tolist(), found.paths(), strict=True))
    assert len(set(pairs)) == len(pairs)
    from hashlib import md5

    expected = defaultdict(float)
    for account, value in zip(built.account_id[won], built.value[won], strict=True):
        expected[int(md5(f"1{account}".encode()).hexdigest(), 16) % 256] += value
    of_bucket = np.bincount(found.cluster, weights=found.value, minlength=256)
    np.testing.assert_allclose(of_bucket, [expected[b] for b in range(256)], rtol=1e-12)


persons = st.sampled_from(["p1", "p2", "p3", "p4", None])
hours = st.integers(0, 24 * 300)


@st.composite
def tables(draw):
    owner = {f"p{i}": draw(st.sampled_from(["a1", "a2", None])) for i in (1, 2, 3, 4)}
    start = pd.Timestamp("2024-01-01")
    touches = []
    for _ in range(draw(st.integers(1, 15))):
        person = draw(persons)
        account = draw(st.sampled_from([None, owner[person]])) if person else "a1"
        seconds = draw(st.sampled_from([0, 20, 20.5]))
        at = start + pd.Timedelta(hours=draw(hours), seconds=seconds)
        touches.append((person, account, at, draw(st.sampled_from("xyz"))))
    deals = []
    for i in range(draw(st.integers(1, 5))):
        person, created = draw(persons), start + pd.Timedelta(hours=draw(hours))
        account = draw(st.sampled_from([None, "a2"])) if person is None else None
        won = draw(st.sampled_from([True, False, None]))
        closed = None if won is None else created + pd.Timedelta(hours=draw(hours))
        deals.append((f"d{i}", person, account, created, closed, won, Decimal(f"{i + 1}.10")))
    deals.append(("d9", "p1", None, start, start, False, Decimal("1.00")))
    roles = [
        (f"d{i}", draw(st.sampled_from(sorted(owner)))) for i in range(draw(st.integers(0, 2)))
    ]
    return touches, deals, roles


# Each example runs ten queries.
@settings(max_examples=max(settings().max_examples // 4, 1))
@given(tables(), st.sampled_from(["person", "account"]), st.sampled_from(["next_deal", "all_open"]))
def test_any_company_is_aggregated_as_it_is_built(company, by, touch_sharing):
    touches, deals, roles = company
    names = ["person_id", "account_id", "touched_at", "channel"]
    touch_frame = pd.DataFrame(touches, columns=names).astype(dict.fromkeys(names[:2], "str"))
    names = ["deal_id", "person_id", "account_id", "created_at", "closed_at", "won", "value"]
    deal_frame = pd.DataFrame(deals, columns=names).astype(
        {"person_id": "str", "account_id": "str", "won": "boolean"}
    )
    deal_frame["closed_at"] = pd.to_datetime(deal_frame["closed_at"])
    options = {
        "by": by,
        "touch_sharing": touch_sharing,
        "as_of": "2026-01-01",
        "maturity_days": 30,
        "roles": pd.DataFrame(roles, columns=["deal_id", "person_id"]) if roles else None,
        "contacts": pd.DataFrame({"person_id": ["p4"], "account_id": ["a2"]}),
    }
    built = quietly(build_journeys, touch_frame, deal_frame, **options)
    log = ibis.memtable(pa.Table.from_pandas(touch_frame, preserve_index=False))
    found = quietly(aggregate_paths, log, deal_frame, **options)
    assert sums(found) == sums(built)
    assert found.unattributed == built.unattributed


def test_a_log_is_aggregated_within_a_memory_limit(log, tmp_path):
    engine = local_engine(memory_limit="150MB", temp_directory=tmp_path, threads=1)
    found = aggregate_paths(log.touches, log.deals, engine=engine)
    assert engine.raw_sql("select current_setting('memory_limit')").fetchone()[0].startswith("143")
    assert sums(found) == sums(aggregate_paths(log.touches, log.deals))
    assert not [name for (name,) in engine.raw_sql("show tables").fetchall() if "held" in name]
    with pytest.raises(ConfigError, match="memory_limit='4GB'"):
        local_engine(memory_limit="plenty")


def test_a_named_table_of_the_engine_and_any_column_of_it():
    engine = local_engine()
    rows = small_log() | {"content": ["Guide", "Guide", None, "Fair"]}
    engine.create_table("log of ours", in_memory(rows))
    found = quietly(aggregate_paths, "log of ours", small_deals(), dimension="content",
                    engine=engine, maturity_days=100)  # fmt: skip
    assert found.channels == ("(not set)", "Fair", "Guide")
    won = [path for path, n in zip(found.paths(), found.conversions, strict=True) if n]
    assert won == [("Guide", "Guide")]
    assert found.unattributed.deals == 1
    with pytest.raises(SourceError, match="no table 'logs'"):
        aggregate_paths("logs", small_deals(), engine=engine)


def test_channels_come_from_source_and_medium():
    rows = small_log()
    rows["source"] = ["google", "google", "mailchimp", None]
    rows["medium"] = ["cpc", "organic", "email", None]
    del rows["channel"]
    found = quietly(aggregate_paths, in_memory(rows), small_deals(), maturity_days=100)
    built = quietly(build_journeys, pd.DataFrame({k: list(v) for k, v in rows.items()} | {
        "touched_at": pd.to_datetime([t.as_py() for t in rows["touched_at"]])}),
        small_deals(), maturity_days=100)  # fmt: skip
    assert found.channels == built.channels
    assert sums(found) == sums(built)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"touched_at": pa.array([None] * 4, pa.timestamp("us"))}, "missing in 4 touches"),
        ({"touched_at": pa.array(["2024-01-10"] * 4)}, "holds string in the engine"),
        ({"touched_at": pa.array([pd.Timestamp("2090-01-01")] * 4)}, "in the future"),
        ({"channel": ["(unattributed)"] * 4}, "Rename it"),
    ],
)
def test_logs_that_no_journey_can_be_made_of_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        aggregate_paths(in_memory(small_log() | change), small_deals())


def test_bad_input_28_empty_log():
    empty = pa.table(small_log()).slice(0, 0)
    with pytest.raises(InputError, match="holds no row"):
        aggregate_paths(ibis.memtable(empty), small_deals())


def test_bad_input_21_values_whose_squares_are_not_exact_are_refused():
    # Decimals of nine places leave nine digits before the point.
    with pytest.raises(InputError, match="too large to be squared exactly"):
        quietly(aggregate_paths, in_memory(small_log()), small_deals("9876543210.123456789"))
    large = quietly(
        aggregate_paths, in_memory(small_log()), small_deals("90000000000000.01"), maturity_days=9
    )
    assert large.total_value == Decimal("90000000000050.01")


def test_bad_input_35_quotes_in_names_are_inert():
    rows = small_log() | {"channel": ["'; drop table x --", 'a"b', "c;d", "é"]}
    found = quietly(aggregate_paths, in_memory(rows), small_deals(), maturity_days=100)
    assert ("'; drop table x --", 'a"b') in set(found.paths())


def test_bad_input_37_lookback_longer_than_the_data_warns():
    with pytest.warns(DataWarning, match="less than lookback_days=900"):
        found = aggregate_paths(in_memory(small_log()), small_deals(), lookback_days=900)
    assert any("lookback_days=900" in note for note in found.about["notes"])


def test_frames_and_other_engines_are_sent_elsewhere():
    with pytest.raises(ConfigError, match=r"frames go into mmm\.build_journeys"):
        aggregate_paths(pd.DataFrame(small_log()), small_deals())
    with pytest.raises(ConfigError, match="not an Ibis connection"):
        aggregate_paths("log", small_deals(), engine="duckdb")
    other = ibis.sqlite.connect()
    with pytest.raises(ConfigError, match="aggregated on duckdb, pyspark"):
        aggregate_paths(in_memory(small_log()), small_deals(), engine=other)
    other.disconnect()


def test_as_of_cuts_the_log(log):
    options = {"as_of": "2024-01-15", "maturity_days": 60}
    found = quietly(aggregate_paths, log.touches, log.deals, **options)
    assert sums(found) == sums(quietly(build_journeys, log.touches, log.deals, **options))


@pytest.mark.slow
@pytest.mark.filterwarnings(*SPARK_WARNINGS)
def test_spark_gives_the_rows_of_duckdb(log, spark):
    found = aggregate_paths(log.touches, log.deals, engine=spark)
    expected = aggregate_paths(log.touches, log.deals)
    for name in COLUMNS:
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert found.unattributed == expected.unattributed
    assert found.about["counts"] == expected.about["counts"]


@pytest.mark.slow
@pytest.mark.filterwarnings(*SPARK_WARNINGS)
def test_spark_builds_the_journeys_of_duckdb(log, spark):
    touches = pd.read_parquet(log.touches).head(1500)
    deals = pd.read_parquet(log.deals)
    built = quietly(build_journeys, touches, deals, engine=spark)
    expected = quietly(build_journeys, touches, deals)
    assert isinstance(built, Journeys)
    for name in ("touch", "start", "conversions", "value", "nulls", "cluster", "touched_at"):
        assert np.array_equal(getattr(built, name), getattr(expected, name)), name


@pytest.mark.slow
@pytest.mark.filterwarnings(*SPARK_WARNINGS)
def test_a_spark_session_that_is_not_in_utc_is_refused(log, spark):
    spark._session.conf.set("spark.sql.session.timeZone", "Europe/Rome")
    try:
        with pytest.raises(ConfigError, match=r"spark\.sql\.session\.timeZone to UTC"):
            aggregate_paths(log.touches, log.deals, engine=spark)
    finally:
        spark._session.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.mark.parametrize("size", [900, 400])
def test_a_large_log_in_parts_gives_the_same_rows(log, monkeypatch, size):
    expected = aggregate_paths(log.touches, log.deals, by="account")
    monkeypatch.setattr("mmm.journeys.aggregate.PART", size)
    found = aggregate_paths(log.touches, log.deals, by="account")
    for name in COLUMNS:
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    assert found.about["counts"] == expected.about["counts"]


def test_too_little_memory_is_an_error_with_the_cure(log, tmp_path):
    engine = local_engine(memory_limit="6MB", temp_directory=tmp_path, threads=1)
    with pytest.raises(ConfigError, match="higher limit or fewer threads"):
        aggregate_paths(log.touches, log.deals, engine=engine)
