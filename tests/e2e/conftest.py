"""One real stack for all end-to-end tests, and the outside world around it."""

import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from cli.outside import Outside
from tests.e2e.running import RunningStack
from tests.e2e.traffic import Traffic


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """A running stack, shared by the session; what it printed is shown at the end."""
    running = RunningStack()
    try:
        running.start()
        yield running
    finally:
        running.stop()
        sys.stderr.write(running.said())
        running.remove()


@pytest.fixture
async def outside(stack: RunningStack) -> AsyncIterator[Outside]:
    """The outside world of the shared stack, which is healthy when the test begins."""
    async with stack.outside() as world:
        yield world


@pytest.fixture
def traffic(outside: Outside) -> Traffic:
    """Seeded traffic from people whom the stack does not know yet."""
    return Traffic(outside, seed=20261124)
