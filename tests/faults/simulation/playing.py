"""Plays one world to its end, for tests of the world's parts."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.faults.simulation.loop import VirtualLoop

T = TypeVar("T")
World = Callable[[], Coroutine[Any, Any, T]]


def play(world: World[T]) -> T:
    """Runs one world on a loop of its own."""
    return VirtualLoop().run_world(world())


def virtual() -> VirtualLoop:
    """Returns the loop of the world that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop
