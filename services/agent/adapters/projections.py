"""Writes events and the tables that people query, in one transaction."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID, uuid4

from chassis.database import Connection
from chassis.ledger import Row
from fte.agent.v1 import agent_events_pb2
from fte.intake.v1 import intake_service_pb2
from fte.metrics.v1 import metrics_events_pb2
from services.agent.adapters import mail_threads, ticket_rows
from services.agent.adapters.escalations import announce, escalate
from services.agent.adapters.event_log import append_events
from services.agent.adapters.mapping import channel_to_proto, timestamp
from services.agent.adapters.outbound_messages import outbound_message
from services.agent.application.heads import Hint, LedgerName
from services.agent.domain.events import (
    ChannelSwitched,
    ConversationStarted,
    Escalated,
    Event,
    GivenUp,
    HandedBack,
    MessagesReplayed,
    MessagesTaken,
    ResponseGiven,
    SendFailed,
    TakenOver,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TurnFailed,
)
from services.agent.domain.turn import Channel, Turn

DEAD_LETTERS_TOPIC = "fte.dlq"
FACTS_TOPIC = "fte.metrics"


def outbound_topic(channel: Channel) -> str:
    """The topic of what is to be sent on a channel."""
    return f"fte.channels.{channel.value}.outbound"


async def write(
    connection: Connection,
    turn: Turn,
    version: int,
    events: Sequence[Event],
    answered: intake_service_pb2.InboundMessage | None,
) -> tuple[Hint, ...]:
    """Writes a commit's events, tables, ledger rows and the head's new version; returns the ledger rows.

    `answered` is the message whose handle a response goes to; a change of the owner has none.
    """
    now: datetime = await connection.fetchval("SELECT now()")
    projector = _Projector(connection, turn, answered, now)
    await append_events(connection, turn.customer_id, turn.side, version, events, now)
    started = any(isinstance(event, ConversationStarted) for event in events)
    retried = isinstance(events[0], TurnFailed)
    await connection.execute(
        "UPDATE agent.heads SET version = $3, lease_time = NULL, "
        "conversation_id = CASE WHEN $4 THEN $5 ELSE conversation_id END, "
        "conversation_version = CASE WHEN $4 THEN $3 ELSE conversation_version END, "
        "failure_count = CASE WHEN $6 THEN failure_count ELSE 0 END, "
        "begin_count = CASE WHEN $6 THEN begin_count ELSE 0 END "
        "WHERE customer_id = $1 AND side = $2",
        turn.customer_id,
        turn.side,
        version,
        started,
        turn.conversation_id,
        retried,
    )
    for event in events:
        await projector.project(event)
    return tuple(projector.hints)


class _Projector:
    def __init__(
        self,
        connection: Connection,
        turn: Turn,
        answered: intake_service_pb2.InboundMessage | None,
        now: datetime,
    ) -> None:
        self._connection = connection
        self._turn = turn
        self._answered = answered
        self._now = now
        self._reference = turn.ticket_reference
        self.hints: list[Hint] = []

    async def project(self, event: Event) -> None:  # noqa: C901 - a table over the closed set of events
        match event:
            case ConversationStarted():
                await self._start_conversation(event)
            case ChannelSwitched():
                await self._switch_channel(event)
            case TicketOpened():
                await self._open_ticket(event)
            case MessagesTaken():
                await self._take_messages(event)
            case ResponseGiven():
                await self._respond(event)
            case Escalated():
                await self._escalate(event)
            case TicketResolved():
                await ticket_rows.resolve(self._connection, self._turn, event, self._now)
            case TicketReopened():
                await ticket_rows.reopen(self._connection, self._turn, event, self._now)
            case GivenUp():
                await self._give_up(event)
            case TurnFailed():
                await self._count(metrics_events_pb2.FACT_TYPE_ERROR, event.error)
            case TakenOver() | HandedBack():
                await self._change_owner(event)
            case SendFailed() | MessagesReplayed():  # Written outside of turns.
                raise ValueError(f"{event.type} is not an outcome of a turn")

    async def _start_conversation(self, event: ConversationStarted) -> None:
        await self._connection.execute(
            "INSERT INTO agent.conversations (conversation_id, customer_id, side, initial_channel, "
            "current_channel, status, start_time, last_message_time) "
            "VALUES ($1, $2, $3, $4, $4, 'active', $5, $6)",
            event.conversation_id,
            self._turn.customer_id,
            self._turn.side,
            event.channel,
            event.start_time,
            self._now,
        )

    async def _switch_channel(self, event: ChannelSwitched) -> None:
        switch = {
            "from": event.from_channel.value,
            "to": event.to_channel.value,
            "time": event.switch_time.isoformat(),
        }
        await self._connection.execute(
            "UPDATE agent.conversations SET current_channel = $2, metadata = jsonb_set(metadata, "
            "'{channel_switches}', (metadata -> 'channel_switches') || $3::jsonb) "
            "WHERE conversation_id = $1",
            self._turn.conversation_id,
            event.to_channel,
            json.dumps(switch),
        )

    async def _open_ticket(self, event: TicketOpened) -> None:
        self._reference = event.reference
        await ticket_rows.open_ticket(self._connection, self._turn, event, self._now)

    async def _take_messages(self, event: MessagesTaken) -> None:
        await self._connection.execute(
            "UPDATE agent.messages AS m SET conversation_id = $2, turn_id = $3, ticket_id = $4, "
            "outcome = $5, sentiment = taken.sentiment "
            "FROM unnest($1::uuid[], $6::float8[]) AS taken(message_id, sentiment) "
            "WHERE m.message_id = taken.message_id",
            [m.message_id for m in event.messages],
            self._turn.conversation_id,
            self._turn.turn_id,
            event.ticket_id,
            event.outcome,
            [m.sentiment for m in event.messages],
        )
        await self._connection.execute(
            "UPDATE agent.conversations AS c SET last_message_time = $2, sentiment = "
            "(SELECT avg(m.sentiment) FROM agent.messages AS m WHERE m.conversation_id = $1) "
            "WHERE c.conversation_id = $1",
            self._turn.conversation_id,
            self._now,
        )
        scores = [m.sentiment for m in event.messages if m.sentiment is not None]
        if event.outcome == "answered":
            await self._count(
                metrics_events_pb2.FACT_TYPE_MESSAGE_PROCESSED,
                event.outcome,
                sentiment=sum(scores) / len(scores) if scores else None,
            )

    async def _respond(self, event: ResponseGiven) -> None:
        await self._connection.execute(
            "INSERT INTO agent.messages (message_id, customer_id, side, conversation_id, turn_id, "
            "ticket_id, direction, role, channel, content, tokens_used, latency_ms, tool_calls, model, "
            "sources, delivery_status, create_time, speaker, statements) VALUES ($1, $2, $3, $4, $5, "
            "$6, 'outbound', $7, $8, $9, $10, $11, $12, $13, $14, 'pending', $15, $16, $17)",
            event.message_id,
            self._turn.customer_id,
            self._turn.side,
            self._turn.conversation_id,
            self._turn.turn_id,
            event.ticket_id,
            event.role,
            event.channel,
            event.content,
            event.tokens_used,
            event.latency_ms,
            json.dumps([asdict(call) for call in event.tool_calls]),
            event.model,
            json.dumps([asdict(source) for source in event.sources]),
            event.create_time,
            event.speaker,
            json.dumps([asdict(statement) for statement in event.statements]),
        )
        last_seq = await self._connection.fetchval(
            "INSERT INTO agent.send_counters AS c (conversation_id, channel, customer_id, side, last_seq) "
            "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (conversation_id, channel) "
            "DO UPDATE SET last_seq = c.last_seq + excluded.last_seq RETURNING c.last_seq",
            self._turn.conversation_id,
            event.channel,
            self._turn.customer_id,
            self._turn.side,
            len(event.parts),
        )
        await self._queue(event, last_seq - len(event.parts) + 1)

    async def _queue(self, event: ResponseGiven, first_seq: int) -> None:
        if self._answered is None:
            raise ValueError("a response goes to somebody who wrote")
        sequence = range(first_seq, first_seq + len(event.parts))
        reply_id = await self._reply_id(event, self._answered)
        contents = [
            outbound_message(
                self._turn, event, part, seq, self._answered, self._reference, reply_id
            )
            for part, seq in zip(event.parts, sequence, strict=True)
        ]
        await self._connection.execute(
            "INSERT INTO agent.outbox (outbox_id, message_id, conversation_id, customer_id, side, "
            "channel, send_seq, epoch, content) SELECT o.outbox_id, $2, $3, $4, $5, $6, o.send_seq, $8, "
            "o.content FROM unnest($1::uuid[], $7::bigint[], $9::bytea[]) "
            "AS o(outbox_id, send_seq, content)",
            [part.outbox_id for part in event.parts],
            event.message_id,
            self._turn.conversation_id,
            self._turn.customer_id,
            self._turn.side,
            event.channel,
            list(sequence),
            self._turn.epoch,
            [content.SerializeToString() for content in contents],
        )
        topic, group = outbound_topic(event.channel), self._turn.conversation_id
        self.hints += [
            Hint(LedgerName.OUTBOX, part.outbox_id, topic, group) for part in event.parts
        ]

    async def _reply_id(
        self, event: ResponseGiven, answered: intake_service_pb2.InboundMessage
    ) -> str:
        if not answered.HasField("email") or event.ticket_id is None:
            return ""
        reply_id = mail_threads.new_reply_id(answered.email.mailbox)
        await mail_threads.remember_reply_id(
            self._connection, self._turn, reply_id, event.ticket_id, answered.subject
        )
        return reply_id

    async def _escalate(self, event: Escalated) -> None:
        row = await escalate(
            self._connection,
            self._turn.customer_id,
            self._turn.side,
            self._turn.conversation_id,
            event,
            self._now,
        )
        self._hint(row)
        await self._count(metrics_events_pb2.FACT_TYPE_ESCALATION, event.reason.value)

    async def _change_owner(self, event: TakenOver | HandedBack) -> None:
        if isinstance(event, TakenOver):
            await self._take_over(event)
        else:
            await self._hand_back()

    async def _take_over(self, event: TakenOver) -> None:
        mine = (self._turn.customer_id, self._turn.side)
        await self._connection.execute(
            "UPDATE agent.escalations SET status = 'claimed', update_time = $3 "
            "WHERE customer_id = $1 AND side = $2 AND status = 'open'",
            *mine,
            self._now,
        )
        await self._connection.execute(
            "UPDATE agent.conversations SET status = 'escalated', escalated_to = $3 "
            "WHERE customer_id = $1 AND side = $2 AND status IN ('active', 'escalated')",
            *mine,
            event.person,
        )

    async def _hand_back(self) -> None:
        mine = (self._turn.customer_id, self._turn.side)
        await self._connection.execute(
            "UPDATE agent.escalations SET status = 'resolved', update_time = $3 "
            "WHERE customer_id = $1 AND side = $2 AND status = 'claimed'",
            *mine,
            self._now,
        )
        await self._connection.execute(
            "UPDATE agent.tickets SET status = 'in_progress', update_time = $3 "
            "WHERE customer_id = $1 AND side = $2 AND status = 'escalated'",
            *mine,
            self._now,
        )
        await self._connection.execute(
            "UPDATE agent.conversations SET status = 'active', escalated_to = '' "
            "WHERE customer_id = $1 AND side = $2 AND status = 'escalated'",
            *mine,
        )

    async def _give_up(self, event: GivenUp) -> None:
        await self._connection.execute(
            "INSERT INTO agent.dead_letters (dead_letter_id, message_ids, ticket_id, customer_id, side, "
            "channel, error, attempts, create_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            event.dead_letter_id,
            list(event.message_ids),
            event.ticket_id,
            self._turn.customer_id,
            self._turn.side,
            event.channel,
            event.error,
            event.attempts,
            self._now,
        )
        announced = agent_events_pb2.MessageDeadLettered(
            occur_time=timestamp(self._now),
            dead_letter_id=str(event.dead_letter_id),
            message_ids=[str(message_id) for message_id in event.message_ids],
            ticket_id=str(event.ticket_id),
            customer_id=str(self._turn.customer_id),
            channel=channel_to_proto(event.channel),
            error=event.error[:200],
            attempts=event.attempts,
            requires_human=True,
        )
        row = await announce(self._connection, DEAD_LETTERS_TOPIC, announced.SerializeToString())
        self._hint(row)
        await self._count(metrics_events_pb2.FACT_TYPE_ERROR, "given_up")

    def _hint(self, row: Row) -> None:
        self.hints.append(
            Hint(LedgerName.ANNOUNCEMENTS, row.row_id, row.topic, payload=row.payload)
        )

    async def _count(
        self,
        fact_type: metrics_events_pb2.FactType.ValueType,
        outcome: str,
        sentiment: float | None = None,
    ) -> None:
        fact_id = uuid4()
        fact = metrics_events_pb2.Fact(
            fact_id=str(fact_id),
            service="agent",
            type=fact_type,
            occur_time=timestamp(self._now),
            channel=channel_to_proto(self._turn.channel),
            latency_ms=max(0.0, (self._now - self._turn.due_time).total_seconds() * 1000),
            sentiment=sentiment,
            outcome=outcome[:64],
        )
        await insert_fact(self._connection, fact_id, fact)
        payload = fact.SerializeToString()
        self.hints.append(Hint(LedgerName.FACTS, fact_id, FACTS_TOPIC, payload=payload))


async def insert_fact(connection: Connection, fact_id: UUID, fact: metrics_events_pb2.Fact) -> None:
    """Adds one metric fact to its ledger."""
    await connection.execute(
        "INSERT INTO agent.metric_facts (fact_id, payload) VALUES ($1, $2)",
        fact_id,
        fact.SerializeToString(),
    )
