"""Owns the calls that a simulator makes: webhooks, status callbacks and pushes.

Each call is a row with a due time, so that a restart forgets none. A row is leased while it is on
the wire, tried again with growing distance if its policy says so, and closed with the last answer.
"""

import asyncio
import contextlib
import json
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from simulators.database import Database
from simulators.rules import FaultBook

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS outgoing (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    url TEXT NOT NULL,
    content TEXT NOT NULL,
    lane TEXT,
    made_time REAL NOT NULL,
    due_time REAL,
    leased INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    outcome TEXT
);
CREATE INDEX IF NOT EXISTS outgoing_due ON outgoing (due_time) WHERE due_time IS NOT NULL;
"""
_AT_ONCE: Final = 64
_KEPT: Final = 5000
_IDLE_SECONDS: Final = 30.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wire:
    """Holds one call ready to be written: headers and body bytes."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Policy:
    """Says when a kind of call is tried again.

    `accepted` are the status codes that close it, `retried` whether another status is tried
    again; `first_seconds` doubles up to `longest_seconds` until `within_seconds` have passed.
    """

    accepted: Callable[[int], bool]
    retried: Callable[[int], bool]
    first_seconds: float
    longest_seconds: float
    within_seconds: float
    # A call that found no connection at all; None follows the same distances as a bad status.
    unreachable_tries: int | None = None


class Outgoing:
    """Writes due calls to their receivers, many at once."""

    def __init__(
        self,
        database: Database,
        book: FaultBook,
        write: Callable[[str, str, Any], Wire],
        policies: Mapping[str, Policy],
        answer_seconds: float,
    ) -> None:
        """Takes `write(kind, url, content)`, which signs and encodes a call at the last moment."""
        self._database = database
        self._book = book
        self._write = write
        self._policies = policies
        self._answer_seconds = answer_seconds
        self._wake = asyncio.Event()
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._lanes: dict[str, asyncio.Task[None]] = {}

    def enqueue(
        self, kind: str, url: str, content: Any, due_time: float, lane: str | None = None
    ) -> None:
        """Adds one call, as many times and as late as the fault rules want it.

        Belongs into the caller's transaction; `kind` may be `policy:name`, where the name is what
        a rule's `only` compares. Calls of one lane that are due together keep their order.
        """
        wanted = self._book.callback(kind.rpartition(":")[2], urlsplit(url).path)
        for _ in range(wanted.copies):
            self._database.run(
                "INSERT INTO outgoing (kind, url, content, lane, made_time, due_time)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                kind, url, json.dumps(content), lane, time.time(),
                due_time + wanted.delay_seconds,
            )  # fmt: skip
        self._wake.set()

    def amend(self, kind: str, content: Any, due_before: float) -> bool:
        """Gives waiting calls of a kind, never tried and due soon, a new content, if there are any.

        Belongs into the caller's transaction.
        """
        changed = self._database.run(
            "UPDATE outgoing SET content = ? WHERE kind = ? AND attempts = 0 AND due_time < ?",
            json.dumps(content), kind, due_before,
        )  # fmt: skip
        return changed.rowcount > 0

    def shown(self, limit: int) -> list[dict[str, Any]]:
        """Returns the newest calls, newest first, with attempts and last outcome."""
        query = (
            "SELECT id, kind, url, content, made_time, due_time, attempts, outcome"
            " FROM outgoing ORDER BY id DESC LIMIT ?"
        )
        return [dict(row) for row in self._database.rows(query, limit)]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sends what is due for as long as the block lasts."""
        self._database.run(
            "UPDATE outgoing SET leased = 0, due_time = ? WHERE leased = 1", time.time()
        )
        timeout = aiohttp.ClientTimeout(total=self._answer_seconds, connect=5)
        connector = aiohttp.TCPConnector(limit=_AT_ONCE, keepalive_timeout=4)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            task = asyncio.create_task(self._drive(session))
            task.add_done_callback(_end_on_failure)
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _drive(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                for row in sorted(self._claim(), key=lambda row: int(row["id"])):
                    await self._room.acquire()
                    before = self._lanes.get(row["lane"])
                    task = group.create_task(self._deliver(session, row, before))
                    if row["lane"] is not None:
                        self._lanes[row["lane"]] = task
                await self._sleep()

    def _claim(self) -> list[Row]:
        now = time.time()
        return self._database.rows(
            "UPDATE outgoing SET leased = 1, attempts = attempts + 1, due_time = ? WHERE id IN"
            " (SELECT id FROM outgoing WHERE due_time <= ? ORDER BY due_time LIMIT ?) RETURNING *",
            now + 2 * self._answer_seconds + 60, now, _AT_ONCE,
        )  # fmt: skip

    async def _sleep(self) -> None:
        row = self._database.first(
            "SELECT min(due_time) AS due FROM outgoing WHERE due_time IS NOT NULL"
        )
        due = None if row is None else row["due"]
        seconds = _IDLE_SECONDS if due is None else min(_IDLE_SECONDS, due - time.time())
        if seconds <= 0:
            return
        with contextlib.suppress(TimeoutError):
            # Not wait_for: before Python 3.12 it can swallow a cancellation.
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _deliver(
        self, session: aiohttp.ClientSession, row: Row, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        status: int | None = None
        try:
            wire = self._write(row["kind"], row["url"], json.loads(row["content"]))
            async with session.post(
                row["url"], data=wire.body, headers=wire.headers, allow_redirects=False
            ) as answer:
                await answer.read()
                status, outcome = answer.status, str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as exc:
            outcome = type(exc).__name__
        finally:
            self._room.release()
        self._settle(row, status, outcome)
        if self._lanes.get(row["lane"]) is asyncio.current_task():
            del self._lanes[row["lane"]]

    def _settle(self, row: Row, status: int | None, outcome: str) -> None:
        policy = self._policies[row["kind"].partition(":")[0]]
        due: float | None = None
        if self._again(policy, row, status):
            distance = policy.first_seconds * 2 ** min(row["attempts"] - 1, 20)
            due = time.time() + min(distance, policy.longest_seconds)
        if status is None or not policy.accepted(status):
            logger.info("%s to %s: %s, attempt %d, %s", row["kind"], urlsplit(row["url"]).path,
                        outcome, row["attempts"], "again" if due else "given up")  # fmt: skip
        self._database.run(
            "UPDATE outgoing SET leased = 0, due_time = ?, outcome = ? WHERE id = ?",
            due, outcome, row["id"],
        )  # fmt: skip
        if row["id"] % 1000 == 0:
            self._database.run(
                "DELETE FROM outgoing WHERE due_time IS NULL AND id < ?", row["id"] - _KEPT
            )
        if due is not None:
            self._wake.set()

    @staticmethod
    def _again(policy: Policy, row: Row, status: int | None) -> bool:
        if time.time() - row["made_time"] > policy.within_seconds:
            return False
        if status is None:
            tries = policy.unreachable_tries
            return tries is None or row["attempts"] <= tries
        return not policy.accepted(status) and policy.retried(status)


def _end_on_failure(task: asyncio.Task[None]) -> None:
    # A simulator that no longer calls anybody must not look alive.
    if not task.cancelled() and task.exception() is not None:
        logger.critical("calls cannot be made any more", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)
