"""What the history tool may see: the turn's own side, read with the turn role."""

from chassis.database import Pool
from services.agent.domain.history import WHOLE_MESSAGES
from services.agent.domain.turn import Channel, HistoryLine, MessageId, Role, Side, TicketId, Turn

MOST_MESSAGES = 2_000
# Of a message that is summed up, this is enough for its first sentence, however much is quoted before it.
_BEGINNING = 2_000


class TurnHistory:
    """Reads messages of one side of one customer; row-level security holds it there."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def messages(self, turn: Turn) -> list[HistoryLine]:
        """Lists the last 2,000 messages over all channels, newest first; a claim sees its own ticket only."""
        if turn.side is Side.CLAIMED and turn.ticket_id is None:
            return []
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(
                "SELECT set_config('fte.customer_id', $1, true), set_config('fte.side', $2, true)",
                str(turn.customer_id),
                turn.side.value,
            )
            records = await connection.fetch(
                "SELECT message_id, role, channel, create_time, ticket_id, "
                "CASE WHEN row_number() OVER newest <= $6 THEN content ELSE left(content, $7) END AS content "
                "FROM agent.messages WHERE customer_id = $1 AND side = $2 AND message_id <> ALL ($3) "
                "AND (direction = 'outbound' OR outcome IS NOT NULL) "
                "AND ($2 = 'verified' OR ticket_id = $4) "
                "WINDOW newest AS (ORDER BY create_time DESC, message_id DESC) "
                "ORDER BY create_time DESC, message_id DESC LIMIT $5",
                turn.customer_id,
                turn.side.value,
                [message.message_id for message in turn.batch],
                turn.ticket_id,
                MOST_MESSAGES,
                WHOLE_MESSAGES,
                _BEGINNING,
            )
        return [
            HistoryLine(
                MessageId(r["message_id"]),
                Role(r["role"]),
                Channel(r["channel"]),
                r["content"],
                r["create_time"],
                TicketId(r["ticket_id"]) if r["ticket_id"] else None,
            )
            for r in records
        ]
