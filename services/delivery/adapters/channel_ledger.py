"""The intent ledger by channel in Postgres: what waits, what is held and why, and the last known switches."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from chassis.database import AWAY, Connection, Pool
from services.delivery.adapters import mapping
from services.delivery.adapters import statements as sql
from services.delivery.application.channel_health import Backlog
from services.delivery.application.ports import StoreAway
from services.delivery.domain.intent import Channel

_BACKLOGS = """
    SELECT channel, count(*) AS waiting, extract(epoch FROM now() - min(create_time)) AS oldest_seconds
    FROM delivery.intents WHERE state IN ('PENDING', 'ATTEMPTING', 'UNKNOWN') GROUP BY channel
"""

# $1 is a channel, $2 the reason that the pending rows get; those in somebody's hands are left to the next check.
_HOLD = """
    WITH held AS (
        SELECT intent_id FROM delivery.intents
        WHERE channel = $1 AND state = 'PENDING' AND error IS DISTINCT FROM $2
        ORDER BY intent_id FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE delivery.intents i SET error = $2 FROM held WHERE i.intent_id = held.intent_id
    RETURNING i.intent_id
"""

_RELEASE = """
    WITH held AS (
        SELECT intent_id FROM delivery.intents
        WHERE channel = $1 AND state = 'PENDING' AND error = $2
        ORDER BY intent_id FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE delivery.intents i SET error = NULL FROM held WHERE i.intent_id = held.intent_id
    RETURNING i.intent_id
"""

_KEEP_SWITCH = """
    INSERT INTO delivery.channel_switches AS s (channel, enabled) VALUES ($1, $2)
    ON CONFLICT (channel) DO UPDATE SET enabled = excluded.enabled, update_time = now()
    WHERE s.enabled <> excluded.enabled
"""


class PostgresChannelLedger:
    """Reads and marks intents by channel."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def backlogs(self) -> Mapping[Channel, Backlog]:
        """Returns what waits, by channel; one where nothing waits is absent."""
        async with self._connection() as connection:
            rows = await connection.fetch(_BACKLOGS)
        return {
            Channel(row["channel"]): Backlog(row["waiting"], float(row["oldest_seconds"]))
            for row in rows
        }

    async def hold(self, channel: Channel, reason: str) -> int:
        """Writes the reason on what is pending and has another; returns how many those were."""
        async with self._connection() as connection:
            return len(await connection.fetch(_HOLD, channel, reason))

    async def release(self, channel: Channel, reason: str) -> int:
        """Takes that reason away again."""
        async with self._connection() as connection:
            return len(await connection.fetch(_RELEASE, channel, reason))

    async def note_check(self, channel: Channel, outcome: str) -> None:
        """Records a metric fact about a check: answers, dark or disabled."""
        fact = mapping.health_fact(channel, outcome)
        async with self._connection() as connection:
            await connection.execute(sql.ADD_FACT, UUID(fact.fact_id), fact.SerializeToString())

    async def switches(self) -> Mapping[Channel, bool]:
        """Returns the switches as they were known last."""
        async with self._connection() as connection:
            rows = await connection.fetch("SELECT channel, enabled FROM delivery.channel_switches")
        return {Channel(row["channel"]): row["enabled"] for row in rows}

    async def keep_switch(self, channel: Channel, *, enabled: bool) -> None:
        """Keeps a switch for a start without intake."""
        async with self._connection() as connection:
            await connection.execute(_KEEP_SWITCH, channel, enabled)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.acquire() as connection:
                yield connection
        except AWAY as error:
            raise StoreAway(type(error).__name__) from error
