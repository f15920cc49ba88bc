"""Fixtures of all integration tests."""

from tests.integration.agent_world import agent
from tests.integration.postgres import database, database_server

__all__ = ["agent", "database", "database_server"]
