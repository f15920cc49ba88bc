"""Twilio as a provider of WhatsApp: one POST for each attempt, and two witnesses.

Twilio knows no idempotency key. Each message carries a status callback that names the intent, so that an accepted
one tells of itself even if its answer was lost; and messages can be listed by recipient and day.
"""

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from twilio.base.exceptions import (
    TwilioException,
    TwilioRestException,
    TwilioServiceException,
)
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from services.delivery.adapters.transport import BindingTransport, NoAnswer
from services.delivery.application.ports import Attempt, Doubt, Prepared
from services.delivery.domain.intent import Letter
from services.delivery.domain.outcomes import (
    Barred,
    Dark,
    NotSent,
    Outcome,
    Rejected,
    Seen,
    Sent,
    Shown,
    Sighting,
    Unknown,
    Unseen,
)
from services.delivery.domain.window import filled

READ_SECONDS = 5.0
REFUSED, REQUEST_TIMEOUT, TOO_MANY, SERVER_ERROR = 400, 408, 429, 500
FOUND = 200
MOST_MEDIA_BYTES = 64 * 1024
REFUSED_CREDENTIALS = frozenset({401, 403})
# Too fast for the channel, whatever the status: nothing was processed.
TOO_FAST = frozenset({14107, 20429, 21611, 63018})
# Not to be sent now, and not to be tried again: the window is shut, or the customer has sent STOP.
BARRED = {63016: "outside_window", 21610: "recipient_stopped"}
# Refused credentials are ours to repair; meanwhile nobody's message is thrown away.
CREDENTIALS_WAIT = timedelta(seconds=60)
_LISTED = 50
_CLOCK_SLACK = timedelta(minutes=1)


class RateLimited(Exception):
    """Twilio processed nothing; `retry_after` is None where it did not say how long to wait."""

    def __init__(self, retry_after: str) -> None:
        super().__init__(retry_after)
        known = retry_after.isdecimal()
        self.retry_after = timedelta(seconds=min(int(retry_after), 600)) if known else None


class BindingHttpClient(AsyncHttpClient):  # type: ignore[misc]  # the library is untyped
    """The library's transport: hands each request to the sidecar once."""

    def __init__(self, transport: BindingTransport, seconds: float) -> None:
        super().__init__(logger=None, is_async=True, timeout=seconds)
        self._seconds = seconds
        self._transport = transport

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        allow_redirects: bool = False,  # noqa: FBT001, FBT002 - the library's signature
    ) -> Response:
        """Makes one request; raises `NoAnswer` without a status and `RateLimited` on 429."""
        sent = dict(headers or {})
        if auth is not None:
            pair = base64.b64encode(":".join(auth).encode()).decode()
            sent["Authorization"] = f"Basic {pair}"
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        body = urlencode(data, doseq=True).encode() if data else b""
        answer = await self._transport.request(method, f"{uri}{query}", sent, body, self._seconds)
        if answer.status == TOO_MANY:
            # The library's exception would drop the header that says how long to wait.
            raise RateLimited(answer.headers.get("retry-after", ""))
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)


class Twilio:
    """Sends from one WhatsApp number; `public_url` is where Twilio reports what became of a message."""

    name = "twilio"
    needs_preparation = False

    def __init__(
        self,
        transport: BindingTransport,
        account_sid: str,
        auth_token: str,
        whatsapp_from: str,
        public_url: str,
    ) -> None:
        self._transport = transport
        self._credentials = (account_sid, auth_token)
        self._from = _address(whatsapp_from)
        self._callback = f"{public_url.rstrip('/')}/webhooks/whatsapp/status"

    async def prepare(self, attempt: Attempt) -> Prepared:
        """Has nothing to prepare."""
        return Prepared()

    async def send(self, attempt: Attempt, seconds: float) -> Outcome:
        """Creates the message with exactly one request."""
        intent = attempt.intent
        try:
            message = await self._client(seconds).messages.create_async(
                to=_address(intent.letter.recipient),
                from_=self._from,
                status_callback=f"{self._callback}?intent={intent.intent_id}",
                **_content(attempt),
            )
        except (TwilioRestException, TwilioServiceException) as error:
            return _refused(error)
        except RateLimited as error:
            return NotSent("rate_limited", retry_after=error.retry_after)
        except NoAnswer as error:
            return error.outcome()
        except (ValueError, KeyError, TypeError):
            return Unknown("unreadable_answer")
        if not message.sid:
            return Unknown("answer_without_id")
        return Sent(str(message.sid), status=str(message.status or ""))

    async def witness(self, doubt: Doubt) -> Sighting:
        """Lists what the recipient was sent since the first attempt; the text must be the same.

        Of a template Twilio shows the whole text: it holds the reference and the text on one line.
        """
        since = doubt.first_attempt_time.astimezone(UTC) - _CLOCK_SLACK
        try:
            listed = await self._client(READ_SECONDS).messages.list_async(
                to=_address(doubt.intent.letter.recipient),
                from_=self._from,
                date_sent_after=datetime.combine(since.date(), time(), UTC),
                limit=_LISTED,
            )
        except (NoAnswer, RateLimited) as error:
            return Dark(f"twilio_{type(error).__name__.lower()}")
        except (TwilioException, ValueError, KeyError, TypeError):
            return Dark("twilio_unreadable")
        same = [
            message
            for message in listed
            if _says(message.body or "", doubt.intent.letter) and _is_since(message, since)
        ]
        if same:
            return Seen(tuple(Sent(str(m.sid), status=str(m.status or "")) for m in same))
        return Unseen()

    async def status(self, provider_id: str) -> Shown | Dark:
        """Fetches the message; one that Twilio does not show yet proves nothing."""
        try:
            message = await self._client(READ_SECONDS).messages(provider_id).fetch_async()
        except (NoAnswer, RateLimited) as error:
            return Dark(f"twilio_{type(error).__name__.lower()}")
        except (TwilioRestException, TwilioServiceException) as error:
            return Dark(f"twilio_{error.status}")
        except (TwilioException, ValueError, KeyError, TypeError):
            return Dark("twilio_unreadable")
        if not message.status:
            return Dark("twilio_without_status")
        return Shown(str(message.status), str(message.error_code or ""))

    async def media(self, url: str) -> bytes:
        """Returns a small attachment's bytes; empty if it is not there, not of this account or too large."""
        account = self._credentials[0]
        path = urlsplit(url).path
        if not re.fullmatch(rf"/2010-04-01/Accounts/{account}/Messages/\w+/Media/\w+", path):
            return b""
        pair = base64.b64encode(":".join(self._credentials).encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        try:
            answer = await self._transport.request("GET", path, headers, b"", READ_SECONDS)
        except NoAnswer:
            return b""
        found = answer.status == FOUND and len(answer.body) <= MOST_MEDIA_BYTES
        return answer.body if found else b""

    async def answers(self) -> bool:
        """Lists one message."""
        try:
            await self._client(READ_SECONDS).messages.list_async(limit=1, page_size=1)
        except NoAnswer:
            return False
        except RateLimited:
            return True
        except TwilioException as error:
            # The library hands the whole answer over where it could not fetch a page.
            answer = error.args[-1] if error.args else None
            return isinstance(answer, Response) and int(answer.status_code) < SERVER_ERROR
        except (ValueError, KeyError, TypeError):
            return False
        return True

    def _client(self, seconds: float) -> Any:
        # Made anew for each call: its timeout is the call's, and making one costs microseconds.
        http_client = BindingHttpClient(self._transport, seconds)
        return Client(*self._credentials, http_client=http_client, environment={"": ""})


def _address(recipient: str) -> str:
    return f"whatsapp:{recipient.removeprefix('whatsapp:')}"


def _content(attempt: Attempt) -> dict[str, str]:
    if attempt.template is None:
        return {"body": attempt.intent.letter.text}
    variables = json.dumps(dict(attempt.template.variables), ensure_ascii=False)
    return {"content_sid": attempt.template.content_sid, "content_variables": variables}


def _says(body: str, letter: Letter) -> bool:
    if body == letter.text:
        return True
    filling = filled(letter.ticket_reference, letter.text)
    return filling is not None and bool(body) and all(part in body for part in filling.values())


def _is_since(message: Any, since: datetime) -> bool:
    created = message.date_created
    if not isinstance(created, datetime):
        return True
    return (created if created.tzinfo else created.replace(tzinfo=UTC)) >= since


def _refused(error: Any) -> NotSent | Rejected | Barred | Unknown:
    status, code = int(error.status), error.code
    if code in TOO_FAST:
        return NotSent("rate_limited")
    if code in BARRED and REFUSED <= status < SERVER_ERROR:
        return Barred(BARRED[code])
    if status in REFUSED_CREDENTIALS:
        return NotSent("unauthorized", retry_after=CREDENTIALS_WAIT)
    if status < REFUSED or status == REQUEST_TIMEOUT or status >= SERVER_ERROR:
        return Unknown(f"status_{status}")
    return Rejected(f"twilio_{code or status}")
