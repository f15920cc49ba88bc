"""Stands where the worker process is that reads mails."""

from dataclasses import dataclass

from services.intake.application.mail import Mail, read_mail
from services.intake.application.ports import UnreadableMailError


@dataclass
class InlineMailReader:
    """Reads mails on the spot; `unreadable` makes it give up on every one that holds these bytes."""

    unreadable: bytes = b""

    async def read(self, raw: bytes) -> Mail:
        """Reads a mail, or gives up on it."""
        if self.unreadable and self.unreadable in raw:
            raise UnreadableMailError("time")
        return read_mail(raw)
