"""Rows that stay open until the far end confirms them.

Writing the row is accepting the work. A publish is only a hint: it may be lost, doubled or late. The far end
answers with receipts: *stored* (its own row has taken over: drive slowly) and *settled* (close). The sweeper
drives what is overdue: it claims rows by moving their `next_drive_time` in one short statement, and publishes
only after that has been committed.

Where the rows lie is behind a port: `chassis.ledger_rows` keeps them in Postgres. Waiting and silence are
measured with the running loop's clock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog

from chassis.database import AWAY

BATCH = 64
SWEEP_SECONDS = 0.5
# Silence after which the next receipt shows that the far end is back; more where it answers in batches.
SILENCE_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A row on its way: its id, the topic, what rows are ordered by, and a payload where the event carries one."""

    row_id: UUID
    topic: str
    group_id: UUID | None = None
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The far end's answer to one row."""

    row_id: UUID
    settled: bool
    outcome: str = ""


class LedgerRows(Protocol):
    """The rows of one ledger. Every method is one transaction and raises one of `AWAY`."""

    @property
    def name(self) -> str:
        """The ledger's name in logs."""

    async def claim(self, limit: int) -> Sequence[Row]:
        """Returns at most `limit` rows that are due, each with its next drive already moved.

        An open row is driven again after 1, 2, 4, … 30 s, a stored one after 60 s growing to 10 min. A row
        that somebody else holds is passed over.
        """

    async def receive(self, receipts: Sequence[Receipt]) -> None:
        """Takes over receipts of different rows, in the order of their ids. A settled row changes no more."""

    async def pull_forward(self) -> None:
        """Makes open rows that would wait for more than a second due within half a second."""


Publish = Callable[[str, Sequence[Row]], Awaitable[None]]


class Ledger:
    """Drives the open rows of one ledger; `publish` gets at most 64 rows of one topic and raises on failure."""

    def __init__(
        self,
        rows: LedgerRows,
        publish: Publish,
        *,
        close_on_ack: bool = False,
        silence_seconds: float = SILENCE_SECONDS,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        self._rows = rows
        self._publish = publish
        self._close_on_ack = close_on_ack
        self._silence_seconds = silence_seconds
        self._sweep_seconds = sweep_seconds
        self._hints: asyncio.Queue[Row] = asyncio.Queue(maxsize=10_000)
        self._last_receipt = asyncio.get_running_loop().time()

    def hint(self, rows: Iterable[Row]) -> None:
        """Queues freshly committed rows for an immediate publish; call it after the commit, never inside."""
        for row in rows:
            if self._hints.full():
                return  # The sweeper finds them.
            self._hints.put_nowait(row)

    async def run(self) -> None:
        """Publishes hints and sweeps, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publish_hints())
            tasks.create_task(self._sweep())

    async def receive(self, receipts: Sequence[Receipt]) -> None:
        """Takes receipts over: stored rows are driven slowly, settled ones close. Repeats change nothing."""
        if not receipts:
            return
        # A settled receipt beats a stored one of the same batch.
        newest = {r.row_id: r for r in sorted(receipts, key=lambda r: r.settled)}
        await self._rows.receive([newest[row_id] for row_id in sorted(newest)])
        now = asyncio.get_running_loop().time()
        silent = now - self._last_receipt
        self._last_receipt = now
        if silent > self._silence_seconds:
            await self._rows.pull_forward()

    async def _publish_hints(self) -> None:
        while True:
            rows = [await self._hints.get()]
            while len(rows) < BATCH and not self._hints.empty():
                rows.append(self._hints.get_nowait())
            await self._drive(rows)

    async def _sweep(self) -> None:
        while True:
            claimed: Sequence[Row] = ()
            try:
                claimed = await self._rows.claim(BATCH)
                await self._drive(claimed)
            except AWAY as error:
                log.warning("ledger cannot be swept", ledger=self._rows.name, error=str(error))
            if len(claimed) < BATCH:
                await asyncio.sleep(self._sweep_seconds)

    async def _drive(self, rows: Sequence[Row]) -> None:
        for topic in dict.fromkeys(row.topic for row in rows):
            of_topic = [row for row in rows if row.topic == topic]
            try:
                await self._publish(topic, of_topic)
                if self._close_on_ack:
                    await self.receive([Receipt(row.row_id, settled=True) for row in of_topic])
            except Exception as error:  # noqa: BLE001 - whatever it was, the rows stay open and come again
                log.warning(
                    "ledger publish failed", topic=topic, rows=len(of_topic), error=str(error)
                )
