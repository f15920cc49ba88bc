"""The loops that look into the mailboxes: at every push, and at the poll interval without any."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog

from services.intake.application.mail_reading import LOOPING_RESYNCS, Look, MailReading
from services.intake.application.ports import MailboxAwayError

# Another replica reads; what we were woken for may have come after it looked.
_BUSY_SECONDS = 1.0
_FIRST_RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)

Pushed = Callable[[datetime], Awaitable[None]]


class MailLoop:
    """Calls `look` for as long as the process runs; a failing look is repeated with growing distance.

    `mailbox` names it in logs; `pushed` records that a push came.
    """

    def __init__(
        self,
        reading: MailReading,
        interval: timedelta,
        mailbox: str = "",
        pushed: Pushed | None = None,
    ) -> None:
        self._reading = reading
        self._interval = interval.total_seconds()
        self._pushed = pushed
        self._push_came = False
        self._woken = asyncio.Event()
        self._failures = 0
        self._mailbox = mailbox

    def wake(self) -> None:
        """Asks for a look now, because a push came."""
        self._push_came = True
        self._woken.set()

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            self._woken.clear()
            wait = await self._look()
            try:
                # Not wait_for: before Python 3.12 it can swallow a cancellation.
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _look(self) -> float:
        try:
            now = datetime.now(UTC)
            if self._push_came and self._pushed is not None:
                await self._pushed(now)
            self._push_came = False
            look = await self._reading.look(now)
        except MailboxAwayError as error:
            return self._failed(str(error))
        except Exception as error:
            # One bad look must not end the mail; the next starts at the same cursor.
            log.exception("mailbox look failed", mailbox=self._mailbox)
            return self._failed(type(error).__name__)
        self._failures = 0
        _tell(self._mailbox, look)
        return _BUSY_SECONDS if look.busy else self._interval

    def _failed(self, error: str) -> float:
        self._failures += 1
        log.warning(
            "mailbox away", mailbox=self._mailbox, error=error, failures_total=self._failures
        )
        distance: float = _FIRST_RETRY_SECONDS * 2 ** min(self._failures - 1, 10)
        return min(self._interval, distance)


def _tell(mailbox: str, look: Look) -> None:
    told = log.bind(mailbox=mailbox)
    if look.resynced:
        told.warning("mailbox history lost, inbox listed instead", resyncs=look.resyncs)
    if look.resync_cut:
        told.error("mailbox resync found too much; the oldest mails of the gap stay unread")
    if look.resyncs >= LOOPING_RESYNCS:
        told.error("mailbox history is never valid", resyncs=look.resyncs)
    if look.watch_ends_soon:
        told.error(
            "mailbox notifications end within 48 h and cannot be renewed", reason=look.watch_failed
        )
    elif look.watch_failed:
        told.warning("mailbox notifications cannot be renewed", reason=look.watch_failed)
    if look.unreadable:
        told.error("mails cannot be read, a person must look at them", mails=look.unreadable)
    if look.looping:
        told.warning("mails of a loop are not answered", mails=look.looping)
    if look.accepted or look.suppressed:
        told.info("mails taken in", accepted=look.accepted, suppressed=look.suppressed)


class MailLoops:
    """The loops of all mailboxes, by address."""

    def __init__(self, loops: Mapping[str, MailLoop]) -> None:
        self._loops = dict(loops)

    def wake(self, mailbox: str) -> None:
        """Asks for a look into one mailbox now; into all of them when the address is none of ours."""
        named = self._loops.get(mailbox.lower())
        for loop in [named] if named is not None else self._loops.values():
            loop.wake()

    async def run(self) -> None:
        """Looks into all of them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for loop in self._loops.values():
                tasks.create_task(loop.run())
