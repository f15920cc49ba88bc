"""Owns `fte affected`: lists the answers that a section of the documentation has fed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg
from rich.console import Console
from rich.table import Table

from devstack.failure import StackError

_ANSWER_SECONDS: Final = 5.0
_MOST: Final = 1000

_ANSWERS: Final = """
SELECT m.create_time AS time, m.message_id::text AS message_id, coalesce(t.reference, '') AS ticket, m.channel,
       (one #>> '{source,version}')::integer AS version, count(*)::integer AS sentences,
       coalesce(k.content_hash = one #>> '{source,content_hash}', false) AS current
FROM agent.messages m
CROSS JOIN jsonb_array_elements(m.statements) AS one
LEFT JOIN agent.tickets t USING (ticket_id)
LEFT JOIN agent.knowledge_base k ON k.section_id = $1
WHERE m.direction = 'outbound'
  AND m.statements @> jsonb_build_array(jsonb_build_object('source', jsonb_build_object('section_id', $1::text)))
  AND one #>> '{source,section_id}' = $1
GROUP BY 1, 2, 3, 4, 5, 7
ORDER BY m.create_time DESC LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class FedAnswer:
    """One answer with the version of the section that it rests on; `current` tells that the text is still the same."""

    time: datetime
    message_id: str
    ticket: str
    channel: str
    version: int
    sentences: int
    current: bool

    def as_json(self) -> dict[str, object]:
        """Returns the answer's facts by name."""
        return {
            "time": self.time.isoformat(timespec="milliseconds"),
            "message_id": self.message_id,
            "ticket": self.ticket,
            "channel": self.channel,
            "version": self.version,
            "sentences": self.sentences,
            "current": self.current,
        }


async def read_affected(dsn: str, section_id: str) -> list[FedAnswer]:
    """Reads the newest answers, at most 1,000, with a sentence that rests on a section, newest first.

    Raises:
        StackError: if the database does not answer or lacks the tables.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=_ANSWER_SECONDS)
    except (OSError, asyncpg.PostgresError) as exc:
        raise StackError("the database does not answer", "start the stack with `fte up`") from exc
    try:
        rows = await connection.fetch(_ANSWERS, section_id, _MOST)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as exc:
        raise StackError(
            f"the database is older than this command: {exc}", "run `fte migrate`"
        ) from exc
    finally:
        await connection.close()
    return [FedAnswer(**dict(row)) for row in rows]


def show_affected(answers: list[FedAnswer]) -> None:
    """Prints the answers as a table."""
    table = Table(box=None, pad_edge=False)
    for heading in ("time (UTC)", "message", "ticket", "channel", "version", "sentences", "text"):
        table.add_column(heading, no_wrap=True)
    for one in answers:
        table.add_row(
            one.time.strftime("%Y-%m-%d %H:%M:%S"),
            one.message_id,
            one.ticket,
            one.channel,
            str(one.version),
            str(one.sentences),
            "as it is" if one.current else "changed since",
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    console.print(table)
