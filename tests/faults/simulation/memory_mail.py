"""The support mailbox of a world: what customers wrote to it, how it is read, and how far it was read."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.intake.application.ports import (
    Cursor,
    FetchedMail,
    HistoryGoneError,
    HistoryPage,
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

    mails: dict[int, FetchedMail] = field(default_factory=dict)
    newest_id: int = 1
    away: bool = False
    forgotten_before: int = 0

    def deliver(self, raw: bytes, thread_id: str) -> str:
        """Puts a mail into the inbox and returns its id."""
        self.newest_id += 1
        message_id = f"gm{self.newest_id}"
        self.mails[self.newest_id] = FetchedMail(message_id, thread_id, frozenset({"INBOX"}), raw)
        return message_id


@dataclass(slots=True)
class CursorRow:
    """The row of the mailbox in intake.mail_cursors."""

    history_id: int | None = None
    watch_expire_time: datetime | None = None
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
            yield Cursor(row.history_id, row.watch_expire_time)
        finally:
            await self._io.request("intake.mail_cursors.release")
            if row.holder == self._holder:
                row.lease_time = None

    async def renew(self) -> None:
        """Extends the lease while the reading goes on."""
        if self._row.holder == self._holder:
            self._row.lease_time = self._now() + LEASE

    async def watched(self, watch: Watch) -> None:
        """Records a watch; its history id becomes the cursor only if there is none yet."""
        self._row.watch_expire_time = watch.expire_time
        if self._row.history_id is None:
            self._row.history_id = watch.history_id

    async def advance(self, history_id: int) -> None:
        """Moves the cursor forward, never back."""
        await self._io.request("intake.mail_cursors.advance")
        if self._row.history_id is None or self._row.history_id < history_id:
            self._row.history_id = history_id
        await self._io.response("intake.mail_cursors.advance")

    async def reset(self, history_id: int) -> None:
        """Puts the cursor to where the mailbox stands."""
        self._row.history_id = history_id
