"""Heads in Postgres: one transaction each, as the turn role, which sees one side of one customer."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg

from chassis.database import Connection, Pool
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters import mail_threads, projections
from services.agent.adapters.due_times import RECOMPUTE_DUE
from services.agent.adapters.event_log import read_events
from services.agent.adapters.mapping import inbound_text
from services.agent.application.heads import HeadRow, Hint, OpenTurn
from services.agent.domain.events import Event, MessagesTaken
from services.agent.domain.turn import (
    Channel,
    ConversationId,
    CustomerId,
    InboundText,
    MessageId,
    Owner,
    Side,
    Turn,
    TurnId,
)


class PostgresHeads:
    """All heads, over a pool of the turn role."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(
        self, customer_id: CustomerId, side: Side
    ) -> AsyncIterator["PostgresHeadTransaction"]:
        """Opens a transaction that sees this side of this customer and nothing else."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT set_config('fte.customer_id', $1, true), set_config('fte.side', $2, true)",
                str(customer_id),
                side.value,
            )
            yield PostgresHeadTransaction(connection, customer_id, side)


class PostgresHeadTransaction:
    """One transaction over one head."""

    def __init__(self, connection: Connection, customer_id: CustomerId, side: Side) -> None:
        self._connection = connection
        self._mine = (customer_id, side)
        # What intake said of the messages that were read here: a response goes to one of their handles.
        self._sources: dict[MessageId, intake_service_pb2.InboundMessage] = {}

    async def lock(self) -> HeadRow | None:
        """Takes the head's lock and returns the row as it is then; None if there is none."""
        record = await self._connection.fetchrow(
            "SELECT customer_id, side, version, turn_no, epoch, owner, owner_name, failure_count, "
            "begin_count, conversation_version, due_time, lease_time, now() AS now, wait_notice_time, "
            "(SELECT count(*) FROM agent.messages AS m WHERE m.customer_id = $1 AND m.side = $2 "
            "AND m.direction = 'inbound' AND m.store_time > now() - interval '1 minute') AS recent "
            "FROM agent.heads WHERE customer_id = $1 AND side = $2 FOR NO KEY UPDATE",
            *self._mine,
        )
        return _head(record) if record is not None else None

    async def waiting(self, limit: int) -> Sequence[InboundText]:
        """Returns messages without an outcome, oldest first: by accept time, per handle by number."""
        records = await self._connection.fetch(
            "SELECT source, conflicting FROM agent.messages WHERE customer_id = $1 AND side = $2 "
            "AND direction = 'inbound' AND outcome IS NULL "
            "ORDER BY create_time, handle_id, inbox_seq LIMIT $3",
            *self._mine,
            limit,
        )
        return await self._read(records)

    async def last_inbound(self, channel: Channel | None = None) -> InboundText | None:
        """Returns the newest message that the customer wrote, on this channel or on any."""
        records = await self._connection.fetch(
            "SELECT source, conflicting FROM agent.messages "
            "WHERE customer_id = $1 AND side = $2 AND direction = 'inbound' "
            "AND ($3::text IS NULL OR channel = $3) "
            "ORDER BY create_time DESC, handle_id, inbox_seq DESC LIMIT 1",
            *self._mine,
            channel,
        )
        return next(iter(await self._read(records)), None)

    async def events(self, from_version: int) -> Sequence[Event]:
        """Returns the events from a version on, in order."""
        return await read_events(self._connection, *self._mine, from_version)

    async def response(self, message_id: MessageId) -> str | None:
        """Returns what was said under this id, None if nothing was."""
        content: str | None = await self._connection.fetchval(
            "SELECT content FROM agent.messages WHERE message_id = $1 AND direction = 'outbound'",
            message_id,
        )
        return content

    async def open_turn(self, turn: Turn, runner: str, lease: timedelta, cap: timedelta) -> None:
        """Voids the turn that is open and opens this one under a lease that is never renewed past the cap."""
        await self._void_open()
        await self._connection.execute(
            "UPDATE agent.heads SET turn_no = $3, begin_count = $4, lease_time = now() + $5 "
            "WHERE customer_id = $1 AND side = $2",
            *self._mine,
            turn.turn_no,
            turn.begin_count,
            lease,
        )
        await self._connection.execute(
            "INSERT INTO agent.turns (turn_id, customer_id, side, turn_no, conversation_id, runner, "
            "message_ids, due_time, cap_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9)",
            turn.turn_id,
            *self._mine,
            turn.turn_no,
            turn.conversation_id,
            runner,
            [m.message_id for m in turn.batch],
            turn.due_time,
            cap,
        )

    async def opened(self, turn_id: TurnId) -> OpenTurn | None:
        """Returns a turn that is still open."""
        row = await self._connection.fetchrow(
            "SELECT conversation_id, message_ids, due_time FROM agent.turns "
            "WHERE turn_id = $1 AND state = 'open'",
            turn_id,
        )
        if row is None:
            return None
        records = await self._connection.fetch(
            "SELECT m.source, m.conflicting FROM unnest($1::uuid[]) WITH ORDINALITY AS t(message_id, place) "
            "JOIN agent.messages AS m USING (message_id) ORDER BY t.place",
            row["message_ids"],
        )
        batch = tuple(await self._read(records))
        return OpenTurn(ConversationId(row["conversation_id"]), batch, row["due_time"])

    async def rest(self) -> None:
        """Notes that nothing waits."""
        await self._connection.execute(
            "UPDATE agent.heads SET due_time = NULL, lease_time = NULL WHERE customer_id = $1 AND side = $2",
            *self._mine,
        )

    async def write(
        self, turn: Turn, version: int, events: Sequence[Event], turn_state: str
    ) -> tuple[Hint, ...]:
        """Appends events, writes the tables that people query, moves the version and ends the lease."""
        answered = self._sources[turn.answered.message_id] if turn.batch else None
        hints = await projections.write(self._connection, turn, version, events, answered)
        for event in events:
            if isinstance(event, MessagesTaken):
                await mail_threads.remember_taken(self._connection, turn, event, self._sources)
        await self._connection.execute(
            "UPDATE agent.turns SET state = $2, end_time = now() WHERE turn_id = $1",
            turn.turn_id,
            turn_state,
        )
        return hints

    async def own(self, turn: Turn, owner: Owner, owner_name: str) -> None:
        """Makes this the owner, under the turn's epoch, and voids the turn that is open."""
        await self._void_open()
        await self._connection.execute(
            "UPDATE agent.heads SET owner = $3, owner_name = $4, epoch = $5, lease_time = NULL "
            "WHERE customer_id = $1 AND side = $2",
            *self._mine,
            owner,
            owner_name,
            turn.epoch,
        )

    async def raise_fences(self, epoch: int) -> tuple[ConversationId, ...]:
        """Opens a fence for every conversation of this side in which an older epoch might still send."""
        records = await self._connection.fetch(
            "SELECT conversation_id FROM agent.heads "
            "WHERE customer_id = $1 AND side = $2 AND conversation_id IS NOT NULL UNION "
            "SELECT conversation_id FROM agent.outbox WHERE customer_id = $1 AND side = $2 AND state <> 'settled'",
            *self._mine,
        )
        conversations = sorted(r["conversation_id"] for r in records)
        await self._connection.execute(
            "INSERT INTO agent.fences (fence_id, customer_id, side, conversation_id, min_epoch) "
            "SELECT f.fence_id, $1, $2, f.conversation_id, $3 "
            "FROM unnest($4::uuid[], $5::uuid[]) AS f(fence_id, conversation_id)",
            *self._mine,
            epoch,
            [uuid4() for _ in conversations],
            conversations,
        )
        return tuple(ConversationId(conversation) for conversation in conversations)

    async def fences(self, epoch: int) -> tuple[ConversationId, ...]:
        """Returns the conversations whose fences an epoch opened."""
        records = await self._connection.fetch(
            "SELECT conversation_id FROM agent.fences WHERE customer_id = $1 AND side = $2 AND min_epoch = $3 "
            "ORDER BY conversation_id",
            *self._mine,
            epoch,
        )
        return tuple(ConversationId(r["conversation_id"]) for r in records)

    async def back_off(self, failures: int, wait: timedelta) -> None:
        """Counts a failed turn; the batch is due again after the wait."""
        await self._connection.execute(
            "UPDATE agent.heads SET failure_count = $3, due_time = now() + $4::interval WHERE customer_id = $1 AND side = $2",
            *self._mine,
            failures,
            wait,
        )

    async def told(self) -> None:
        """Notes that the customer is told now that many messages are worked on together."""
        await self._connection.execute(
            "UPDATE agent.heads SET wait_notice_time = now() WHERE customer_id = $1 AND side = $2",
            *self._mine,
        )

    async def recompute_due(self, quiet: timedelta, burst: timedelta, pace: int) -> None:
        """Puts the due time to that of the oldest waiting batch; a head that backs off keeps its own."""
        customer_id, side = self._mine
        await self._connection.execute(RECOMPUTE_DUE, [customer_id], [side], quiet, burst, pace)

    async def _void_open(self) -> None:
        await self._connection.execute(
            "UPDATE agent.turns SET state = 'void', end_time = now() "
            "WHERE customer_id = $1 AND side = $2 AND state = 'open'",
            *self._mine,
        )

    async def _read(self, records: Sequence[asyncpg.Record]) -> list[InboundText]:
        sources = [intake_service_pb2.InboundMessage.FromString(r["source"]) for r in records]
        self._sources |= {MessageId(UUID(source.message_id)): source for source in sources}
        threads = await mail_threads.find(self._connection, *self._mine, sources)
        texts = [
            inbound_text(source, conflicting=record["conflicting"])
            for source, record in zip(sources, records, strict=True)
        ]
        return [replace(text, thread=threads.get(text.message_id)) for text in texts]


def _head(record: asyncpg.Record) -> HeadRow:
    return HeadRow(
        customer_id=CustomerId(record["customer_id"]),
        side=Side(record["side"]),
        version=record["version"],
        turn_no=record["turn_no"],
        epoch=record["epoch"],
        owner=Owner(record["owner"]),
        owner_name=record["owner_name"],
        failure_count=record["failure_count"],
        begin_count=record["begin_count"],
        conversation_version=record["conversation_version"],
        due_time=record["due_time"],
        lease_time=record["lease_time"],
        now=record["now"],
        recent=record["recent"],
        told_time=record["wait_notice_time"],
    )
