"""One runner in a process of its own: the real runner over the real adapters, with a thinker that takes its time.

    python -m tests.faults.runner_process NAME LEDGER_URL TURN_URL LEASE_SECONDS ATTEMPTS_FILE

Each attempt to commit is a JSON line of ATTEMPTS_FILE: the turn and whether it was committed.
"""

import asyncio
import json
import random
import sys
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path

from chassis import logs
from chassis.database import Pool, open_pool
from services.agent.adapters.due_heads import PostgresDueHeads
from services.agent.adapters.inbound import InboundStore
from services.agent.application import runner as running
from services.agent.application.customer import CachedCustomer, Desk
from services.agent.application.turns import Commit
from services.agent.domain.conversation import State
from services.agent.domain.turn import Turn, TurnAnswer
from tests.faults.desks import desk, fence
from tests.unit.agent.turns import answer

CAPACITY = 4
# A third of the turns are answered at once, the others take up to this long: longer than a lease.
LONGEST_THOUGHT_SECONDS = 0.8
_AT_ONCE = 0.3


class NoSnapshots:
    """No state lies anywhere but in this process."""

    async def load(self) -> State | None:
        return None

    async def save(self, state: State) -> None:
        """Keeps nothing."""


class HeldCustomers:
    """Every customer's desk in this process, as a host of actors that believes it holds them all."""

    def __init__(self, desk: Desk, attempts: Path) -> None:
        self._desk = desk
        self._held: dict[running.Head, CachedCustomer] = {}
        self._attempts = attempts.open("a", buffering=1)

    async def begin(self, head: running.Head, runner: str) -> Turn | None:
        return await self._customer(head).begin(runner)

    async def commit_answer(self, turn: Turn, answer: TurnAnswer) -> bool:
        customer = self._customer(running.Head(turn.customer_id, turn.side))
        return await self._attempt(turn, customer.commit_answer(fence(turn), answer))

    async def commit_failure(self, turn: Turn, error: str) -> bool:
        customer = self._customer(running.Head(turn.customer_id, turn.side))
        return await self._attempt(turn, customer.commit_failure(fence(turn), error))

    async def _attempt(self, turn: Turn, committing: Awaitable[Commit | None]) -> bool:
        commit = await committing
        line = {"turn": str(turn.turn_id), "committed": commit is not None}
        self._attempts.write(f"{json.dumps(line)}\n")
        return commit is not None

    def _customer(self, head: running.Head) -> CachedCustomer:
        if head not in self._held:
            self._held[head] = CachedCustomer(
                head.customer_id, head.side, self._desk, NoSnapshots()
            )
        return self._held[head]


class SlowThinker:
    """Answers every turn, some at once and some only after its lease would have expired without renewals."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    async def think(self, turn: Turn) -> TurnAnswer:
        if self._random.random() > _AT_ONCE:
            await asyncio.sleep(self._random.uniform(0, LONGEST_THOUGHT_SECONDS))
        return answer(sentiments=(0.0,) * len(turn.batch))


def adapters(
    ledger: Pool, turns: Pool, lease: timedelta, attempts: Path
) -> tuple[PostgresDueHeads, HeldCustomers]:
    """Builds what a runner works with."""
    due = PostgresDueHeads(ledger, InboundStore(ledger, timedelta(0), timedelta(0)), lease)
    return due, HeldCustomers(desk(turns, lease), attempts)


async def run(name: str, ledger_url: str, turn_url: str, lease: timedelta, attempts: Path) -> None:
    """Runs turns until the process is ended."""
    logs.configure(name, "WARNING")
    ledger = await open_pool(ledger_url, 2, application=name)
    turns = await open_pool(turn_url, CAPACITY, application=name)
    due, customers = adapters(ledger, turns, lease, attempts)
    # As in the product a lease outlives two missed renewals.
    running.RENEW_SECONDS = lease.total_seconds() / 3
    await running.Runner(name, due, customers, SlowThinker(name), CAPACITY).run()


if __name__ == "__main__":
    _, called, ledger_dsn, turn_dsn, seconds, file = sys.argv
    asyncio.run(run(called, ledger_dsn, turn_dsn, timedelta(seconds=float(seconds)), Path(file)))
