"""Turns in Postgres: begin and commit under the head's lock. Here it is decided whether a turn is void.

All statements run as the turn role, which sees one side of one customer.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from chassis.database import Connection, Pool
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters import projections
from services.agent.adapters.event_log import read_events
from services.agent.adapters.mapping import inbound_text
from services.agent.domain.conversation import State, evolve_all
from services.agent.domain.decisions import BEGINS, Clock, decide_answer, decide_failure
from services.agent.domain.events import Event, MessagesTaken
from services.agent.domain.formatting import Limits
from services.agent.domain.turn import (
    Channel,
    ConversationId,
    CustomerId,
    InboundText,
    Side,
    Turn,
    TurnAnswer,
    TurnId,
)

# A lease outlives two missed renewals of one second each.
LEASE = timedelta(seconds=3)
MAX_BATCH = 20


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """How long things may take: bursts on WhatsApp, turns by channel, and the wait after a failure."""

    quiet: timedelta
    burst: timedelta
    chat_cap: timedelta
    mail_cap: timedelta
    retry: timedelta

    def cap(self, channel: Channel) -> timedelta:
        """The longest turn on a channel."""
        return self.mail_cap if channel is Channel.EMAIL else self.chat_cap


@dataclass(frozen=True, slots=True)
class Fence:
    """What a commit must find unchanged in the head row, or the turn is void."""

    customer_id: CustomerId
    side: Side
    turn_id: TurnId
    version: int
    turn_no: int
    epoch: int


LimitsOf = Callable[[Channel], Limits]


@dataclass(frozen=True, slots=True)
class Begun:
    """A turn to think about, with the state it was begun from."""

    turn: Turn
    state: State


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit brought: the new state, the batch's outcome, and what is to be hinted."""

    state: State
    outcome: str
    written: projections.Written


@dataclass(frozen=True, slots=True)
class _Batch:
    messages: tuple[InboundText, ...]
    last: intake_service_pb2.InboundMessage


@dataclass(frozen=True, slots=True)
class _Ids:
    turn_id: TurnId
    conversation_id: ConversationId


@dataclass(frozen=True, slots=True)
class _Fenced:
    head: asyncpg.Record
    turn: Turn
    state: State
    batch: _Batch


class Turns:
    """Begins and commits turns of one customer's side; `cached` states are used only if their version fits."""

    def __init__(self, pool: Pool, times: TurnTimes) -> None:
        self._pool = pool
        self._times = times

    async def begin(
        self,
        customer_id: CustomerId,
        side: Side,
        runner: str,
        cached: State | None,
        limits: LimitsOf,
    ) -> Begun | Commit | None:
        """Hands out the batch that is due under a lease; None when nothing is due or another runner has it.

        A batch that was begun too often keeps killing its runner: it is given up here, without a model.
        """
        async with self._transaction(customer_id, side) as connection:
            head = await _lock_head(connection, customer_id, side)
            if head is None or not head["is_due"]:
                return None
            await connection.execute(
                "UPDATE agent.turns SET state = 'void', end_time = now() "
                "WHERE customer_id = $1 AND side = $2 AND state = 'open'",
                customer_id,
                side,
            )
            batch = await _waiting_batch(connection, customer_id, side)
            if batch is None:
                await connection.execute(
                    "UPDATE agent.heads SET due_time = NULL, lease_time = NULL "
                    "WHERE customer_id = $1 AND side = $2",
                    customer_id,
                    side,
                )
                return None
            state = await _state(connection, head, cached)
            turn = _turn(head, state, batch, _new_ids(state, head["now"]))
            await self._open(connection, turn, runner)
            if turn.begin_count <= BEGINS:
                return Begun(turn, state)
            clock = Clock(head["now"], uuid4)
            events = decide_failure(
                state, turn, "runner_died", head["failure_count"], limits(turn.channel), clock
            )
            return await self._write(connection, turn, state, batch, events, "failed")

    async def commit_answer(
        self, fence: Fence, answer: TurnAnswer, cached: State | None, limits: LimitsOf
    ) -> Commit | None:
        """Writes all that the turn staged in one fenced transaction; None means void, and nothing exists."""
        async with self._transaction(fence.customer_id, fence.side) as connection:
            fenced = await _check(connection, fence, cached)
            if fenced is None:
                return None
            clock = Clock(fenced.head["now"], uuid4)
            events = decide_answer(
                fenced.state, fenced.turn, answer, limits(fenced.turn.channel), clock
            )
            taken = next(event for event in events if isinstance(event, MessagesTaken))
            return await self._write(
                connection, fenced.turn, fenced.state, fenced.batch, events, taken.outcome
            )

    async def commit_failure(
        self, fence: Fence, error: str, cached: State | None, limits: LimitsOf
    ) -> Commit | None:
        """Counts a failed turn; the batch is due again after a back-off, or goes to a person. None means void."""
        async with self._transaction(fence.customer_id, fence.side) as connection:
            fenced = await _check(connection, fence, cached)
            if fenced is None:
                return None
            failures = fenced.head["failure_count"] + 1
            clock = Clock(fenced.head["now"], uuid4)
            events = decide_failure(
                fenced.state, fenced.turn, error, failures, limits(fenced.turn.channel), clock
            )
            given_up = len(events) > 1
            outcome = "failed" if given_up else "retried"
            commit = await self._write(
                connection, fenced.turn, fenced.state, fenced.batch, events, outcome
            )
            if not given_up:
                await connection.execute(
                    "UPDATE agent.heads SET failure_count = $3, due_time = now() + $4::interval "
                    "WHERE customer_id = $1 AND side = $2",
                    fence.customer_id,
                    fence.side,
                    failures,
                    self._times.retry * 2 ** (failures - 1),
                )
            return commit

    async def _open(self, connection: Connection, turn: Turn, runner: str) -> None:
        await connection.execute(
            "UPDATE agent.heads SET turn_no = $3, begin_count = $4, lease_time = now() + $5 "
            "WHERE customer_id = $1 AND side = $2",
            turn.customer_id,
            turn.side,
            turn.turn_no,
            turn.begin_count,
            LEASE,
        )
        await connection.execute(
            "INSERT INTO agent.turns (turn_id, customer_id, side, turn_no, conversation_id, runner, "
            "message_ids, due_time, cap_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9)",
            turn.turn_id,
            turn.customer_id,
            turn.side,
            turn.turn_no,
            turn.conversation_id,
            runner,
            [m.message_id for m in turn.batch],
            turn.due_time,
            self._times.cap(turn.channel),
        )

    async def _write(
        self,
        connection: Connection,
        turn: Turn,
        state: State,
        batch: _Batch,
        events: Sequence[Event],
        outcome: str,
    ) -> Commit:
        version = state.version + 1
        written = await projections.write(connection, turn, version, events, batch.last)
        await connection.execute(
            "UPDATE agent.turns SET state = $2, end_time = now() WHERE turn_id = $1",
            turn.turn_id,
            "failed" if outcome in {"retried", "failed"} else "committed",
        )
        # Messages that came meanwhile are seen only by a statement after the one that took the lock.
        await connection.execute(
            projections.RECOMPUTE_DUE,
            [turn.customer_id],
            [turn.side],
            self._times.quiet,
            self._times.burst,
        )
        return Commit(evolve_all(state, events, version), outcome, written)

    @asynccontextmanager
    async def _transaction(self, customer_id: UUID, side: Side) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT set_config('fte.customer_id', $1, true), set_config('fte.side', $2, true)",
                str(customer_id),
                side.value,
            )
            yield connection


async def _lock_head(
    connection: Connection, customer_id: UUID, side: Side
) -> asyncpg.Record | None:
    return await connection.fetchrow(
        "SELECT customer_id, side, version, turn_no, epoch, failure_count, begin_count, "
        "conversation_version, due_time, now() AS now, "
        "due_time <= now() AND owner = 'ai' AND (lease_time IS NULL OR lease_time < now()) AS is_due "
        "FROM agent.heads WHERE customer_id = $1 AND side = $2 FOR NO KEY UPDATE",
        customer_id,
        side,
    )


async def _check(connection: Connection, fence: Fence, cached: State | None) -> "_Fenced | None":
    head = await _lock_head(connection, fence.customer_id, fence.side)
    # The line that decides whether a turn is void: any other commit, begin or owner moved one of the three.
    if head is None or (head["version"], head["turn_no"], head["epoch"]) != (
        fence.version,
        fence.turn_no,
        fence.epoch,
    ):
        return None
    row = await connection.fetchrow(
        "SELECT conversation_id, message_ids, due_time FROM agent.turns "
        "WHERE turn_id = $1 AND state = 'open'",
        fence.turn_id,
    )
    if row is None:
        return None
    sources = await connection.fetch(
        "SELECT m.source FROM unnest($1::uuid[]) WITH ORDINALITY AS t(message_id, place) "
        "JOIN agent.messages AS m USING (message_id) ORDER BY t.place",
        row["message_ids"],
    )
    messages = [intake_service_pb2.InboundMessage.FromString(r["source"]) for r in sources]
    batch = _Batch(tuple(inbound_text(message) for message in messages), messages[-1])
    state = await _state(connection, head, cached)
    turn = _turn(head, state, batch, _Ids(fence.turn_id, row["conversation_id"]))
    # Begin has counted this turn already.
    turn = replace(
        turn, turn_no=fence.turn_no, begin_count=head["begin_count"], due_time=row["due_time"]
    )
    return _Fenced(head, turn, state, batch)


async def _waiting_batch(connection: Connection, customer_id: UUID, side: Side) -> _Batch | None:
    """The oldest waiting messages that belong together: one channel, one form; the rest queues behind."""
    records = await connection.fetch(
        "SELECT source FROM agent.messages WHERE customer_id = $1 AND side = $2 "
        "AND direction = 'inbound' AND outcome IS NULL "
        "ORDER BY create_time, handle_id, inbox_seq LIMIT $3",
        customer_id,
        side,
        MAX_BATCH,
    )
    sources = [intake_service_pb2.InboundMessage.FromString(r["source"]) for r in records]
    batch: list[InboundText] = []
    last: intake_service_pb2.InboundMessage | None = None
    for source in sources:
        message = inbound_text(source)
        first = batch[0] if batch else message
        if (message.channel, message.form_ticket_id) != (first.channel, first.form_ticket_id):
            break
        batch.append(message)
        last = source
    return _Batch(tuple(batch), last) if last is not None else None


async def _state(connection: Connection, head: asyncpg.Record, cached: State | None) -> State:
    if cached is not None and cached.version == head["version"]:
        return cached
    events = await read_events(
        connection, head["customer_id"], head["side"], head["conversation_version"]
    )
    return evolve_all(State(), events, head["version"])


def _new_ids(state: State, now: datetime) -> _Ids:
    return _Ids(TurnId(uuid4()), state.active_conversation(now) or ConversationId(uuid4()))


def _turn(head: asyncpg.Record, state: State, batch: _Batch, ids: _Ids) -> Turn:
    is_new = ids.conversation_id != state.conversation_id
    verified = head["side"] == Side.VERIFIED
    ticket = None if is_new else state.ticket(batch.messages[0].form_ticket_id)
    # A claim sees only the lines of its own ticket: whoever typed the address may be somebody else.
    history = (
        state.history(ticket.ticket_id if ticket else None, whole=verified)
        if not is_new and (verified or ticket)
        else ()
    )
    return Turn(
        turn_id=ids.turn_id,
        version=head["version"],
        turn_no=head["turn_no"] + 1,
        epoch=head["epoch"],
        begin_count=head["begin_count"] + 1,
        customer_id=CustomerId(head["customer_id"]),
        side=Side(head["side"]),
        conversation_id=ids.conversation_id,
        new_conversation=is_new,
        batch=batch.messages,
        due_time=head["due_time"],
        history=history,
        ticket_id=ticket.ticket_id if ticket else None,
        ticket_reference=ticket.reference if ticket else "",
        ticket_subject=ticket.subject if ticket else "",
        previous_channel=state.channels[-1] if verified and not is_new else None,
        display_name=batch.messages[-1].sender_name,
        escalated=ticket.escalated if ticket else False,
    )
