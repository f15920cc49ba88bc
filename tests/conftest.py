"""What holds for every test: property tests count cases, never milliseconds; one real stack serves a session."""

import sys
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from cli.outside import Outside
    from tests.e2e.running import RunningStack

settings.register_profile("counts", deadline=None)
settings.load_profile("counts")


@pytest.fixture(scope="session")
def stack() -> "Iterator[RunningStack]":
    """A running stack, shared by the gate and the stories; what it printed is shown at the end."""
    from tests.e2e.running import RunningStack  # noqa: PLC0415 - its imports are no unit test's

    running = RunningStack()
    try:
        running.start()
        yield running
    finally:
        running.stop()
        sys.stderr.write(running.said())
        running.remove()


@pytest.fixture
async def outside(stack: "RunningStack") -> "AsyncIterator[Outside]":
    """The outside world of the shared stack, which is healthy when the test begins."""
    async with stack.outside() as world:
        yield world
