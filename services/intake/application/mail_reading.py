"""Looking into the mailbox: what is new since our own cursor goes into the inbox, then the cursor moves.

A push is only a hint to look now. A crash between the two steps reads the same mails again, which the
inbox answers with the rows that it has.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.intake.application.mail_taking import MailTaking
from services.intake.application.messages import (
    Channel,
    InboundMessage,
    SuppressReason,
)
from services.intake.application.ports import (
    Cursor,
    HistoryGoneError,
    Inbox,
    Mailbox,
    MailboxAwayError,
    MailCursors,
)

# Gmail's watch ends after seven days at most; a day of it gone means that it is time to renew.
RENEW_BEFORE = timedelta(days=6)
ALARM_BEFORE = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look into the mailbox gave."""

    busy: bool = False
    accepted: int = 0
    suppressed: int = 0
    unreadable: int = 0
    looping: int = 0
    resynced: bool = False
    watch_failed: bool = False
    watch_ends_soon: bool = False


class MailReading:
    """Reads one mailbox, one reader at a time over all replicas."""

    def __init__(
        self,
        address: str,
        mailbox: Mailbox,
        cursors: MailCursors,
        inbox: Inbox,
        taking: MailTaking,
    ) -> None:
        self._address = address
        self._taking = taking
        self._mailbox = mailbox
        self._cursors = cursors
        self._inbox = inbox

    async def look(self, now: datetime) -> Look:
        """Takes in what is new; renews the watch when a day of it has gone.

        Raises:
            MailboxAwayError: if the mailbox does not answer; the next look starts where this one did.

        """
        async with self._cursors.lease() as cursor:
            if cursor is None:
                return Look(busy=True)
            start, watch_failed = await self._watched(cursor, now)
            try:
                look = await self._read_from(start)
            except HistoryGoneError:
                await self._cursors.reset(await self._mailbox.newest_history_id())
                look = Look(resynced=True)
            ends_soon = watch_failed and _ends_soon(cursor, now)
            return replace(look, watch_failed=watch_failed, watch_ends_soon=ends_soon)

    async def _watched(self, cursor: Cursor, now: datetime) -> tuple[int, bool]:
        start, expire_time = cursor.history_id, cursor.watch_expire_time
        if start is not None and expire_time is not None and expire_time - now > RENEW_BEFORE:
            return start, False
        try:
            watch = await self._mailbox.watch()
        except MailboxAwayError:
            if start is None:
                raise
            # Without notifications the mailbox is still read at every interval.
            return start, True
        await self._cursors.watched(watch)
        # The first look ever answers nothing that was there before.
        return (watch.history_id if start is None else start), False

    async def _read_from(self, start: int) -> Look:
        taken: list[InboundMessage] = []
        newest: int | None = None
        token: str | None = None
        while True:
            page = await self._mailbox.history(start, token)
            # What arrives while we read is behind the first page's number, and is read next time.
            newest = page.newest_id if newest is None else newest
            known = await self._inbox.known(Channel.EMAIL, self._address, page.message_ids)
            for message_id in page.message_ids:
                if message_id in known:
                    continue
                message = await self._fetched(message_id)
                await self._cursors.renew()
                if message is None:
                    continue
                await self._inbox.accept(message)
                taken.append(message)
            token = page.next_token
            if token is None:
                await self._cursors.advance(max(newest, page.last_id))
                return _look(taken)
            await self._cursors.advance(page.last_id)

    async def _fetched(self, message_id: str) -> InboundMessage | None:
        fetched = await self._mailbox.fetch(message_id)
        if fetched is None:
            return None
        message, _ = await self._taking.read(fetched)
        return await self._taking.unless_looping(message)


def _look(taken: list[InboundMessage]) -> Look:
    suppressed = sum(message.suppress_reason is not None for message in taken)
    return Look(
        accepted=len(taken) - suppressed,
        suppressed=suppressed,
        unreadable=sum(message.unreadable for message in taken),
        looping=sum(message.suppress_reason is SuppressReason.LOOP for message in taken),
    )


def _ends_soon(cursor: Cursor, now: datetime) -> bool:
    return cursor.watch_expire_time is None or cursor.watch_expire_time - now < ALARM_BEFORE
