"""What delivery reports of sends: plain *sent* in bulk, anything else through the customer's actor."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import asyncpg

from chassis.database import Connection, Pool
from fte.agent.v1 import customer_actor_pb2 as wire
from services.agent.adapters.event_log import append_events
from services.agent.domain.events import SendFailed
from services.agent.domain.turn import CustomerId, EscalationReason, MessageId, Side, Urgency

# What a customer's message shows for each outcome that is not sent.
DELIVERY_STATUS = {
    "rejected": "failed",
    "needs_human": "failed",
    "cancelled": "cancelled",
    "parked": "parked",
}


class SendOutcomes:
    """Outcomes of outbox rows; `ledger` sees all rows, `turn` one side of one customer."""

    def __init__(self, ledger: Pool, turn: Pool) -> None:
        self._ledger = ledger
        self._turn = turn

    async def sent(self, outbox_ids: Sequence[UUID], provider_ids: Sequence[str]) -> None:
        """Shows messages as sent whose every part is settled; called after the ledger took the receipts."""
        await self._ledger.execute(
            "WITH part AS (SELECT * FROM unnest($1::uuid[], $2::text[]) AS p(outbox_id, provider_id)), "
            "target AS (SELECT m.message_id, max(p.provider_id) AS provider_id FROM part AS p "
            "JOIN agent.outbox AS o USING (outbox_id) JOIN agent.messages AS m USING (message_id) "
            "WHERE m.delivery_status = 'pending' AND NOT EXISTS (SELECT 1 FROM agent.outbox AS open "
            "WHERE open.message_id = m.message_id AND open.state <> 'settled') GROUP BY m.message_id) "
            "UPDATE agent.messages AS m SET delivery_status = 'sent', "
            "provider_message_id = nullif(t.provider_id, '') "
            "FROM target AS t WHERE m.message_id = t.message_id",
            list(outbox_ids),
            list(provider_ids),
        )

    async def owners(self, outbox_ids: Sequence[UUID]) -> dict[UUID, tuple[CustomerId, Side]]:
        """Whose open rows these are; settled ones are left out."""
        records = await self._ledger.fetch(
            "SELECT outbox_id, customer_id, side FROM agent.outbox "
            "WHERE outbox_id = ANY ($1) AND state <> 'settled'",
            list(outbox_ids),
        )
        return {r["outbox_id"]: (CustomerId(r["customer_id"]), Side(r["side"])) for r in records}

    async def report(
        self, customer_id: CustomerId, side: Side, request: wire.ReportRequest
    ) -> None:
        """Closes the rows and makes the failure a person's task; repeats change nothing."""
        async with self._turn.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT set_config('fte.customer_id', $1, true), set_config('fte.side', $2, true)",
                str(customer_id),
                side.value,
            )
            version: int = await connection.fetchval(
                "SELECT version FROM agent.heads WHERE customer_id = $1 AND side = $2 "
                "FOR NO KEY UPDATE",
                customer_id,
                side,
            )
            for outcome in request.outcomes:
                await _close(connection, customer_id, side, version, outcome)


async def _close(
    connection: Connection,
    customer_id: CustomerId,
    side: Side,
    version: int,
    outcome: wire.SendOutcome,
) -> None:
    row = await connection.fetchrow(
        "UPDATE agent.outbox SET state = 'settled', outcome = $2, settle_time = now() "
        "WHERE outbox_id = $1 AND state <> 'settled' "
        "RETURNING message_id, conversation_id, channel, now() AS now",
        UUID(outcome.outbox_id),
        outcome.outcome,
    )
    if row is None:
        return
    await connection.execute(
        "UPDATE agent.messages SET delivery_status = $2 WHERE message_id = $1",
        row["message_id"],
        DELIVERY_STATUS[outcome.outcome],
    )
    # A cancelled part follows a failed one, which has made the task already.
    if outcome.outcome != "cancelled":
        await _escalate(connection, customer_id, side, row)
    event = SendFailed(UUID(outcome.outbox_id), MessageId(row["message_id"]), outcome.outcome)
    await append_events(connection, customer_id, side, version, [event], row["now"])


async def _escalate(
    connection: Connection, customer_id: CustomerId, side: Side, row: asyncpg.Record
) -> None:
    ticket_id = await connection.fetchval(
        "UPDATE agent.tickets AS t SET status = 'escalated', escalation_reason = $2, "
        "update_time = now() FROM agent.messages AS m "
        "WHERE m.message_id = $1 AND t.ticket_id = m.ticket_id RETURNING t.ticket_id",
        row["message_id"],
        EscalationReason.DELIVERY_FAILURE,
    )
    if ticket_id is None:
        return
    await connection.execute(
        "INSERT INTO agent.escalations (escalation_id, ticket_id, conversation_id, customer_id, "
        "side, channel, reason, urgency, create_time, update_time) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        uuid4(),
        ticket_id,
        row["conversation_id"],
        customer_id,
        side,
        row["channel"],
        EscalationReason.DELIVERY_FAILURE,
        Urgency.HIGH,
        row["now"],
    )
