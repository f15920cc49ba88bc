"""The official Google client works against the Gmail simulator unchanged."""

import base64
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import googleapiclient.discovery
import jwt
import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseUpload

from tests.contract.simulators_running import (
    CLIENT_ID,
    CLIENT_SECRET,
    MAILBOX,
    REFRESH_TOKEN,
    SERVICE_ACCOUNT,
    TOPIC,
    Posted,
    Receiver,
    Simulator,
    eventually,
    receiver,
    simulator,
)


@pytest.fixture(scope="module")
def intake() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(scope="module")
def gmail_process(
    tmp_path_factory: pytest.TempPathFactory, intake: Receiver
) -> Iterator[Simulator]:
    with simulator("gmail", tmp_path_factory.mktemp("gmail"), intake.url) as running:
        yield running


@pytest.fixture
def gmail(gmail_process: Simulator, intake: Receiver) -> Simulator:
    gmail_process.call("POST", "/_expire", {"watch": True})
    gmail_process.reset()
    intake.posts.clear()
    return gmail_process


@pytest.fixture
def users(gmail: Simulator) -> Iterator[Any]:
    credentials = Credentials(  # type: ignore[no-untyped-call]
        None,
        refresh_token=REFRESH_TOKEN,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        token_uri=f"{gmail.url}/token",
    )
    service = googleapiclient.discovery.build(
        "gmail",
        "v1",
        credentials=credentials,
        static_discovery=True,
        client_options={"api_endpoint": gmail.url},
    )
    yield service.users()
    service.close()


def mail(subject: str = "Hello", *, reply_to: str | None = None, text: str = "Hi") -> str:
    message = EmailMessage()
    message["To"] = "Ada <ada@example.com>"
    message["Subject"] = subject
    message["Message-ID"] = "<ours@example.com>"
    if reply_to:
        message["In-Reply-To"] = reply_to
        message["References"] = reply_to
    message.set_content(text)
    return base64.urlsafe_b64encode(message.as_bytes()).decode()


def refused(call: Any) -> int:
    with pytest.raises(HttpError) as caught:
        call.execute()
    return int(caught.value.resp.status)


def headers_of(message: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in message["payload"]["headers"]}


def test_a_mail_is_read_in_every_format(gmail: Simulator, users: Any) -> None:
    posted = {"from": "Ada <ada@example.com>", "subject": "Größe?", "text": "Grüße", "html": "<p>"}
    got = gmail.receive(posted)
    api = users.messages()
    full = api.get(userId="me", id=got["id"]).execute()
    assert full["labelIds"] == ["UNREAD", "INBOX"]
    assert full["snippet"] == "Grüße"
    assert headers_of(full)["Subject"] == "Größe?"
    assert headers_of(full)["Message-ID"] == got["message_id"]
    first = full["payload"]["headers"][0]
    assert first["name"] == "Authentication-Results"
    assert first["value"].startswith("mx.google.com; dkim=pass")
    assert "dmarc=pass" in first["value"]
    plain, html = full["payload"]["parts"]
    assert (plain["mimeType"], html["mimeType"]) == ("text/plain", "text/html")
    assert base64.urlsafe_b64decode(plain["body"]["data"]).decode().strip() == "Grüße"
    metadata = api.get(
        userId=MAILBOX, id=got["id"], format="metadata", metadataHeaders=["from", "Message-ID"]
    ).execute()
    assert set(headers_of(metadata)) == {"From", "Message-ID"}
    assert "parts" not in metadata["payload"]
    raw = api.get(userId="me", id=got["id"], format="raw").execute()
    assert base64.urlsafe_b64decode(raw["raw"]).startswith(b"Authentication-Results: mx.google")
    assert "payload" not in api.get(userId="me", id=got["id"], format="minimal").execute()
    assert refused(api.get(userId="me", id="1000000000000000")) == 404
    assert refused(api.get(userId="other@example.com", id=got["id"])) == 403


def test_a_reply_stays_in_its_thread_and_gets_a_message_id_of_gmail(
    gmail: Simulator, users: Any
) -> None:
    got = gmail.receive({"from": "ada@example.com", "subject": "Reset", "text": "How?"})
    raw = mail("Re: Reset", reply_to=got["message_id"], text="Like so.")
    sent = users.messages().send(
        userId="me", body={"raw": raw, "threadId": got["thread_id"]}
    ).execute()  # fmt: skip
    assert sent["threadId"] == got["thread_id"]
    assert sent["labelIds"] == ["SENT"]
    full = users.messages().get(userId="me", id=sent["id"]).execute()
    message_id = headers_of(full)["Message-ID"]
    assert message_id.endswith("@mail.gmail.com>")
    assert headers_of(full)["From"] == MAILBOX
    [entry] = gmail.sent()
    assert list(entry)[:10] == [
        "time", "provider_id", "to", "from", "subject", "body", "html", "thread_id",
        "in_reply_to", "media",
    ]  # fmt: skip
    assert entry["provider_id"] == sent["id"]
    assert entry["to"] == "ada@example.com"
    assert entry["from"] == MAILBOX
    assert entry["body"].strip() == "Like so."
    assert entry["in_reply_to"] == got["message_id"]
    assert entry["message_id"] == message_id
    thread = users.threads().get(userId="me", id=got["thread_id"], format="metadata").execute()
    assert [message["id"] for message in thread["messages"]] == [got["id"], sent["id"]]
    answer = gmail.receive(
        {
            "from": "ada@example.com",
            "subject": "RE: re: Reset",
            "text": "Thanks",
            "headers": {"In-Reply-To": message_id},
        }
    )
    assert answer["thread_id"] == got["thread_id"]


@pytest.mark.parametrize(
    ("subject", "with_reference"), [("Another matter", True), ("Re: Reset", False)]
)
def test_a_mail_that_does_not_fit_its_thread_begins_one(
    gmail: Simulator, users: Any, subject: str, *, with_reference: bool
) -> None:
    got = gmail.receive({"from": "ada@example.com", "subject": "Reset", "text": "How?"})
    raw = mail(subject, reply_to=got["message_id"] if with_reference else None)
    body = {"raw": raw, "threadId": got["thread_id"]}
    sent = users.messages().send(userId="me", body=body).execute()
    assert sent["threadId"] != got["thread_id"]
    unknown = {"raw": raw, "threadId": "1fffffffffffffff"}
    assert refused(users.messages().send(userId="me", body=unknown)) == 404


def test_the_upload_path_sends_too(gmail: Simulator, users: Any) -> None:
    raw = base64.urlsafe_b64decode(mail("Uploaded"))
    media = MediaIoBaseUpload(io.BytesIO(raw), "message/rfc822")
    requests = [
        users.messages().send(userId="me", body={}, media_body=media),
        users.messages().send(userId="me", media_body=media),
    ]
    for request in requests:
        # The library takes host and port from the endpoint, but insists on TLS for uploads.
        request.uri = request.uri.replace("https://", "http://")
    sent, plain = (request.execute() for request in requests)
    assert [entry["provider_id"] for entry in gmail.sent()] == [sent["id"], plain["id"]]
    assert {entry["subject"] for entry in gmail.sent()} == {"Uploaded"}
    assert refused(users.messages().send(userId="me", body={})) == 400


def test_a_draft_is_sent_once(gmail: Simulator, users: Any) -> None:
    got = gmail.receive({"from": "ada@example.com", "subject": "Reset", "text": "How?"})
    raw = mail("Re: Reset", reply_to=got["message_id"])
    message = {"raw": raw, "threadId": got["thread_id"]}
    api = users.drafts()
    draft = api.create(userId="me", body={"message": message}).execute()
    assert draft["message"]["labelIds"] == ["DRAFT"]
    assert draft["message"]["threadId"] == got["thread_id"]
    assert gmail.sent() == []
    assert [item["id"] for item in api.list(userId="me").execute()["drafts"]] == [draft["id"]]
    shown = api.get(userId="me", id=draft["id"], format="metadata").execute()
    assert shown["message"]["id"] == draft["message"]["id"]
    sent = api.send(userId="me", body={"id": draft["id"]}).execute()
    assert sent["id"] != draft["message"]["id"]
    assert sent["labelIds"] == ["SENT"]
    assert sent["threadId"] == got["thread_id"]
    assert refused(api.send(userId="me", body={"id": draft["id"]})) == 404
    assert refused(api.get(userId="me", id=draft["id"])) == 404
    assert refused(users.messages().get(userId="me", id=draft["message"]["id"])) == 404
    assert len(gmail.sent()) == 1
    gone = api.create(userId="me", body={"message": {"raw": raw}}).execute()
    api.delete(userId="me", id=gone["id"]).execute()
    assert "drafts" not in api.list(userId="me").execute()


def test_messages_are_searched_and_paged(gmail: Simulator, users: Any) -> None:
    ids = [
        gmail.receive({"from": f"u{n}@example.com", "subject": f"No {n}", "text": "words"})["id"]
        for n in range(5)
    ]
    sent = users.messages().send(userId="me", body={"raw": mail("Mine")}).execute()["id"]
    api = users.messages()

    def found(**query: Any) -> list[str]:
        rows, request = [], api.list(userId="me", maxResults=2, **query)
        while request is not None:
            answer = request.execute()
            rows += [row["id"] for row in answer.get("messages", [])]
            request = api.list_next(request, answer)
        return rows

    assert found() == [sent, *reversed(ids)]
    assert found(q="in:sent") == [sent]
    assert found(labelIds=["INBOX"]) == list(reversed(ids))
    assert found(q="from:u3@example.com") == [ids[3]]
    assert found(q='-in:sent words -subject:"no 1"') == [ids[4], ids[3], ids[2], ids[0]]
    name = headers_of(api.get(userId="me", id=sent).execute())["Message-ID"]
    assert found(q=f"rfc822msgid:{name}") == [sent]
    assert found(q="rfc822msgid:<ours@example.com>") == []
    hour_ago = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
    assert found(q=f"in:sent after:{hour_ago}") == [sent]
    assert found(q=f"before:{hour_ago}") == []


def test_history_pages_filters_and_expires(gmail: Simulator, users: Any) -> None:
    profile = users.getProfile(userId="me").execute()
    assert profile["emailAddress"] == MAILBOX
    start = profile["historyId"]
    assert "history" not in users.history().list(userId="me", startHistoryId=start).execute()
    ids = [gmail.receive({"from": "ada@example.com", "text": str(n)})["id"] for n in range(5)]
    users.messages().send(userId="me", body={"raw": mail()}).execute()
    request = users.history().list(
        userId="me", startHistoryId=start, historyTypes=["messageAdded"], labelId="INBOX",
        maxResults=2,
    )  # fmt: skip
    pages = []
    while request is not None:
        answer = request.execute()
        pages.append([row["messagesAdded"][0]["message"]["id"] for row in answer["history"]])
        request = users.history().list_next(request, answer)
    assert pages == [ids[0:2], ids[2:4], ids[4:]]
    users.messages().modify(
        userId="me", id=ids[0], body={"removeLabelIds": ["UNREAD"]}
    ).execute()  # fmt: skip
    changed = users.history().list(
        userId="me", startHistoryId=answer["historyId"], historyTypes=["labelRemoved"]
    ).execute()["history"]  # fmt: skip
    assert changed[0]["labelsRemoved"][0]["labelIds"] == ["UNREAD"]
    now = users.getProfile(userId="me").execute()["historyId"]
    future = str(int(now) + 1)
    assert refused(users.history().list(userId="me", startHistoryId=future)) == 404
    gmail.call("POST", "/_expire", {"history_before": now})
    assert refused(users.history().list(userId="me", startHistoryId=start)) == 404
    assert users.history().list(userId="me", startHistoryId=now).execute()["historyId"] == now


def test_pushes_are_signed_and_come_only_while_watched(
    gmail: Simulator, users: Any, intake: Receiver
) -> None:
    gmail.receive({"from": "ada@example.com", "text": "before the watch"})
    assert refused(users.watch(userId="me", body={"topicName": "projects/x/topics/y"})) == 404
    body = {"topicName": TOPIC, "labelIds": ["INBOX"]}
    watch = users.watch(userId="me", body=body).execute()
    week = datetime.fromtimestamp(int(watch["expiration"]) / 1000, UTC) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < week <= timedelta(days=7)
    first = eventually(lambda: intake.at("/webhooks/gmail"))
    assert pushed(first[0])["historyId"] == int(watch["historyId"])
    got = gmail.receive({"from": "ada@example.com", "text": "watched"})
    post = eventually(lambda: intake.at("/webhooks/gmail")[1:])[0]
    change = users.history().list(userId="me", startHistoryId=watch["historyId"]).execute()
    assert change["history"][0]["messages"][0]["id"] == got["id"]
    assert pushed(post) == {"emailAddress": MAILBOX, "historyId": int(change["historyId"])}
    envelope = json.loads(post.body)
    assert envelope["subscription"] == "projects/local/subscriptions/gmail-push"
    assert {"data", "messageId", "publishTime"} <= set(envelope["message"])
    check_token(gmail, intake, post)
    users.messages().send(userId="me", body={"raw": mail()}).execute()
    users.stop(userId="me").execute()
    gmail.receive({"from": "ada@example.com", "text": "after the watch"})
    calls = gmail.call("GET", "/_outgoing")[2]
    assert len(calls) == 2, "neither sent mail nor an ended watch is announced"


def pushed(post: Posted) -> dict[str, Any]:
    data = base64.b64decode(json.loads(post.body)["message"]["data"])
    value = json.loads(data)
    assert isinstance(value, dict)
    return value


def check_token(gmail: Simulator, intake: Receiver, post: Posted) -> None:
    token = post.headers["Authorization"].removeprefix("Bearer ")
    gmail.call("POST", "/_rotate_key")
    keys = jwt.PyJWKSet.from_dict(gmail.call("GET", "/certs")[2])
    assert len(keys.keys) >= 2, "the key before a rotation stays published"
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience=f"{intake.url}/webhooks/gmail",
        issuer="https://accounts.google.com",
    )
    assert claims["email"] == SERVICE_ACCOUNT
    assert claims["email_verified"] is True


def test_a_push_is_repeated_until_it_is_accepted(
    gmail: Simulator, users: Any, intake: Receiver
) -> None:
    intake.answers[:] = [503, 403]
    users.watch(userId="me", body={"topicName": TOPIC}).execute()
    posts = eventually(lambda: intake.at("/webhooks/gmail")[2:])
    assert posts
    numbers = {json.loads(post.body)["message"]["messageId"] for post in intake.posts}
    assert len(numbers) == 1
    eventually(lambda: gmail.call("GET", "/_outgoing")[2][0]["outcome"] == "200")
    assert len(intake.posts) == 3


def test_tokens_are_checked_and_refreshed(gmail: Simulator, users: Any) -> None:
    users.getProfile(userId="me").execute()
    gmail.call("POST", "/_expire", {"tokens": True})
    assert gmail.call("GET", "/gmail/v1/users/me/profile")[0] == 401
    forged = {"authorization": "Bearer ya29.forged"}
    assert gmail.call("GET", "/gmail/v1/users/me/profile", headers=forged)[0] == 401
    assert users.getProfile(userId="me").execute()["emailAddress"] == MAILBOX
    form = f"grant_type=refresh_token&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}"
    assert gmail.call("POST", "/token", f"{form}&refresh_token=no".encode())[2] == {
        "error": "invalid_grant",
        "error_description": "Token has been expired or revoked.",
    }
    wrong = b"grant_type=refresh_token&client_id=x&client_secret=y"
    assert gmail.call("POST", "/token", wrong)[2]["error"] == "invalid_client"
