"""Facts are answered only after they were written, and one bad fact holds up no other."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from chassis.errors import Unavailable
from fte.metrics.v1 import metrics_events_pb2 as pb
from services.metrics.adapters import fact_buffer
from services.metrics.adapters.fact_buffer import FactBuffer

NEVER = 3600.0


class Table:
    """Keeps what is written; refuses while `away`, and always what is in `poison`."""

    def __init__(self) -> None:
        self.all_answered = asyncio.Event()
        self.awaited = 0
        self.away = False
        self.poison: set[str] = set()
        self.batches: list[list[str]] = []
        self.answered: list[str] = []
        self.answers_fail = False

    async def write(self, facts: Sequence[pb.Fact]) -> None:
        ids = [fact.fact_id for fact in facts]
        if self.away or self.poison & set(ids):
            raise Unavailable("refused")
        self.batches.append(ids)

    async def answer(self, facts: Sequence[pb.Fact]) -> None:
        if self.answers_fail:
            raise Unavailable("refused")
        self.answered += [fact.fact_id for fact in facts]
        if len(self.answered) >= self.awaited:
            self.all_answered.set()

    @property
    def written(self) -> list[str]:
        return [fact_id for batch in self.batches for fact_id in batch]


def event(*numbers: int) -> pb.FactsRecorded:
    return pb.FactsRecorded(rows=[pb.Fact(fact_id=name(n)) for n in numbers])


def name(number: int) -> str:
    return str(UUID(int=number))


def make(table: Table, *, seconds: float = NEVER, facts: int = 4) -> FactBuffer:
    return FactBuffer(table.write, table.answer, seconds=seconds, facts=facts)


async def test_what_is_written_is_answered_and_a_repeat_again() -> None:
    table = Table()
    buffer = make(table)
    await buffer.take(event(1, 2))
    await buffer.take(event(2, 3))
    assert table.written == []
    assert await buffer.flush()
    assert table.answered == table.written == [name(1), name(2), name(3)]
    await buffer.take(event(2))
    assert await buffer.flush()
    assert table.answered[3:] == [name(2)]


async def test_nothing_is_answered_while_the_table_is_away() -> None:
    table = Table()
    table.away = True
    buffer = make(table)
    await buffer.take(event(1, 2, 3))
    assert not await buffer.flush()
    assert table.answered == []
    table.away = False
    assert await buffer.flush()
    assert table.answered == [name(1), name(2), name(3)]


async def test_one_fact_that_is_never_taken_holds_up_no_other() -> None:
    table = Table()
    table.poison = {name(3)}
    buffer = make(table, facts=8)
    await buffer.take(event(*range(1, 9)))
    for _ in range(8):
        if await buffer.flush():
            break
    assert sorted(table.answered) == sorted(name(n) for n in range(1, 9) if n != 3)
    assert max(len(batch) for batch in table.batches) > 1


async def test_lost_receipts_do_not_write_again_by_themselves() -> None:
    table = Table()
    table.answers_fail = True
    buffer = make(table)
    await buffer.take(event(1))
    assert await buffer.flush()
    assert await buffer.flush()
    assert table.batches == [[name(1)]]


async def test_enough_facts_are_written_without_waiting() -> None:
    table = Table()
    table.awaited = 3
    buffer = make(table, facts=2)
    task = asyncio.create_task(buffer.run())
    await buffer.take(event(1, 2, 3))
    async with asyncio.timeout(10):
        await table.all_answered.wait()
    task.cancel()
    assert [len(batch) for batch in table.batches] == [2, 1]


async def test_few_facts_are_written_when_their_time_has_come() -> None:
    table = Table()
    buffer = make(table, seconds=0.01)
    await buffer.take(event(1))
    task = asyncio.create_task(buffer.run())
    async with asyncio.timeout(10):
        await table.all_answered.wait()
    task.cancel()
    assert table.answered == [name(1)]


async def test_what_finds_no_room_is_left_to_its_owner() -> None:
    table = Table()
    table.away = True
    buffer = make(table, facts=fact_buffer.CAPACITY)
    for start in range(0, fact_buffer.CAPACITY + 640, 64):
        await buffer.take(event(*range(start, start + 64)))
    table.away = False
    assert await buffer.flush()
    assert len(table.answered) == fact_buffer.CAPACITY
