"""Facts on their way into the table: held in memory, written in batches, and only then answered.

Nothing here needs to survive: a fact without a receipt stays open in its owner's ledger and comes again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice

import structlog

from chassis.errors import Unavailable
from fte.metrics.v1 import metrics_events_pb2 as pb

CAPACITY = 20_000
RETRY_SECONDS = 1.0

Write = Callable[[Sequence[pb.Fact]], Awaitable[None]]
Answer = Callable[[Sequence[pb.Fact]], Awaitable[None]]

log = structlog.get_logger(__name__)


class FactBuffer:
    """Collects facts and hands them to `write` after `seconds`, or as soon as there are `facts` of them.

    `answer` gets what was written, repeats included. Both raise `Unavailable` when the sidecar or what is
    behind it is away.
    """

    def __init__(self, write: Write, answer: Answer, *, seconds: float, facts: int) -> None:
        self._write = write
        self._answer = answer
        self._seconds = seconds
        self._most = facts
        self._batch = facts
        self._facts: dict[str, pb.Fact] = {}
        self._enough = asyncio.Event()

    async def take(self, event: pb.FactsRecorded) -> None:
        """Takes the facts of an event over; what finds no room is left to its owner's ledger."""
        room = CAPACITY - len(self._facts)
        fresh = [fact for fact in event.rows if fact.fact_id not in self._facts]
        self._facts |= {fact.fact_id: fact for fact in fresh[:room]}
        if len(fresh) > room:
            log.warning("no room for facts", refused=len(fresh) - room)
        if len(self._facts) >= self._most:
            self._enough.set()

    async def run(self) -> None:
        """Writes batches until cancelled."""
        while True:
            # That the time is over is the usual case; a full batch comes sooner.
            with suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it can swallow a cancellation.
                async with asyncio.timeout(self._seconds):
                    await self._enough.wait()
            self._enough.clear()
            if not await self.flush():
                await asyncio.sleep(RETRY_SECONDS)
                self._enough.set()

    async def flush(self) -> bool:
        """Writes and answers what is held, and tells whether all of it could be written."""
        while batch := list(islice(self._facts.values(), self._batch)):
            try:
                await self._write(batch)
            except Unavailable as error:
                self._shrink(batch, error)
                return False
            self._drop(batch)
            self._batch = min(self._batch * 2, self._most)
            await self._tell(batch)
        return True

    async def _tell(self, batch: Sequence[pb.Fact]) -> None:
        try:
            await self._answer(batch)
        except Unavailable as error:
            # The owners drive the facts again, and the repeat is answered.
            log.warning("receipts not published", facts=len(batch), error=str(error))

    def _shrink(self, batch: Sequence[pb.Fact], error: Unavailable) -> None:
        # A fact that the table will never take must not hold up the others: halve until it stands alone.
        log.warning("facts not written", facts=len(batch), error=str(error))
        if len(batch) == 1:
            log.error("fact given back to its owner", fact_id=batch[0].fact_id)
            self._drop(batch)
        self._batch = max(len(batch) // 2, 1)

    def _drop(self, batch: Sequence[pb.Fact]) -> None:
        for fact in batch:
            self._facts.pop(fact.fact_id, None)
