"""Rows that stay open until the far end confirms them.

Writing the row is accepting the work. A publish is only a hint: it may be lost, doubled or late. The far end
answers with receipts: *stored* (its own row has taken over: drive slowly) and *settled* (close). The sweeper
drives what is overdue: it claims rows by moving their `next_drive_time` in one short statement, and publishes
only after that has been committed.

The table must have the columns state, outcome, attempts, next_drive_time, stored_time and settle_time, and a
partial index on next_drive_time where the state is not 'settled'.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from chassis.database import AWAY, Pool

BATCH = 64
SWEEP_SECONDS = 0.5
# Silence after which the next receipt shows that the far end is back; more where it answers in batches.
SILENCE_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A row on its way: its id, the topic, what rows are ordered by, and a payload where the event carries one."""

    row_id: UUID
    topic: str
    group_id: UUID | None = None
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The far end's answer to one row."""

    row_id: UUID
    settled: bool
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class LedgerTable:
    """Where the rows are, and which SQL expressions make a `Row` of them; all are constants of the code."""

    name: str
    key: str
    topic: str
    group_id: str = "NULL::uuid"
    payload: str = "''::bytea"


Publish = Callable[[str, Sequence[Row]], Awaitable[None]]


class Ledger:
    """Drives the open rows of one table; `publish` gets at most 64 rows of one topic and raises on failure."""

    def __init__(
        self,
        pool: Pool,
        table: LedgerTable,
        publish: Publish,
        *,
        close_on_ack: bool = False,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._pool = pool
        self._table = table
        self._publish = publish
        self._close_on_ack = close_on_ack
        self._silence_seconds = silence_seconds
        self._hints: asyncio.Queue[Row] = asyncio.Queue(maxsize=10_000)
        self._last_receipt = time.monotonic()
        self._claim_sql = _claim_sql(table)
        self._receive_sql = _receive_sql(table)

    def hint(self, rows: Iterable[Row]) -> None:
        """Queues freshly committed rows for an immediate publish; call it after the commit, never inside."""
        for row in rows:
            if self._hints.full():
                return  # The sweeper finds them.
            self._hints.put_nowait(row)

    async def run(self) -> None:
        """Publishes hints and sweeps, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish_hints())
            tasks.create_task(self._sweep())

    async def receive(self, receipts: Sequence[Receipt]) -> None:
        """Takes receipts over: stored rows are driven slowly, settled ones close. Repeats change nothing."""
        if not receipts:
            return
        # A settled receipt beats a stored one of the same batch.
        newest = {r.row_id: r for r in sorted(receipts, key=lambda r: r.settled)}
        ordered = [newest[row_id] for row_id in sorted(newest)]
        await self._pool.execute(
            self._receive_sql,
            [r.row_id for r in ordered],
            [r.settled for r in ordered],
            [r.outcome for r in ordered],
        )
        silent = time.monotonic() - self._last_receipt
        self._last_receipt = time.monotonic()
        if silent > self._silence_seconds:
            await self._pull_forward()

    async def _pull_forward(self) -> None:
        # Rows that somebody holds are on their way already; waiting for them out of order could deadlock.
        await self._pool.execute(
            f"UPDATE {self._table.name} SET next_drive_time = now() + random() * interval '0.5 s' "  # noqa: S608
            f"WHERE {self._table.key} IN (SELECT {self._table.key} FROM {self._table.name} "
            "WHERE state = 'open' AND next_drive_time > now() + interval '1 s' "
            "FOR NO KEY UPDATE SKIP LOCKED)"
        )

    async def _publish_hints(self) -> None:
        while True:
            rows = [await self._hints.get()]
            while len(rows) < BATCH and not self._hints.empty():
                rows.append(self._hints.get_nowait())
            await self._drive(rows)

    async def _sweep(self) -> None:
        while True:
            claimed: Sequence[Row] = ()
            try:
                claimed = await self._claim()
                await self._drive(claimed)
            except AWAY as error:
                log.warning("ledger cannot be swept", table=self._table.name, error=str(error))
            if len(claimed) < BATCH:
                await asyncio.sleep(SWEEP_SECONDS)

    async def _claim(self) -> Sequence[Row]:
        records = await self._pool.fetch(self._claim_sql, BATCH)
        return [Row(r["row_id"], r["topic"], r["group_id"], r["payload"]) for r in records]

    async def _drive(self, rows: Sequence[Row]) -> None:
        for topic in dict.fromkeys(row.topic for row in rows):
            of_topic = [row for row in rows if row.topic == topic]
            try:
                await self._publish(topic, of_topic)
                if self._close_on_ack:
                    await self.receive([Receipt(row.row_id, settled=True) for row in of_topic])
            except Exception as error:  # noqa: BLE001 - whatever it was, the rows stay open and come again
                log.warning(
                    "ledger publish failed", topic=topic, rows=len(of_topic), error=str(error)
                )


def _claim_sql(table: LedgerTable) -> str:
    # An open row is driven after 1, 2, 4, … 30 s; a stored one after 60 s growing to 10 min.
    # Materialised: inside IN the planner may run the inner query once for each row, and claim all of them.
    return f"""
        WITH due AS MATERIALIZED (
            SELECT {table.key} AS row_id FROM {table.name}
            WHERE state <> 'settled' AND next_drive_time <= now()
            ORDER BY next_drive_time LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE {table.name} AS t
        SET attempts = t.attempts + 1,
            next_drive_time = now() + (0.9 + random() * 0.2) * CASE t.state
                WHEN 'open' THEN least(interval '1 s' * power(2, least(t.attempts, 5)), interval '30 s')
                ELSE least(interval '60 s' * power(2, least(t.attempts, 4)), interval '10 min') END
        FROM due
        WHERE t.{table.key} = due.row_id
        RETURNING t.{table.key} AS row_id, {table.topic} AS topic, {table.group_id} AS group_id,
                  {table.payload} AS payload
    """  # noqa: S608 - every name is a constant of the code


def _receive_sql(table: LedgerTable) -> str:
    # Rows are locked in the order of their ids, so that two batches cannot deadlock.
    return f"""
        WITH receipt AS (
            SELECT * FROM unnest($1::uuid[], $2::boolean[], $3::text[]) AS r(row_id, settled, outcome)
        ), locked AS (
            SELECT {table.key} AS row_id FROM {table.name}
            WHERE {table.key} = ANY ($1) AND state <> 'settled' ORDER BY {table.key} FOR NO KEY UPDATE
        )
        UPDATE {table.name} AS t
        SET state = CASE WHEN r.settled THEN 'settled' ELSE 'stored' END,
            outcome = coalesce(nullif(r.outcome, ''), t.outcome),
            attempts = CASE WHEN t.state = 'open' THEN 0 ELSE t.attempts END,
            next_drive_time = CASE WHEN t.state = 'open' THEN now() + interval '60 s'
                                   ELSE t.next_drive_time END,
            stored_time = coalesce(t.stored_time, now()),
            settle_time = CASE WHEN r.settled THEN now() END
        FROM receipt r JOIN locked l ON l.row_id = r.row_id
        WHERE t.{table.key} = r.row_id
    """  # noqa: S608 - every name is a constant of the code
