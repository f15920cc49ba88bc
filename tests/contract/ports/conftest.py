"""Fixtures of the port suites: each suite runs over the rows in memory and over a real PostgreSQL."""

import pytest

from tests.integration.postgres import Database, database, database_server

__all__ = ["backing", "database", "database_server"]


@pytest.fixture(params=["memory", "postgres"])
def backing(request: pytest.FixtureRequest) -> Database | None:
    """Gives the database that the port is served from; None stands for memory."""
    if request.param == "memory":
        return None
    found = request.getfixturevalue("database")
    assert isinstance(found, Database)
    return found
