"""What the history tool may see: the turn's own side, read with the turn role."""

from chassis.database import Pool
from services.agent.domain.turn import Channel, HistoryLine, MessageId, Role, Side, TicketId, Turn


class TurnHistory:
    """Reads messages of one side of one customer; row-level security holds it there."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def last_messages(self, turn: Turn, limit: int) -> list[HistoryLine]:
        """Lists the last messages over all channels, newest first; a claim sees its own ticket only."""
        if turn.side is Side.CLAIMED and turn.ticket_id is None:
            return []
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            await connection.execute(
                "SELECT set_config('fte.customer_id', $1, true), set_config('fte.side', $2, true)",
                str(turn.customer_id),
                turn.side.value,
            )
            records = await connection.fetch(
                "SELECT message_id, role, channel, content, create_time, ticket_id "
                "FROM agent.messages WHERE customer_id = $1 AND side = $2 AND message_id <> ALL ($3) "
                "AND (direction = 'outbound' OR outcome IS NOT NULL) "
                "AND ($2 = 'verified' OR ticket_id = $4) "
                "ORDER BY create_time DESC LIMIT $5",
                turn.customer_id,
                turn.side.value,
                [message.message_id for message in turn.batch],
                turn.ticket_id,
                limit,
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
