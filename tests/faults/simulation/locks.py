"""Row locks of the simulated database: held to the end of a transaction, freed when their holder's process dies."""

import asyncio
from collections import deque
from collections.abc import Hashable
from contextvars import Context

from tests.faults.simulation.process import Process, current_process

# As `idle_in_transaction_session_timeout` of the real pool: a stopped process loses its transaction after this.
IDLE_SECONDS = 5.0


class TransactionLost(ConnectionError):
    """The server ended the session of a process that was silent in a transaction for too long."""


class Transaction:
    """One transaction's locks; `lost` once the server gave up on it."""

    def __init__(self, locks: "RowLocks") -> None:
        self._locks = locks
        self._held: list[Hashable] = []
        self.process: Process | None = current_process()
        self.lost = False
        if self.process is not None:
            self.process.on_kill(self.end)

    async def lock(self, key: Hashable) -> None:
        """Waits for a row's lock.

        Raises:
            TransactionLost: if the server ended this transaction.
        """
        self.check()
        while (holder := self._locks.holders.get(key)) is not None and holder is not self:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._locks.waiting.setdefault(key, deque()).append(waiter)
            asyncio.get_running_loop().call_later(
                IDLE_SECONDS, holder.give_up, context=self._locks.server
            )
            await waiter
            self.check()
        self._locks.holders[key] = self
        self._held.append(key)

    def check(self) -> None:
        """Raises `TransactionLost` if the server ended this transaction."""
        if self.lost:
            raise TransactionLost("terminating connection due to idle-in-transaction timeout")

    def give_up(self) -> None:
        """Ends the transaction of a process that is stopped; one that works on keeps its locks."""
        if self._held and self.process is not None and self.process.stopped:
            self.lost = True
            self.end()

    def end(self) -> None:
        """Frees the locks; the next in line looks again."""
        if self.process is not None:
            self.process.forget(self.end)
        held, self._held = self._held, []
        for key in held:
            if self._locks.holders.get(key) is self:
                del self._locks.holders[key]
            line = self._locks.waiting.pop(key, None)
            for waiter in line or ():
                if not waiter.done():
                    waiter.set_result(None)


class RowLocks:
    """Who holds which row, and who waits for it; the server's own timers run in no process."""

    def __init__(self) -> None:
        self.holders: dict[Hashable, Transaction] = {}
        self.waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}
        self.server = Context()
