"""The databases of the tests of customer systems."""

from tests.crm.conftest import postgres, postgres_database, quick_postgres

__all__ = ["postgres", "postgres_database", "quick_postgres"]
