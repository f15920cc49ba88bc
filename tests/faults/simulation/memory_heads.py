"""The store of heads over tables in memory: the lock, what is read under it, and a commit that is whole or nothing."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from services.agent.application.heads import HeadRow, Hint, OpenTurn
from services.agent.domain.events import Event
from services.agent.domain.turn import (
    Channel,
    ConversationId,
    CustomerId,
    InboundText,
    MessageId,
    Owner,
    Side,
    Turn,
    TurnId,
)
from tests.faults.simulation.boundary import Io
from tests.faults.simulation.locks import Transaction
from tests.faults.simulation.memory_agent_tables import AgentInMemory, HeadKey, hints_of


class MemoryHeads:
    """One process's way to all heads."""

    def __init__(self, tables: AgentInMemory, io: Io) -> None:
        self._tables = tables
        self._io = io

    @asynccontextmanager
    async def transaction(
        self, customer_id: CustomerId, side: Side
    ) -> AsyncIterator["MemoryHeadTransaction"]:
        """Opens a transaction that sees this side of this customer and nothing else."""
        transaction = MemoryHeadTransaction(self._tables, self._io, (customer_id, side))
        try:
            yield transaction
            if transaction.changes:
                await self._io.request("agent.heads.commit")
            transaction.finish()
        finally:
            transaction.locks.end()
        if transaction.changes:
            await self._io.response("agent.heads.commit")


class MemoryHeadTransaction:
    """One transaction over one head; what it changes is kept back until `finish`."""

    def __init__(self, tables: AgentInMemory, io: Io, key: HeadKey) -> None:
        self._tables = tables
        self._io = io
        self._key = key
        self.locks = Transaction(tables.locks)
        self.changes: list[Callable[[], None]] = []

    def finish(self) -> None:
        """Makes the changes, all at once.

        Raises:
            TransactionLost: if the server ended the session meanwhile; then nothing has changed.
        """
        self.locks.check()
        for change in self.changes:
            change()

    async def lock(self) -> HeadRow | None:
        """Takes the head's lock and returns the row as it is then; None if there is none."""
        await self._io.request("agent.heads.lock")
        await self.locks.lock(self._key)
        head = self._tables.heads.get(self._key)
        row = None
        if head is not None:
            row = HeadRow(
                *self._key, head.version, head.turn_no, head.epoch, head.owner, head.owner_name,
                head.failure_count, head.begin_count, head.conversation_version,
                head.due_time, head.lease_time, self._tables.now(),
                self._tables.recent(self._key), head.told_time,
            )  # fmt: skip
        await self._io.response("agent.heads.lock")
        return row

    async def waiting(self, limit: int) -> Sequence[InboundText]:
        """Returns messages without an outcome, oldest first: by accept time, per handle by number."""
        return [row.text for row in self._tables.waiting[self._key][:limit]]

    async def last_inbound(self, channel: Channel | None = None) -> InboundText | None:
        """Returns the newest message that the customer wrote, on this channel or on any."""
        mine = [
            row
            for row in self._tables.inbound.values()
            if row.key == self._key and channel in {None, row.text.channel}
        ]
        if not mine:
            return None
        return max(mine, key=lambda r: (r.text.accept_time, r.handle_id, r.inbox_seq)).text

    async def events(self, from_version: int) -> Sequence[Event]:
        """Returns the events from a version on, in order."""
        return [
            event for version, event in self._tables.events[self._key] if version >= from_version
        ]

    async def response(self, message_id: MessageId) -> str | None:
        """Returns what was said under this id, None if nothing was."""
        row = self._tables.outbound.get(message_id)
        return row.event.content if row is not None else None

    async def open_turn(self, turn: Turn, runner: str, lease: timedelta, cap: timedelta) -> None:
        """Voids the turn that is open and opens this one under a lease that is never renewed past the cap."""
        self.changes.append(lambda: self._tables.open_turn(turn, runner, lease, cap))

    async def opened(self, turn_id: TurnId) -> OpenTurn | None:
        """Returns a turn that is still open."""
        row = self._tables.turns.get(turn_id)
        if row is None or row.state != "open":
            return None
        batch = tuple(self._tables.inbound[m].text for m in row.message_ids)
        return OpenTurn(row.conversation_id, batch, row.due_time)

    async def rest(self) -> None:
        """Notes that nothing waits."""

        def change() -> None:
            head = self._tables.heads[self._key]
            head.due_time = head.lease_time = None

        self.changes.append(change)

    async def write(
        self, turn: Turn, version: int, events: Sequence[Event], turn_state: str
    ) -> tuple[Hint, ...]:
        """Appends events, writes the tables that people query, moves the version and ends the lease."""
        hints = hints_of(turn, events, self._tables.new_id)

        def change() -> None:
            self._tables.commit(turn, version, events, hints)
            self._tables.end_turn(turn.turn_id, turn_state)

        self.changes.append(change)
        return hints

    async def own(self, turn: Turn, owner: Owner, owner_name: str) -> None:
        """Makes this the owner, under the turn's epoch, and voids the turn that is open."""

        def change() -> None:
            self._tables.void_open(self._key)
            head = self._tables.heads[self._key]
            head.owner, head.owner_name, head.epoch = owner, owner_name, turn.epoch
            head.lease_time = None

        self.changes.append(change)

    async def raise_fences(self, epoch: int) -> tuple[ConversationId, ...]:
        """Opens a fence for every conversation of this side in which an older epoch might still send."""
        tables = self._tables
        rows = (tables.outbox_rows[outbox_id] for outbox_id in tables.outbox.unsettled)
        found = {row.conversation_id for row in rows if row.key == self._key}
        active = tables.heads[self._key].conversation_id
        conversations = sorted(found | ({active} if active else set()))
        self.changes.append(lambda: tables.add_fences(self._key, epoch, conversations))
        return tuple(conversations)

    async def fences(self, epoch: int) -> tuple[ConversationId, ...]:
        """Returns the conversations whose fences an epoch opened."""
        rows = self._tables.fence_rows.values()
        return tuple(sorted(c for key, c, e in rows if (key, e) == (self._key, epoch)))

    async def back_off(self, failures: int, wait: timedelta) -> None:
        """Counts a failed turn; the batch is due again after the wait."""

        def change() -> None:
            head = self._tables.heads[self._key]
            head.failure_count, head.due_time = failures, self._tables.now() + wait

        self.changes.append(change)

    async def told(self) -> None:
        """Notes that the customer is told now that many messages are worked on together."""

        def change() -> None:
            self._tables.heads[self._key].told_time = self._tables.now()

        self.changes.append(change)

    async def recompute_due(self, quiet: timedelta, burst: timedelta, pace: int) -> None:
        """Puts the due time to that of the oldest waiting batch; a head that backs off keeps its own."""
        self.changes.append(lambda: self._tables.recompute_due(self._key, quiet, burst, pace))
