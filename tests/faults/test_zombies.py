"""Runners that are stopped beyond their lease and woken: what they bring then is void and leaves nothing.

Real processes and a real PostgreSQL. A wake counts only if it was seen to matter: the process was stopped, the
lease of a turn in its hands had expired, and another runner had begun that turn anew.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from chassis.database import Pool, open_pool
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters.inbound import InboundStore, Owned
from services.agent.domain.turn import CustomerId
from tests.integration.agent_world import message
from tests.integration.mesh import eventually
from tests.integration.postgres import Database

ROOT = Path(__file__).resolve().parents[2]
WAKES = 200
RUNNERS = 6
STOPPED_AT_ONCE = 3
CUSTOMERS = 40
LEASE_SECONDS = 0.4
LIMIT_SECONDS = 600.0
# So long a stopped runner is left to be overtaken.
PATIENCE_SECONDS = 2.0

OPEN = "SELECT turn_id FROM agent.turns WHERE runner = $1 AND state = 'open'"
# Which of some turns are still open, and which another runner has begun anew.
FATE = """
    SELECT t.turn_id, t.state = 'open' AS open,
           t.state = 'void' AND EXISTS (
               SELECT FROM agent.turns AS n
               WHERE n.customer_id = t.customer_id AND n.side = t.side
                 AND n.turn_no > t.turn_no AND n.runner <> t.runner) AS overtaken
    FROM agent.turns AS t WHERE t.turn_id = ANY ($1)
"""
# Whoever is stopped within a transaction keeps its row locks and cannot be overtaken.
HOLDS_LOCKS = """
    SELECT EXISTS (SELECT FROM pg_stat_activity
                   WHERE application_name = $1 AND state LIKE 'idle in transaction%')
"""
WAITING = """
    SELECT customer_id FROM agent.messages WHERE direction = 'inbound' AND outcome IS NULL
"""


@dataclass
class Runner:
    """One runner's process."""

    name: str
    process: "subprocess.Popen[bytes]"
    attempts: Path

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def is_stopped(self) -> bool:
        """Tells what the kernel says: state T."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def tried(self) -> list[tuple[UUID, bool]]:
        """Returns the turns that it tried to commit, and whether they were."""
        lines = [json.loads(line) for line in self.attempts.read_text().splitlines()]
        return [(UUID(line["turn"]), line["committed"]) for line in lines]


@dataclass
class World:
    """The runners, the database, and every wake that was seen to matter with the turns that were overtaken."""

    look: Pool
    inbound: InboundStore
    runners: list[Runner]
    wakes: list[set[UUID]] = field(default_factory=list)
    stored: list[UUID] = field(default_factory=list)
    enough: bool = False
    _numbers: Counter[int] = field(default_factory=Counter)
    _being_stored: set[int] = field(default_factory=set)

    async def write(self) -> None:
        """Writes for every customer who waits for nothing, until enough was seen."""
        async with asyncio.TaskGroup() as tasks:
            while not self.enough:
                # Looked up first: what is stored while the query runs may not be seen by it.
                busy = set(self._being_stored)
                busy |= {record["customer_id"].int for record in await self.look.fetch(WAITING)}
                for number in set(range(1, CUSTOMERS + 1)) - busy:
                    self._being_stored.add(number)
                    # One by one: a stopped runner may hold this customer's row and no other's.
                    tasks.create_task(self._store(number))
                await asyncio.sleep(0.1)

    async def _store(self, number: int) -> None:
        stored = self._message(number)
        await self.inbound.store([Owned(stored, CustomerId(UUID(int=number)))])
        self.stored.append(UUID(stored.message_id))
        self._being_stored.discard(number)

    async def stop_and_wake(self, runner: Runner) -> None:
        """Stops a runner with turns in its hands until others have begun them anew, and wakes it."""
        held = [record["turn_id"] for record in await self.look.fetch(OPEN, runner.name)]
        if not held:
            return
        runner.stop()
        try:
            overtaken = await self._overtaken(runner, held)
            if overtaken and runner.is_stopped():
                self.wakes.append(overtaken)
        finally:
            runner.wake()

    async def quiet(self) -> bool:
        return not await self.look.fetch(WAITING)

    async def all_tried(self) -> bool:
        tried = {turn for runner in self.runners for turn, _ in runner.tried()}
        return set().union(*self.wakes) <= tried

    async def _overtaken(self, runner: Runner, held: Sequence[UUID]) -> set[UUID]:
        until = time.monotonic() + PATIENCE_SECONDS
        await asyncio.sleep(
            LEASE_SECONDS / 4
        )  # what the server was told before the stop is done by now
        if await self.look.fetchval(HOLDS_LOCKS, runner.name):
            return set()
        while time.monotonic() < until:
            fates = await self.look.fetch(FATE, held)
            overtaken = {fate["turn_id"] for fate in fates if fate["overtaken"]}
            if overtaken or not any(fate["open"] for fate in fates):
                return overtaken
            await asyncio.sleep(LEASE_SECONDS / 4)
        return set()

    def _message(self, number: int) -> intake_service_pb2.InboundMessage:
        self._numbers[number] += 1
        made = message("How do I reset my password?", self._numbers[number])
        made.handle_id = str(UUID(int=1000 + number))
        return made


@asynccontextmanager
async def world(database: Database, folder: Path) -> AsyncIterator[World]:
    look = await asyncpg.create_pool(database.superuser, min_size=1, max_size=4)
    ledger = await open_pool(database.url("fte_agent"), 8, application="test")
    runners: list[Runner] = []
    try:
        for number in range(RUNNERS):
            runners.append(_started(f"runner-{number}", database, folder))  # noqa: PERF401 - ended one by one
        none = timedelta(0)
        yield World(look, InboundStore(ledger, none, none), runners)
    finally:
        for runner in runners:
            runner.process.kill()
            runner.process.wait()
        await ledger.close()
        await look.close()


def _started(name: str, database: Database, folder: Path) -> Runner:
    attempts = folder / f"{name}.jsonl"
    attempts.touch()
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            (
                sys.executable, "-m", "tests.faults.runner_process", name,
                database.url("fte_agent"), database.url("fte_turn"), str(LEASE_SECONDS), attempts,
            ),
            cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}"},
        )  # fmt: skip
    return Runner(name, process, attempts)


async def _stop_until_enough(w: World, runner: Runner, room: asyncio.Semaphore) -> None:
    pause = random.Random(runner.name)
    until = time.monotonic() + LIMIT_SECONDS
    while len(w.wakes) < WAKES and time.monotonic() < until:
        await asyncio.sleep(pause.uniform(0.02, 0.2))
        async with room:
            assert runner.process.poll() is None, f"{runner.name} died"
            await w.stop_and_wake(runner)


@pytest.mark.timeout(900)
async def test_a_woken_runner_commits_nothing_and_sends_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with world(database, tmp_path) as w:
        writing = asyncio.create_task(w.write())
        room = asyncio.Semaphore(STOPPED_AT_ONCE)
        began = time.monotonic()
        await asyncio.gather(*(_stop_until_enough(w, runner, room) for runner in w.runners))
        took = time.monotonic() - began
        w.enough = True
        await writing
        await eventually(w.quiet, "every message has its outcome")
        await eventually(w.all_tried, "every woken runner has tried to commit")
        overtaken = set().union(*w.wakes)
        print(
            f"{len(w.wakes)} wakes in {took:.0f} s, {len(overtaken)} turns overtaken, "
            f"{len(w.stored)} messages"
        )
        await _check(w, overtaken)
        assert len(w.wakes) >= WAKES


async def _check(w: World, overtaken: set[UUID]) -> None:
    tried = [attempt for runner in w.runners for attempt in runner.tried()]
    # Each stale holder tried, once, and was refused.
    assert Counter(turn for turn, _ in tried if turn in overtaken) == Counter(overtaken)
    assert not [turn for turn, committed in tried if committed and turn in overtaken]
    states = await w.look.fetch(
        "SELECT DISTINCT state FROM agent.turns WHERE turn_id = ANY ($1)", overtaken
    )
    assert [record["state"] for record in states] == ["void"]
    left = "SELECT count(*) FROM agent.messages WHERE turn_id = ANY ($1)"
    assert await w.look.fetchval(left, overtaken) == 0
    # Each message was ended by exactly one turn, and its answer is to be sent exactly once.
    ended = await w.look.fetch(
        "SELECT unnest(message_ids) AS message_id FROM agent.turns WHERE state IN ('committed', 'failed')"
    )
    assert Counter(record["message_id"] for record in ended) == Counter(w.stored)
    answers = await w.look.fetch(
        "SELECT i.message_id FROM agent.messages AS i "
        "JOIN agent.messages AS a ON a.turn_id = i.turn_id AND a.direction = 'outbound' "
        "JOIN agent.outbox AS o ON o.message_id = a.message_id WHERE i.direction = 'inbound'"
    )
    assert Counter(record["message_id"] for record in answers) == Counter(w.stored)
    assert await w.look.fetchval("SELECT count(*) FROM agent.outbox") == len(w.stored)
    assert await w.look.fetchval("SELECT sum(version) FROM agent.heads") == len(w.stored)
