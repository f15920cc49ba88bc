"""Makes a ticket a person's task: ticket, conversation, escalation and its announcement, in one transaction."""

from datetime import datetime
from uuid import UUID, uuid4

from chassis.database import Connection
from chassis.ledger import Row
from fte.agent.v1 import agent_events_pb2
from services.agent.adapters.mapping import channel_to_proto, timestamp
from services.agent.domain.events import Escalated
from services.agent.domain.turn import CustomerId, Side

ESCALATIONS_TOPIC = "fte.escalations"
SUPPORT_TEAM = "support team"


async def escalate(
    connection: Connection,
    customer_id: CustomerId,
    side: Side,
    conversation_id: UUID,
    event: Escalated,
    now: datetime,
    note: str = "",
) -> Row:
    """Writes the task, with a note for the person; returns the announcement's row, to be hinted after the commit."""
    await connection.execute(
        "UPDATE agent.tickets SET status = 'escalated', escalation_reason = $2, update_time = $3 "
        "WHERE ticket_id = $1",
        event.ticket_id,
        event.reason,
        now,
    )
    await connection.execute(
        "UPDATE agent.conversations SET status = 'escalated', escalated_to = $2 "
        "WHERE conversation_id = $1",
        conversation_id,
        SUPPORT_TEAM,
    )
    await connection.execute(
        "INSERT INTO agent.escalations (escalation_id, ticket_id, conversation_id, customer_id, "
        "side, channel, reason, urgency, create_time, update_time, note) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)",
        event.escalation_id,
        event.ticket_id,
        conversation_id,
        customer_id,
        side,
        event.channel,
        event.reason,
        event.urgency,
        now,
        note,
    )
    announced = agent_events_pb2.ConversationEscalated(
        occur_time=timestamp(now),
        escalation_id=str(event.escalation_id),
        ticket_id=str(event.ticket_id),
        conversation_id=str(conversation_id),
        customer_id=str(customer_id),
        channel=channel_to_proto(event.channel),
        reason=event.reason.value,
        urgency=event.urgency.value,
    )
    return await announce(connection, ESCALATIONS_TOPIC, announced.SerializeToString())


async def announce(connection: Connection, topic: str, payload: bytes) -> Row:
    """Adds one event to the ledger of announcements; returns its row."""
    row_id = uuid4()
    await connection.execute(
        "INSERT INTO agent.announcements (announcement_id, topic, payload) VALUES ($1, $2, $3)",
        row_id,
        topic,
        payload,
    )
    return Row(row_id, topic, payload=payload)
