"""Fixtures of the port suites: a real Postgres for the real adapters."""

from tests.integration.postgres import database, database_server

__all__ = ["database", "database_server"]
