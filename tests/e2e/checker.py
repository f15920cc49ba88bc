"""Decides from outside whether what was sent in was answered once, in order, by the right ledgers.

It shares no code with the services: it takes what a test sent in, what the providers were handed
(`_sent`), the status pages and the ledgers' final rows, and compares them. Nothing here calls a service.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg

from cli.outside import Line, Mail, Outside, Sent, Ticket
from fte.agent.v1 import agent_service_pb2

# A message that a person must answer counts as answered: the customer was told so.
ANSWERED = frozenset({"answered", "escalated"})
POLL_SECONDS = 0.25
# Doubles come late: nothing may change for this long before the verdict.
QUIET_SECONDS = 1.5

INBOX = """
    SELECT i.inbox_id, i.channel, i.provider_id, i.state, i.outcome, i.suppress_reason,
           h.value AS sender, o.handle_id, o.inbox_seq
    FROM intake.inbox AS i
    LEFT JOIN intake.handles AS h USING (handle_id)
    LEFT JOIN intake.inbox_order AS o USING (inbox_id)
    WHERE i.kind = 'message' AND i.provider_id = ANY ($1)
"""
MESSAGES = """
    SELECT m.message_id, m.turn_id, m.conversation_id, m.outcome, m.handle_id, m.inbox_seq,
           t.state AS turn_state, t.end_time, c.customer_id, c.side
    FROM agent.messages AS m
    LEFT JOIN agent.turns AS t USING (turn_id)
    LEFT JOIN agent.conversations AS c ON c.conversation_id = m.conversation_id
    WHERE m.direction = 'inbound' AND m.message_id = ANY ($1)
"""
ANSWERS = """
    SELECT m.message_id, m.turn_id, m.role, m.channel, m.delivery_status,
           o.outbox_id, o.state AS outbox_state, o.outcome AS outbox_outcome, o.content,
           o.conversation_id, o.send_seq, i.state AS intent_state, i.provider_id, i.kind
    FROM agent.messages AS m
    LEFT JOIN agent.outbox AS o USING (message_id)
    LEFT JOIN delivery.intents AS i ON i.intent_id = o.outbox_id
    WHERE m.direction = 'outbound' AND m.turn_id = ANY ($1)
    ORDER BY o.conversation_id, o.channel, o.send_seq
"""
FINAL_INTENTS = frozenset({"SENT", "REJECTED", "NEEDS_HUMAN", "CANCELLED", "PARKED"})

Row = Mapping[str, Any]


@dataclass(slots=True)
class SentIn:
    """Holds what a test sent in and saw accepted."""

    whatsapps: dict[str, str] = field(default_factory=dict)  # SID to number
    mails: dict[str, tuple[Mail, str]] = field(default_factory=dict)  # Gmail id to mail and address
    forms: dict[str, Ticket] = field(default_factory=dict)  # ticket id to ticket

    def ids(self) -> list[str]:
        """Returns the providers' ids of all messages, as the inbox keys them."""
        return [*self.whatsapps, *self.mails, *self.forms]

    def __len__(self) -> int:
        return len(self.whatsapps) + len(self.mails) + len(self.forms)


@dataclass(frozen=True, slots=True)
class Ledgers:
    """Holds the ledgers' rows of what was sent in: inbox, the agent's messages, parts of answers."""

    inbox: Sequence[Row]
    messages: Sequence[Row]
    answers: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Holds everything that the verdict rests on."""

    sent_in: SentIn
    ledgers: Ledgers
    mails: Sequence[Sent]
    parts: Sequence[Sent]
    pages: Mapping[str, Sequence[Line]]


@dataclass(slots=True)
class Verdict:
    """Holds what is wrong, and how much was looked at."""

    problems: list[str]
    messages: int
    turns: int
    answers: int
    parts: int

    def __str__(self) -> str:
        counted = (
            f"{self.messages} messages, {self.turns} turns, "
            f"{self.answers} answers in {self.parts} parts"
        )
        shown = self.problems[:40]
        if len(self.problems) > len(shown):
            shown.append(f"... and {len(self.problems) - len(shown)} more")
        return "\n".join([counted, *shown])


async def check(dsn: str, outside: Outside, sent_in: SentIn, seconds: float) -> Verdict:
    """Waits until all is settled and still, at most `seconds`, then judges what there is."""
    deadline = time.monotonic() + seconds
    while True:
        waiting = _unfinished(await _ledgers(dsn, sent_in), sent_in)
        if not waiting or time.monotonic() > deadline:
            break
        await asyncio.sleep(POLL_SECONDS)
    last, since = await gather(dsn, outside, sent_in), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        now = await gather(dsn, outside, sent_in)
        if now != last:
            last, since = now, time.monotonic()
    return judge(last)


async def gather(dsn: str, outside: Outside, sent_in: SentIn) -> Evidence:
    """Reads the ledgers in one snapshot and then what the outside was handed."""
    ledgers = await _ledgers(dsn, sent_in)
    addresses = {address for _, address in sent_in.mails.values()}
    numbers = set(sent_in.whatsapps.values())
    mails, parts = await outside.mails_sent(), await outside.whatsapps_sent()
    return Evidence(
        sent_in=sent_in,
        ledgers=ledgers,
        mails=[mail for mail in mails if mail.to in addresses],
        parts=[part for part in parts if part.to in numbers],
        pages={key: await outside.status_page(one) for key, one in sent_in.forms.items()},
    )


async def _ledgers(dsn: str, sent_in: SentIn) -> Ledgers:
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=30)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            inbox = await _rows(connection, INBOX, sent_in.ids())
            messages = await _rows(connection, MESSAGES, [row["inbox_id"] for row in inbox])
            turns = {row["turn_id"] for row in messages if row["turn_id"]}
            return Ledgers(inbox, messages, await _rows(connection, ANSWERS, turns))
    finally:
        await connection.close()


async def _rows(
    connection: "asyncpg.Connection[asyncpg.Record]", query: str, keys: Iterable[str | UUID]
) -> list[Row]:
    return [dict(row) for row in await connection.fetch(query, list(keys))]


def _unfinished(ledgers: Ledgers, sent_in: SentIn) -> list[str]:
    """Names what is still on its way; empty when nothing more is to be expected."""
    present = {row["provider_id"] for row in ledgers.inbox}
    waiting = [f"{one} is not in the inbox" for one in sent_in.ids() if one not in present]
    waiting += [
        f"inbox row of {row['provider_id']} is {row['state']}"
        for row in ledgers.inbox
        if row["state"] != "settled"
    ]
    waiting += [
        f"outbox row {row['outbox_id']} is {row['outbox_state']}, its intent {row['intent_state']}"
        for row in ledgers.answers
        if row["outbox_state"] != "settled" or row["intent_state"] not in FINAL_INTENTS
    ]
    return waiting


def judge(evidence: Evidence) -> Verdict:
    """Applies every rule to the evidence."""
    return Verdict(
        problems=[
            *_unfinished(evidence.ledgers, evidence.sent_in),
            *_inbox_rules(evidence),
            *_turn_rules(evidence),
            *_order_rules(evidence),
            *_hand_over_rules(evidence),
            *_mail_rules(evidence),
            *_page_rules(evidence),
        ],
        messages=len(evidence.ledgers.inbox),
        turns=len({row["turn_id"] for row in evidence.ledgers.messages}),
        answers=len({row["message_id"] for row in evidence.ledgers.answers}),
        parts=len(evidence.ledgers.answers),
    )


def _inbox_rules(evidence: Evidence) -> Iterable[str]:
    """Each accepted message is one row, has a turn's outcome, and the agent holds the same."""
    copies = Counter(row["provider_id"] for row in evidence.ledgers.inbox)
    for one, count in copies.items():
        if count > 1:
            yield f"{one} is {count} messages in the inbox"
    agent = {row["message_id"]: row for row in evidence.ledgers.messages}
    for row in evidence.ledgers.inbox:
        name = f"{row['channel']} {row['provider_id']}"
        if row["suppress_reason"]:
            yield f"{name} was suppressed as {row['suppress_reason']}"
            continue
        if row["outcome"] not in ANSWERED:
            yield f"{name} ended as {row['outcome']}"
        held = agent.get(row["inbox_id"])
        if held is None:
            yield f"{name} is unknown to the agent"
        elif held["outcome"] != row["outcome"]:
            yield f"{name} is {row['outcome']} for intake and {held['outcome']} for the agent"


def _turn_rules(evidence: Evidence) -> Iterable[str]:
    """Each message belongs to one committed turn, and each such turn gave one answer."""
    answers: dict[UUID, set[UUID]] = defaultdict(set)
    for row in evidence.ledgers.answers:
        answers[row["turn_id"]].add(row["message_id"])
        if row["outbox_id"] is None:
            yield f"answer {row['message_id']} has nothing to send"
    for row in evidence.ledgers.messages:
        if row["turn_id"] is None or row["turn_state"] != "committed":
            yield f"message {row['message_id']} is in a turn that is {row['turn_state']}"
    for turn in {row["turn_id"] for row in evidence.ledgers.messages if row["turn_id"]}:
        if len(answers[turn]) != 1:
            yield f"turn {turn} gave {len(answers[turn])} answers"


def _order_rules(evidence: Evidence) -> Iterable[str]:
    """No gap in a handle's numbers, no later number in an earlier turn, parts handed over in order."""
    turns = {row["message_id"]: row["end_time"] for row in evidence.ledgers.messages}
    handles: dict[UUID, list[Row]] = defaultdict(list)
    for row in evidence.ledgers.inbox:
        if row["handle_id"] is not None:
            handles[row["handle_id"]].append(row)
    for rows in handles.values():
        rows.sort(key=lambda row: int(row["inbox_seq"]))
        numbers = [row["inbox_seq"] for row in rows]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            yield f"{rows[0]['sender']} has the numbers {numbers}"
        ends = [turns.get(row["inbox_id"]) for row in rows]
        if any(a is not None and b is not None and a > b for a, b in pairwise(ends)):
            yield f"{rows[0]['sender']}: a later message was answered before an earlier one"
    place = {one.provider_id: at for at, one in enumerate([*evidence.mails, *evidence.parts])}
    lanes: dict[tuple[UUID, str], list[Row]] = defaultdict(list)
    for row in evidence.ledgers.answers:
        lanes[(row["conversation_id"], row["channel"])].append(row)
    for (conversation, channel), rows in lanes.items():
        places = [place[row["provider_id"]] for row in rows if row["provider_id"] in place]
        if places != sorted(places):
            yield f"conversation {conversation} was sent out of order on {channel}"


def _hand_over_rules(evidence: Evidence) -> Iterable[str]:
    """The providers were handed exactly what the ledgers say was sent, each part once."""
    wanted: Counter[tuple[str, str]] = Counter()
    for row in evidence.ledgers.answers:
        if row["intent_state"] not in (None, "SENT") and row["intent_state"] in FINAL_INTENTS:
            yield f"part {row['outbox_id']} ended as {row['intent_state']}"
        if row["intent_state"] == "SENT" and row["channel"] != "web_form":
            content = agent_service_pb2.OutboundMessage.FromString(row["content"])
            wanted[(content.recipient.value, _plain(content.text))] += 1
    handed = Counter(
        (one.to, _plain(one.body)) for one in (*_in_threads(evidence), *evidence.parts)
    )
    for (to, text), count in (handed - wanted).items():
        yield f"{to} got {count} time(s) more than the ledgers know: {text[:60]!r}"
    for (to, text), count in (wanted - handed).items():
        yield f"{to} got {count} time(s) less than the ledgers say: {text[:60]!r}"
    ids = Counter(row["provider_id"] for row in evidence.ledgers.answers if row["provider_id"])
    for provider_id, count in ids.items():
        if count > 1:
            yield f"{count} parts claim to be {provider_id}"


def _mail_rules(evidence: Evidence) -> Iterable[str]:
    """Every mail got one answer in its own thread."""
    replies = Counter((mail.thread_id, mail.in_reply_to) for mail in evidence.mails)
    for mail, address in evidence.sent_in.mails.values():
        count = replies[(mail.thread_id, mail.message_id)]
        in_thread = sum(one.thread_id == mail.thread_id for one in evidence.mails)
        if count != 1 or in_thread != 1:
            yield f"{address}: {count} replies to the mail, {in_thread} mails in its thread"


def _page_rules(evidence: Evidence) -> Iterable[str]:
    """Every form's page shows what the customer wrote and one line of ours."""
    for key, lines in evidence.pages.items():
        roles = Counter("customer" if line.role == "customer" else "ours" for line in lines)
        if roles != {"customer": 1, "ours": 1}:
            yield f"page of ticket {key} shows {dict(roles)}"


def conversations_per_sender(evidence: Evidence) -> dict[str, int]:
    """Counts the conversations of each sender, verified side and claimed side together."""
    conversation = {row["message_id"]: row["conversation_id"] for row in evidence.ledgers.messages}
    found: dict[str, set[UUID | None]] = defaultdict(set)
    for row in evidence.ledgers.inbox:
        found[row["sender"]].add(conversation.get(row["inbox_id"]))
    return {sender: len(ids) for sender, ids in found.items()}


def _in_threads(evidence: Evidence) -> Iterable[Sent]:
    # The notice of a web answer stands outside every thread and is no answer.
    threads = {mail.thread_id for mail, _ in evidence.sent_in.mails.values()}
    return (mail for mail in evidence.mails if mail.thread_id in threads)


def _plain(text: str) -> str:
    # Mail changes line ends and blanks at them; words and their order stay.
    return " ".join(text.split())
