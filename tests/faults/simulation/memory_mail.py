"""The support mailbox of a world: what customers wrote to it, how it is read, and how far it was read."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.intake.application.ports import (
    Cursor,
    FetchedMail,
    HistoryGoneError,
    HistoryPage,
    ListPage,
    MailboxAwayError,
    Watch,
)
from tests.faults.simulation.boundary import Io

LEASE = timedelta(seconds=30)
_PAGE = 5


@dataclass(slots=True)
class MailboxInMemory:
    """Gmail's side: mails by the number of the change that brought them; it outlives every process.

    `away` makes it refuse, `forgotten_before` is the oldest change that it still knows.
    """

    now: Callable[[], datetime]
    mails: dict[int, FetchedMail] = field(default_factory=dict)
    newest_id: int = 1
    away: bool = False
    forgotten_before: int = 0

    def deliver(self, raw: bytes, thread_id: str) -> str:
        """Puts a mail into the inbox and returns its id."""
        self.newest_id += 1
        message_id = f"gm{self.newest_id}"
        self.mails[self.newest_id] = FetchedMail(
            message_id, thread_id, frozenset({"INBOX"}), raw, self.now()
        )
        return message_id


@dataclass(slots=True)
class CursorRow:
    """The row of the mailbox in intake.mail_cursors."""

    cursor: Cursor
    holder: str = ""
    lease_time: datetime | None = None


class MemoryMailbox:
    """One process's way to the mailbox."""

    def __init__(self, mailbox: MailboxInMemory, io: Io, now: Callable[[], datetime]) -> None:
        self._mailbox = mailbox
        self._io = io
        self._now = now

    async def watch(self) -> Watch:
        """Starts or renews the notifications."""
        await self._ask("gmail.watch")
        return Watch(self._mailbox.newest_id, datetime.max.replace(tzinfo=self._now().tzinfo))

    async def newest_history_id(self) -> int:
        """Returns where the mailbox stands."""
        await self._ask("gmail.profile")
        return self._mailbox.newest_id

    async def history(self, start: int, token: str | None) -> HistoryPage:
        """Returns what came into the inbox after `start`; raises `HistoryGoneError`."""
        await self._ask("gmail.history")
        if start < self._mailbox.forgotten_before:
            raise HistoryGoneError
        after = max(start, int(token or 0))
        found = [number for number in self._mailbox.mails if number > after]
        page = found[:_PAGE]
        return HistoryPage(
            tuple(self._mailbox.mails[number].message_id for number in page),
            page[-1] if page else start,
            self._mailbox.newest_id,
            str(page[-1]) if len(found) > _PAGE else None,
        )

    async def recent(self, since: datetime, token: str | None) -> ListPage:
        """Returns a page of what came since, newest first."""
        await self._ask("gmail.list")
        found = [
            mail.message_id
            for _, mail in sorted(self._mailbox.mails.items(), reverse=True)
            if mail.receive_time is not None and mail.receive_time >= since
        ]
        offset = int(token or 0)
        following = offset + _PAGE
        return ListPage(
            tuple(found[offset:following]), str(following) if following < len(found) else None
        )

    async def fetch_head(self, message_id: str) -> FetchedMail | None:
        """Returns a mail, or None if it was deleted meanwhile."""
        return await self.fetch(message_id)

    async def fetch(self, message_id: str) -> FetchedMail | None:
        """Returns a mail, or None if it was deleted meanwhile."""
        await self._ask("gmail.get")
        return self._mailbox.mails.get(int(message_id.removeprefix("gm")))

    async def _ask(self, name: str) -> None:
        await self._io.request(name)
        if self._mailbox.away:
            raise MailboxAwayError("the mailbox does not answer")


class MemoryMailCursors:
    """The mailbox's cursor; `holder` names this replica."""

    def __init__(self, row: CursorRow, io: Io, now: Callable[[], datetime], holder: str) -> None:
        self._row = row
        self._io = io
        self._now = now
        self._holder = holder

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Cursor | None]:
        """Takes the mailbox for this replica; gives None while another one reads it."""
        await self._io.request("intake.mail_cursors.lease")
        row = self._row
        free = row.lease_time is None or row.lease_time < self._now()
        if not free and row.holder != self._holder:
            yield None
            return
        row.holder, row.lease_time = self._holder, self._now() + LEASE
        await self._io.response("intake.mail_cursors.lease")
        try:
            yield row.cursor
        finally:
            await self._io.request("intake.mail_cursors.release")
            if row.holder == self._holder:
                row.lease_time = None

    async def renew(self) -> None:
        """Extends the lease while the reading goes on."""
        if self._row.holder == self._holder:
            self._row.lease_time = self._now() + LEASE

    async def watched(self, watch: Watch, now: datetime) -> None:
        """Records a watch; its history id becomes the cursor only if there is none yet."""
        await self.began(watch.history_id, now)
        self._change(watch_expire_time=watch.expire_time, watch_time=now, watch_try_time=now)

    async def began(self, history_id: int, now: datetime) -> None:
        """Records where we begin to read, if that is not known yet."""
        if self._row.cursor.history_id is None:
            self._change(history_id=history_id, start_time=now)

    async def watch_failed(self, reason: str, now: datetime) -> None:
        """Records an attempt at a watch that failed."""
        self._change(watch_try_time=now)

    async def advance(self, history_id: int, seen_time: datetime | None) -> None:
        """Moves the cursor and the newest mail's time forward, never back."""
        await self._io.request("intake.mail_cursors.advance")
        cursor = self._row.cursor
        times = [time for time in (cursor.seen_time, seen_time) if time is not None]
        self._change(
            history_id=max(cursor.history_id or 0, history_id), seen_time=max(times, default=None)
        )
        await self._io.response("intake.mail_cursors.advance")

    async def caught_up(self, now: datetime) -> None:
        """Records that the history was read to its end."""
        self._change(resyncs=0)

    async def look_failed(self, reason: str) -> None:
        """Records why the last look failed."""

    async def reset(self, history_id: int, now: datetime) -> None:
        """Puts the cursor to where the mailbox stands, and counts a lost history."""
        resyncs = self._row.cursor.resyncs + 1
        self._change(history_id=history_id, resyncs=resyncs, resync_time=now)

    def _change(self, **changes: Any) -> None:
        self._row.cursor = replace(self._row.cursor, **changes)


class NoSentMail:
    """Says of no mail that it is ours: none of this world's mailboxes gets its own mails."""

    async def has(self, provider_id: str, internet_message_id: str, intent_id: str) -> bool:
        """Tells whether one of the ids is of a mail of ours."""
        return False
