"""Stores accepted messages and what is due, in one transaction a batch; the ledger role writes for many customers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from chassis.database import Pool
from chassis.ledger import Receipt
from fte.conversation.v1 import conversation_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters.due_times import RECOMPUTE_DUE
from services.agent.adapters.mapping import channel_from_proto, moment, storable
from services.agent.domain.decisions import BEGINS
from services.agent.domain.flood import PACE
from services.agent.domain.turn import CustomerId, Side

UNREADABLE = "[This message could not be read.]"


@dataclass(frozen=True, slots=True)
class Owned:
    """A message with the customer that identity named, and whether identity was in doubt."""

    message: intake_service_pb2.InboundMessage
    customer_id: CustomerId
    conflicting: bool = False

    @property
    def side(self) -> Side:
        """The side on which it is worked."""
        verified = self.message.assurance == conversation_pb2.ASSURANCE_VERIFIED
        return Side.VERIFIED if verified else Side.CLAIMED


class InboundStore:
    """Messages from intake, each stored once, and the due times of their customers."""

    def __init__(self, pool: Pool, quiet: timedelta, burst: timedelta, pace: int = PACE) -> None:
        self._pool = pool
        self._pace = pace
        self._quiet = quiet
        self._burst = burst

    async def receipts(self, message_ids: Sequence[UUID]) -> dict[UUID, Receipt]:
        """The newest receipt of each message that is stored here."""
        records = await self._pool.fetch(
            "SELECT message_id, outcome FROM agent.messages WHERE message_id = ANY ($1)",
            list(message_ids),
        )
        return {
            r["message_id"]: Receipt(
                r["message_id"], settled=r["outcome"] is not None, outcome=r["outcome"] or ""
            )
            for r in records
        }

    async def recent_receipts(self) -> list[Receipt]:
        """The receipts of what was settled within the last 90 seconds, at most 1,000.

        A receipt may have died with the process; a row asks for it again only after a minute.
        """
        records = await self._pool.fetch(
            "SELECT unnest(message_ids) AS message_id FROM agent.turns WHERE state <> 'open' "
            "AND end_time > now() - interval '90 seconds' ORDER BY end_time DESC LIMIT 1000"
        )
        receipts = await self.receipts([r["message_id"] for r in records])
        return list(receipts.values())

    async def cursors(self, handle_ids: Sequence[UUID]) -> dict[UUID, int]:
        """How far each handle's sequence is stored; 0 for a new handle."""
        records = await self._pool.fetch(
            "SELECT handle_id, last_seq FROM agent.handle_cursors WHERE handle_id = ANY ($1)",
            list(handle_ids),
        )
        known = {r["handle_id"]: r["last_seq"] for r in records}
        return {handle_id: known.get(handle_id, 0) for handle_id in handle_ids}

    async def store(self, batch: Sequence[Owned]) -> None:
        """Stores messages, cursors, heads and due times; all or nothing, repeats change nothing."""
        heads = sorted({(owned.customer_id, owned.side.value) for owned in batch})
        customers, sides = [h[0] for h in heads], [h[1] for h in heads]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO agent.heads (customer_id, side) "
                "SELECT * FROM unnest($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING",
                customers,
                sides,
            )
            # Locked in the order of their ids, so that two batches cannot deadlock.
            await connection.execute(
                "SELECT 1 FROM agent.heads WHERE (customer_id, side) IN "
                "(SELECT * FROM unnest($1::uuid[], $2::text[])) "
                "ORDER BY customer_id, side FOR NO KEY UPDATE",
                customers,
                sides,
            )
            await connection.executemany(_INSERT_MESSAGE, [_message(owned) for owned in batch])
            await connection.execute(_ADVANCE_CURSORS, *_cursors(batch))
            await connection.execute(
                RECOMPUTE_DUE, customers, sides, self._quiet, self._burst, self._pace
            )

    async def store_unreadable(self, owned: Owned) -> None:
        """Stores a message that cannot be stored as it is; its turn is given up at once, and a person gets it.

        The original stays in intake's ledger.
        """
        bare = intake_service_pb2.InboundMessage()
        bare.CopyFrom(owned.message)
        bare.body, bare.subject, bare.sender_name = UNREADABLE, "", ""
        await self.store([replace(owned, message=bare)])
        await self._pool.execute(
            "UPDATE agent.heads SET begin_count = $3 WHERE customer_id = $1 AND side = $2",
            owned.customer_id,
            owned.side.value,
            BEGINS,
        )

    async def make_due(self) -> int:
        """Makes due whoever has waiting messages, no due time and no live lease; returns how many."""
        records = await self._pool.fetch(
            "UPDATE agent.heads AS h SET due_time = now() WHERE h.due_time IS NULL "
            "AND (h.lease_time IS NULL OR h.lease_time < now()) AND EXISTS ("
            "SELECT 1 FROM agent.messages AS m WHERE m.customer_id = h.customer_id "
            "AND m.side = h.side AND m.direction = 'inbound' AND m.outcome IS NULL) "
            "RETURNING h.customer_id"
        )
        return len(records)


_INSERT_MESSAGE = """
    INSERT INTO agent.messages (message_id, customer_id, side, ticket_id, direction, role, channel, subject,
                                content, handle_id, inbox_seq, source, create_time, conflicting)
    VALUES ($1, $2, $3, $4, 'inbound', 'customer', $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT DO NOTHING
"""

_ADVANCE_CURSORS = """
    INSERT INTO agent.handle_cursors AS c (handle_id, last_seq)
    SELECT * FROM unnest($1::uuid[], $2::bigint[])
    ON CONFLICT (handle_id)
    DO UPDATE SET last_seq = greatest(c.last_seq, excluded.last_seq), update_time = now()
"""


def _message(owned: Owned) -> tuple[object, ...]:
    message = owned.message
    form = message.web_form if message.HasField("web_form") else None
    return (
        UUID(message.message_id),
        owned.customer_id,
        owned.side.value,
        UUID(form.ticket_id) if form else None,
        channel_from_proto(message.channel).value,
        storable(message.subject),
        storable(message.body),
        UUID(message.handle_id),
        message.inbox_seq,
        message.SerializeToString(),
        moment(message.accept_time),
        owned.conflicting,
    )


def _cursors(batch: Sequence[Owned]) -> tuple[list[UUID], list[int]]:
    last: dict[UUID, int] = {}
    for owned in batch:
        handle_id = UUID(owned.message.handle_id)
        last[handle_id] = max(last.get(handle_id, 0), owned.message.inbox_seq)
    ordered = sorted(last)
    return ordered, [last[handle_id] for handle_id in ordered]
