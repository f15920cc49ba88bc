"""Owns the benchmark's gate and its times: no figure counts unless every message was answered once.

Reads the ledgers' final rows and compares them with what the providers were handed.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from cli.bench_load import Sending
from cli.outside import Outside, Sent

_POLL_SECONDS: Final = 0.5

# One row for each message and part of its answer. Hand-over is the end of the attempt that the
# provider took; a web answer is handed over when it is final.
_ROWS: Final = """
    SELECT i.provider_id AS written, i.channel, i.accept_time, i.state, i.outcome,
           m.turn_id, t.due_time, a.message_id AS answer, a.latency_ms,
           o.send_seq, d.state AS intent_state, d.provider_id AS handed,
           coalesce(x.end_time, d.final_time) AS hand_over_time
    FROM intake.inbox AS i
    LEFT JOIN agent.messages AS m ON m.message_id = i.inbox_id
    LEFT JOIN agent.turns AS t ON t.turn_id = m.turn_id
    LEFT JOIN agent.messages AS a ON a.turn_id = m.turn_id AND a.direction = 'outbound'
    LEFT JOIN agent.outbox AS o ON o.message_id = a.message_id
    LEFT JOIN delivery.intents AS d ON d.intent_id = o.outbox_id
    LEFT JOIN delivery.attempts AS x ON x.intent_id = d.intent_id AND x.outcome = 'sent'
    WHERE i.kind = 'message' AND i.provider_id = ANY ($1)
    ORDER BY i.provider_id, o.send_seq
"""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Times:
    """Holds one message's times: moments of the ledgers, and the turn's own work in seconds."""

    channel: str
    intended: float
    accepted: datetime
    due: datetime
    handed_over: datetime
    think_seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Holds what the gate found wrong, and the times of every message if nothing is."""

    problems: Sequence[str]
    times: Sequence[Times] = ()


async def drained(dsn: str, sending: Sending, seconds: float) -> list[Row]:
    """Waits until every message is settled and every part sent, at most so long; returns the rows."""
    deadline = time.monotonic() + seconds
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=20)
    try:
        while True:
            rows: list[Row] = [
                dict(row) for row in await connection.fetch(_ROWS, list(sending.intended))
            ]
            there = len({row["written"] for row in rows}) == len(sending.intended)
            done = all(row["state"] == "settled" and row["intent_state"] == "SENT" for row in rows)
            if (there and done) or time.monotonic() > deadline:
                return rows
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        await connection.close()


async def judge(outside: Outside, sending: Sending, rows: Sequence[Row]) -> Outcome:
    """Compares ledgers and providers; gives times only if nothing was lost or doubled."""
    mails = [one for one in await outside.mails_sent() if one.thread_id in sending.threads]
    parts = [one for one in await outside.whatsapps_sent() if one.to in sending.numbers]
    problems = [*sending.refused, *_lost(sending, rows), *_doubled(rows, [*mails, *parts])]
    if problems:
        return Outcome(problems)
    return Outcome([], _times(sending, rows))


def _lost(sending: Sending, rows: Sequence[Row]) -> list[str]:
    present = {row["written"] for row in rows}
    problems = [f"{one} never arrived" for one in sending.intended if one not in present]
    for row in rows:
        if row["state"] != "settled" or row["outcome"] not in ("answered", "escalated"):
            problems.append(f"{row['written']} is {row['state']} as {row['outcome']}")
        elif row["intent_state"] != "SENT":
            problems.append(f"the answer to {row['written']} is {row['intent_state']}")
    return problems


def _doubled(rows: Sequence[Row], handed: Sequence[Sent]) -> list[str]:
    answers: dict[UUID, set[UUID]] = defaultdict(set)
    for row in rows:
        answers[row["turn_id"]].add(row["answer"])
    problems = [
        f"turn {turn} gave {len(found)} answers"
        for turn, found in answers.items()
        if len(found) > 1
    ]
    known = {row["handed"] for row in rows if row["channel"] != "web_form"}
    counts = Counter(one.provider_id for one in handed)
    problems += [f"{one} was sent and no ledger knows it" for one in counts.keys() - known]
    problems += [f"{one} is in a ledger and was not sent" for one in known - counts.keys()]
    return problems


def _times(sending: Sending, rows: Sequence[Row]) -> list[Times]:
    first: dict[str, Row] = {}
    for row in rows:  # ordered by send_seq: the first part is the answer's beginning
        first.setdefault(row["written"], row)
    return [
        Times(
            channel=row["channel"],
            intended=sending.intended[written],
            accepted=row["accept_time"],
            due=row["due_time"],
            handed_over=row["hand_over_time"],
            think_seconds=(row["latency_ms"] or 0) / 1000,
        )
        for written, row in first.items()
    ]
