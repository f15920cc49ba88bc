"""The ledger on a real Postgres: what is driven when, by whom, and what closes it.

The rules of the rows themselves are in tests/contract/ports/test_ledger_rows.py.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from chassis.database import Pool, open_pool
from chassis.ledger import BATCH, Ledger, Receipt, Row
from chassis.ledger_rows import LedgerTable, PostgresLedgerRows
from tests.integration.mesh import eventually
from tests.integration.postgres import Database

TABLE = LedgerTable(
    name="identity.metric_facts", key="fact_id", topic="'fte.metrics'", payload="payload"
)
# Seconds from now to the next drive, and what else a receipt changes.
_STATE = """
    SELECT state, outcome, attempts, extract(epoch FROM next_drive_time - now())::float AS wait,
        stored_time IS NOT NULL AS stored, settle_time IS NOT NULL AS settled
    FROM identity.metric_facts WHERE fact_id = $1
"""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(database.url("fte_identity"), 6, application="test")
    yield opened
    await opened.close()


class Broker:
    """Takes what is published, or refuses it."""

    def __init__(self) -> None:
        self.events: list[list[UUID]] = []
        self.away = False

    async def publish(self, topic: str, rows: Sequence[Row]) -> None:
        assert topic == "fte.metrics"
        if self.away:
            raise ConnectionError("away")
        self.events.append([row.row_id for row in rows])

    @property
    def rows(self) -> Counter[UUID]:
        return Counter(row_id for event in self.events for row_id in event)


@asynccontextmanager
async def running(*ledgers: Ledger) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(ledger.run()) for ledger in ledgers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def add(pool: Pool, count: int = 1, *, due: bool = True) -> list[Row]:
    records = await pool.fetch(
        "INSERT INTO identity.metric_facts (payload, next_drive_time) "
        "SELECT 'fact', now() + CASE WHEN $2 THEN interval '-1 s' ELSE interval '1 h' END "
        "FROM generate_series(1, $1) RETURNING fact_id",
        count,
        due,
    )
    return [Row(r["fact_id"], "fte.metrics", None, b"fact") for r in records]


async def test_hints_are_published_together_and_at_once(pool: Pool) -> None:
    rows = await add(pool, 100, due=False)
    broker = Broker()
    ledger = Ledger(PostgresLedgerRows(pool, TABLE), broker.publish)
    ledger.hint(rows)

    async def published() -> bool:
        return len(broker.rows) == 100

    async with running(ledger):
        await eventually(published, "all rows are published")
    assert sorted(len(event) for event in broker.events) == [36, 64]


async def test_what_the_broker_refuses_comes_again_by_the_sweeper(pool: Pool) -> None:
    rows = await add(pool, 3)
    broker = Broker()
    broker.away = True
    ledger = Ledger(PostgresLedgerRows(pool, TABLE), broker.publish)
    ledger.hint(rows)

    async def tried() -> bool:
        attempts = "SELECT min(attempts) FROM identity.metric_facts"
        return int(await pool.fetchval(attempts)) >= 1

    async def published() -> bool:
        return len(broker.rows) == 3

    async with running(ledger):
        await eventually(tried, "all rows were tried")
        assert broker.events == []
        broker.away = False
        await eventually(published, "all rows are published")
    assert (
        await pool.fetchval("SELECT count(*) FROM identity.metric_facts WHERE state = 'open'") == 3
    )


@pytest.mark.parametrize("order", [1, -1])
async def test_stored_and_settled_in_one_batch_are_settled(pool: Pool, order: int) -> None:
    [row] = await add(pool)
    ledger = Ledger(PostgresLedgerRows(pool, TABLE), Broker().publish)
    receipts = [
        Receipt(row.row_id, settled=True, outcome="sent"),
        Receipt(row.row_id, settled=False),
    ]
    await ledger.receive(receipts[::order])
    state = await pool.fetchrow(_STATE, row.row_id)
    assert state is not None
    assert (state["state"], state["outcome"], state["stored"]) == ("settled", "sent", True)


async def test_receipts_in_opposite_order_do_not_deadlock(pool: Pool) -> None:
    rows = await add(pool, 60)
    ledger = Ledger(PostgresLedgerRows(pool, TABLE), Broker().publish, silence_seconds=0)
    stored = [Receipt(row.row_id, settled=False) for row in rows]
    settled = [Receipt(row.row_id, settled=True) for row in reversed(rows)]
    await asyncio.gather(*(ledger.receive(batch) for batch in [stored, settled] * 10))
    assert (
        await pool.fetchval("SELECT count(*) FROM identity.metric_facts WHERE state <> 'settled'")
        == 0
    )


async def test_the_first_receipt_after_silence_pulls_the_rest_forward(pool: Pool) -> None:
    [answered, waiting] = await add(pool, 2, due=False)
    [stored] = await add(pool, 1)
    quiet = Ledger(PostgresLedgerRows(pool, TABLE), Broker().publish, silence_seconds=3600)
    await quiet.receive([Receipt(stored.row_id, settled=False)])
    state = await pool.fetchrow(_STATE, waiting.row_id)
    assert state is not None
    assert state["wait"] > 3000

    silent = Ledger(PostgresLedgerRows(pool, TABLE), Broker().publish, silence_seconds=0)
    await silent.receive([Receipt(answered.row_id, settled=True)])
    state = await pool.fetchrow(_STATE, waiting.row_id)
    assert state is not None
    assert state["wait"] < 1
    state = await pool.fetchrow(_STATE, stored.row_id)
    assert state is not None
    assert state["wait"] > 40  # the far end has it: no hurry


async def test_an_event_without_a_far_end_closes_on_the_brokers_word(pool: Pool) -> None:
    [row] = await add(pool)
    broker = Broker()
    broker.away = True
    ledger = Ledger(PostgresLedgerRows(pool, TABLE), broker.publish, close_on_ack=True)
    await ledger._drive([row])
    assert await pool.fetchval("SELECT state FROM identity.metric_facts") == "open"
    broker.away = False
    await ledger._drive([row])
    assert await pool.fetchval("SELECT state FROM identity.metric_facts") == "settled"


async def test_two_sweepers_never_claim_one_row_twice(pool: Pool) -> None:
    rows = await add(pool, 1000)
    # So far along that a claim keeps a row away for half a minute, longer than this test.
    await pool.execute("UPDATE identity.metric_facts SET attempts = 5")
    claimed: list[UUID] = []

    async def drain(sweeper: PostgresLedgerRows) -> None:
        while batch := await sweeper.claim(BATCH):
            claimed.extend(row.row_id for row in batch)

    await asyncio.gather(*(drain(PostgresLedgerRows(pool, TABLE)) for _ in range(4)))
    assert Counter(claimed) == Counter(row.row_id for row in rows)


async def test_a_row_that_another_sweeper_holds_is_skipped_not_waited_for(
    pool: Pool,
) -> None:
    held, free = await add(pool, 2)
    sweeper = PostgresLedgerRows(pool, TABLE)
    async with pool.acquire() as other, other.transaction():
        await other.fetch(
            "SELECT FROM identity.metric_facts WHERE fact_id = $1 FOR NO KEY UPDATE", held.row_id
        )
        async with asyncio.timeout(5):
            assert [row.row_id for row in await sweeper.claim(BATCH)] == [free.row_id]
    assert [row.row_id for row in await sweeper.claim(BATCH)] == [held.row_id]
