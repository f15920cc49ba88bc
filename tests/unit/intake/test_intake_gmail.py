"""The Gmail adapter: the official client's requests as they leave, Gmail's answers as they are read."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from chassis.errors import Unavailable
from chassis.google_access import GoogleAccess
from chassis.sidecar import BindingAnswer, Sidecar
from services.intake.adapters.gmail import GmailMailbox
from services.intake.application.mail import read_mail
from services.intake.application.ports import HistoryGoneError, MailboxAwayError


@dataclass
class Call:
    """One request as it reached the binding."""

    name: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, list[str]]:
        """Returns the decoded query."""
        return parse_qs(urlsplit(self.path).query)


@dataclass
class FakeSidecar(Sidecar):
    """Answers bindings from a list, in order."""

    answers: list[BindingAnswer | Exception] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    async def http_binding(
        self,
        name: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        seconds: float,
    ) -> BindingAnswer:
        """Keeps the call and answers it."""
        self.calls.append(Call(name, method, path, dict(headers or {}), body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class FakeAccess(GoogleAccess):
    """Gives out numbered tokens."""

    number: int = 1

    async def get(self) -> str:
        """Returns the present token."""
        return f"t{self.number}"

    def forget(self, token: str) -> None:
        """Makes the next one the present."""
        assert token == f"t{self.number}"
        self.number += 1


def ok(body: object, status: int = 200) -> BindingAnswer:
    return BindingAnswer(status, {}, json.dumps(body).encode())


def mailbox(*answers: BindingAnswer | Exception) -> tuple[GmailMailbox, FakeSidecar]:
    sidecar = FakeSidecar(answers=list(answers))
    return GmailMailbox(sidecar, FakeAccess(), "projects/p/topics/t"), sidecar


async def test_watch() -> None:
    box, sidecar = mailbox(ok({"historyId": "77", "expiration": "1772366400000"}))
    watch = await box.watch()
    assert (watch.history_id, watch.expire_time) == (77, datetime(2026, 3, 1, 12, tzinfo=UTC))
    [call] = sidecar.calls
    assert (call.name, call.method) == ("gmail", "POST")
    assert urlsplit(call.path).path == "/gmail/v1/users/me/watch"
    assert json.loads(call.body)["topicName"] == "projects/p/topics/t"
    names = {name.lower() for name in call.headers}
    assert "accept-encoding" not in names
    assert call.headers["authorization"] == "Bearer t1"


async def test_history_is_read_by_page() -> None:
    records = [
        {"id": "11", "messagesAdded": [{"message": {"id": "a"}}]},
        {"id": "14", "messagesAdded": [{"message": {"id": "b"}}, {"message": {"id": "a"}}]},
    ]
    box, sidecar = mailbox(ok({"historyId": "20", "history": records, "nextPageToken": "p2"}))
    page = await box.history(10, "p1")
    assert (page.message_ids, page.last_id, page.newest_id) == (("a", "b"), 14, 20)
    assert page.next_token == "p2"
    query = sidecar.calls[0].query
    assert query["startHistoryId"] == ["10"]
    assert query["historyTypes"] == ["messageAdded", "labelAdded"]
    assert (query["labelId"], query["pageToken"]) == (["INBOX"], ["p1"])


async def test_mail_moved_into_the_inbox_is_told_apart() -> None:
    records = [
        {"id": "11", "messagesAdded": [{"message": {"id": "new"}}]},
        {"id": "12", "labelsAdded": [{"message": {"id": "new"}, "labelIds": ["INBOX"]}]},
        {"id": "13", "labelsAdded": [{"message": {"id": "rescued"}, "labelIds": ["INBOX"]}]},
        {"id": "14", "labelsAdded": [{"message": {"id": "starred"}, "labelIds": ["STARRED"]}]},
    ]
    box, _ = mailbox(ok({"historyId": "20", "history": records}))
    page = await box.history(10, None)
    assert (page.message_ids, set(page.moved_ids)) == (("new", "rescued"), {"rescued"})
    assert page.last_id == 14


async def test_an_empty_history_stays_where_it_is() -> None:
    box, _ = mailbox(ok({"historyId": "10"}))
    page = await box.history(10, None)
    assert (page.message_ids, page.last_id, page.newest_id, page.next_token) == ((), 10, 10, None)


async def test_a_lost_history_is_told() -> None:
    box, _ = mailbox(ok({"error": {"code": 404, "message": "Not Found"}}, 404))
    with pytest.raises(HistoryGoneError):
        await box.history(10, None)


async def test_a_mail_is_fetched_raw() -> None:
    raw = base64.urlsafe_b64encode(b"From: ada@example.com\r\n\r\nHi??>").decode().rstrip("=")
    box, sidecar = mailbox(ok({"id": "a", "threadId": "t", "labelIds": ["INBOX"], "raw": raw}))
    fetched = await box.fetch("a")
    assert fetched is not None
    assert (fetched.thread_id, fetched.labels) == ("t", frozenset(("INBOX",)))
    assert fetched.raw == b"From: ada@example.com\r\n\r\nHi??>"
    assert sidecar.calls[0].query["format"] == ["raw"]


async def test_a_deleted_mail_is_none() -> None:
    box, _ = mailbox(ok({}, 404))
    assert await box.fetch("a") is None


async def test_a_refused_token_is_replaced_once() -> None:
    box, sidecar = mailbox(ok({}, 401), ok({"historyId": "5"}))
    assert await box.newest_history_id() == 5
    assert [call.headers["authorization"] for call in sidecar.calls] == ["Bearer t1", "Bearer t2"]
    box, sidecar = mailbox(ok({}, 401), ok({}, 401))
    with pytest.raises(MailboxAwayError):
        await box.newest_history_id()
    assert len(sidecar.calls) == 2


@pytest.mark.parametrize(
    "answer",
    [
        ok({"error": {"code": 503, "message": "secret words"}}, 503),
        ok({"error": {"code": 429}}, 429),
        ok({}, 403),
        BindingAnswer(200, {}, b"<html>no json"),
        Unavailable("no sidecar"),
    ],
)
async def test_what_is_no_answer_is_away(answer: BindingAnswer | Exception) -> None:
    box, _ = mailbox(answer)
    with pytest.raises(MailboxAwayError) as caught:
        await box.newest_history_id()
    assert "secret" not in str(caught.value)


async def test_a_mail_too_large_for_the_sidecar_comes_without_attachments() -> None:
    def data(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode()

    payload = {
        "mimeType": "multipart/mixed",
        "headers": [
            {"name": "From", "value": "Ada <ada@example.com>"},
            {"name": "Subject", "value": "Grüße\r\n mehr"},
            {"name": "Message-ID", "value": "<m@example.com>"},
            {"name": "Content-Type", "value": "multipart/mixed; boundary=x"},
        ],
        "parts": [
            {
                "mimeType": "multipart/alternative",
                "parts": [
                    {"mimeType": "text/plain", "body": {"data": data("Plain wörds")}},
                    {"mimeType": "text/html", "body": {"data": data("<p>html</p>")}},
                ],
            },
            {"mimeType": "text/plain", "filename": "a.txt", "body": {"data": data("attached")}},
            {"mimeType": "image/png", "filename": "a.png", "body": {"attachmentId": "x"}},
        ],
    }
    large = Unavailable("too large", metadata={"grpc_code": "RESOURCE_EXHAUSTED"})
    box, sidecar = mailbox(large, ok({"id": "a", "threadId": "t", "payload": payload}))
    fetched = await box.fetch("a")
    assert fetched is not None
    assert sidecar.calls[1].query["format"] == ["full"]
    mail = read_mail(fetched.raw)
    assert (mail.sender, mail.subject, mail.text) == (
        "ada@example.com",
        "Grüße mehr",
        "Plain wörds",
    )
    assert mail.message_id == "<m@example.com>"
