"""Gmail as a provider: a draft is saved first, then sent, so that what became of it can be read back.

The official client builds requests and reads answers; its own transport is never used, because it repeats a
request on its own when a connection breaks. Google documents that sending deletes the draft and makes a new
message with the label SENT in the same thread.
"""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httplib2
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from chassis.google_access import GoogleAccess, GoogleFault, TokenUnavailable
from services.delivery.adapters.gmail_message import INTENT_HEADER, raw_message
from services.delivery.adapters.transport import BindingTransport, NoAnswer
from services.delivery.application.ports import Attempt, Doubt, Prepared, Unnamed
from services.delivery.domain.intent import Intent
from services.delivery.domain.outcomes import (
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

PREPARE_SECONDS = 8.0
READ_SECONDS = 5.0
REFUSED, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404
REQUEST_TIMEOUT, TOO_MANY, SERVER_ERROR = 408, 429, 500
_SEARCHED = 10
_ID_CHARACTERS = 1000
_RATE_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded"})
_CLOCK_SLACK = timedelta(minutes=1)


class Gmail:
    """Sends from our mailboxes, each mail from the one that the answered mail came to."""

    name = "gmail"
    needs_preparation = True

    def __init__(self, transport: BindingTransport, accesses: Mapping[str, GoogleAccess]) -> None:
        """Takes the accesses by mailbox; the first also sends what answers no mail."""
        self._transport = transport
        self._accesses = dict(accesses)
        self._first = next(iter(self._accesses))
        # The client wants a transport to exist; this one is given no request.
        self._api = build(
            "gmail", "v1", http=httplib2.Http(), static_discovery=True, cache_discovery=False
        )

    async def prepare(self, attempt: Attempt) -> Prepared | NotSent | Rejected:
        """Saves the draft; one that was made twice is harmless."""
        mailbox = self._mailbox(attempt.intent)
        if mailbox not in self._accesses:
            # Taken off the list since: a person answers from where they still can.
            return Rejected("mailbox_not_ours")
        try:
            raw = raw_message(attempt.intent, mailbox)
        except ValueError:
            return Rejected("unbuildable_mail")
        thread_id = attempt.intent.letter.thread_id
        try:
            draft = await self._create_draft(raw, thread_id, mailbox)
        except HttpError as error:
            outcome = _refused(error)
            # A draft is no send: whatever went wrong, nothing reached the customer.
            return NotSent(outcome.reason, fault=True) if isinstance(outcome, Unknown) else outcome
        except (NoAnswer, TokenUnavailable) as error:
            outcome = _no_answer(error)
            return NotSent(outcome.reason, fault=True, refused=_is_refusal(outcome))
        return Prepared(str(draft["id"]), str(draft.get("message", {}).get("threadId", "")))

    async def send(self, attempt: Attempt, seconds: float) -> Outcome:
        """Sends the saved draft with exactly one request."""
        mailbox = self._mailbox(attempt.intent)
        request = self._users().drafts().send(userId="me", body={"id": attempt.draft_id})
        try:
            message = await self._call(request, seconds, mailbox)
        except HttpError as error:
            if error.status_code == NOT_FOUND:
                # Somebody sent or deleted it: an earlier request of ours, or a person in the mailbox.
                return Unknown("draft_gone")
            return _refused(error)
        except (NoAnswer, TokenUnavailable) as error:
            return _no_answer(error)
        except ValueError:
            return Unknown("unreadable_answer")
        if not message.get("id"):
            return Unknown("answer_without_id")
        return Sent(str(message["id"]), str(message.get("threadId", "")))

    async def witness(self, doubt: Doubt) -> Sighting:
        """Looks whether the draft is gone and a sent message has taken its place."""
        mailbox = self._mailbox(doubt.intent)
        if mailbox not in self._accesses:
            return Dark("mailbox_not_ours")
        try:
            if await self._exists(
                self._users().drafts().get(userId="me", id=doubt.draft_id, format="minimal"),
                mailbox,
            ):
                return Unseen()
            found = await self._sent_in_thread(doubt) or await self._sent_to_recipient(doubt)
        except (NoAnswer, TokenUnavailable):
            return Dark("gmail_unreachable")
        except HttpError as error:
            return Dark(f"gmail_{error.status_code}")
        except ValueError:
            return Dark("gmail_unreadable")
        # Without draft and without message it may be on its way, or a person deleted it: never resend.
        return Seen(found) if found else Dark("draft_gone")

    async def status(self, provider_id: str) -> Shown | Dark:
        """Knows none: Gmail has sent a mail once it has answered for it."""
        return Dark("gmail_has_no_status")

    async def internet_message_id(self, mail: Unnamed) -> str | None:
        """Returns the Message-ID that Gmail gave a sent mail, empty if the mail is gone."""
        mailbox = self._mailbox(mail.intent)
        if mailbox not in self._accesses:
            return ""
        request = self._metadata(mail.provider_id, "Message-ID")
        try:
            message = await self._call(request, READ_SECONDS, mailbox)
        except HttpError as error:
            return "" if error.status_code == NOT_FOUND else None
        except (NoAnswer, TokenUnavailable, ValueError):
            return None
        return _header(message, "Message-ID").strip()[:_ID_CHARACTERS]

    async def answers(self) -> bool:
        """Reads the profile of the first mailbox: any answer of Gmail's will do."""
        try:
            await self._call(self._users().getProfile(userId="me"), READ_SECONDS, self._first)
        except HttpError as error:
            return int(error.status_code) < SERVER_ERROR
        except (NoAnswer, TokenUnavailable, ValueError):
            return False
        return True

    def _mailbox(self, intent: Intent) -> str:
        return intent.letter.mailbox.lower() or self._first

    def _metadata(self, message_id: str, header: str) -> Any:
        messages = self._users().messages()
        return messages.get(userId="me", id=message_id, format="metadata", metadataHeaders=[header])

    async def _create_draft(self, raw: str, thread_id: str, mailbox: str) -> dict[str, Any]:
        message = {"raw": raw, **({"threadId": thread_id} if thread_id else {})}
        request = self._users().drafts().create(userId="me", body={"message": message})
        try:
            return await self._call(request, PREPARE_SECONDS, mailbox)
        except HttpError as error:
            if error.status_code != NOT_FOUND or not thread_id:
                raise
        # The thread was deleted; the headers still tell the customer's mail program where it belongs.
        return await self._create_draft(raw, "", mailbox)

    async def _sent_in_thread(self, doubt: Doubt) -> tuple[Sent, ...]:
        if not doubt.thread_id:
            return ()
        request = (
            self._users()
            .threads()
            .get(
                userId="me", id=doubt.thread_id, format="metadata", metadataHeaders=[INTENT_HEADER]
            )
        )
        try:
            thread = await self._call(request, READ_SECONDS, self._mailbox(doubt.intent))
        except HttpError as error:
            if error.status_code == NOT_FOUND:
                return ()
            raise
        return _candidates(thread.get("messages", ()), doubt)

    async def _sent_to_recipient(self, doubt: Doubt) -> tuple[Sent, ...]:
        # Search is only a hint, its index lags: what it finds is checked by our header.
        query = f"in:sent to:{doubt.intent.letter.recipient}"
        mailbox = self._mailbox(doubt.intent)
        messages = self._users().messages()
        listing = await self._call(
            messages.list(userId="me", labelIds=["SENT"], q=query, maxResults=_SEARCHED),
            READ_SECONDS,
            mailbox,
        )
        found = [
            await self._call(self._metadata(hit["id"], INTENT_HEADER), READ_SECONDS, mailbox)
            for hit in listing.get("messages", ())
        ]
        return tuple(
            _sent(message) for message in found if _intent_header(message) == _id(doubt.intent)
        )

    async def _exists(self, request: Any, mailbox: str) -> bool:
        try:
            await self._call(request, READ_SECONDS, mailbox)
        except HttpError as error:
            if error.status_code == NOT_FOUND:
                return False
            raise
        return True

    async def _call(self, request: Any, seconds: float, mailbox: str) -> dict[str, Any]:
        began = time.monotonic()
        access = self._accesses[mailbox]
        token = await access.get()
        # Whoever gave the seconds counts on all of it: a late token leaves less for the request.
        seconds -= time.monotonic() - began
        if seconds <= 0:
            raise TokenUnavailable(GoogleFault.UNREACHABLE)
        headers = {**request.headers, "authorization": f"Bearer {token}"}
        body = (request.body or "").encode()
        answer = await self._transport.request(request.method, request.uri, headers, body, seconds)
        if answer.status == UNAUTHORIZED:
            access.forget(token)
        response = httplib2.Response({**answer.headers, "status": str(answer.status)})
        result = request.postproc(response, answer.body)
        if not isinstance(result, dict):
            raise ValueError("the answer is no object")  # noqa: TRY004 - as json does for bad text
        return result

    def _users(self) -> Any:
        return self._api.users()


def _candidates(messages: Any, doubt: Doubt) -> tuple[Sent, ...]:
    sent = [message for message in messages if "SENT" in message.get("labelIds", ())]
    ours = [message for message in sent if _intent_header(message) == _id(doubt.intent)]
    if ours:
        return tuple(_sent(message) for message in ours)
    # Should Gmail drop our header, the message that took the draft's place is still the only new one.
    since = (doubt.first_attempt_time - _CLOCK_SLACK).timestamp() * 1000
    return tuple(
        _sent(message)
        for message in sent
        if not _intent_header(message) and int(message.get("internalDate", 0)) >= since
    )


def _sent(message: dict[str, Any]) -> Sent:
    return Sent(str(message["id"]), str(message.get("threadId", "")))


def _intent_header(message: dict[str, Any]) -> str:
    return _header(message, INTENT_HEADER)


def _header(message: dict[str, Any], name: str) -> str:
    headers = message.get("payload", {}).get("headers", ())
    return next((str(h["value"]) for h in headers if h["name"].lower() == name.lower()), "")


def _id(intent: Intent) -> str:
    return str(intent.intent_id)


def _no_answer(error: NoAnswer | TokenUnavailable) -> NotSent | Unknown:
    if isinstance(error, TokenUnavailable):
        return NotSent("no_token", fault=True)
    return error.outcome()


def _is_refusal(outcome: NotSent | Unknown) -> bool:
    return isinstance(outcome, NotSent) and outcome.refused


def _refused(error: HttpError) -> NotSent | Rejected | Unknown:
    status = int(error.status_code)
    if status == UNAUTHORIZED:
        return NotSent("unauthorized", retry_after=timedelta(seconds=1))
    if status == TOO_MANY or (status == FORBIDDEN and _reasons(error) & _RATE_REASONS):
        return NotSent("rate_limited", retry_after=_retry_after(error))
    if status < REFUSED or status == REQUEST_TIMEOUT or status >= SERVER_ERROR:
        return Unknown(f"status_{status}")
    return Rejected(f"gmail_{status}")


def _reasons(error: HttpError) -> set[str]:
    try:
        found = json.loads(error.content)["error"]["errors"]
        return {str(entry["reason"]) for entry in found}
    except (ValueError, KeyError, TypeError):
        return set()


def _retry_after(error: HttpError) -> timedelta | None:
    text = str(error.resp.get("retry-after", ""))
    return timedelta(seconds=min(int(text), 600)) if text.isdecimal() else None
