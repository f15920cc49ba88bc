"""What every keeper of ledger rows does: the one in Postgres, and its twin in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from chassis.database import Pool, open_pool
from chassis.ledger import BATCH, LedgerRows, Receipt, Row
from chassis.ledger_rows import LedgerTable, PostgresLedgerRows
from tests.faults.simulation.boundary import Direct
from tests.faults.simulation.memory_ledger import LedgerTableInMemory, MemoryLedgerRows
from tests.integration.postgres import Database

NAME, TOPIC = "identity.metric_facts", "fte.metrics"


@dataclass(frozen=True, slots=True)
class Look:
    """A row as it lies there; `wait` is in seconds from now to its next drive."""

    state: str
    outcome: str | None
    attempts: int
    wait: float
    stored: bool
    settled: bool


class Keeper(Protocol):
    """One adapter with what a test needs beside it."""

    rows: LedgerRows

    async def add(self, count: int = 1, *, due: bool = True) -> list[Row]:
        """Adds open rows, the first due longest."""

    async def look(self, row_id: UUID) -> Look:
        """Returns a row as it lies there."""

    async def pass_time(self, seconds: float) -> None:
        """Lets the database's clock go on."""


class InMemory:
    """The twin in memory, under a clock that the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, tzinfo=UTC)
        self.table = LedgerTableInMemory(NAME, lambda: self.now, Random(7))
        self.rows: LedgerRows = MemoryLedgerRows(self.table, Direct())

    async def add(self, count: int = 1, *, due: bool = True) -> list[Row]:
        rows = [Row(uuid4(), TOPIC, None, b"fact") for _ in range(count)]
        for number, row in enumerate(rows):
            assert self.table.insert(row, number - count - 1 if due else 3600)
        return rows

    async def look(self, row_id: UUID) -> Look:
        entry = self.table.entries[row_id]
        return Look(
            entry.state,
            entry.outcome,
            entry.attempts,
            (entry.next_drive_time - self.now).total_seconds(),
            entry.stored_time is not None,
            entry.settle_time is not None,
        )

    async def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class InPostgres:
    """The real adapter; time passes by moving every time of the table back."""

    def __init__(self, pool: Pool) -> None:
        table = LedgerTable(NAME, "fact_id", topic=f"'{TOPIC}'", payload="payload")
        self._pool = pool
        self.rows: LedgerRows = PostgresLedgerRows(pool, table)

    async def add(self, count: int = 1, *, due: bool = True) -> list[Row]:
        records = await self._pool.fetch(
            "INSERT INTO identity.metric_facts (payload, next_drive_time) "
            "SELECT 'fact', now() + CASE WHEN $2 THEN (n - $1 - 2) * interval '1 s' "
            "ELSE interval '1 h' END FROM generate_series(1, $1) AS n RETURNING fact_id",
            count,
            due,
        )
        return [Row(record["fact_id"], TOPIC, None, b"fact") for record in records]

    async def look(self, row_id: UUID) -> Look:
        record = await self._pool.fetchrow(
            "SELECT state, outcome, attempts, extract(epoch FROM next_drive_time - now())::float, "
            "stored_time IS NOT NULL, settle_time IS NOT NULL "
            "FROM identity.metric_facts WHERE fact_id = $1",
            row_id,
        )
        assert record is not None
        return Look(*record)

    async def pass_time(self, seconds: float) -> None:
        await self._pool.execute(
            "UPDATE identity.metric_facts SET next_drive_time = next_drive_time - $1::interval, "
            "stored_time = stored_time - $1::interval, settle_time = settle_time - $1::interval",
            timedelta(seconds=seconds),
        )


@pytest.fixture
async def in_memory() -> InMemory:
    return InMemory()


@pytest.fixture
async def in_postgres(database: Database) -> AsyncIterator[InPostgres]:
    pool = await open_pool(database.url("fte_identity"), 3, application="test")
    yield InPostgres(pool)
    await pool.close()


@pytest.fixture(params=["in_memory", "in_postgres"])
def keeper(request: pytest.FixtureRequest) -> Keeper:
    found: Keeper = request.getfixturevalue(request.param)
    return found


def near(wait: float, expected: float) -> bool:
    """Tells whether a wait is within its jitter, with a second for a slow test."""
    return expected * 0.9 - 1 < wait <= expected * 1.1


def all_near(waits: list[float], expected: list[float]) -> bool:
    """Tells whether each wait is near what is expected of it."""
    return all(near(*pair) for pair in zip(waits, expected, strict=True))


async def test_an_open_row_is_driven_after_1_2_4_up_to_30_seconds(keeper: Keeper) -> None:
    [row] = await keeper.add()
    waits = []
    for attempt in range(1, 9):
        await keeper.pass_time(60)
        assert await keeper.rows.claim(BATCH) == [row]
        assert await keeper.rows.claim(BATCH) == []
        look = await keeper.look(row.row_id)
        assert (look.state, look.attempts) == ("open", attempt)
        waits.append(look.wait)
    assert all_near(waits, [1, 2, 4, 8, 16, 30, 30, 30]), waits


async def test_a_stored_row_is_driven_after_one_minute_growing_to_ten(keeper: Keeper) -> None:
    [row] = await keeper.add()
    await keeper.rows.claim(BATCH)
    await keeper.rows.receive([Receipt(row.row_id, settled=False)])
    look = await keeper.look(row.row_id)
    assert (look.state, look.attempts, look.stored, look.settled) == ("stored", 0, True, False)
    assert near(look.wait, 60)
    waits = []
    for _ in range(6):
        await keeper.pass_time(700)
        assert await keeper.rows.claim(BATCH) == [row]
        waits.append((await keeper.look(row.row_id)).wait)
    assert all_near(waits, [60, 120, 240, 480, 600, 600]), waits


async def test_a_claim_takes_what_is_due_longest_and_no_more_than_asked(keeper: Keeper) -> None:
    rows = await keeper.add(10)
    await keeper.add(3, due=False)
    first = await keeper.rows.claim(6)
    assert {row.row_id for row in first} == {row.row_id for row in rows[:6]}
    assert {row.row_id for row in await keeper.rows.claim(6)} == {row.row_id for row in rows[6:]}
    assert {(row.topic, row.group_id, row.payload) for row in first} == {(TOPIC, None, b"fact")}


async def test_a_row_is_not_claimed_before_its_time(keeper: Keeper) -> None:
    [row] = await keeper.add(due=False)
    assert await keeper.rows.claim(BATCH) == []
    await keeper.pass_time(3500)
    assert await keeper.rows.claim(BATCH) == []
    await keeper.pass_time(101)
    assert await keeper.rows.claim(BATCH) == [row]


async def test_a_settled_row_is_closed_for_good(keeper: Keeper) -> None:
    row, other = await keeper.add(2)
    await keeper.rows.receive([Receipt(row.row_id, settled=True, outcome="recorded")])
    closed = await keeper.look(row.row_id)
    assert (closed.state, closed.outcome, closed.stored, closed.settled) == (
        "settled", "recorded", True, True,
    )  # fmt: skip
    await keeper.rows.receive([Receipt(row.row_id, settled=True, outcome="another")])
    await keeper.rows.receive([Receipt(row.row_id, settled=False, outcome="third")])
    await keeper.rows.pull_forward()
    look = await keeper.look(row.row_id)
    assert (look.state, look.outcome, look.attempts) == ("settled", "recorded", 0)
    assert abs(look.wait - closed.wait) < 5
    await keeper.pass_time(10_000)
    assert await keeper.rows.claim(BATCH) == [other]


async def test_stored_then_settled_keeps_when_it_was_stored(keeper: Keeper) -> None:
    [row] = await keeper.add()
    await keeper.rows.receive([Receipt(row.row_id, settled=False, outcome="queued")])
    await keeper.pass_time(5)
    await keeper.rows.receive([Receipt(row.row_id, settled=True)])
    look = await keeper.look(row.row_id)
    assert (look.state, look.outcome, look.stored, look.settled) == (
        "settled", "queued", True, True,
    )  # fmt: skip


async def test_a_repeated_stored_receipt_does_not_put_the_next_drive_off(keeper: Keeper) -> None:
    [row] = await keeper.add()
    await keeper.rows.receive([Receipt(row.row_id, settled=False)])
    await keeper.pass_time(30)
    await keeper.rows.receive([Receipt(row.row_id, settled=False)])
    look = await keeper.look(row.row_id)
    assert look.state == "stored"
    assert 20 < look.wait <= 30


async def test_a_receipt_of_somebody_elses_row_touches_nothing(keeper: Keeper) -> None:
    [row] = await keeper.add()
    await keeper.rows.receive([Receipt(uuid4(), settled=True)])
    assert (await keeper.look(row.row_id)).state == "open"


async def test_pulling_forward_hurries_open_rows_only(keeper: Keeper) -> None:
    [waiting] = await keeper.add(due=False)
    [stored] = await keeper.add()
    await keeper.rows.receive([Receipt(stored.row_id, settled=False)])
    await keeper.rows.pull_forward()
    assert (await keeper.look(waiting.row_id)).wait <= 0.5
    assert near((await keeper.look(stored.row_id)).wait, 60)
    await keeper.pass_time(1)
    assert await keeper.rows.claim(BATCH) == [waiting]
