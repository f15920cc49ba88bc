"""Owns the questions that `fte status` asks of the ledgers; read-only, as the local superuser."""

from dataclasses import dataclass
from typing import Any, Final

import asyncpg

_ANSWER_SECONDS: Final = 5.0

# A row is open until its far end has settled it; "stored" only says who drives it now.
_OPEN: Final = """
SELECT count(*) FILTER (WHERE state <> 'settled') AS open,
       coalesce(extract(epoch FROM now() - min({time}) FILTER (WHERE state <> 'settled')), 0)::float8
           AS oldest_seconds
FROM {table}
"""
_OUTCOMES: Final = """
SELECT coalesce(outcome, 'none') AS name, count(*) AS number
FROM {table} WHERE state = 'settled' GROUP BY 1 ORDER BY 1
"""
_INTENTS: Final = """
SELECT state AS name, count(*) AS number FROM delivery.intents GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Says how one ledger stands: open rows, the age of the oldest in seconds, settled outcomes."""

    open: int
    oldest_seconds: float
    outcomes: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Returns the ledger as `fte status --json` shows it."""
        return {
            "open": self.open,
            "oldest_seconds": round(self.oldest_seconds, 3),
            "outcomes": self.outcomes,
        }


@dataclass(frozen=True, slots=True)
class Ledgers:
    """The ledgers that show whether anything is left undone."""

    inbox: Ledger
    outbox: Ledger
    intents: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Returns the ledgers as `fte status --json` shows them."""
        return {
            "inbox": self.inbox.as_json(),
            "outbox": self.outbox.as_json(),
            "intents": {"states": self.intents},
        }


async def read_ledgers(dsn: str) -> Ledgers:
    """Reads all ledgers.

    Raises:
        OSError: if the database does not answer.
        asyncpg.PostgresError: if it answers with an error.
    """
    connection = await asyncpg.connect(dsn, timeout=_ANSWER_SECONDS)
    try:
        return Ledgers(
            inbox=await _read(connection, "intake.inbox", "accept_time"),
            outbox=await _read(connection, "agent.outbox", "create_time"),
            intents=await _counts(connection, _INTENTS),
        )
    finally:
        await connection.close()


async def _read(connection: "asyncpg.Connection[asyncpg.Record]", table: str, time: str) -> Ledger:
    row = await connection.fetchrow(_OPEN.format(table=table, time=time))
    assert row is not None  # noqa: S101 - an aggregate always has a row
    outcomes = await _counts(connection, _OUTCOMES.format(table=table))
    return Ledger(row["open"], row["oldest_seconds"], outcomes)


async def _counts(connection: "asyncpg.Connection[asyncpg.Record]", query: str) -> dict[str, int]:
    return {row["name"]: row["number"] for row in await connection.fetch(query)}
