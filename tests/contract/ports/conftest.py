"""Fixtures of the port suites: each suite runs over the rows in memory and over a real PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.ports.inboxes import Inboxes, inboxes_over
from tests.contract.ports.intents import Intents, intents_over
from tests.integration.postgres import Database, database, database_server

__all__ = ["backing", "database", "database_server", "inboxes", "intents"]


@pytest.fixture(params=["memory", "postgres"])
def backing(request: pytest.FixtureRequest) -> Database | None:
    """Gives the database that the port is served from; None stands for memory."""
    if request.param == "memory":
        return None
    found = request.getfixturevalue("database")
    assert isinstance(found, Database)
    return found


@pytest.fixture
async def intents(backing: Database | None) -> AsyncIterator[Intents]:
    """Gives an empty intent ledger."""
    async with intents_over(backing) as made:
        yield made


@pytest.fixture
async def inboxes(backing: Database | None) -> AsyncIterator[Inboxes]:
    """Gives an empty inbox."""
    async with inboxes_over(backing) as made:
        yield made
