"""By what a mail is recognised as going on with a matter: Gmail's thread, Message-IDs, and a token of ours.

In this order: the thread of the mailbox, then In-Reply-To and References against the Message-IDs of both sides,
then the token that every mail of ours carries among its References. All of it is kept by customer and side, and a
mail is filed under its sender before anything is looked up: whoever copies a thread's ids finds nothing.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID

from chassis.database import Connection, Pool
from fte.agent.v1 import agent_service_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.domain.events import MessagesTaken
from services.agent.domain.topics import topic
from services.agent.domain.turn import CustomerId, MailThread, MessageId, Side, TicketId, Turn

THREAD, MESSAGE, TOKEN = "thread", "message", "token"
# 160 bits: nobody guesses one.
_TOKEN_BYTES = 20
_REPLY_ID = re.compile(r"<fte\.([0-9a-f]{40})@[^<>\s]{1,255}>")
_LONGEST = 1400

Key = tuple[str, str]

_FIND = """
    SELECT t.kind, t.value, t.ticket_id, t.topic
    FROM agent.mail_threads AS t
    JOIN unnest($3::text[], $4::text[]) AS k(kind, value) USING (kind, value)
    WHERE t.customer_id = $1 AND t.side = $2
"""
_REMEMBER = """
    INSERT INTO agent.mail_threads AS t (customer_id, side, kind, value, ticket_id, topic)
    SELECT $1, $2, k.kind, k.value, $5, $6 FROM unnest($3::text[], $4::text[]) AS k(kind, value)
    ON CONFLICT (customer_id, side, kind, value)
    DO UPDATE SET ticket_id = excluded.ticket_id, topic = excluded.topic
"""
_SENT = """
    SELECT o.outbox_id, o.customer_id, o.side, o.content, m.ticket_id
    FROM agent.outbox AS o JOIN agent.messages AS m USING (message_id)
    WHERE o.outbox_id = ANY ($1) AND o.channel = 'email' AND m.ticket_id IS NOT NULL
"""


def new_reply_id(mailbox: str) -> str:
    """Returns an id for the References of a mail of ours: a reply brings it back."""
    domain = mailbox.rpartition("@")[2] or "localhost"
    return f"<fte.{secrets.token_hex(_TOKEN_BYTES)}@{domain}>"


def keys(message: intake_service_pb2.InboundMessage) -> list[Key]:
    """Returns by what a mail's matter is looked for, the most certain first."""
    if not message.HasField("email"):
        return []
    email = message.email
    ids = [*email.in_reply_to, *reversed(email.references)]
    found = [(THREAD, _thread(email.mailbox, email.thread_id))] if email.thread_id else []
    found += [(MESSAGE, one) for one in ids]
    found += [(TOKEN, token[1]) for one in ids if (token := _REPLY_ID.fullmatch(one))]
    return list(dict.fromkeys(key for key in found if len(key[1]) <= _LONGEST))


async def find(
    connection: Connection,
    customer_id: CustomerId,
    side: Side,
    messages: Sequence[intake_service_pb2.InboundMessage],
) -> dict[MessageId, MailThread]:
    """Returns the matter that each mail goes on with; mails of new threads are left out."""
    wanted = {MessageId(UUID(message.message_id)): keys(message) for message in messages}
    asked = sorted({key for found in wanted.values() for key in found})
    if not asked:
        return {}
    rows = await connection.fetch(
        _FIND, customer_id, side, [kind for kind, _ in asked], [value for _, value in asked]
    )
    known = {
        (row["kind"], row["value"]): MailThread(TicketId(row["ticket_id"]), row["topic"])
        for row in rows
    }
    return {
        message_id: thread
        for message_id, found in wanted.items()
        if (thread := next((known[key] for key in found if key in known), None))
    }


async def remember_taken(
    connection: Connection,
    turn: Turn,
    event: MessagesTaken,
    sources: Mapping[MessageId, intake_service_pb2.InboundMessage],
) -> None:
    """Keeps thread and Message-ID of each mail of a batch under the ticket that it went to."""
    for taken in event.messages:
        source = sources.get(taken.message_id)
        if source is None or not source.HasField("email"):
            continue
        email = source.email
        found = [(THREAD, _thread(email.mailbox, email.thread_id))] if email.thread_id else []
        if email.internet_message_id:
            found.append((MESSAGE, email.internet_message_id))
        await _remember(
            connection, turn.customer_id, turn.side, found, event.ticket_id, source.subject
        )


async def remember_reply_id(
    connection: Connection, turn: Turn, reply_id: str, ticket_id: TicketId, subject: str
) -> None:
    """Keeps the token of a mail that is about to go out."""
    token = _REPLY_ID.fullmatch(reply_id)
    if token is None:
        raise ValueError("not an id of ours")
    found = [(TOKEN, token[1])]
    await _remember(connection, turn.customer_id, turn.side, found, ticket_id, subject)


class SentThreads:
    """What became of mails that we sent: the Message-ID and the thread that they really got."""

    def __init__(self, ledger: Pool) -> None:
        self._ledger = ledger

    async def named(self, names: Mapping[UUID, tuple[str, str]]) -> None:
        """Keeps (thread id, Message-ID) by outbox row; an empty one is unknown. Repeats change nothing."""
        for row in await self._ledger.fetch(_SENT, list(names)):
            content = agent_service_pb2.OutboundMessage.FromString(row["content"])
            thread_id, message_id = names[row["outbox_id"]]
            found = [(THREAD, _thread(content.mailbox, thread_id))] if thread_id else []
            if message_id:
                found.append((MESSAGE, message_id))
            async with self._ledger.acquire() as connection:
                await _remember(
                    connection,
                    CustomerId(row["customer_id"]),
                    Side(row["side"]),
                    found,
                    TicketId(row["ticket_id"]),
                    content.subject,
                )


async def _remember(
    connection: Connection,
    customer_id: CustomerId,
    side: Side,
    found: Sequence[Key],
    ticket_id: TicketId,
    subject: str,
) -> None:
    short = sorted({key for key in found if len(key[1]) <= _LONGEST})
    if short:
        await connection.execute(
            _REMEMBER,
            customer_id,
            side,
            [kind for kind, _ in short],
            [value for _, value in short],
            ticket_id,
            topic(subject),
        )


def _thread(mailbox: str, thread_id: str) -> str:
    # Gmail's ids are those of one mailbox.
    return f"{mailbox}/{thread_id}"
