"""The mails among the intents, in Postgres: whose Message-ID is missing, and whether a mail is one of ours."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from chassis.database import AWAY, Connection, Pool
from services.delivery.adapters import mapping
from services.delivery.application.ports import Receipt, StoreAway, Unnamed
from services.delivery.domain.intent import IntentId, Kind, State

# $1 is the most rows, $2 the seconds until another process may ask for the same one.
_UNNAMED = """
    WITH due AS (
        SELECT intent_id FROM delivery.intents
        WHERE channel = 'email' AND state = 'SENT' AND internet_message_id IS NULL
          AND provider_id IS NOT NULL AND next_attempt_time <= now()
          AND final_time > now() - interval '1 day'
        ORDER BY next_attempt_time LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE delivery.intents i SET next_attempt_time = now() + make_interval(secs => $2)
    FROM due WHERE i.intent_id = due.intent_id
    RETURNING i.kind, i.content, i.provider_id
"""
_NAME = """
    UPDATE delivery.intents SET internet_message_id = $2
    WHERE intent_id = $1 AND state = 'SENT'
    RETURNING intent_id, kind, state, provider_id, provider_thread_id
"""
# An id that anybody can write into a header counts only if an intent of ours has it.
_FOUND = """
    SELECT EXISTS (SELECT FROM delivery.intents WHERE channel = 'email' AND provider_id = nullif($1, ''))
        OR EXISTS (SELECT FROM delivery.intents WHERE internet_message_id = nullif($2, ''))
        OR EXISTS (SELECT FROM delivery.intents WHERE intent_id = $3 AND channel = 'email')
"""


class PostgresSentMails:
    """Reads and names mails; every method raises `StoreAway`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def unnamed(self, limit: int, hold_seconds: float) -> Sequence[Unnamed]:
        """Claims mails sent within the last day without a Message-ID, by moving their next look."""
        async with self._connection() as connection:
            rows = await connection.fetch(_UNNAMED, limit, hold_seconds)
        return [
            Unnamed(mapping.stored_intent(row["content"], row["kind"]), row["provider_id"])
            for row in rows
        ]

    async def name(self, intent_id: IntentId, internet_message_id: str) -> Receipt | None:
        """Keeps the Message-ID of a mail, empty if it cannot be had any more; returns its receipt."""
        async with self._connection() as connection:
            row = await connection.fetchrow(_NAME, intent_id, internet_message_id)
        if row is None or row["kind"] == Kind.WEB_NOTICE:
            return None
        return Receipt(
            row["intent_id"],
            State(row["state"]),
            row["provider_id"] or "",
            row["provider_thread_id"] or "",
            internet_message_id,
        )

    async def found(
        self, provider_id: str, internet_message_id: str, intent_id: UUID | None
    ) -> bool:
        """Tells whether one of the ids is of a mail that we sent or are sending; empty ones are nobody's."""
        async with self._connection() as connection:
            return bool(
                await connection.fetchval(_FOUND, provider_id, internet_message_id, intent_id)
            )

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.acquire() as connection:
                yield connection
        except AWAY as error:
            raise StoreAway(type(error).__name__) from error
