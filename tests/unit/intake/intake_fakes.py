"""Stand-ins at intake's edges: an inbox in memory, a mailbox of a few mails, a cursor."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from services.intake.application.messages import (
    Accepted,
    Channel,
    InboundMessage,
    ProviderStatus,
    StoredForm,
)
from services.intake.application.ports import (
    Cursor,
    FetchedMail,
    HistoryGoneError,
    HistoryPage,
    MailboxAwayError,
    Watch,
)
from services.intake.application.tickets import reply_prefix

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class MemoryInbox:
    """Keeps what was accepted, in order; repeats return the first row, as the real one does."""

    messages: list[InboundMessage] = field(default_factory=list)
    statuses: list[ProviderStatus] = field(default_factory=list)
    failure: Exception | None = None
    ids: dict[tuple[str, str, str], UUID] = field(default_factory=dict)

    async def accept(self, message: InboundMessage) -> Accepted:
        """Keeps a message once."""
        accepted = self._file(message.channel, message.account, message.provider_id)
        if accepted.is_new:
            self.messages.append(message)
        return accepted

    async def accept_status(self, status: ProviderStatus) -> Accepted:
        """Keeps a status once."""
        accepted = self._file(status.channel, status.account, status.provider_id)
        if accepted.is_new:
            self.statuses.append(status)
        return accepted

    async def known(self, channel: Channel, account: str, provider_ids: Sequence[str]) -> set[str]:
        """Tells which are kept."""
        return {found for found in provider_ids if (channel, account, found) in self.ids}

    async def form(self, provider_id: str) -> StoredForm | None:
        """Returns a kept form."""
        return next((f for f in self._forms() if f[0] == provider_id), (None, None))[1]

    async def replies(self, ticket_id: UUID) -> list[StoredForm]:
        """Returns the kept replies."""
        return [form for name, form in self._forms() if name.startswith(reply_prefix(ticket_id))]

    def _forms(self) -> list[tuple[str, StoredForm]]:
        return [
            (
                m.provider_id,
                StoredForm(
                    self.ids[m.channel, m.account, m.provider_id],
                    m.request_hash,
                    m.handle,
                    m.sender_name,
                    m.subject,
                    m.body,
                    m.web_form,
                    NOW,
                ),
            )
            for m in self.messages
            if m.web_form is not None and m.handle is not None
        ]

    def _file(self, channel: str, account: str, provider_id: str) -> Accepted:
        if self.failure is not None:
            raise self.failure
        key = (channel, account, provider_id)
        is_new = key not in self.ids
        return Accepted(self.ids.setdefault(key, uuid4()), is_new, NOW)


@dataclass
class MemoryCursors:
    """One mailbox's cursor; `busy` plays another replica."""

    cursor: Cursor = field(default_factory=lambda: Cursor(None, None))
    busy: bool = False
    moves: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Cursor | None]:
        """Gives the cursor unless busy."""
        yield None if self.busy else self.cursor

    async def renew(self) -> None:
        """Does nothing."""

    async def watched(self, watch: Watch) -> None:
        """Keeps the watch."""
        start = self.cursor.history_id
        self.cursor = Cursor(watch.history_id if start is None else start, watch.expire_time)

    async def advance(self, history_id: int) -> None:
        """Moves forward only."""
        self.moves.append(history_id)
        if self.cursor.history_id is None or history_id > self.cursor.history_id:
            self.cursor = replace(self.cursor, history_id=history_id)

    async def reset(self, history_id: int) -> None:
        """Moves anywhere."""
        self.moves.append(history_id)
        self.cursor = replace(self.cursor, history_id=history_id)


@dataclass
class MemoryMailbox:
    """Mails by history id, in pages; histories before `forgotten` are gone."""

    mails: dict[int, FetchedMail] = field(default_factory=dict)
    newest: int = 100
    forgotten: int = 0
    page_size: int = 2
    watches: int = 0
    watch_fails: bool = False
    deleted: set[str] = field(default_factory=set)
    fetched: list[str] = field(default_factory=list)
    fail_at: str = ""

    def arrive(self, message_id: str, raw: bytes, labels: Sequence[str] = ("INBOX",)) -> None:
        """Puts a mail into the inbox."""
        self.newest += 5
        self.mails[self.newest] = FetchedMail(message_id, f"t-{message_id}", frozenset(labels), raw)

    async def watch(self) -> Watch:
        """Counts watches."""
        if self.watch_fails:
            raise MailboxAwayError("watch")
        self.watches += 1
        return Watch(self.newest, NOW + timedelta(days=7))

    async def newest_history_id(self) -> int:
        """Returns the newest id."""
        return self.newest

    async def history(self, start: int, token: str | None) -> HistoryPage:
        """Returns a page of ids after `start`."""
        if start < self.forgotten:
            raise HistoryGoneError
        later = [(at, mail) for at, mail in sorted(self.mails.items()) if at > start]
        offset = int(token or 0)
        page = later[offset : offset + self.page_size]
        following = offset + self.page_size
        return HistoryPage(
            tuple(mail.message_id for _, mail in page),
            max((at for at, _ in page), default=start),
            self.newest,
            str(following) if following < len(later) else None,
        )

    async def fetch(self, message_id: str) -> FetchedMail | None:
        """Returns a mail unless it was deleted."""
        if message_id == self.fail_at:
            raise MailboxAwayError("fetch")
        self.fetched.append(message_id)
        if message_id in self.deleted:
            return None
        return next(mail for mail in self.mails.values() if mail.message_id == message_id)
