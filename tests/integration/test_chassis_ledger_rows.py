"""The rows of a ledger on a real Postgres: a claim keeps them away, settled is the end."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from chassis.database import Pool, open_pool
from chassis.ledger import Receipt
from chassis.ledger_rows import LedgerTable, PostgresLedgerRows
from tests.integration.postgres import Database

TABLE = LedgerTable(name="identity.metric_facts", key="fact_id", topic="'fte.metrics'")


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(database.url("fte_identity"), 2, application="test")
    yield opened
    await opened.close()


async def add(pool: Pool) -> UUID:
    row_id: UUID = await pool.fetchval(
        "INSERT INTO identity.metric_facts (payload, next_drive_time) "
        "VALUES ('fact', now() - interval '1 s') RETURNING fact_id"
    )
    return row_id


async def test_a_claimed_row_is_not_due_again_at_once(pool: Pool) -> None:
    row_id = await add(pool)
    rows = PostgresLedgerRows(pool, TABLE)
    assert [row.row_id for row in await rows.claim(10)] == [row_id]
    assert await rows.claim(10) == []
    moved = "SELECT attempts = 1 AND next_drive_time > now() FROM identity.metric_facts"
    assert await pool.fetchval(moved)


async def test_a_late_receipt_does_not_open_a_settled_row(pool: Pool) -> None:
    row_id = await add(pool)
    rows = PostgresLedgerRows(pool, TABLE)
    await rows.receive([Receipt(row_id, settled=True, outcome="sent")])
    before = await pool.fetchrow("SELECT * FROM identity.metric_facts")
    await rows.receive([Receipt(row_id, settled=False)])
    await rows.receive([Receipt(row_id, settled=True, outcome="another")])
    assert await pool.fetchrow("SELECT * FROM identity.metric_facts") == before
    assert await rows.claim(10) == []
