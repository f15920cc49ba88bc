"""What a running stack's tables say about the customers of an evaluation; read as the local superuser, never written."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from fte.agent.v1 import agent_service_pb2

_POLL_SECONDS: Final = 0.25
_ANSWER_SECONDS: Final = 15.0

# A message is done when its outcome is decided and every part of what was said to it is with its provider.
_DONE: Final = """
    SELECT h.value AS sender, count(*) AS accepted,
           count(*) FILTER (WHERE (i.suppress_reason IS NOT NULL OR m.outcome IS NOT NULL)
               AND NOT EXISTS (
                   SELECT FROM agent.messages AS a JOIN agent.outbox AS o USING (message_id)
                   WHERE a.turn_id = m.turn_id AND o.state <> 'settled')) AS done
    FROM intake.inbox AS i JOIN intake.handles AS h USING (handle_id)
    LEFT JOIN agent.messages AS m ON m.message_id = i.inbox_id
    WHERE i.kind = 'message' AND h.value = ANY ($1) GROUP BY h.value
"""
_CUSTOMERS: Final = """
    SELECT DISTINCT m.customer_id FROM agent.messages AS m JOIN intake.handles AS h USING (handle_id)
    WHERE h.value = ANY ($1)
"""
_ANSWERS: Final = """
    SELECT m.message_id::text, m.role, m.channel, m.content, m.model, m.tool_calls::text, m.create_time,
           ARRAY(SELECT o.content FROM agent.outbox AS o
                 WHERE o.message_id = m.message_id ORDER BY o.send_seq) AS parts
    FROM agent.messages AS m
    WHERE m.direction = 'outbound' AND m.customer_id = ANY ($1) ORDER BY m.create_time, m.message_id
"""
_INBOUND: Final = """
    SELECT outcome, count(*) AS messages FROM agent.messages
    WHERE direction = 'inbound' AND customer_id = ANY ($1) GROUP BY outcome
"""
_TICKETS: Final = """
    SELECT reference, status, category, priority FROM agent.tickets
    WHERE customer_id = ANY ($1) ORDER BY create_time, reference
"""
_ESCALATIONS: Final = """
    SELECT reason, urgency FROM agent.escalations
    WHERE customer_id = ANY ($1) ORDER BY create_time, escalation_id
"""

Row = Mapping[str, Any]


class NotDone(Exception):
    """Raised when a customer's messages were not dealt with in time."""


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that the ledgers say about one customer, in order of time."""

    answers: Sequence[Row] = ()
    tickets: Sequence[Row] = ()
    escalations: Sequence[Row] = ()
    outcomes: Mapping[str, int] = field(default_factory=dict)


class Ledger:
    """Reads the tables over a small pool, and watches for many customers with one query."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._waiting: dict[tuple[str, ...], tuple[int, asyncio.Event]] = {}
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, dsn: str) -> "Ledger":
        """Connects to a stack's database.

        Raises:
            OSError, asyncpg.PostgresError: if it does not answer.
        """
        pool = await asyncpg.create_pool(
            dsn, min_size=1, max_size=4, command_timeout=_ANSWER_SECONDS, timeout=_ANSWER_SECONDS
        )
        return cls(pool)

    async def close(self) -> None:
        """Ends the watching and the connections."""
        if self._watching:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await self._pool.close()

    async def done(self, senders: Sequence[str], written: int, seconds: float) -> None:
        """Waits until all `written` messages of these senders are decided and what was said is with the providers.

        Raises:
            NotDone: if that takes longer than `seconds`.
        """
        event = asyncio.Event()
        self._waiting[tuple(senders)] = (written, event)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        began = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError as error:
            waited = time.monotonic() - began
            raise NotDone(f"not every message was dealt with within {waited:.0f} s") from error
        finally:
            del self._waiting[tuple(senders)]

    async def _watch(self) -> None:
        while self._waiting:
            senders = [sender for key in self._waiting for sender in key]
            try:
                rows = {row["sender"]: row for row in await self._pool.fetch(_DONE, senders)}
            except (OSError, asyncpg.PostgresError):
                # Who waits has a limit of his own.
                rows = {}
            for key, (written, event) in self._waiting.items():
                ours = [rows[sender] for sender in key if sender in rows]
                accepted = sum(row["accepted"] for row in ours)
                if accepted >= written and accepted == sum(row["done"] for row in ours):
                    event.set()
            await asyncio.sleep(_POLL_SECONDS)

    async def effects(self, senders: Sequence[str]) -> Effects:
        """Reads what is recorded about the customer who writes from these addresses and numbers."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            found = await connection.fetch(_CUSTOMERS, list(senders))
            customers = [row["customer_id"] for row in found]

            async def rows(query: str) -> list[dict[str, Any]]:
                return [dict(row) for row in await connection.fetch(query, customers)]

            inbound = await rows(_INBOUND)
            return Effects(
                answers=[row | {"parts": _texts(row)} for row in await rows(_ANSWERS)],
                tickets=await rows(_TICKETS),
                escalations=await rows(_ESCALATIONS),
                outcomes={str(row["outcome"]): row["messages"] for row in inbound},
            )


def _texts(answer: Row) -> list[str]:
    """Returns the parts of an answer as they are to be sent, in their order."""
    return [agent_service_pb2.OutboundMessage.FromString(part).text for part in answer["parts"]]
