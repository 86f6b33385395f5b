"""Systems of the tests that are killed: a real PostgreSQL, a real Tryton, HubSpot's contract."""

import pytest

from tests.crm.conftest import postgres, postgres_database, quick_postgres
from tests.crm.faulty_server import FaultyServer
from tests.crm.hubspot_server import HubSpot
from tests.crm.tryton_server import running
from tests.prediction.writeback.kills import N_LEADS

__all__ = ["postgres", "postgres_database", "quick_postgres"]


@pytest.fixture(scope="session")
def tryton(tmp_path_factory):
    with running(tmp_path_factory.mktemp("tryton")) as server:
        yield server


@pytest.fixture
def hubspot():
    """A server that keeps HubSpot's contract, with a contact for each lead."""
    account = HubSpot()
    for number in range(1, N_LEADS + 1):
        account.add("contacts", str(number), lifecyclestage="lead")
    with FaultyServer(account).running() as server:
        yield server
