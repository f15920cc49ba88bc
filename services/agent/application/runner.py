"""Runs the turns that are due: pulls heads, begins, thinks outside any actor turn, commits.

It pulls as many as it has capacity for, so a flood of messages never starts more model calls than that.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from services.agent.domain.turn import CustomerId, Side, Turn, TurnAnswer, TurnId

POLL_SECONDS = 0.2
RENEW_SECONDS = 1.0
REVIVE_SECONDS = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """One side of one customer."""

    customer_id: CustomerId
    side: Side


class DueHeads(Protocol):
    """Whose turn it is, and the leases of turns under way."""

    async def due(self, limit: int) -> Sequence[Head]:
        """Lists heads that are due and have no live lease, longest waiting first."""

    async def renew(self, turn_ids: Sequence[TurnId]) -> None:
        """Renews the leases of the turns that are really being executed here, never past their cap."""

    async def void_predecessor(self, runner: str) -> int:
        """Voids the open turns of earlier starts of the same slot; returns how many."""

    async def revive(self) -> int:
        """Makes due whoever waits without a due time; returns how many."""


class CustomerTurns(Protocol):
    """The customer's actor, as the runner sees it."""

    async def begin(self, head: Head, runner: str) -> Turn | None:
        """Begins the turn that is due; None when there is nothing to do."""

    async def commit_answer(self, turn: Turn, answer: TurnAnswer) -> bool:
        """Commits what the turn staged; False when the turn is void."""

    async def commit_failure(self, turn: Turn, error: str) -> bool:
        """Commits that the turn returned an error; False when the turn is void."""


class Think(Protocol):
    """What a turn's batch deserves."""

    async def think(self, turn: Turn) -> TurnAnswer:
        """Stages an answer or an escalation; raises when it cannot."""


class Runner:
    """Executes due turns of many customers at once, at most `capacity`."""

    def __init__(
        self, name: str, heads: DueHeads, customers: CustomerTurns, thinker: Think, capacity: int
    ) -> None:
        self._name = name
        self._heads = heads
        self._customers = customers
        self._thinker = thinker
        self._capacity = capacity
        self._running: dict[Head, asyncio.Task[None]] = {}
        self._turns: set[TurnId] = set()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Looks for due heads at once instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Runs until cancelled; a turn that is cut off is begun again by whoever finds its lease expired."""
        voided = await self._heads.void_predecessor(self._name)
        if voided:
            log.info("voided turns of an earlier start", turns=voided)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pull(tasks))
            tasks.create_task(self._renew())
            tasks.create_task(self._revive())

    async def _pull(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._wake.clear()
            free = self._capacity - len(self._running)
            for head in await self._due(free):
                self._running[head] = tasks.create_task(self._execute(head))
            try:
                # Not wait_for: before Python 3.12 it can swallow a cancellation.
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _due(self, free: int) -> Sequence[Head]:
        if free <= 0:
            return ()
        try:
            # Heads that this process is just about to begin are still listed.
            heads = await self._heads.due(free + len(self._running))
        except Exception as error:  # noqa: BLE001 - the database is away or restarting; poll again
            log.warning("due heads unknown", error=str(error))
            return ()
        return [head for head in heads if head not in self._running][:free]

    async def _execute(self, head: Head) -> None:
        try:
            await self._turn(head)
        except Exception as error:
            # The lease runs out and the batch is due again.
            log.exception("turn ended without an outcome", error=type(error).__name__)
            await asyncio.sleep(RENEW_SECONDS)
        finally:
            del self._running[head]
            self._wake.set()

    async def _turn(self, head: Head) -> None:
        turn = await self._customers.begin(head, self._name)
        if turn is None:
            return
        context = {
            "turn_id": str(turn.turn_id),
            "customer_id": str(turn.customer_id),
            "conversation_id": str(turn.conversation_id),
            "channel": turn.channel.value,
        }
        self._turns.add(turn.turn_id)
        started = time.monotonic()
        try:
            with structlog.contextvars.bound_contextvars(**context):
                committed, outcome = await self._think_and_commit(turn)
                log.info(
                    "turn",
                    event_type="turn",
                    outcome=outcome if committed else "void",
                    messages=len(turn.batch),
                    seconds=round(time.monotonic() - started, 3),
                )
        finally:
            self._turns.discard(turn.turn_id)

    async def _think_and_commit(self, turn: Turn) -> tuple[bool, str]:
        try:
            answer = await self._thinker.think(turn)
        except Exception as error:
            log.exception("thinking failed")
            return await self._customers.commit_failure(turn, type(error).__name__), "failed"
        outcome = answer.escalation.reason.value if answer.escalation else "answered"
        return await self._customers.commit_answer(turn, answer), outcome

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if self._turns:
                try:
                    await self._heads.renew(sorted(self._turns))
                except Exception as error:  # noqa: BLE001 - a lost lease makes the turn void, not wrong
                    log.warning("leases not renewed", error=str(error))

    async def _revive(self) -> None:
        while True:
            await asyncio.sleep(REVIVE_SECONDS)
            try:
                revived = await self._heads.revive()
            except Exception as error:  # noqa: BLE001 - the next round finds them
                log.warning("waiting heads not revived", error=str(error))
                continue
            if revived:
                log.warning("made waiting heads due", heads=revived)
