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
    ListPage,
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
    watch_errors: list[str] = field(default_factory=list)
    look_error: str = ""

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Cursor | None]:
        """Gives the cursor unless busy."""
        yield None if self.busy else self.cursor

    async def renew(self) -> None:
        """Does nothing."""

    async def watched(self, watch: Watch, now: datetime) -> None:
        """Keeps the watch."""
        await self.began(watch.history_id, now)
        self.cursor = replace(
            self.cursor, watch_expire_time=watch.expire_time, watch_time=now, watch_try_time=now
        )

    async def began(self, history_id: int, now: datetime) -> None:
        """Keeps the first."""
        start = self.cursor.history_id
        self.cursor = replace(
            self.cursor,
            history_id=history_id if start is None else start,
            start_time=self.cursor.start_time or now,
        )

    async def watch_failed(self, reason: str, now: datetime) -> None:
        """Keeps the reason."""
        self.watch_errors.append(reason)
        self.cursor = replace(self.cursor, watch_try_time=now)

    async def advance(self, history_id: int, seen_time: datetime | None) -> None:
        """Moves forward only."""
        self.moves.append(history_id)
        times = [time for time in (self.cursor.seen_time, seen_time) if time is not None]
        self.cursor = replace(
            self.cursor,
            history_id=max(history_id, self.cursor.history_id or 0),
            seen_time=max(times, default=None),
        )

    async def caught_up(self, now: datetime) -> None:
        """Forgets lost histories."""
        self.look_error = ""
        self.cursor = replace(self.cursor, resyncs=0)

    async def look_failed(self, reason: str) -> None:
        """Keeps the reason."""
        self.look_error = reason

    async def reset(self, history_id: int, now: datetime) -> None:
        """Moves anywhere."""
        self.moves.append(history_id)
        self.cursor = replace(
            self.cursor, history_id=history_id, resyncs=self.cursor.resyncs + 1, resync_time=now
        )


@dataclass
class MemorySent:
    """Ids of mails that we sent; `away` plays a delivery that does not answer."""

    ids: set[str] = field(default_factory=set)
    away: bool = False
    asked: int = 0

    async def has(self, provider_id: str, internet_message_id: str, intent_id: str) -> bool:
        """Tells whether one of the ids is ours."""
        if self.away:
            raise MailboxAwayError("delivery does not answer", "delivery")
        self.asked += 1
        return bool(self.ids & {provider_id, internet_message_id, intent_id})


@dataclass
class MemoryMailbox:
    """Mails by history id, in pages; histories before `forgotten` are gone."""

    mails: dict[int, FetchedMail] = field(default_factory=dict)
    newest: int = 100
    forgotten: int = 0
    page_size: int = 2
    watches: int = 0
    watch_fails: str = ""
    watch_seconds: float = 7 * 86400
    deleted: set[str] = field(default_factory=set)
    fetched: list[str] = field(default_factory=list)
    listed: int = 0
    histories: int = 0
    fail_at: str = ""
    moved: set[str] = field(default_factory=set)
    now: datetime = NOW

    def arrive(
        self,
        message_id: str,
        raw: bytes,
        labels: Sequence[str] = ("INBOX",),
        receive_time: datetime | None = None,
    ) -> None:
        """Puts a mail into the inbox."""
        self.newest += 5
        self.mails[self.newest] = FetchedMail(
            message_id, f"t-{message_id}", frozenset(labels), raw, receive_time or self.now
        )

    async def watch(self) -> Watch:
        """Counts watches."""
        if self.watch_fails:
            raise MailboxAwayError("watch", self.watch_fails)
        self.watches += 1
        return Watch(self.newest, self.now + timedelta(seconds=self.watch_seconds))

    async def newest_history_id(self) -> int:
        """Returns the newest id."""
        return self.newest

    async def history(self, start: int, token: str | None) -> HistoryPage:
        """Returns a page of ids after `start`."""
        self.histories += 1
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
            frozenset(mail.message_id for _, mail in page) & frozenset(self.moved),
        )

    async def recent(self, since: datetime, token: str | None) -> ListPage:
        """Returns a page of what came since, newest first."""
        self.listed += 1
        found = [
            mail.message_id
            for _, mail in sorted(self.mails.items(), reverse=True)
            if mail.receive_time is not None and mail.receive_time >= since
        ]
        offset = int(token or 0)
        following = offset + self.page_size
        return ListPage(
            tuple(found[offset:following]), str(following) if following < len(found) else None
        )

    async def fetch(self, message_id: str) -> FetchedMail | None:
        """Returns a mail unless it was deleted."""
        if message_id == self.fail_at:
            raise MailboxAwayError("fetch")
        return await self.fetch_head(message_id)

    async def fetch_head(self, message_id: str) -> FetchedMail | None:
        """Returns a mail, whole, unless it was deleted."""
        self.fetched.append(message_id)
        if message_id in self.deleted:
            return None
        return next(mail for mail in self.mails.values() if mail.message_id == message_id)
