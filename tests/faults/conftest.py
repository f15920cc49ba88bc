"""Fixtures of the fault tests."""

from tests.integration.postgres import database, database_server

__all__ = ["database", "database_server"]
