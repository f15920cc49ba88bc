"""What intake's use cases need from outside, in their own words."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.intake.application.mail import Mail
from services.intake.application.messages import (
    Accepted,
    Channel,
    InboundMessage,
    ProviderStatus,
    StoredForm,
)
from services.intake.domain.loops import Arrival, Traffic


class Inbox(Protocol):
    """The durable inbox: what it accepted is committed when a call returns."""

    async def accept(self, message: InboundMessage) -> Accepted:
        """Stores a message once; a repeat returns the first row."""
        ...

    async def accept_status(self, status: ProviderStatus) -> Accepted:
        """Stores a provider's status once; a repeat returns the first row."""
        ...

    async def known(self, channel: Channel, account: str, provider_ids: Sequence[str]) -> set[str]:
        """Returns those of the provider ids that are in the inbox."""
        ...

    async def form(self, provider_id: str) -> StoredForm | None:
        """Returns a form submission or a reply by its provider id."""
        ...

    async def replies(self, ticket_id: UUID) -> list[StoredForm]:
        """Returns the status-page replies to a ticket, oldest first, at most 200."""
        ...


class UnreadableMailError(Exception):
    """A mail could not be read within the limits; the text names the limit."""


class MailReader(Protocol):
    """Where mails are read, apart from everything else."""

    async def read(self, raw: bytes) -> Mail:
        """Reads a mail; raises `UnreadableMailError`."""
        ...


class MailTraffic(Protocol):
    """Who wrote to a mailbox lately, so that two machines do not answer each other for ever."""

    async def note(self, arrival: Arrival) -> Traffic:
        """Records a mail once and returns what came before it; a repeat changes nothing."""
        ...


class MailboxAwayError(Exception):
    """The mailbox did not answer usefully; a later look may succeed.

    `reason` is one word for logs, the health page and `fte check gmail`.
    """

    def __init__(self, message: str, reason: str = "away") -> None:
        super().__init__(message)
        self.reason = reason


class HistoryGoneError(Exception):
    """The mailbox no longer knows the changes since our cursor."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of new mail: message ids in order, the last change on it and the mailbox's newest change.

    `moved_ids` are those among them that were in the mailbox before and were moved into the inbox.
    """

    message_ids: tuple[str, ...]
    last_id: int
    newest_id: int
    next_token: str | None
    moved_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the inbox's mails, newest first."""

    message_ids: tuple[str, ...]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class FetchedMail:
    """One mail as the provider holds it; `receive_time` is when the provider took it, by its own clock."""

    message_id: str
    thread_id: str
    labels: frozenset[str]
    raw: bytes = field(repr=False)
    receive_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """A running notification: where the mailbox stands and until when it notifies."""

    history_id: int
    expire_time: datetime


class Mailbox(Protocol):
    """The provider's mailbox; every method raises `MailboxAwayError` when it does not answer."""

    async def watch(self) -> Watch:
        """Starts or renews the notifications."""
        ...

    async def newest_history_id(self) -> int:
        """Returns where the mailbox stands."""
        ...

    async def history(self, start: int, token: str | None) -> HistoryPage:
        """Returns what came into the inbox after `start`; raises `HistoryGoneError`."""
        ...

    async def recent(self, since: datetime, token: str | None) -> ListPage:
        """Returns what lies in the inbox and came at `since` or later."""
        ...

    async def fetch(self, message_id: str) -> FetchedMail | None:
        """Returns a mail, or None if it was deleted meanwhile."""
        ...

    async def fetch_head(self, message_id: str) -> FetchedMail | None:
        """Returns a mail's headers without its content, or None if it was deleted meanwhile."""
        ...


class SentMail(Protocol):
    """What delivery knows of the mails that it sent."""

    async def has(self, provider_id: str, internet_message_id: str, intent_id: str) -> bool:
        """Tells whether one of the ids is of a mail of ours; empty ones are nobody's.

        Raises `MailboxAwayError` when delivery does not answer: without it nothing is taken in.
        """
        ...


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a mailbox was read and until when it notifies us; what is absent has never happened.

    `watch_time` is the last renewal, `watch_try_time` the last attempt at one. `start_time` is when we began to read,
    `seen_time` when the newest mail that we saw came, by the provider's clock. `resyncs` counts the histories lost
    in a row without one that could be read between them, the last at `resync_time`.
    """

    history_id: int | None
    watch_expire_time: datetime | None
    watch_time: datetime | None = None
    watch_try_time: datetime | None = None
    start_time: datetime | None = None
    seen_time: datetime | None = None
    resyncs: int = 0
    resync_time: datetime | None = None


class MailCursors(Protocol):
    """Where mailboxes were read up to, and who reads them now."""

    def lease(self) -> AbstractAsyncContextManager[Cursor | None]:
        """Takes the mailbox for one reader; gives None while another reads it."""
        ...

    async def renew(self) -> None:
        """Extends the lease while the reading goes on."""
        ...

    async def watched(self, watch: Watch, now: datetime) -> None:
        """Records a watch that began now; its history id becomes the cursor only if there is none yet."""
        ...

    async def began(self, history_id: int, now: datetime) -> None:
        """Records where we begin to read, if that is not known yet."""
        ...

    async def watch_failed(self, reason: str, now: datetime) -> None:
        """Records an attempt at a watch that failed."""
        ...

    async def advance(self, history_id: int, seen_time: datetime | None) -> None:
        """Moves the cursor and the newest mail's time forward, never back."""
        ...

    async def caught_up(self, now: datetime) -> None:
        """Records that the history was read to its end."""
        ...

    async def look_failed(self, reason: str) -> None:
        """Records why the last look failed."""
        ...

    async def reset(self, history_id: int, now: datetime) -> None:
        """Puts the cursor to where the mailbox stands, and counts a lost history."""
        ...
