"""A database of its own for each test: SQLite, and a real PostgreSQL."""

import itertools

import pytest
import sqlalchemy as sa

from tests.tables.conftest import postgres

__all__ = ["database", "postgres", "postgres_database"]

_NUMBERS = itertools.count()


def engine_for(url):
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


@pytest.fixture(scope="session")
def quick_postgres(postgres):
    """Return the URL of a server that does not wait for the disk: only clients are killed here."""
    engine = engine_for(postgres).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()
    return postgres


@pytest.fixture
def postgres_database(quick_postgres):
    """Return a URL that leads to an empty schema of a PostgreSQL database."""
    name = f"crm_{next(_NUMBERS)}"
    engine = engine_for(quick_postgres)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    engine.dispose()
    return f"{quick_postgres}&options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """Return the URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/crm.db"
    return request.getfixturevalue("postgres_database")
