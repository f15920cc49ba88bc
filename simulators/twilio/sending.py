"""Owns `POST Messages.json`: the checks, the life of the message and its status callbacks."""

import random
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from simulators.database import Database, rfc3339
from simulators.outgoing import Outgoing
from simulators.rules import ORIGIN
from simulators.twilio.account import APPROVED, Account
from simulators.twilio.errors import TwilioError
from simulators.twilio.messages import Message, Messages, Schedule
from simulators.twilio.settings import Settings

LONGEST_BODY: Final = 1600
OUTSIDE_WINDOW: Final = 63016
# WhatsApp names people by number, or by an id of its own where the number is hidden.
_ADDRESS: Final = re.compile(
    r"(whatsapp:)?\+[1-9][0-9]{6,14}|whatsapp:[A-Z]{2}\.[A-Za-z0-9.]{1,128}"
)
_UNFIT_CONTENT: Final = 63021
# Ranges in seconds; each state follows the one before it.
_SENT: Final = (0.02, 0.08)
_DELIVERED: Final = (0.03, 0.12)
_READ: Final = (0.05, 0.3)

# Delays only look natural here; nothing hangs on their being hard to guess.
_random = random.Random()  # noqa: S311


class Sending:
    """Accepts messages of the account's client."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        messages: Messages,
        outgoing: Outgoing,
        account: Account,
    ) -> None:
        self._settings = settings
        self._account = account
        self._database = database
        self._messages = messages
        self._outgoing = outgoing

    def create(self, form: Mapping[str, list[str]]) -> dict[str, Any]:
        """Accepts one message and returns it as Twilio shows it.

        Raises:
            TwilioError: if Twilio would refuse the request.
        """
        sender, recipient, body, refusal = self._checked(form)
        now = time.time()
        media = form.get("MediaUrl", [])
        service_sid = _only(form, "MessagingServiceSid")
        message = Message(
            sid=f"{'MM' if media else 'SM'}{secrets.token_hex(16)}",
            direction="outbound-api",
            sender=sender,
            recipient=recipient,
            body=body,
            media=len(media),
            made=now,
            visible=now + ORIGIN.get().late_seconds,
            schedule=_schedule(now, refusal),
            service_sid=service_sid,
        )
        with self._database.transaction():
            self._messages.add(message)
            self._database.record_sent(
                {
                    "time": rfc3339(now),
                    "provider_id": message.sid,
                    "to": recipient,
                    "from": sender,
                    "subject": None,
                    "body": body,
                    "html": None,
                    "thread_id": None,
                    "in_reply_to": None,
                    "media": media,
                }
            )
            self._announce(message, _only(form, "StatusCallback"))
        return self._messages.accepted(message)

    def _checked(self, form: Mapping[str, list[str]]) -> tuple[str, str, str, int | None]:
        """Returns sender, recipient, text, and the code with which WhatsApp will refuse it later."""
        recipient, sender = _only(form, "To"), _only(form, "From")
        if not recipient:
            raise TwilioError(21604)
        if not _ADDRESS.fullmatch(recipient):
            text = f"Invalid 'To' Phone Number: {recipient}"
            raise TwilioError(21211, message=text)
        if not sender:
            if not _only(form, "MessagingServiceSid"):
                raise TwilioError(21603)
            sender = self._settings.sender
        if sender.startswith("whatsapp:") != recipient.startswith("whatsapp:"):
            raise TwilioError(21910)
        if sender != self._settings.sender:
            raise TwilioError(63007)
        if self._account.is_stopped(recipient):
            raise TwilioError(21610)
        body, refusal = self._content(form, recipient)
        callback = _only(form, "StatusCallback")
        if callback and urlsplit(callback).scheme not in ("http", "https"):
            raise TwilioError(21609)
        return sender, recipient, body, refusal

    def _content(self, form: Mapping[str, list[str]], recipient: str) -> tuple[str, int | None]:
        shut = not self._messages.window_open(recipient)
        content_sid = _only(form, "ContentSid")
        if content_sid:
            body, status, fits = self._account.fill(content_sid, _only(form, "ContentVariables"))
            if not fits:
                return body, _UNFIT_CONTENT
            return body, OUTSIDE_WINDOW if shut and status != APPROVED else None
        return self._body(form), OUTSIDE_WINDOW if shut else None

    def _body(self, form: Mapping[str, list[str]]) -> str:
        body = _only(form, "Body") or ""
        if not body and not form.get("MediaUrl"):
            raise TwilioError(21602)
        if len(body) > LONGEST_BODY:
            raise TwilioError(21617)
        return body

    def _announce(self, message: Message, callback: str | None) -> None:
        if not callback:
            return
        at = message.schedule
        for status in ("sent", "delivered", "read", "failed"):
            moment: float | None = getattr(at, status)
            if moment is None:
                continue
            content = {
                "SmsSid": message.sid,
                "SmsStatus": status,
                "MessageStatus": status,
                "To": message.recipient,
                "MessageSid": message.sid,
                "AccountSid": self._settings.account_sid,
                "From": message.sender,
                "ApiVersion": "2010-04-01",
                "ChannelPrefix": "whatsapp",
            }
            if status == "failed":
                content["ErrorCode"] = str(at.error_code)
            self._outgoing.enqueue(f"status:{status}", callback, content, moment, message.sid)


def _schedule(now: float, refusal: int | None) -> Schedule:
    sent = now + _random.uniform(*_SENT)
    if refusal is not None:
        return Schedule(failed=sent, error_code=refusal)
    delivered = sent + _random.uniform(*_DELIVERED)
    return Schedule(sent, delivered, delivered + _random.uniform(*_READ))


def _only(form: Mapping[str, list[str]], name: str) -> str | None:
    values = form.get(name)
    return values[-1] if values else None
