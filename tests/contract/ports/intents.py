"""The intent ledger under test: two processes' stores over the same rows, and what the port does not show."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from chassis.database import Pool, open_pool
from services.delivery.adapters.intent_store import PostgresIntentStore
from services.delivery.application.ports import Attempt, IntentStore, Receipt
from services.delivery.domain.intent import (
    Channel,
    Intent,
    IntentId,
    Progress,
    State,
    Step,
)
from tests.contract.ports.passing_time import Clock, age
from tests.faults.simulation.boundary import Direct
from tests.faults.simulation.memory_intent_rows import IntentsInMemory
from tests.faults.simulation.memory_intents import MemoryIntentStore
from tests.integration.postgres import Database

FOLLOWER_WAIT_SECONDS = 30.0
ATTEMPT_SECONDS = 20.0
ROOM = dict.fromkeys(Channel, 16)

AttemptAudit = tuple[str | None, str | None, bool]


class Rows(Protocol):
    """What the ledger keeps that no method of the port returns."""

    async def pass_time(self, by: timedelta) -> None:
        """Lets time pass."""

    async def attempts(self, intent_id: UUID) -> list[AttemptAudit]:
        """Returns outcome, detail and whether it ended, of each attempt in order."""

    async def error(self, intent_id: UUID) -> str | None:
        """Returns the reason kept beside the state."""

    async def facts(self) -> int:
        """Returns how many metric facts there are."""

    async def corrections(self) -> list[tuple[UUID, str]]:
        """Returns what is to be told as taken back, by id."""


class Intents:
    """The ledger as tests drive it; `store` and `other` belong to two processes."""

    def __init__(self, store: IntentStore, other: IntentStore, rows: Rows) -> None:
        self.store = store
        self.other = other
        self.rows = rows

    async def add(self, *intents: Intent) -> None:
        """Takes intents over."""
        await self.store.insert([(intent, "") for intent in intents])

    async def claim(self, worker: str = "delivery-0") -> Sequence[Attempt]:
        """Claims whatever may go."""
        return (await self.store.claim(ROOM, worker, ATTEMPT_SECONDS)).attempts

    async def claimable(self) -> set[IntentId]:
        """Claims whatever may go and returns its ids."""
        return {attempt.intent.intent_id for attempt in await self.claim()}

    async def end(self, of: Intent, state: State, **changes: object) -> Receipt | None:
        """Puts an intent into a state, whatever its state was."""
        return await self.store.change(of.intent_id, lambda _: step(state, **changes))

    async def progress(self, of: Intent) -> Progress:
        """Returns what a decision about the intent would rest on."""
        seen: list[Progress] = []
        await self.store.change(of.intent_id, seen.append)
        (progress,) = seen
        return progress

    async def state(self, of: Intent) -> State:
        """Returns the intent's state."""
        return (await self.store.receipts([of.intent_id]))[of.intent_id].state


def step(state: State, **changes: object) -> Step:
    """Returns a decision."""
    return Step(state, **changes)  # type: ignore[arg-type]  # names and types are Step's own


@asynccontextmanager
async def intents_over(
    backing: Database | None, follower_wait_seconds: float = FOLLOWER_WAIT_SECONDS
) -> AsyncIterator[Intents]:
    """Gives an empty ledger in memory or in the database."""
    if backing is None:
        clock = Clock()
        rows = IntentsInMemory(clock, random.Random(1))
        one, two = (MemoryIntentStore(rows, Direct(), follower_wait_seconds) for _ in range(2))
        yield Intents(one, two, _InMemory(rows, clock))
        return
    pool = await open_pool(backing.url("fte_delivery"), 4, application="test")
    try:
        first, second = (PostgresIntentStore(pool, follower_wait_seconds) for _ in range(2))
        yield Intents(first, second, _InPostgres(pool, backing))
    finally:
        await pool.close()


class _InMemory:
    def __init__(self, rows: IntentsInMemory, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock

    async def pass_time(self, by: timedelta) -> None:
        self._clock.move(by)

    async def attempts(self, intent_id: UUID) -> list[AttemptAudit]:
        attempts = self._rows.rows[intent_id].attempts
        return [(a.outcome, a.detail, a.end_time is not None) for a in attempts]

    async def error(self, intent_id: UUID) -> str | None:
        return self._rows.rows[intent_id].error

    async def facts(self) -> int:
        return self._rows.facts

    async def corrections(self) -> list[tuple[UUID, str]]:
        entries = self._rows.corrections.entries
        return sorted((row_id, entry.row.payload.decode()) for row_id, entry in entries.items())


class _InPostgres:
    def __init__(self, pool: Pool, database: Database) -> None:
        self._pool = pool
        self._database = database

    async def pass_time(self, by: timedelta) -> None:
        await age(self._database, "delivery", by)

    async def attempts(self, intent_id: UUID) -> list[AttemptAudit]:
        rows = await self._pool.fetch(
            "SELECT outcome, detail, end_time IS NOT NULL FROM delivery.attempts "
            "WHERE intent_id = $1 ORDER BY attempt",
            intent_id,
        )
        return [(outcome, detail, ended) for outcome, detail, ended in rows]

    async def error(self, intent_id: UUID) -> str | None:
        found: str | None = await self._pool.fetchval(
            "SELECT error FROM delivery.intents WHERE intent_id = $1", intent_id
        )
        return found

    async def facts(self) -> int:
        return int(await self._pool.fetchval("SELECT count(*) FROM delivery.metric_facts") or 0)

    async def corrections(self) -> list[tuple[UUID, str]]:
        rows = await self._pool.fetch(
            "SELECT intent_id, correction FROM delivery.corrections ORDER BY intent_id"
        )
        return [(row_id, correction) for row_id, correction in rows]
