"""The inbox under test: two processes' ways to the same rows, and what the port does not show."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from chassis.database import Pool, open_pool
from chassis.ledger import Ledger, Row
from fte.intake.v1 import intake_service_pb2
from services.intake.adapters.inbox import InboxReader, PostgresInbox, ledgers
from services.intake.application.ports import Inbox
from tests.contract.ports.passing_time import Clock, age
from tests.faults.simulation.boundary import Direct
from tests.faults.simulation.memory_inbox import MemoryInbox, MemoryInboxReader
from tests.faults.simulation.memory_inbox_rows import InboxInMemory
from tests.integration.postgres import Database


class Reader(Protocol):
    """What hands accepted rows out."""

    async def messages(
        self, cursors: Sequence[tuple[UUID, int]], page_size: int
    ) -> tuple[list[intake_service_pb2.InboundMessage], bool]:
        """Returns the next messages of each handle, and whether there are more."""

    async def statuses(self, row_ids: Sequence[UUID]) -> list[intake_service_pb2.ProviderStatus]:
        """Returns the statuses that exist."""


@dataclass(frozen=True, slots=True)
class Drive:
    """What a row's ledger knows: when it is driven next counts from its acceptance."""

    state: str
    outcome: str | None
    attempts: int
    next_drive: timedelta
    settled: bool


@dataclass(frozen=True, slots=True)
class Inboxes:
    """The inbox as tests drive it; `inbox` and `other` belong to two processes, `hinted` empties as it is read."""

    inbox: Inbox
    other: Inbox
    reader: Reader
    hinted: Callable[[], list[Row]]
    drive: Callable[[UUID], Awaitable[Drive]]
    pass_time: Callable[[timedelta], Awaitable[None]]

    async def handle_id(self) -> UUID:
        """Returns the handle of the only row that was hinted."""
        (row,) = self.hinted()
        assert row.group_id is not None
        return row.group_id


@asynccontextmanager
async def inboxes_over(backing: Database | None) -> AsyncIterator[Inboxes]:
    """Gives an empty inbox in memory or in the database."""
    if backing is None:
        yield _in_memory()
        return
    pool = await open_pool(backing.url("fte_intake"), 4, application="test")
    try:
        yield _in_postgres(pool, backing)
    finally:
        await pool.close()


def _in_memory() -> Inboxes:
    clock = Clock()
    rows = InboxInMemory(clock, random.Random(1))
    hints: list[Row] = []

    def hinted() -> list[Row]:
        found = hints.copy()
        hints.clear()
        return found

    async def drive(inbox_id: UUID) -> Drive:
        row = rows.rows[inbox_id]
        kept = rows.ledger.entries[inbox_id]
        return Drive(
            kept.state,
            kept.outcome,
            kept.attempts,
            kept.next_drive_time - row.accept_time,
            kept.settle_time is not None,
        )

    async def pass_time(by: timedelta) -> None:
        clock.move(by)

    one, two = (MemoryInbox(rows, Direct(), hints.extend) for _ in range(2))
    return Inboxes(one, two, MemoryInboxReader(rows, Direct()), hinted, drive, pass_time)


def _in_postgres(pool: Pool, database: Database) -> Inboxes:
    async def publish(topic: str, rows: Sequence[Row]) -> None:
        raise AssertionError(f"no ledger runs here, yet {len(rows)} rows go to {topic}")

    driven = ledgers(pool, publish, publish)

    def hinted() -> list[Row]:
        return _queued(driven.inbox)

    async def drive(inbox_id: UUID) -> Drive:
        row = await pool.fetchrow(
            "SELECT state, outcome, attempts, next_drive_time - accept_time AS next_drive, "
            "settle_time IS NOT NULL AS settled FROM intake.inbox WHERE inbox_id = $1",
            inbox_id,
        )
        assert row is not None
        return Drive(**row)

    async def pass_time(by: timedelta) -> None:
        await age(database, "intake", by)

    one, two = (PostgresInbox(pool, driven) for _ in range(2))
    return Inboxes(one, two, InboxReader(pool), hinted, drive, pass_time)


def _queued(ledger: Ledger) -> list[Row]:
    found = []
    while not ledger._hints.empty():
        found.append(ledger._hints.get_nowait())
    return found
