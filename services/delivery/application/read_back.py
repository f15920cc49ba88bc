"""Reads back what a sent mail was named: Gmail replaces the Message-ID that a client writes.

Replies of customers, and copies of our own mails that come back, are recognised by the real one.
"""

import asyncio

import structlog

from services.delivery.application.ports import (
    Answers,
    MailProvider,
    SentMails,
    StoreAway,
    Unnamed,
)

AT_ONCE = 8

log = structlog.get_logger(__name__)


class ReadBack:
    """Asks for the names of sent mails; one that cannot be read is asked for again after `hold_seconds`."""

    def __init__(
        self,
        mails: SentMails,
        provider: MailProvider,
        answers: Answers,
        poll_seconds: float,
        hold_seconds: float,
    ) -> None:
        self._mails = mails
        self._provider = provider
        self._answers = answers
        self._poll_seconds = poll_seconds
        self._hold_seconds = hold_seconds

    async def run(self) -> None:
        """Reads back until cancelled."""
        while True:
            try:
                await self.once()
            except StoreAway as error:
                log.warning("cannot read back", error=str(error))
            await asyncio.sleep(self._poll_seconds)

    async def once(self) -> None:
        """Reads back what was sent since the last time."""
        unnamed = await self._mails.unnamed(AT_ONCE, self._hold_seconds)
        await asyncio.gather(*(self._read(mail) for mail in unnamed))

    async def _read(self, mail: Unnamed) -> None:
        intent_id = mail.intent.intent_id
        try:
            async with asyncio.timeout(self._hold_seconds / 2):
                name = await self._provider.internet_message_id(mail)
        except TimeoutError:
            name = None
        except Exception:
            log.exception("message id not read back", intent_id=intent_id)
            return
        if name is None:
            log.warning("message id cannot be read yet", intent_id=intent_id)
            return
        receipt = await self._mails.name(intent_id, name)
        if receipt is not None:
            self._answers.delivered([receipt])
