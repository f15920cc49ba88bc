"""Customers at the front doors of the real stack, for the gate."""

import os
from collections.abc import AsyncIterator

import pytest

from cli.outside import Outside
from tests.e2e.running import RunningStack
from tests.gate.desk import Desk


def pytest_report_header() -> str:
    """Says who is tested: the model of the environment's key, or the offline policy."""
    if os.environ.get("FTE_OPENAI_API_KEY"):
        return "gate: the real model answers (FTE_OPENAI_API_KEY is set)"
    return "gate: the offline policy answers (FTE_OPENAI_API_KEY is not set)"


@pytest.fixture
async def desk(stack: RunningStack, outside: Outside) -> AsyncIterator[Desk]:
    """A desk whose customers are all new to the stack."""
    async with Desk.of(stack.dsn, outside) as opened:
        yield opened
