"""Owns the outside world of a local stack: customers who write, and what they were sent.

Customers write through the simulators, through signed webhooks and through the support form. What
they received is read from the simulators and from the status page, never from the services' tables.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
from twilio.request_validator import RequestValidator

ANSWER_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Mail:
    """Names a mail that a customer wrote, as Gmail stored it."""

    gmail_id: str
    thread_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Sent:
    """Holds one message that a provider was handed: a mail, or one part of a WhatsApp answer."""

    time: datetime
    provider_id: str
    to: str
    subject: str
    body: str
    thread_id: str
    in_reply_to: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """Holds what the support form gave the customer."""

    ticket_id: str
    reference: str
    status_url: str

    @property
    def address(self) -> str:
        """The status page's address, which alone opens nothing."""
        return self.status_url.partition("#")[0]

    @property
    def token(self) -> str:
        """What opens it."""
        return self.status_url.partition("#")[2]


@dataclass(frozen=True, slots=True)
class Line:
    """Holds one line of a status page: who speaks (customer, ai, human or system), what and when."""

    role: str
    text: str
    time: datetime


class Outside:
    """Plays customers of one stack over HTTP; every call waits at most 15 seconds."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Takes the settings that `fte env` prints."""
        self._public = settings["FTE_PUBLIC_URL"].rstrip("/")
        self._gmail = settings["FTE_GMAIL_API_URL"]
        self._twilio = settings["FTE_TWILIO_API_URL"]
        self._account = settings["FTE_TWILIO_ACCOUNT_SID"]
        self._number = settings["FTE_TWILIO_WHATSAPP_FROM"]
        self._signer = RequestValidator(settings["FTE_TWILIO_AUTH_TOKEN"])
        # Many customers at once; none waits for another's connection.
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=64)
        self.http = httpx.AsyncClient(timeout=ANSWER_SECONDS, limits=limits, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.aclose()

    def url(self, path: str) -> str:
        """Returns the public address of a path of intake."""
        return self._public + path

    async def healthy(self) -> bool:
        """Tells whether `/health` answers 200."""
        try:
            answer = await self.http.get(self.url("/health"), timeout=5)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    async def write_mail(
        self, address: str, subject: str, text: str, headers: Mapping[str, str] | None = None
    ) -> Mail:
        """Writes a mail to the company; Gmail has it when this returns."""
        content = {"from": address, "subject": subject, "text": text, "headers": headers or {}}
        answer = await self.http.post(f"{self._gmail}/_receive", json=content)
        answer.raise_for_status()
        stored = answer.json()
        return Mail(stored["id"], stored["thread_id"], stored["message_id"])

    async def write_whatsapp(self, number: str, text: str, name: str = "") -> str:
        """Writes a WhatsApp message through Twilio, which calls the webhook; returns its SID."""
        content = {"from": number, "body": text, "profile_name": name or number}
        answer = await self.http.post(f"{self._twilio}/_receive", json=content)
        answer.raise_for_status()
        return str(answer.json()["message_sid"])

    async def open_window(self, number: str) -> None:
        """Opens a number's 24-hour window, for webhooks that do not come through the simulator."""
        content = {"number": number, "seconds_ago": 0}
        (await self.http.post(f"{self._twilio}/_window", json=content)).raise_for_status()

    def webhook_form(self, number: str, text: str, sid: str = "") -> dict[str, str]:
        """Returns the form that Twilio posts for a message, under a fresh SID unless one is given."""
        sid = sid or f"SM{secrets.token_hex(16)}"
        return {
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "ProfileName": number,
            "MessageType": "text",
            "SmsSid": sid,
            "WaId": number.removeprefix("+"),
            "SmsStatus": "received",
            "Body": text,
            "To": f"whatsapp:{self._number}",
            "NumSegments": "1",
            "MessageSid": sid,
            "AccountSid": self._account,
            "From": f"whatsapp:{number}",
            "ApiVersion": "2010-04-01",
        }

    async def post_webhook(
        self, form: Mapping[str, str], *, signature: str | None = None
    ) -> httpx.Response:
        """Posts a signed WhatsApp webhook to intake; another signature or "" for none may be given."""
        url = self.url("/webhooks/whatsapp")
        signed = self._signer.compute_signature(url, form) if signature is None else signature
        headers = {"X-Twilio-Signature": signed} if signed else {}
        return await self.http.post(url, data=dict(form), headers=headers)

    async def post_form(self, form: Mapping[str, str], key: str = "") -> httpx.Response:
        """Posts the support form as it is; `key` is its Idempotency-Key."""
        headers = {"Idempotency-Key": key} if key else {}
        return await self.http.post(self.url("/support/submit"), json=dict(form), headers=headers)

    async def submit(self, form: Mapping[str, str], key: str = "") -> Ticket:
        """Submits the support form and returns the ticket; raises unless the answer is 2xx."""
        answer = await self.post_form(form, key)
        answer.raise_for_status()
        return ticket_of(answer)

    async def status_page(self, ticket: Ticket) -> Sequence[Line]:
        """Returns a status page's lines, oldest first; raises unless the answer is 2xx."""
        headers = {"Accept": "application/json", "Authorization": f"Bearer {ticket.token}"}
        answer = await self.http.get(ticket.address, headers=headers)
        answer.raise_for_status()
        return [_line(entry) for entry in answer.json()["messages"]]

    async def mails_sent(self, offset: int = 0) -> list[Sent]:
        """Returns the mails that Gmail was handed, in order, without the first `offset`."""
        return await self._sent(self._gmail, offset)

    async def whatsapps_sent(self, offset: int = 0) -> list[Sent]:
        """Returns the WhatsApp parts that Twilio was handed, in order, without the first `offset`."""
        return await self._sent(self._twilio, offset)

    async def _sent(self, simulator: str, offset: int) -> list[Sent]:
        answer = await self.http.get(f"{simulator}/_sent", params={"offset": offset})
        answer.raise_for_status()
        return [_sent(entry) for entry in answer.json()]


def ticket_of(answer: httpx.Response) -> Ticket:
    """Returns the ticket that a 201 of the support form gives."""
    given = answer.json()
    return Ticket(given["ticket_id"], given["reference"], given["status_url"])


def _sent(entry: Mapping[str, Any]) -> Sent:
    return Sent(
        time=datetime.fromisoformat(entry["time"]),
        provider_id=entry["provider_id"],
        to=entry["to"].removeprefix("whatsapp:"),
        subject=entry["subject"] or "",
        body=entry["body"] or "",
        thread_id=entry["thread_id"] or "",
        in_reply_to=entry["in_reply_to"] or "",
    )


def _line(entry: Mapping[str, Any]) -> Line:
    return Line(entry["role"], entry["text"], datetime.fromisoformat(entry["time"]))
