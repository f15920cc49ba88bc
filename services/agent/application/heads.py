"""The store of heads: what a turn, a takeover or a reply reads and writes under the lock of one head row."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

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


@dataclass(frozen=True, slots=True)
class HeadRow:
    """One side of one customer, as it is under its lock; `now` is the database's clock.

    `lease_time` is until when a runner is believed alive, `due_time` when its oldest batch is to be worked on.
    `recent` counts the messages of the last minute, `told_time` is when the customer was last told to wait.
    """

    customer_id: CustomerId
    side: Side
    version: int
    turn_no: int
    epoch: int
    owner: Owner
    owner_name: str
    failure_count: int
    begin_count: int
    conversation_version: int
    due_time: datetime | None
    lease_time: datetime | None
    now: datetime
    recent: int = 0
    told_time: datetime | None = None

    @property
    def is_due(self) -> bool:
        """Whether a turn may begin now: something waits, and no live runner has it."""
        leased = self.lease_time is not None and self.lease_time >= self.now
        return self.due_time is not None and self.due_time <= self.now and not leased


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A turn that was begun and has no end yet."""

    conversation_id: ConversationId
    batch: tuple[InboundText, ...]
    due_time: datetime


class LedgerName(StrEnum):
    """Which of the agent's ledgers a row is in."""

    OUTBOX = "outbox"
    ANNOUNCEMENTS = "announcements"
    FACTS = "facts"


@dataclass(frozen=True, slots=True)
class Hint:
    """A ledger row that was written, to be driven at once after the commit."""

    ledger: LedgerName
    row_id: UUID
    topic: str = ""
    group_id: UUID | None = None
    payload: bytes = b""


class HeadTransaction(Protocol):
    """One transaction over one head; nothing of it exists unless it ends without an error."""

    async def lock(self) -> HeadRow | None:
        """Takes the head's lock and returns the row as it is then; None if there is none."""

    async def waiting(self, limit: int) -> Sequence[InboundText]:
        """Returns messages without an outcome, oldest first: by accept time, per handle by number."""

    async def last_inbound(self, channel: Channel | None = None) -> InboundText | None:
        """Returns the newest message that the customer wrote, on this channel or on any."""

    async def events(self, from_version: int) -> Sequence[Event]:
        """Returns the events from a version on, in order."""

    async def response(self, message_id: MessageId) -> str | None:
        """Returns what was said under this id, None if nothing was."""

    async def open_turn(self, turn: Turn, runner: str, lease: timedelta, cap: timedelta) -> None:
        """Voids the turn that is open and opens this one under a lease that is never renewed past the cap."""

    async def opened(self, turn_id: TurnId) -> OpenTurn | None:
        """Returns a turn that is still open."""

    async def rest(self) -> None:
        """Notes that nothing waits."""

    async def write(
        self, turn: Turn, version: int, events: Sequence[Event], turn_state: str
    ) -> tuple[Hint, ...]:
        """Appends events, writes the tables that people query, moves the version and ends the lease.

        The turn ends as `turn_state` (committed or failed). A failed turn that is to be tried again keeps its
        counts, any other end puts them to zero.
        """

    async def own(self, turn: Turn, owner: Owner, owner_name: str) -> None:
        """Makes this the owner, under the turn's epoch, and voids the turn that is open."""

    async def raise_fences(self, epoch: int) -> tuple[ConversationId, ...]:
        """Opens a fence for every conversation of this side in which an older epoch might still send."""

    async def fences(self, epoch: int) -> tuple[ConversationId, ...]:
        """Returns the conversations whose fences an epoch opened."""

    async def back_off(self, failures: int, wait: timedelta) -> None:
        """Counts a failed turn; the batch is due again after the wait."""

    async def told(self) -> None:
        """Notes that the customer is told now that many messages are worked on together."""

    async def recompute_due(self, quiet: timedelta, burst: timedelta, pace: int) -> None:
        """Puts the due time to that of the oldest waiting batch; a head that backs off keeps its own.

        Beyond `pace` messages a minute it is due at once to be told so, and then when the minute is over.
        """


class HeadStore(Protocol):
    """All heads; raises an error of the database when it is away."""

    def transaction(
        self, customer_id: CustomerId, side: Side
    ) -> AbstractAsyncContextManager[HeadTransaction]:
        """Opens a transaction that sees this side of this customer and nothing else."""
