"""The Gmail mailbox: Google's client builds the requests and reads the answers, the sidecar carries them."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httplib2
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from chassis.errors import ServiceError
from chassis.google_access import (
    GoogleAccess,
    GoogleFault,
    TokenUnavailable,
    fault_of_answer,
)
from chassis.sidecar import BindingAnswer, Sidecar
from services.intake.application.ports import (
    FetchedMail,
    HistoryGoneError,
    HistoryPage,
    ListPage,
    MailboxAwayError,
    Watch,
)

BINDING = "gmail"
_SECONDS = 15.0
_PAGE = 100
_UNAUTHORIZED, _NOT_FOUND = 401, 404
_TOO_LARGE = "RESOURCE_EXHAUSTED"
# Go's transport decompresses only what it asked for itself.
_DROPPED_HEADERS = frozenset(("accept-encoding", "user-agent", "content-length"))
_REBUILT_HEADERS = frozenset(("content-type", "content-transfer-encoding", "mime-version"))


class TooLargeError(MailboxAwayError):
    """An answer does not fit through the sidecar."""


class GmailMailbox:
    """Reads one mailbox. No request of it changes mail, so each may be repeated."""

    def __init__(self, sidecar: Sidecar, access: GoogleAccess, topic: str) -> None:
        self._sidecar = sidecar
        self._access = access
        self._topic = topic
        self._users: Any = build(
            "gmail", "v1", static_discovery=True, cache_discovery=False, http=_NoTransport()
        ).users()

    async def watch(self) -> Watch:
        """Starts or renews the notifications of the inbox."""
        body = {"topicName": self._topic, "labelIds": ["INBOX"], "labelFilterBehavior": "INCLUDE"}
        answer = await self._call(self._users.watch(userId="me", body=body))
        expire_time = datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC)
        return Watch(int(answer["historyId"]), expire_time)

    async def newest_history_id(self) -> int:
        """Returns where the mailbox stands."""
        answer = await self._call(self._users.getProfile(userId="me"))
        return int(answer["historyId"])

    async def history(self, start: int, token: str | None) -> HistoryPage:
        """Returns one page of what came into the inbox after `start`."""
        request = self._users.history().list(
            userId="me",
            startHistoryId=str(start),
            # A person takes a customer's mail out of the spam folder: that adds a label.
            historyTypes=["messageAdded", "labelAdded"],
            labelId="INBOX",
            maxResults=_PAGE,
            pageToken=token,
        )
        try:
            answer = await self._call(request)
        except _NotFoundError:
            raise HistoryGoneError from None
        records = answer.get("history", [])
        added, moved = _added(records), _moved(records)
        return HistoryPage(
            message_ids=tuple(dict.fromkeys((*added, *moved))),
            last_id=max((int(record["id"]) for record in records), default=start),
            newest_id=int(answer.get("historyId", start)),
            next_token=answer.get("nextPageToken"),
            moved_ids=frozenset(moved) - frozenset(added),
        )

    async def recent(self, since: datetime, token: str | None) -> ListPage:
        """Returns a page of what lies in the inbox and came at `since` or later."""
        answer = await self._call(
            self._users.messages().list(
                userId="me",
                labelIds=["INBOX"],
                q=f"after:{int(since.timestamp())}",
                maxResults=_PAGE,
                pageToken=token,
            )
        )
        found = tuple(str(message["id"]) for message in answer.get("messages", []))
        return ListPage(found, answer.get("nextPageToken"))

    async def fetch(self, message_id: str) -> FetchedMail | None:
        """Returns a mail; one that is too large for the sidecar comes without its attachments, or its text."""
        try:
            answer = await self._message(message_id, "raw")
            return _fetched(message_id, answer, _decoded(answer.get("raw", "")))
        except _NotFoundError:
            return None
        except TooLargeError:
            pass
        try:
            answer = await self._message(message_id, "full")
            return _fetched(message_id, answer, _rebuilt(answer.get("payload", {})))
        except _NotFoundError:
            return None
        except TooLargeError:
            return await self.fetch_head(message_id)

    async def fetch_head(self, message_id: str) -> FetchedMail | None:
        """Returns a mail's headers without its content, or None if it was deleted meanwhile."""
        try:
            answer = await self._message(message_id, "metadata")
        except _NotFoundError:
            return None
        return _fetched(message_id, answer, _rebuilt(answer.get("payload", {})))

    async def _message(self, message_id: str, shape: str) -> dict[str, Any]:
        return await self._call(
            self._users.messages().get(userId="me", id=message_id, format=shape)
        )

    async def _call(self, request: Any) -> dict[str, Any]:
        token = await self._token()
        answer = await self._carry(request, token)
        if answer.status == _UNAUTHORIZED:
            self._access.forget(token)
            answer = await self._carry(request, await self._token())
        try:
            read = request.postproc(httplib2.Response({"status": answer.status}), answer.body)
        except HttpError as error:
            status = int(error.resp.status)
            fault = fault_of_answer(status, answer.body)
            if status == _NOT_FOUND and fault is not GoogleFault.TOPIC_UNKNOWN:
                raise _NotFoundError from None
            # The error's text holds the address of the request and Google's words.
            raise MailboxAwayError(f"Gmail answered {status}: {fault}", fault) from None
        except (ValueError, UnicodeDecodeError):
            read = None
        if not isinstance(read, dict):
            # The client hands out as text what is no JSON.
            raise MailboxAwayError("Gmail's answer cannot be read")
        return read

    async def _token(self) -> str:
        try:
            return await self._access.get()
        except TokenUnavailable as error:
            raise MailboxAwayError(f"no access token: {error.fault}", error.fault) from None

    async def _carry(self, request: Any, token: str) -> BindingAnswer:
        parts = urlsplit(request.uri)
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _DROPPED_HEADERS
        }
        try:
            return await self._sidecar.http_binding(
                BINDING,
                request.method,
                f"{parts.path}?{parts.query}",
                headers={**headers, "authorization": f"Bearer {token}"},
                body=_bytes(request.body),
                seconds=_SECONDS,
            )
        except ServiceError as error:
            if error.metadata.get("grpc_code") == _TOO_LARGE:
                raise TooLargeError("the answer is too large") from None
            raise MailboxAwayError(f"no answer: {error.reason}", GoogleFault.UNREACHABLE) from error


def _added(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(one["message"]["id"]) for r in records for one in r.get("messagesAdded", [])]


def _moved(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        str(one["message"]["id"])
        for record in records
        for one in record.get("labelsAdded", [])
        if "INBOX" in one.get("labelIds", ())
    ]


def _fetched(message_id: str, answer: Mapping[str, Any], raw: bytes) -> FetchedMail:
    came = str(answer.get("internalDate", ""))
    return FetchedMail(
        message_id=message_id,
        thread_id=str(answer.get("threadId", "")),
        labels=frozenset(answer.get("labelIds", [])),
        raw=raw,
        receive_time=datetime.fromtimestamp(int(came) / 1000, UTC) if came.isdecimal() else None,
    )


class _NotFoundError(Exception):
    """Gmail knows no such thing."""


class _NoTransport:
    """Stands where the client's own transport would be: every request goes through the sidecar."""

    def request(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("Gmail is called through the sidecar only")

    def close(self) -> None:
        """Has nothing to close; the client asks for it."""


def _bytes(body: str | bytes | None) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise MailboxAwayError("Gmail's answer is not base64") from error


def _rebuilt(payload: Mapping[str, Any]) -> bytes:
    """Writes a mail anew from Gmail's tree of parts: all headers, the first texts, no attachments."""
    mail = EmailMessage(policy=policy.SMTPUTF8)
    texts: dict[str, str] = {}
    for part in _leaves(payload):
        data = part.get("body", {}).get("data")
        if data and not part.get("filename"):
            texts.setdefault(
                str(part.get("mimeType", "")), _decoded(data).decode("utf-8", "replace")
            )
    mail.set_content(texts.get("text/plain", ""))
    if "text/html" in texts and "text/plain" not in texts:
        mail.set_content(texts["text/html"], subtype="html")
    head = b"".join(
        f"{header['name']}: {' '.join(str(header['value']).split())}\r\n".encode()
        for header in payload.get("headers", [])
        if str(header.get("name", "")).lower() not in _REBUILT_HEADERS
    )
    return head + mail.as_bytes()


def _leaves(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [payload]
    while waiting:
        part = waiting.pop()
        children = part.get("parts") or []
        waiting.extend(reversed(children))
        if not children:
            yield part
