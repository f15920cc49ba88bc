"""The rows of a ledger in memory: the twin of `chassis.ledger_rows.PostgresLedgerRows`.

The table belongs to the world and outlives its processes; `MemoryLedgerRows` is one process's way to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from chassis.ledger import Receipt, Row
from tests.faults.simulation.boundary import Io

# By the number of drives before; the last holds for all that follow.
_OPEN_SECONDS = (1, 2, 4, 8, 16, 30)
_STORED_SECONDS = (60, 120, 240, 480, 600)
_STORED_WAIT = timedelta(seconds=60)
_SOON = timedelta(seconds=1)


@dataclass(slots=True)
class Entry:
    """A row and how far it has come; state is open, stored or settled."""

    row: Row
    next_drive_time: datetime
    state: str = "open"
    outcome: str | None = None
    attempts: int = 0
    stored_time: datetime | None = None
    settle_time: datetime | None = None


class LedgerTableInMemory:
    """A table of rows; its methods are effects, to be called between a request and its response."""

    def __init__(self, name: str, clock: Callable[[], datetime], random: Random) -> None:
        self.name = name
        self.entries: dict[UUID, Entry] = {}
        self._clock = clock
        self._random = random
        self._unsettled: dict[UUID, Entry] = {}

    def insert(self, row: Row, seconds: float = 1.0) -> bool:
        """Adds an open row that is first driven in so many seconds; false if it is there already."""
        if row.row_id in self.entries:
            return False
        entry = Entry(row, self._clock() + timedelta(seconds=seconds))
        self.entries[row.row_id] = self._unsettled[row.row_id] = entry
        return True

    @property
    def unsettled(self) -> dict[UUID, Entry]:
        """The rows that wait for the far end, by id."""
        return self._unsettled

    def outcome(self, row_id: UUID) -> str:
        """Returns how a row was settled, empty while it is not."""
        entry = self.entries[row_id]
        return (entry.outcome or "") if entry.state == "settled" else ""

    def settle(self, row_id: UUID, outcome: str) -> None:
        """Closes a row as a settled receipt does; nothing if it is closed or unknown."""
        self.receive([Receipt(row_id, settled=True, outcome=outcome)])

    def claim(self, limit: int) -> list[Row]:
        """Moves the next drive of what is due, the longest due first, and returns it."""
        now = self._clock()
        due = [entry for entry in self._unsettled.values() if entry.next_drive_time <= now]
        if not due:
            return []
        due.sort(key=lambda entry: entry.next_drive_time)
        for entry in due[:limit]:
            distances = _OPEN_SECONDS if entry.state == "open" else _STORED_SECONDS
            seconds = distances[min(entry.attempts, len(distances) - 1)]
            jitter = 0.9 + self._random.random() * 0.2
            entry.attempts += 1
            entry.next_drive_time = now + timedelta(seconds=seconds * jitter)
        return [entry.row for entry in due[:limit]]

    def receive(self, receipts: Sequence[Receipt]) -> None:
        """Takes receipts over; a settled or unknown row stays as it is."""
        now = self._clock()
        for receipt in receipts:
            entry = self._unsettled.get(receipt.row_id)
            if entry is None:
                continue
            if entry.state == "open":
                entry.attempts, entry.next_drive_time = 0, now + _STORED_WAIT
            entry.state = "settled" if receipt.settled else "stored"
            entry.outcome = receipt.outcome or entry.outcome
            entry.stored_time = entry.stored_time or now
            if receipt.settled:
                entry.settle_time = now
                del self._unsettled[receipt.row_id]

    def pull_forward(self) -> None:
        """Makes open rows that would wait for more than a second due within half a second."""
        now = self._clock()
        for entry in self._unsettled.values():
            if entry.state == "open" and entry.next_drive_time > now + _SOON:
                entry.next_drive_time = now + timedelta(seconds=self._random.random() * 0.5)


class MemoryLedgerRows:
    """One process's way to a table, by way of its boundary."""

    def __init__(self, table: LedgerTableInMemory, io: Io) -> None:
        self._table = table
        self._io = io
        self._claim, self._receive, self._pull = (
            f"{table.name}.{method}" for method in ("claim", "receive", "pull_forward")
        )

    @property
    def name(self) -> str:
        """The table's name."""
        return self._table.name

    async def claim(self, limit: int) -> Sequence[Row]:
        """Returns at most `limit` rows that are due, each with its next drive already moved."""
        await self._io.request(self._claim)
        rows = self._table.claim(limit)
        await self._io.response(self._claim)
        return rows

    async def receive(self, receipts: Sequence[Receipt]) -> None:
        """Takes over receipts of different rows. A settled row changes no more."""
        await self._io.request(self._receive)
        self._table.receive(receipts)
        await self._io.response(self._receive)

    async def pull_forward(self) -> None:
        """Makes open rows that would wait for more than a second due within half a second."""
        await self._io.request(self._pull)
        self._table.pull_forward()
        await self._io.response(self._pull)
