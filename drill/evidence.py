"""Owns gathering what a verdict rests on: what was sent in, what providers were handed, final rows.

It reads the ledgers as the local superuser and the simulators over HTTP. Nothing here calls a service,
but for the status pages, which customers see.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg

from cli.outside import Line, Mail, Outside, Sent, Ticket
from drill.history import History, Wish

_ANSWER_SECONDS: Final = 10.0
_QUERY_SECONDS: Final = 60.0
_PAGES_AT_ONCE: Final = 8

# Also what nobody sent, if it claims to come from the same people.
INBOX: Final = """
    SELECT i.inbox_id, i.channel, i.provider_id, i.state, i.outcome, i.suppress_reason,
           i.content, i.accept_time, h.value AS sender, o.handle_id, o.inbox_seq
    FROM intake.inbox AS i
    LEFT JOIN intake.handles AS h USING (handle_id)
    LEFT JOIN intake.inbox_order AS o USING (inbox_id)
    WHERE i.kind = 'message' AND (i.provider_id = ANY ($1) OR h.value = ANY ($2))
"""
MESSAGES: Final = """
    SELECT m.message_id, m.turn_id, m.conversation_id, m.outcome, m.handle_id, m.inbox_seq,
           t.state AS turn_state, t.end_time, c.customer_id, c.side
    FROM agent.messages AS m
    LEFT JOIN agent.turns AS t USING (turn_id)
    LEFT JOIN agent.conversations AS c ON c.conversation_id = m.conversation_id
    WHERE m.direction = 'inbound' AND m.message_id = ANY ($1)
"""
# A message in two turns that both counted was answered twice, whatever its own row says.
TURNS: Final = """
    SELECT DISTINCT t.turn_id, t.message_ids
    FROM agent.turns AS t CROSS JOIN LATERAL unnest(t.message_ids) AS held (id)
    JOIN unnest($1::uuid[]) AS ours (id) USING (id)
    WHERE t.state = 'committed'
"""
# A notice to wait belongs to no turn that took a message: it is found by its conversation.
ANSWERS: Final = """
    SELECT m.message_id, m.turn_id, m.role, m.channel, m.delivery_status,
           o.outbox_id, o.state AS outbox_state, o.outcome AS outbox_outcome, o.content,
           o.conversation_id, o.send_seq, i.state AS intent_state, i.provider_id, i.kind,
           i.resends, i.attempts, i.error, i.final_time
    FROM agent.messages AS m
    LEFT JOIN agent.outbox AS o USING (message_id)
    LEFT JOIN delivery.intents AS i ON i.intent_id = o.outbox_id
    WHERE m.direction = 'outbound'
      AND (m.turn_id = ANY ($1) OR (i.kind = 'wait_notice' AND m.conversation_id = ANY ($2)))
    ORDER BY o.conversation_id, o.channel, o.send_seq
"""
# The mail that tells of a web answer; its number is derived, so it is found by the answer.
NOTICES: Final = """
    SELECT i.intent_id, i.message_id, i.state AS intent_state, i.provider_id, i.content,
           i.resends, i.attempts, i.error
    FROM delivery.intents AS i WHERE i.kind = 'web_notice' AND i.message_id = ANY ($1)
"""
# Without an outcome the attempt's worker died.
ATTEMPTS: Final = """
    SELECT a.intent_id, a.attempt, coalesce(a.outcome, 'worker died') AS outcome, a.detail
    FROM delivery.attempts AS a JOIN delivery.intents AS i USING (intent_id)
    WHERE i.message_id = ANY ($1) ORDER BY a.intent_id, a.attempt
"""

Row = Mapping[str, Any]


@dataclass(slots=True)
class SentIn:
    """Holds what was sent in, by the id that the inbox keys it by, and what is known of its acceptance.

    Forms whose acceptance is in doubt have no id yet: they are named by their subjects.
    """

    whatsapps: dict[str, str] = field(default_factory=dict)  # SID to number
    mails: dict[str, tuple[Mail, str]] = field(default_factory=dict)  # Gmail id to mail and address
    forms: dict[str, Ticket] = field(default_factory=dict)  # ticket id to ticket
    in_doubt: dict[str, str] = field(default_factory=dict)  # SID to number
    refused: dict[str, str] = field(default_factory=dict)  # SID to number; surely never taken
    forms_in_doubt: set[str] = field(default_factory=set)  # subjects
    automatic: set[str] = field(default_factory=set)  # ids that deserve no answer
    for_a_person: set[str] = field(default_factory=set)  # ids that only a person may answer
    claimed: set[str] = field(default_factory=set)  # addresses typed into forms
    contradictions: list[str] = field(default_factory=list)  # answers that no right system gives

    def ids(self) -> list[str]:
        """Returns the ids of all messages that were accepted."""
        return [*self.whatsapps, *self.mails, *self.forms]

    def addresses(self) -> set[str]:
        """Returns the mail addresses of all writers."""
        return {address for _, address in self.mails.values()} | self.claimed

    def numbers(self) -> set[str]:
        """Returns the numbers of all writers."""
        return {*self.whatsapps.values(), *self.in_doubt.values(), *self.refused.values()}

    def __len__(self) -> int:
        return len(self.whatsapps) + len(self.mails) + len(self.forms)


def sent_in_of(history: History) -> SentIn:
    """Sorts a history's messages by what is known of their acceptance."""
    found = SentIn(contradictions=list(history.contradictions))
    for message in history.messages.values():
        known = message.provider_id
        if message.channel == "web_form":
            found.claimed.add(message.sender)
            if message.ticket:
                found.forms[known] = message.ticket
            elif message.in_doubt:
                found.forms_in_doubt.add(message.key)
        elif message.mail:
            found.mails[known] = (message.mail, message.sender)
        elif message.accepted:
            found.whatsapps[known] = message.sender
        elif message.in_doubt:
            found.in_doubt[known] = message.sender
        else:
            found.refused[known] = message.sender
        if message.wish is Wish.SILENCE:
            found.automatic.add(known)
        elif message.wish is Wish.PERSON and known:
            found.for_a_person.add(known)
    return found


@dataclass(frozen=True, slots=True)
class Ledgers:
    """Holds the ledgers' rows: inbox, the agent's messages and turns, parts of answers, notices."""

    inbox: Sequence[Row]
    messages: Sequence[Row]
    answers: Sequence[Row]
    turns: Sequence[Row] = ()
    notices: Sequence[Row] = ()
    attempts: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Holds everything that the verdict rests on; `mails` and `parts` in the order of hand-over."""

    sent_in: SentIn
    ledgers: Ledgers
    mails: Sequence[Sent]
    parts: Sequence[Sent]
    pages: Mapping[str, Sequence[Line]]


async def gather(dsn: str, outside: Outside, sent_in: SentIn) -> Evidence:
    """Reads the ledgers in one snapshot and then what the outside was handed.

    Raises:
        OSError, asyncpg.PostgresError, httpx.HTTPError: if the stack does not answer.
    """
    ledgers = await read_ledgers(dsn, sent_in)
    addresses, numbers = sent_in.addresses(), sent_in.numbers()
    mails, parts = await outside.mails_sent(), await outside.whatsapps_sent()
    return Evidence(
        sent_in=sent_in,
        ledgers=ledgers,
        mails=[mail for mail in mails if mail.to in addresses],
        parts=[part for part in parts if part.to in numbers],
        pages=await _pages(outside, sent_in.forms),
    )


async def read_ledgers(dsn: str, sent_in: SentIn) -> Ledgers:
    """Reads the rows of what was sent in, in one snapshot."""
    connection = await asyncpg.connect(dsn, timeout=_ANSWER_SECONDS, command_timeout=_QUERY_SECONDS)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            ids = [*sent_in.ids(), *sent_in.in_doubt, *sent_in.refused]
            senders = [*sent_in.numbers(), *sent_in.addresses()]
            inbox = await _rows(connection, INBOX, ids, senders)
            inbox_ids = [row["inbox_id"] for row in inbox]
            messages = await _rows(connection, MESSAGES, inbox_ids)
            turns = {row["turn_id"] for row in messages if row["turn_id"]}
            talks = {row["conversation_id"] for row in messages if row["conversation_id"]}
            answers = await _rows(connection, ANSWERS, turns, talks)
            answered = {row["message_id"] for row in answers}
            return Ledgers(
                inbox,
                messages,
                answers,
                await _rows(connection, TURNS, inbox_ids),
                await _rows(connection, NOTICES, answered),
                await _rows(connection, ATTEMPTS, answered),
            )
    finally:
        await connection.close()


async def _rows(
    connection: "asyncpg.Connection[asyncpg.Record]", query: str, *keys: Iterable[str | UUID]
) -> list[Row]:
    return [dict(row) for row in await connection.fetch(query, *map(list, keys))]


async def _pages(outside: Outside, forms: Mapping[str, Ticket]) -> dict[str, Sequence[Line]]:
    room = asyncio.Semaphore(_PAGES_AT_ONCE)

    async def one(key: str, ticket: Ticket) -> tuple[str, Sequence[Line]]:
        async with room:
            return key, await outside.status_page(ticket)

    return dict(await asyncio.gather(*(one(key, ticket) for key, ticket in forms.items())))


def conversations_per_sender(evidence: Evidence) -> dict[str, int]:
    """Counts the conversations of each sender, verified side and claimed side together."""
    conversation = {row["message_id"]: row["conversation_id"] for row in evidence.ledgers.messages}
    found: dict[str, set[UUID | None]] = defaultdict(set)
    for row in evidence.ledgers.inbox:
        found[row["sender"]].add(conversation.get(row["inbox_id"]))
    return {sender: len(ids) for sender, ids in found.items()}
