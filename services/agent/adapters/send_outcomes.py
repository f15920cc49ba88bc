"""What delivery reports of sends: plain *sent* in bulk, anything else through the customer's actor."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from chassis.database import Connection, Pool
from fte.agent.v1 import customer_actor_pb2 as wire
from services.agent.adapters.escalations import escalate
from services.agent.adapters.event_log import append_events
from services.agent.domain.events import Escalated, SendFailed
from services.agent.domain.turn import (
    Channel,
    CustomerId,
    EscalationReason,
    MessageId,
    Side,
    TicketId,
    Urgency,
)

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
        """Whose rows these are that can still end otherwise than sent: open ones, and those closed as sent."""
        records = await self._ledger.fetch(
            "SELECT outbox_id, customer_id, side FROM agent.outbox "
            "WHERE outbox_id = ANY ($1) AND (state <> 'settled' OR outcome = 'sent')",
            list(outbox_ids),
        )
        return {r["outbox_id"]: (CustomerId(r["customer_id"]), Side(r["side"])) for r in records}

    async def report(
        self, customer_id: CustomerId, side: Side, request: wire.ReportRequest
    ) -> None:
        """Closes the rows and makes the failure a person's task; repeats change nothing.

        A row that was closed as sent is corrected: its provider took the message back.
        """
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
        "WHERE outbox_id = $1 AND (state <> 'settled' OR outcome = 'sent') "
        "RETURNING message_id, conversation_id, channel, now() AS now",
        UUID(outcome.outbox_id),
        outcome.outcome,
    )
    if row is None:
        return
    # The first failed part speaks for the whole message, whatever becomes of the others.
    changed = await connection.fetchrow(
        "UPDATE agent.messages SET delivery_status = $2 "
        "WHERE message_id = $1 AND delivery_status NOT IN ('failed', 'parked') "
        "RETURNING ticket_id",
        row["message_id"],
        DELIVERY_STATUS[outcome.outcome],
    )
    # A cancelled part follows a failed one, or was stopped by a person: neither is a task.
    if changed is not None and changed["ticket_id"] is not None and outcome.outcome != "cancelled":
        event = Escalated(
            uuid4(),
            TicketId(changed["ticket_id"]),
            EscalationReason.DELIVERY_FAILURE,
            Urgency.HIGH,
            Channel(row["channel"]),
        )
        await escalate(
            connection,
            customer_id,
            side,
            row["conversation_id"],
            event,
            row["now"],
            outcome.detail,
        )
    failed = SendFailed(UUID(outcome.outbox_id), MessageId(row["message_id"]), outcome.outcome)
    await append_events(connection, customer_id, side, version, [failed], row["now"])
