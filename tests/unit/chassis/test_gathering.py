"""Rows of many events are worked on together, each once, and a failure stops nothing."""

import asyncio
from collections.abc import Sequence

from chassis.errors import Unavailable
from chassis.gathering import MOST_WAITING, Gathering
from chassis.ledger import BATCH


class Work:
    """Notes the batches; fails while told to, and holds the first batch until released."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failures: list[Exception] = []
        self.released = asyncio.Event()
        self.released.set()

    async def __call__(self, rows: Sequence[int]) -> None:
        self.batches.append(list(rows))
        await self.released.wait()
        if self.failures:
            raise self.failures.pop()


async def until(condition: object) -> None:
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0)


async def test_what_arrives_during_work_is_one_batch_without_repeats() -> None:
    work = Work()
    work.released.clear()
    gathering = Gathering("rows", work)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(gathering.run())
        gathering.put([1])
        await until(lambda: work.batches)
        for row in (2, 3, 2):
            gathering.put([row])
        work.released.set()
        await until(lambda: len(work.batches) == 2)
        running.cancel()
    assert work.batches == [[1], [2, 3]]


async def test_a_batch_has_at_most_sixty_four_rows() -> None:
    work = Work()
    gathering = Gathering("rows", work)
    gathering.put(range(BATCH + 1))
    running = asyncio.create_task(gathering.run())
    await until(lambda: len(work.batches) == 2)
    running.cancel()
    assert [len(batch) for batch in work.batches] == [BATCH, 1]


async def test_a_failure_leaves_its_rows_to_their_owner_and_goes_on() -> None:
    work = Work()
    work.failures = [ValueError("wrong"), Unavailable("away"), OSError("gone")]
    gathering = Gathering("rows", work)
    running = asyncio.create_task(gathering.run())
    for row in range(4):
        gathering.put([row])
        await until(lambda row=row: len(work.batches) == row + 1)
    running.cancel()
    assert work.batches == [[0], [1], [2], [3]]


async def test_memory_is_bounded() -> None:
    work = Work()
    gathering = Gathering("rows", work)
    gathering.put(range(MOST_WAITING + 5))
    running = asyncio.create_task(gathering.run())
    await until(lambda: sum(map(len, work.batches)) == MOST_WAITING)
    running.cancel()
