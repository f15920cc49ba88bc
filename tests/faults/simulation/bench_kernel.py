"""Prints how fast the kernel is: callbacks and boundary crossings a second on one core.

python -m tests.faults.simulation.bench_kernel
"""

import asyncio
import sys
import time
from random import Random

from tests.faults.simulation.boundary import Boundaries, Drawn
from tests.faults.simulation.loop import VirtualLoop
from tests.faults.simulation.process import Process

PROCESSES, STEPS, WORLDS = 5, 200, 40


def world(seed: int) -> tuple[int, int]:
    """Plays five processes of two tasks each, with 2,000 effects together; returns what it took."""
    loop, random = VirtualLoop(), Random(seed)
    io = Boundaries(loop, random, Drawn(random, 0.0, lambda _random, _process: None))

    async def work() -> None:
        for _ in range(STEPS):
            async with asyncio.timeout(15):
                await io.request("bench.effect")
                await io.response("bench.effect")
            await asyncio.sleep(0.05)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work())
            tasks.create_task(work())

    async def play() -> None:
        processes = [Process(f"p{number}") for number in range(PROCESSES)]
        for process in processes:
            process.start(main)
        while any(process.alive for process in processes):  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(1)

    loop.run_world(play())
    return loop.callbacks, len(io.history)


def measure() -> None:
    """Runs the worlds and prints the rates."""
    began = time.perf_counter()
    callbacks = crossings = 0
    for seed in range(WORLDS):
        more, crossed = world(seed)
        callbacks, crossings = callbacks + more, crossings + crossed
    seconds = time.perf_counter() - began
    sys.stdout.write(
        f"{callbacks / seconds:,.0f} callbacks/s, {crossings / seconds:,.0f} crossings/s, "
        f"{WORLDS / seconds:.1f} worlds/s of {crossings // WORLDS:,} crossings\n"
    )


if __name__ == "__main__":
    measure()
