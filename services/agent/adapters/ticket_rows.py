"""A ticket's row: opened, resolved, reopened, and what that means for its conversation and escalations."""

from datetime import datetime

from chassis.database import Connection
from services.agent.domain.events import TicketOpened, TicketReopened, TicketResolved
from services.agent.domain.turn import Turn


async def open_ticket(
    connection: Connection, turn: Turn, event: TicketOpened, now: datetime
) -> None:
    """Opens a ticket in the turn's conversation.

    A form's ticket goes on in another conversation when its holder writes again after a day; if it still waits for a
    person, it goes on waiting.
    """
    await connection.execute(
        "INSERT INTO agent.tickets (ticket_id, reference, customer_id, side, conversation_id, "
        "channel, status, priority, category, subject, create_time, update_time) "
        "VALUES ($1, $2, $3, $4, $5, $6, 'in_progress', $7, $8, $9, $10, $10) "
        "ON CONFLICT (ticket_id) DO UPDATE SET conversation_id = excluded.conversation_id, status = "
        "CASE tickets.status WHEN 'escalated' THEN 'escalated' ELSE 'in_progress' END, "
        "resolve_time = NULL, update_time = excluded.update_time",
        event.ticket_id,
        event.reference,
        turn.customer_id,
        turn.side,
        turn.conversation_id,
        event.channel,
        event.priority,
        event.category,
        event.subject,
        now,
    )
    await _go_on(connection, turn)


async def resolve(connection: Connection, turn: Turn, event: TicketResolved, now: datetime) -> None:
    """Closes a ticket and its escalations, and the conversation if nothing of it is left open."""
    await connection.execute(
        "UPDATE agent.tickets SET status = 'resolved', resolve_time = $2, update_time = $2 "
        "WHERE ticket_id = $1",
        event.ticket_id,
        now,
    )
    await connection.execute(
        "UPDATE agent.escalations SET status = 'resolved', update_time = $2 "
        "WHERE ticket_id = $1 AND status <> 'resolved'",
        event.ticket_id,
        now,
    )
    await connection.execute(
        "UPDATE agent.conversations AS c SET status = 'resolved', end_time = $2 "
        "WHERE c.conversation_id = $1 AND NOT EXISTS (SELECT 1 FROM agent.tickets AS t "
        "WHERE t.conversation_id = c.conversation_id AND t.status NOT IN ('resolved', 'closed'))",
        turn.conversation_id,
        now,
    )


async def reopen(connection: Connection, turn: Turn, event: TicketReopened, now: datetime) -> None:
    """Opens a resolved ticket again; whether it waits for a person is another event's matter."""
    await connection.execute(
        "UPDATE agent.tickets SET status = 'in_progress', resolve_time = NULL, update_time = $2 "
        "WHERE ticket_id = $1 AND status IN ('resolved', 'closed')",
        event.ticket_id,
        now,
    )
    await _go_on(connection, turn)


async def _go_on(connection: Connection, turn: Turn) -> None:
    await connection.execute(
        "UPDATE agent.conversations SET status = 'active', end_time = NULL "
        "WHERE conversation_id = $1 AND status = 'resolved'",
        turn.conversation_id,
    )
