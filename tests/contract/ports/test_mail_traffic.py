"""Who wrote to the mailbox lately: the same counts over memory and PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from chassis.database import open_pool
from services.intake.adapters.mail_traffic import PostgresMailTraffic
from services.intake.application.ports import MailTraffic
from services.intake.domain.loops import Arrival, Traffic, print_of
from tests.contract.ports.passing_time import Clock
from tests.faults.simulation.boundary import Direct
from tests.faults.simulation.memory_traffic import MemoryMailTraffic
from tests.integration.postgres import Database

MAILBOX = "support@example.com"
PRINT = print_of("one two three four five six seven eight nine ten eleven twelve thirteen")
OTHER = print_of("a completely different text about the weather in the north of the country today")


@dataclass(frozen=True, slots=True)
class Tables:
    """The port, and a way to let time pass."""

    port: MailTraffic
    pass_time: Callable[[timedelta], Awaitable[None]]

    async def note(
        self,
        number: int,
        sender: str = "ada@globex.example",
        thread: str = "",
        *,
        answers: bool = False,
        words: tuple[int, ...] = (),
    ) -> Traffic:
        """Notes a mail."""
        arrival = Arrival(MAILBOX, f"m{number}", sender, thread, answers=answers, print_of=words)
        return await self.port.note(arrival)


@asynccontextmanager
async def _tables(backing: Database | None) -> AsyncIterator[Tables]:
    if backing is None:
        clock = Clock()

        async def wait(span: timedelta) -> None:
            clock.move(span)

        yield Tables(MemoryMailTraffic({}, Direct(), clock), wait)
        return
    pool = await open_pool(backing.url("fte_intake"), 2, application="test")

    async def make_older(span: timedelta) -> None:
        await pool.execute(
            "UPDATE intake.mail_arrivals SET arrive_time = arrive_time - $1::interval", span
        )

    try:
        yield Tables(PostgresMailTraffic(pool), make_older)
    finally:
        await pool.close()


@pytest.fixture
async def tables(backing: Database | None) -> AsyncIterator[Tables]:
    async with _tables(backing) as made:
        yield made


async def test_a_sender_is_counted_within_ten_minutes_and_a_day(tables: Tables) -> None:
    assert (await tables.note(1)).sender == (0, 0)
    assert (await tables.note(2)).sender == (1, 1)
    await tables.pass_time(timedelta(minutes=11))
    assert (await tables.note(3)).sender == (0, 2)
    await tables.pass_time(timedelta(hours=24))
    assert (await tables.note(4)).sender == (0, 0)
    assert (await tables.note(5, "bea@globex.example")).sender == (0, 0)


async def test_a_repeat_gets_the_same_answer_and_counts_nothing(tables: Tables) -> None:
    await tables.note(1)
    first = await tables.note(2)
    assert (await tables.note(3)).sender == (2, 2)
    assert await tables.note(2) == first
    assert (await tables.note(4)).sender == (3, 3)


async def test_a_thread_is_counted_whoever_writes(tables: Tables) -> None:
    await tables.note(1, "a@one.example", "t1")
    assert (await tables.note(2, "b@two.example", "t1")).thread == (1, 1)
    assert (await tables.note(3, "c@three.example", "t2")).thread == (0, 0)
    assert (await tables.note(4, "d@four.example", "")).thread == (0, 0)


async def test_strangers_are_those_who_answer_without_having_written(tables: Tables) -> None:
    await tables.note(1, "known@globex.example")
    assert (await tables.note(2, "known@globex.example", answers=True)).strangers == (0, 0)
    assert (await tables.note(3, "new1@globex.example", answers=True)).strangers == (0, 0)
    assert (await tables.note(4, "new2@globex.example", answers=True)).strangers == (1, 1)
    assert (await tables.note(5, "new3@globex.example")).strangers == (2, 2)
    assert (await tables.note(6, "new4@gmail.com", answers=True)).strangers == (0, 0)
    assert (await tables.note(7, "new5@gmail.com", answers=True)).strangers == (0, 0)


async def test_prints_come_of_sender_thread_and_answering_domain(tables: Tables) -> None:
    await tables.note(1, "a@globex.example", "t1", words=PRINT)
    assert (await tables.note(2, "a@globex.example", "t2", words=OTHER)).near == [PRINT]
    assert (await tables.note(3, "b@one.example", "t1", words=OTHER)).near == [PRINT]
    assert (await tables.note(4, "c@globex.example", "t3", words=PRINT)).near == []
    answering = await tables.note(5, "d@globex.example", "t4", answers=True, words=PRINT)
    assert (answering.near, answering.anywhere) == ([], [])
    same_domain = await tables.note(6, "e@globex.example", "t5", answers=True, words=OTHER)
    assert (same_domain.near, same_domain.anywhere) == ([PRINT], [PRINT])
    elsewhere = await tables.note(7, "f@two.example", "t6", answers=True)
    assert (elsewhere.near, elsewhere.anywhere) == ([], [OTHER, PRINT])
    await tables.pass_time(timedelta(minutes=11))
    later = await tables.note(8, "g@three.example", "t7", answers=True)
    assert later.anywhere == []
