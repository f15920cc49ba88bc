"""Owns `fte trace`: finds what an id or reference belongs to and reads its recorded steps."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table

from devstack.failure import StackError

_STEPS: Final = Path(__file__).with_name("trace.sql")
_ANSWER_SECONDS: Final = 5.0

# A conversation, or a ticket of one by id or reference, stands for the whole conversation.
_CONVERSATION: Final = """
SELECT conversation_id FROM agent.conversations WHERE conversation_id = $1
UNION SELECT conversation_id FROM agent.tickets WHERE ticket_id = $1 OR reference = $2
"""
# A message by its own id, by the row that sends it, or by the intent that a notice has of its own.
_MESSAGE: Final = """
SELECT inbox_id AS message_id FROM intake.inbox WHERE inbox_id = $1 AND kind = 'message'
UNION SELECT message_id FROM agent.messages WHERE message_id = $1
UNION SELECT message_id FROM agent.outbox WHERE outbox_id = $1
UNION SELECT message_id FROM delivery.intents WHERE intent_id = $1
UNION SELECT i.message_id FROM delivery.statuses s JOIN delivery.intents i USING (intent_id)
      WHERE s.row_id = $1
"""
_TURNS: Final = """
SELECT turn_id FROM agent.turns WHERE message_ids && $1 OR conversation_id = ANY ($2)
UNION SELECT turn_id FROM agent.messages
      WHERE turn_id IS NOT NULL AND (message_id = ANY ($1) OR conversation_id = ANY ($2))
"""
# A turn's answers belong to each message of its batch.
_MESSAGES: Final = """
SELECT message_id FROM agent.messages
WHERE conversation_id = ANY ($2) OR message_id = ANY ($1)
   OR (turn_id = ANY ($3) AND direction = 'outbound')
"""
_INTENTS: Final = "SELECT intent_id FROM delivery.intents WHERE message_id = ANY ($1)"


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded step; the detail holds states and numbers, never a customer's words."""

    time: datetime
    service: str
    step: str
    id: str
    detail: str


@dataclass(frozen=True, slots=True)
class Trace:
    """All steps of one matter in order of time."""

    reference: str
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns the trace; `at_ms` counts milliseconds from the first step."""
        return {
            "id": self.reference,
            "steps": [
                {
                    "time": step.time.isoformat(timespec="milliseconds"),
                    "at_ms": self.milliseconds(step),
                    "service": step.service,
                    "step": step.step,
                    "id": step.id,
                    "detail": step.detail,
                }
                for step in self.steps
            ],
        }

    def milliseconds(self, step: Step) -> int:
        """Returns how long after the first step this one was, in milliseconds."""
        return round((step.time - self.steps[0].time).total_seconds() * 1000)


async def read_trace(dsn: str, reference: str) -> Trace | None:
    """Reads the steps of what `reference` names, None if nothing is recorded under it.

    Raises:
        StackError: if the database does not answer.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=_ANSWER_SECONDS)
    except (OSError, asyncpg.PostgresError) as exc:
        raise StackError("the database does not answer", "start the stack with `fte up`") from exc
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await _rows(connection, reference)
    except asyncpg.UndefinedTableError as exc:
        raise StackError(
            f"the database is older than this command: {exc}", "run `fte migrate`"
        ) from exc
    finally:
        await connection.close()
    return Trace(reference, tuple(Step(**row) for row in rows)) if rows else None


async def _rows(
    connection: "asyncpg.Connection[asyncpg.Record]", reference: str
) -> list[dict[str, Any]]:
    named = _uuid(reference)

    async def ids(query: str, *values: object) -> list[UUID]:
        return [row[0] for row in await connection.fetch(query, *values)]

    conversations = await ids(_CONVERSATION, named, reference.upper())
    messages = [] if conversations or named is None else await ids(_MESSAGE, named)
    turns = await ids(_TURNS, messages, conversations)
    messages = [*messages, *await ids(_MESSAGES, messages, conversations, turns)]
    intents = await ids(_INTENTS, messages)
    steps = await connection.fetch(_STEPS.read_text(), messages, turns, conversations, intents)
    return [dict(step) for step in steps]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def show_trace(trace: Trace) -> None:
    """Prints the steps as a table with times from the first one."""
    table = Table(box=None, pad_edge=False)
    for heading in ("time (UTC)", "ms", "service", "step", "id", "detail"):
        table.add_column(heading, justify="right" if heading == "ms" else "left", no_wrap=True)
    for step in trace.steps:
        table.add_row(
            step.time.strftime("%H:%M:%S.%f")[:-3],
            f"+{trace.milliseconds(step)}",
            step.service,
            step.step,
            step.id,
            step.detail,
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe has no width: nothing may be cut off.
        console = Console(highlight=False, width=200)
    console.print(table)
