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
    """The mailbox did not answer usefully; a later look may succeed."""


class HistoryGoneError(Exception):
    """The mailbox no longer knows the changes since our cursor."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of new mail: message ids in order, the last change on it and the mailbox's newest change."""

    message_ids: tuple[str, ...]
    last_id: int
    newest_id: int
    next_token: str | None


@dataclass(frozen=True, slots=True)
class FetchedMail:
    """One mail as the provider holds it."""

    message_id: str
    thread_id: str
    labels: frozenset[str]
    raw: bytes = field(repr=False)


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

    async def fetch(self, message_id: str) -> FetchedMail | None:
        """Returns a mail, or None if it was deleted meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a mailbox was read, absent before the first watch, and until when it notifies us."""

    history_id: int | None
    watch_expire_time: datetime | None


class MailCursors(Protocol):
    """Where mailboxes were read up to, and who reads them now."""

    def lease(self) -> AbstractAsyncContextManager[Cursor | None]:
        """Takes the mailbox for one reader; gives None while another reads it."""
        ...

    async def renew(self) -> None:
        """Extends the lease while the reading goes on."""
        ...

    async def watched(self, watch: Watch) -> None:
        """Records a watch; its history id becomes the cursor only if there is none yet."""
        ...

    async def advance(self, history_id: int) -> None:
        """Moves the cursor forward, never back."""
        ...

    async def reset(self, history_id: int) -> None:
        """Puts the cursor to where the mailbox stands."""
        ...
