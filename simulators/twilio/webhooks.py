"""Owns what Twilio posts to us: signed forms, and the messages that customers write."""

import hashlib
import json
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator

from simulators.database import Database
from simulators.input import BadInputError
from simulators.outgoing import Outgoing, Policy, Wire
from simulators.rules import ORIGIN
from simulators.twilio.account import Account
from simulators.twilio.messages import Message, Messages, Schedule
from simulators.twilio.settings import Settings

_MEDIA_TYPE: Final = "image/jpeg"
_FROM: Final = re.compile(r"(whatsapp:)?(\+[0-9]{1,15}|[A-Z]{2}\.[A-Za-z0-9.]{1,128})")

POLICIES: Final = {
    # A webhook that finds nobody at home is tried for ten minutes.
    "webhook": Policy(
        accepted=lambda status: status < 300,  # noqa: PLR2004
        retried=lambda status: status >= 500,  # noqa: PLR2004
        first_seconds=0.5,
        longest_seconds=15.0,
        within_seconds=600.0,
    ),
    # A status callback is tried once more, and only when no connection came about.
    "status": Policy(
        accepted=lambda status: status < 300,  # noqa: PLR2004
        retried=lambda _status: False,
        first_seconds=0.2,
        longest_seconds=0.2,
        within_seconds=600.0,
        unreachable_tries=1,
    ),
}
ANSWER_SECONDS: Final = 15.0


class Signer:
    """Encodes and signs the account's webhooks and callbacks."""

    def __init__(self, auth_token: str) -> None:
        self._validator = RequestValidator(auth_token)

    def write(self, kind: str, url: str, content: Mapping[str, str]) -> Wire:
        """Returns a signed form; repeats of one call carry the same idempotency token."""
        body = urlencode(content).encode()
        seed = f"{kind} {content['MessageSid']}".encode()
        return Wire(
            {
                "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
                "User-Agent": "TwilioProxy/1.1",
                "X-Twilio-Signature": self._validator.compute_signature(url, content),
                "I-Twilio-Idempotency-Token": hashlib.sha256(seed).hexdigest(),
            },
            body,
        )


class Receiving:
    """Plays customers who write to the account's number."""

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

    def receive(self, customer: Mapping[str, Any]) -> str:
        """Stores a customer's message, opens the 24-hour window, queues the webhook; returns the SID.

        Takes `from` (E.164 or WhatsApp's user id, with or without `whatsapp:`), `body`, `media` (addresses, or
        objects with `url` or `content`, and `content_type`), `profile_name`, `type` (the message's kind) and `fields`: whatever
        else Twilio posts with that kind, such as Latitude, ButtonText, ExternalUserId or OptOutType.

        Raises:
            BadInputError: if a field has the wrong form; the text says which.
        """
        number = customer.get("from")
        body = customer.get("body") or ""
        if not isinstance(number, str) or not _FROM.fullmatch(number):
            raise BadInputError("from is a number such as +15550100, or an id such as US.1349")
        if not isinstance(body, str):
            raise BadInputError("body is a text")
        given = [_media(item) for item in customer.get("media") or []]
        number = number.removeprefix("whatsapp:")
        now = time.time()
        sid = f"{'MM' if given else 'SM'}{secrets.token_hex(16)}"
        media = [self._kept(sid, *item) for item in given]
        message = Message(
            sid=sid,
            direction="inbound",
            sender=f"whatsapp:{number}",
            recipient=self._settings.sender,
            body=body,
            media=len(media),
            made=now,
            visible=now + ORIGIN.get().late_seconds,
            schedule=Schedule(sent=now),
        )
        content = self._form(message, media, str(customer.get("profile_name") or number))
        content |= _more(customer)
        with self._database.transaction():
            self._messages.add(message)
            self._messages.set_window(message.sender, now)
            self._account.heard(message.sender, body)
            self._outgoing.enqueue(
                "webhook:inbound", self._settings.webhook_url, content, now, message.sender
            )
        return message.sid

    def _kept(self, sid: str, url: str, content_type: str, content: str) -> tuple[str, str]:
        """Keeps an attachment's content, if it has one, under an address of Twilio's kind."""
        if not content:
            return url, content_type
        account, media = self._settings.account_sid, f"ME{secrets.token_hex(16)}"
        self._account.keep_media(media, content, content_type)
        path = f"/2010-04-01/Accounts/{account}/Messages/{sid}/Media/{media}"
        return f"https://api.twilio.com{path}", content_type

    def _form(
        self, message: Message, media: list[tuple[str, str]], profile_name: str
    ) -> dict[str, str]:
        numbered = message.sender.startswith("whatsapp:+")
        wa_id = {"WaId": message.sender.removeprefix("whatsapp:+")} if numbered else {}
        context = {"ProfileName": profile_name, **wa_id}
        form = {
            "SmsMessageSid": message.sid,
            "NumMedia": str(len(media)),
            "ProfileName": profile_name,
            "MessageType": "image" if media else "text",
            "SmsSid": message.sid,
            **wa_id,
            "SmsStatus": "received",
            "Body": message.body,
            "To": message.recipient,
            "NumSegments": "1",
            "ReferralNumMedia": "0",
            "MessageSid": message.sid,
            "AccountSid": self._settings.account_sid,
            "ChannelMetadata": json.dumps({"type": "whatsapp", "data": {"context": context}}),
            "From": message.sender,
            "ApiVersion": "2010-04-01",
        }
        for at, (url, content_type) in enumerate(media):
            form[f"MediaUrl{at}"] = url
            form[f"MediaContentType{at}"] = content_type
        return form


def _more(customer: Mapping[str, Any]) -> dict[str, str]:
    kind, fields = customer.get("type"), customer.get("fields") or {}
    if not isinstance(fields, Mapping) or not all(isinstance(v, str) for v in fields.values()):
        raise BadInputError("fields is an object of texts")
    return {**({"MessageType": str(kind)} if kind else {}), **fields}


def _media(item: Any) -> tuple[str, str, str]:
    """Returns an attachment's address, media type and content; one of the first and the last is empty."""
    if isinstance(item, str):
        return item, _MEDIA_TYPE, ""
    if isinstance(item, Mapping):
        url, content = item.get("url") or "", item.get("content") or ""
        if isinstance(url, str) and isinstance(content, str) and (url or content):
            return url, str(item.get("content_type") or _MEDIA_TYPE), content
    raise BadInputError(
        "media is a list of addresses, or of objects with url or content, and content_type"
    )
