"""Dead letters: batches that could not be processed, to look at, to try again or to close."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from chassis.database import Connection, Pool
from chassis.errors import FieldViolation, NotFound, Rejected
from fte.agent.v1 import agent_service_pb2 as wire
from services.agent.adapters.event_log import append_events
from services.agent.adapters.inbound import UNREADABLE
from services.agent.adapters.mapping import channel_to_proto, timestamp
from services.agent.domain.events import MessagesReplayed
from services.agent.domain.turn import Channel, MessageId

DEFAULT_PAGE = 50
_DEAD_LETTER = (
    "SELECT dead_letter_id, message_ids, ticket_id, customer_id, side, channel, error, attempts, "
    "state, create_time, close_time FROM agent.dead_letters "
)


class DeadLetters:
    """Works with the ledger role; `page_token` and `validate_only` are those of the contract."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, request: wire.ListDeadLettersRequest) -> wire.ListDeadLettersResponse:
        """Returns one page, oldest first; raises `Rejected` for a token that is none of ours."""
        size = request.page_size or DEFAULT_PAGE
        after_time, after_id = _place(request.page_token) if request.page_token else (None, None)
        records = await self._pool.fetch(
            _DEAD_LETTER + "WHERE ($1 OR state = 'open') "
            "AND ($2::timestamptz IS NULL OR (create_time, dead_letter_id) > ($2, $3::uuid)) "
            "ORDER BY create_time, dead_letter_id LIMIT $4",
            request.include_closed,
            after_time,
            after_id,
            size + 1,
        )
        page = records[:size]
        return wire.ListDeadLettersResponse(
            dead_letters=[_dead_letter(record) for record in page],
            next_page_token=_token(page[-1]) if len(records) > size else "",
        )

    async def get(self, request: wire.GetDeadLetterRequest) -> wire.GetDeadLetterResponse:
        """Returns a dead letter with the original messages; raises `NotFound`."""
        async with self._pool.acquire() as connection:
            found = await _find(connection, UUID(request.dead_letter_id))
            messages = await connection.fetch(
                "SELECT message_id, direction, role, channel, content, create_time "
                "FROM agent.messages WHERE message_id = ANY ($1) ORDER BY create_time, message_id",
                found["message_ids"],
            )
        return wire.GetDeadLetterResponse(
            dead_letter=_dead_letter(found), messages=[_message(record) for record in messages]
        )

    async def replay(self, request: wire.ReplayDeadLetterRequest) -> wire.ReplayDeadLetterResponse:
        """Makes the messages due again and any open turn void; raises `NotFound` or `Rejected`.

        The ticket stays with its person, who sees the answer in it.
        """
        dead_letter_id = UUID(request.dead_letter_id)
        async with self._pool.acquire() as connection, connection.transaction():
            found = await _find(connection, dead_letter_id)
            # As every commit does: the head first, then what hangs on it.
            await connection.execute(
                "SELECT 1 FROM agent.heads WHERE customer_id = $1 AND side = $2 FOR NO KEY UPDATE",
                found["customer_id"],
                found["side"],
            )
            await _lock_open(connection, dead_letter_id)
            await _check_readable(connection, found["message_ids"])
            if not request.validate_only:
                await _close(connection, dead_letter_id, "replayed")
                await _make_due(connection, found)
        return wire.ReplayDeadLetterResponse(messages=len(found["message_ids"]))

    async def drop(self, request: wire.DropDeadLetterRequest) -> wire.DropDeadLetterResponse:
        """Closes a dead letter without another try; raises `NotFound` or `Rejected`."""
        dead_letter_id = UUID(request.dead_letter_id)
        async with self._pool.acquire() as connection, connection.transaction():
            await _find(connection, dead_letter_id)
            await _lock_open(connection, dead_letter_id)
            if not request.validate_only:
                await _close(connection, dead_letter_id, "dropped")
        return wire.DropDeadLetterResponse()


async def _find(connection: Connection, dead_letter_id: UUID) -> asyncpg.Record:
    found = await connection.fetchrow(_DEAD_LETTER + "WHERE dead_letter_id = $1", dead_letter_id)
    if found is None:
        raise NotFound("There is no such dead letter.", metadata={"resource": "dead_letter"})
    return found


async def _lock_open(connection: Connection, dead_letter_id: UUID) -> None:
    state = await connection.fetchval(
        "SELECT state FROM agent.dead_letters WHERE dead_letter_id = $1 FOR NO KEY UPDATE",
        dead_letter_id,
    )
    if state != "open":
        raise _refused(f"The dead letter was {state} already.", "open_dead_letter")


async def _check_readable(connection: Connection, message_ids: Sequence[UUID]) -> None:
    unreadable = await connection.fetchval(
        "SELECT count(*) FROM agent.messages WHERE message_id = ANY ($1) AND content = $2",
        message_ids,
        UNREADABLE,
    )
    if unreadable:
        raise _refused(
            "Its original could not be read, so another try would end the same way.",
            "readable_originals",
        )


async def _close(connection: Connection, dead_letter_id: UUID, state: str) -> None:
    await connection.execute(
        "UPDATE agent.dead_letters SET state = $2, close_time = now() WHERE dead_letter_id = $1",
        dead_letter_id,
        state,
    )


async def _make_due(connection: Connection, found: asyncpg.Record) -> None:
    owner = (found["customer_id"], found["side"])
    await connection.execute(
        "UPDATE agent.messages SET outcome = NULL, turn_id = NULL WHERE message_id = ANY ($1)",
        found["message_ids"],
    )
    await connection.execute(
        "UPDATE agent.turns SET state = 'void', end_time = now() "
        "WHERE customer_id = $1 AND side = $2 AND state = 'open'",
        *owner,
    )
    head = await connection.fetchrow(
        "UPDATE agent.heads SET version = version + 1, failure_count = 0, begin_count = 0, "
        "due_time = now(), lease_time = NULL WHERE customer_id = $1 AND side = $2 "
        "RETURNING version, now() AS now",
        *owner,
    )
    assert head is not None  # noqa: S101 - a dead letter's messages refer to the head
    ids = tuple(MessageId(message_id) for message_id in found["message_ids"])
    replayed = MessagesReplayed(found["dead_letter_id"], ids)
    await append_events(connection, *owner, head["version"], [replayed], head["now"])


def _refused(message: str, rule: str) -> Rejected:
    return Rejected(message, reason="REFUSED", metadata={"rule": rule})


def _token(record: asyncpg.Record) -> str:
    place = f"{record['create_time'].isoformat()} {record['dead_letter_id']}"
    return base64.urlsafe_b64encode(place.encode()).decode()


def _place(token: str) -> tuple[datetime, UUID]:
    try:
        moment, _, dead_letter_id = base64.urlsafe_b64decode(token).decode().partition(" ")
        return datetime.fromisoformat(moment), UUID(dead_letter_id)
    except (ValueError, binascii.Error) as error:
        wanted = "must be the next_page_token of an earlier page, or empty"
        raise Rejected(
            "The page token is none of ours.", violations=[FieldViolation("page_token", wanted)]
        ) from error


def _dead_letter(record: asyncpg.Record) -> wire.DeadLetter:
    closed = record["close_time"]
    return wire.DeadLetter(
        dead_letter_id=str(record["dead_letter_id"]),
        message_ids=[str(message_id) for message_id in record["message_ids"]],
        ticket_id=str(record["ticket_id"]),
        customer_id=str(record["customer_id"]),
        channel=channel_to_proto(Channel(record["channel"])),
        error=record["error"],
        attempts=record["attempts"],
        state=record["state"],
        create_time=timestamp(record["create_time"]),
        close_time=timestamp(closed) if closed else None,
    )


def _message(record: asyncpg.Record) -> wire.Message:
    return wire.Message(
        message_id=str(record["message_id"]),
        direction=record["direction"],
        role=record["role"],
        channel=channel_to_proto(Channel(record["channel"])),
        content=record["content"],
        create_time=timestamp(record["create_time"]),
    )
