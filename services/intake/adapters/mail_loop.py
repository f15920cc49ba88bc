"""The loop that looks into the mailbox: at every push, and at the poll interval without any."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog

from services.intake.application.mail_reading import Look, MailReading
from services.intake.application.ports import MailboxAwayError

# Another replica reads; what we were woken for may have come after it looked.
_BUSY_SECONDS = 1.0
_FIRST_RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class MailLoop:
    """Calls `look` for as long as the process runs; a failing look is repeated with growing distance."""

    def __init__(self, reading: MailReading, interval: timedelta) -> None:
        self._reading = reading
        self._interval = interval.total_seconds()
        self._woken = asyncio.Event()
        self._failures = 0

    def wake(self) -> None:
        """Asks for a look now."""
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
            look = await self._reading.look(datetime.now(UTC))
        except MailboxAwayError as error:
            return self._failed(str(error))
        except Exception as error:
            # One bad look must not end the mail; the next starts at the same cursor.
            log.exception("mailbox look failed")
            return self._failed(type(error).__name__)
        self._failures = 0
        _tell(look)
        return _BUSY_SECONDS if look.busy else self._interval

    def _failed(self, error: str) -> float:
        self._failures += 1
        log.warning("mailbox away", error=error, failures_total=self._failures)
        distance: float = _FIRST_RETRY_SECONDS * 2 ** min(self._failures - 1, 10)
        return min(self._interval, distance)


def _tell(look: Look) -> None:
    if look.resynced:
        log.error("mailbox history lost, cursor set to now; mails of the gap are not answered")
    if look.watch_ends_soon:
        log.error("mailbox notifications end within 48 h and cannot be renewed")
    elif look.watch_failed:
        log.warning("mailbox notifications cannot be renewed")
    if look.unreadable:
        log.error("mails cannot be read, a person must look at them", mails=look.unreadable)
    if look.looping:
        log.warning("mails of a loop are not answered", mails=look.looping)
    if look.accepted or look.suppressed:
        log.info("mails taken in", accepted=look.accepted, suppressed=look.suppressed)
