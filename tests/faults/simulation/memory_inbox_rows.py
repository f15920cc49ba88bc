"""The tables of the inbox in memory: what survives when the processes that use them die."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from chassis.ledger import Row
from services.intake.adapters.inbox import INCOMING, STATUS
from services.intake.adapters.mapping import message_content, status_content
from services.intake.application.messages import (
    Channel,
    Handle,
    InboundMessage,
    ProviderStatus,
    SuppressReason,
)

_FIRST_DRIVE = timedelta(seconds=1)


@dataclass(slots=True)
class Driven:
    """What a ledger knows of a row: open, stored or settled, and when it is driven next."""

    next_drive_time: datetime
    state: str = "open"
    attempts: int = 0
    outcome: str | None = None
    stored_time: datetime | None = None
    settle_time: datetime | None = None


@dataclass(slots=True, eq=False)
class InboxRow:
    """One event of the outside world; `inbox_seq` is 0 for a status or a suppressed message."""

    inbox_id: UUID
    kind: str
    channel: Channel
    account: str
    provider_id: str
    content: bytes
    accept_time: datetime
    drive: Driven
    handle_id: UUID | None = None
    inbox_seq: int = 0
    request_hash: bytes = b""
    suppress_reason: SuppressReason | None = None

    def ledger_row(self) -> Row:
        """Returns the row as its ledger drives it."""
        topic = INCOMING if self.kind == "message" else STATUS
        return Row(self.inbox_id, topic, self.handle_id or self.inbox_id)


@dataclass(slots=True, eq=False)
class HandleRow:
    """One address and its messages in order: the n-th has the number n."""

    handle_id: UUID
    order: list[InboxRow] = field(default_factory=list)


def _nowhere(_: Row) -> None:
    """Stands for a world without a ledger."""


class InboxInMemory:
    """All rows; `now` is the database's clock, `opened` hears in the same transaction of each row to be driven.

    The raw feed's announcements are left out: nobody waits for them.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        ids: random.Random,
        opened: Callable[[Row], object] = _nowhere,
    ) -> None:
        self._now = now
        self._ids = ids
        self._opened = opened
        self._made = 0
        self.rows: dict[UUID, InboxRow] = {}
        self.events: dict[tuple[Channel, str, str], InboxRow] = {}
        self.handles: dict[UUID, HandleRow] = {}
        self._addresses: dict[Handle, HandleRow] = {}

    def ensure_handle(self, handle: Handle) -> UUID:
        """Returns the id of an address, which is made at its first message."""
        row = self._addresses.get(handle)
        if row is None:
            row = self._addresses[handle] = HandleRow(self._new_id())
            self.handles[row.handle_id] = row
        return row.handle_id

    def add(self, message: InboundMessage, handle_id: UUID | None) -> InboxRow | None:
        """Adds a message with the next number of its handle; None for a repeat."""
        if (message.channel, message.account, message.provider_id) in self.events:
            return None
        row = self._row("message", message, message_content(message))
        row.handle_id = handle_id
        row.request_hash = message.request_hash
        row.suppress_reason = message.suppress_reason
        if message.suppress_reason is not None:
            row.drive.state, row.drive.outcome = "settled", "suppressed"
            row.drive.settle_time = row.accept_time
        elif handle_id is not None:
            order = self.handles[handle_id].order
            order.append(row)
            row.inbox_seq = len(order)
            self._opened(row.ledger_row())
        return row

    def add_status(self, status: ProviderStatus) -> InboxRow | None:
        """Adds a provider's status; None for a repeat."""
        if (status.channel, status.account, status.provider_id) in self.events:
            return None
        row = self._row("status", status, status_content(status))
        self._opened(row.ledger_row())
        return row

    def _row(self, kind: str, event: InboundMessage | ProviderStatus, content: bytes) -> InboxRow:
        now = self._now()
        row = InboxRow(
            self._new_id(), kind, event.channel, event.account, event.provider_id, content, now,
            Driven(now + _FIRST_DRIVE),
        )  # fmt: skip
        self.rows[row.inbox_id] = row
        self.events[row.channel, row.account, row.provider_id] = row
        return row

    def _new_id(self) -> UUID:
        # As the database's: ordered by time, and within a millisecond by when they were made.
        self._made += 1
        milliseconds = int(self._now().timestamp() * 1000)
        return UUID(
            int=milliseconds << 80
            | 7 << 76
            | (self._made & 0xFFF) << 64
            | 0b10 << 62
            | self._ids.getrandbits(62)
        )
