"""Looking into the mailbox: what is new since our own cursor goes into the inbox, then the cursor moves.

A push is only a hint to look now. A crash between the two steps reads the same mails again, which the
inbox answers with the rows that it has.

A history that Gmail has forgotten is made good by listing the inbox itself, newest first and bounded: what came
after the newest mail that we saw, and is not in our inbox, is new. Nothing that came before we began is ever taken.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from services.intake.application.mail_kinds import OWN_HEADER
from services.intake.application.mail_taking import MailTaking
from services.intake.application.messages import (
    Channel,
    InboundMessage,
    SuppressReason,
)
from services.intake.application.ports import (
    Cursor,
    FetchedMail,
    HistoryGoneError,
    Inbox,
    Mailbox,
    MailboxAwayError,
    MailCursors,
    SentMail,
)

# Gmail's watch ends after seven days at most; Google advises to renew it once a day.
RENEW_AFTER = timedelta(days=1)
ALARM_BEFORE = timedelta(hours=48)
# A refused renewal is asked for again at this distance, not at every look.
RENEW_AGAIN_AFTER = timedelta(minutes=10)
# Mails become visible in another order than they came, after a check for spam for instance.
RESYNC_OVERLAP = timedelta(days=1)
RESYNC_MAILS = 2000
# What a person moves into the inbox, out of the spam folder for instance, is answered unless it is older.
MOVED_AGE = timedelta(days=7)
# A history that is never valid is listed at growing distance; the longest keeps a mail within five minutes.
FIRST_RESYNC_WAIT = timedelta(seconds=15)
LONGEST_RESYNC_WAIT = timedelta(minutes=4)
LOOPING_RESYNCS = 3
# After so many looks that failed at one mail, while others could be read, only its headers are asked for.
FETCH_TRIES = 5
_START_OF_TIME = datetime.min.replace(tzinfo=UTC)
UNREADABLE = "[This mail could not be fetched. The original is in the mailbox.]"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look into the mailbox gave; `resync_cut` tells that a resync found more than it may take."""

    busy: bool = False
    accepted: int = 0
    suppressed: int = 0
    unreadable: int = 0
    looping: int = 0
    resynced: bool = False
    resync_cut: bool = False
    resyncs: int = 0
    watch_failed: str = ""
    watch_ends_soon: bool = False


class MailReading:
    """Reads one mailbox, one reader at a time over all replicas."""

    def __init__(
        self,
        address: str,
        mailbox: Mailbox,
        cursors: MailCursors,
        inbox: Inbox,
        sent: SentMail,
        taking: MailTaking,
    ) -> None:
        self._address = address
        self._mailbox = mailbox
        self._cursors = cursors
        self._inbox = inbox
        self._sent = sent
        self._taking = taking
        self._failed_fetches: Counter[str] = Counter()

    async def look(self, now: datetime) -> Look:
        """Takes in what is new; renews the watch once a day.

        Raises:
            MailboxAwayError: if the mailbox does not answer; the next look starts where this one did.

        """
        async with self._cursors.lease() as cursor:
            if cursor is None:
                return Look(busy=True)
            try:
                start, watch_failed = await self._watched(cursor, now)
                look = await self._read(cursor, start, now)
            except MailboxAwayError as error:
                await self._cursors.look_failed(error.reason)
                raise
            ends_soon = bool(watch_failed) and _ends_soon(cursor, now)
            return replace(look, watch_failed=watch_failed, watch_ends_soon=ends_soon)

    async def _watched(self, cursor: Cursor, now: datetime) -> tuple[int, str]:
        start = cursor.history_id
        if start is not None and not _renewal_is_due(cursor, now):
            return start, ""
        try:
            watch = await self._mailbox.watch()
        except MailboxAwayError as error:
            await self._cursors.watch_failed(error.reason, now)
            # Without notifications the mailbox is still read at every interval; only where to begin must be asked.
            if start is None:
                start = await self._mailbox.newest_history_id()
                await self._cursors.began(start, now)
            return start, error.reason
        await self._cursors.watched(watch, now)
        # The first look ever answers nothing that was there before.
        return (watch.history_id if start is None else start), ""

    async def _read(self, cursor: Cursor, start: int, now: datetime) -> Look:
        try:
            look = await self._read_from(cursor, start, now)
        except HistoryGoneError:
            return await self._resync(cursor, now)
        await self._cursors.caught_up(now)
        return look

    async def _read_from(self, cursor: Cursor, start: int, now: datetime) -> Look:
        look = Look()
        newest: int | None = None
        token: str | None = None
        while True:
            page = await self._mailbox.history(start, token)
            # What arrives while we read is behind the first page's number, and is read next time.
            newest = page.newest_id if newest is None else newest
            moved = dict.fromkeys(page.moved_ids, max(cursor.start_time or now, now - MOVED_AGE))
            look, seen = await self._take_in(page.message_ids, look, now, moved)
            token = page.next_token
            if token is None:
                await self._cursors.advance(max(newest, page.last_id), seen)
                return look
            await self._cursors.advance(page.last_id, seen)

    async def _resync(self, cursor: Cursor, now: datetime) -> Look:
        """Takes in what came since the newest mail that we saw, and sets the cursor to where the mailbox stood."""
        last = cursor.resync_time
        if last is not None and timedelta(0) <= now - last < _resync_wait(cursor):
            return Look(resyncs=cursor.resyncs)
        # Asked first: what comes while we list has a higher number, and is read next time.
        newest = await self._mailbox.newest_history_id()
        started = cursor.start_time or now
        since = max(started, (cursor.seen_time or started) - RESYNC_OVERLAP)
        found: list[str] = []
        token: str | None = None
        while len(found) < RESYNC_MAILS:
            page = await self._mailbox.recent(since, token)
            found += page.message_ids
            token = page.next_token
            if token is None:
                break
        oldest_first = found[:RESYNC_MAILS][::-1]
        look, seen = await self._take_in(
            oldest_first, Look(), now, dict.fromkeys(oldest_first, since)
        )
        await self._cursors.reset(newest, now)
        await self._cursors.advance(newest, seen)
        return replace(
            look,
            resynced=True,
            resync_cut=token is not None or len(found) > RESYNC_MAILS,
            resyncs=cursor.resyncs + 1,
        )

    async def _take_in(
        self,
        message_ids: Sequence[str],
        look: Look,
        now: datetime,
        since: Mapping[str, datetime],
    ) -> tuple[Look, datetime | None]:
        """Puts into the inbox what it has not; returns the look with them counted, and when the newest came.

        A mail that came before its moment in `since` is left alone.
        """
        taken: list[InboundMessage] = []
        seen: datetime | None = None
        known = await self._inbox.known(Channel.EMAIL, self._address, message_ids)
        for message_id in message_ids:
            if message_id in known:
                continue
            fetched = await self._fetched(message_id)
            await self._cursors.renew()
            if fetched is None:
                continue
            came = fetched.receive_time
            if came is not None and message_id in since and came < since[message_id]:
                continue
            message = await self._message(fetched)
            await self._inbox.accept(message)
            taken.append(message)
            if came is not None:
                # An imported mail brings any date, one to come included.
                seen = max(seen or _START_OF_TIME, min(came, now))
        return _counted(look, taken), seen

    async def _fetched(self, message_id: str) -> FetchedMail | None:
        try:
            fetched = await self._mailbox.fetch(message_id)
        except MailboxAwayError:
            self._failed_fetches[message_id] += 1
            if self._failed_fetches[message_id] < FETCH_TRIES:
                raise
            # One mail that cannot be had must not hold all those behind it.
            head = await self._mailbox.fetch_head(message_id)
            fetched = head and replace(head, raw=head.raw + UNREADABLE.encode())
        self._failed_fetches.pop(message_id, None)
        return fetched

    async def _message(self, fetched: FetchedMail) -> InboundMessage:
        message, mail = await self._taking.read(fetched)
        if message.suppress_reason is None and await self._sent.has(
            fetched.message_id, mail.message_id, mail.header(OWN_HEADER)
        ):
            # Ours by its ids, whoever the copy says it is from: a list or a forwarder sent it back.
            return replace(message, suppress_reason=SuppressReason.OWN_MESSAGE, unreadable=False)
        return await self._taking.unless_looping(message)


def _counted(look: Look, taken: Sequence[InboundMessage]) -> Look:
    suppressed = sum(message.suppress_reason is not None for message in taken)
    return replace(
        look,
        accepted=look.accepted + len(taken) - suppressed,
        suppressed=look.suppressed + suppressed,
        unreadable=look.unreadable + sum(message.unreadable for message in taken),
        looping=look.looping
        + sum(message.suppress_reason is SuppressReason.LOOP for message in taken),
    )


def _renewal_is_due(cursor: Cursor, now: datetime) -> bool:
    tried, renewed = cursor.watch_try_time, cursor.watch_time
    if tried is not None and timedelta(0) <= now - tried < RENEW_AGAIN_AFTER:
        return False
    return renewed is None or abs(now - renewed) >= RENEW_AFTER or _ends_soon(cursor, now)


def _ends_soon(cursor: Cursor, now: datetime) -> bool:
    return cursor.watch_expire_time is None or cursor.watch_expire_time - now < ALARM_BEFORE


def _resync_wait(cursor: Cursor) -> timedelta:
    if cursor.resyncs == 0:
        return timedelta(0)
    growth: int = 2 ** min(cursor.resyncs - 1, 10)
    return min(FIRST_RESYNC_WAIT * growth, LONGEST_RESYNC_WAIT)
