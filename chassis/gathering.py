"""Gathers driven rows of many events into one batch: hints come one at a time, the work is cheaper together.

An event is acknowledged before its rows are worked on. That is safe for ledger rows and for nothing else: a row
that is not worked on stays open at its owner and is driven again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

import structlog

from chassis.database import AWAY
from chassis.errors import Unavailable
from chassis.ledger import BATCH

RowT = TypeVar("RowT", bound=Hashable)
# More than this waits at the owners instead of in memory.
MOST_WAITING = 10_000

log = structlog.get_logger(__name__)


class Gathering(Generic[RowT]):
    """Hands at most 64 waiting rows at a time to `work`, each row once however often it was put."""

    def __init__(self, name: str, work: Callable[[Sequence[RowT]], Awaitable[None]]) -> None:
        self._name = name
        self._work = work
        self._waiting: dict[RowT, None] = {}
        self._arrived = asyncio.Event()

    def put(self, rows: Iterable[RowT]) -> None:
        """Adds rows; those beyond the limit are left to their owners' next drive."""
        for row in rows:
            if len(self._waiting) >= MOST_WAITING:
                log.warning("too many rows wait", rows=self._name)
                break
            self._waiting[row] = None
        self._arrived.set()

    async def run(self) -> None:
        """Works on what waits, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                batch = list(self._waiting)[:BATCH]
                for row in batch:
                    del self._waiting[row]
                await self._try(batch)

    async def _try(self, batch: Sequence[RowT]) -> None:
        try:
            await self._work(batch)
        except (*AWAY, Unavailable) as error:  # type: ignore[misc]  # a tuple of exception classes
            log.warning("rows deferred", rows=self._name, count=len(batch), error=str(error))
        except Exception:
            # The rows stay open at their owner and come again.
            log.exception("rows failed", rows=self._name, count=len(batch))
