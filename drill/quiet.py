"""Owns waiting until a stack has nothing left to do: every ledger settled, and nothing changing."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import asyncpg
import httpx

from cli.outside import Outside

_POLL_SECONDS: Final = 1.0
# Doubles come late: nothing may change for this long.
_STILL_SECONDS: Final = 4.0
_ANSWER_SECONDS: Final = 10.0

# A ledger is a table with a time at which its rows are driven again; there is no list to forget one in.
_LEDGERS: Final = """
    SELECT table_schema || '.' || table_name AS name FROM information_schema.columns
    WHERE column_name = 'next_drive_time' ORDER BY 1
"""
_OPEN: Final = "SELECT count(*) FROM {name} WHERE state <> 'settled'"
_WORK: Final = """
    SELECT (SELECT count(*) FROM delivery.intents WHERE final_time IS NULL) AS "open intents",
           (SELECT count(*) FROM agent.turns WHERE state = 'open') AS "open turns",
           (SELECT count(*) FROM agent.messages) AS messages,
           (SELECT count(*) FROM delivery.attempts) AS attempts
"""


@dataclass(frozen=True, slots=True)
class Stillness:
    """Says whether the stack came to rest, how long that took in seconds, and what was left open."""

    still: bool
    seconds: float
    left: dict[str, int]

    def __str__(self) -> str:
        if self.still:
            return f"at rest after {self.seconds:.0f} s"
        left = ", ".join(f"{count} in {name}" for name, count in self.left.items())
        return f"not at rest after {self.seconds:.0f} s: {left or 'rows keep changing'}"


async def wait_for_rest(dsn: str, outside: Outside, limit: float) -> Stillness:
    """Waits at most `limit` seconds until nothing is open and nothing has changed for a moment."""
    began = since = time.monotonic()
    last: tuple[dict[str, int], ...] = ()
    sent = {"mails": 0, "whatsapps": 0}
    while True:
        try:
            opened, counted = await _read(dsn)
            sent["mails"] += len(await outside.mails_sent(sent["mails"]))
            sent["whatsapps"] += len(await outside.whatsapps_sent(sent["whatsapps"]))
        except (OSError, asyncpg.PostgresError, httpx.HTTPError):
            opened, counted = {"the database": 1}, {}
        now, moment = (opened, counted, dict(sent)), time.monotonic()
        if now != last or opened:
            last, since = now, moment
        if not opened and moment - since >= _STILL_SECONDS:
            return Stillness(still=True, seconds=moment - began, left={})
        if moment - began > limit:
            return Stillness(still=False, seconds=moment - began, left=opened)
        await asyncio.sleep(_POLL_SECONDS)


async def _read(dsn: str) -> tuple[dict[str, int], dict[str, int]]:
    """Returns what is open, by name, and counts that grow while anything is done."""
    connection = await asyncpg.connect(dsn, timeout=_ANSWER_SECONDS)
    try:
        names = [row["name"] for row in await connection.fetch(_LEDGERS)]
        opened = {name: await connection.fetchval(_OPEN.format(name=name)) for name in names}
        work = await connection.fetchrow(_WORK)
    finally:
        await connection.close()
    counted = dict(work or {})
    opened |= {name: counted.pop(name) for name in ("open intents", "open turns")}
    return {name: count for name, count in opened.items() if count}, counted
