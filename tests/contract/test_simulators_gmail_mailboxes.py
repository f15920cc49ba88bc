"""The Gmail simulator's several mailboxes and what opens them, by the official libraries."""

import base64
import json
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import googleapiclient.discovery
import pytest
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials
from googleapiclient.errors import HttpError

from tests.contract.simulators_running import (
    CLIENT_ID,
    CLIENT_SECRET,
    MAILBOX,
    REFRESH_TOKEN,
    SALES,
    SALES_TOKEN,
    TOPIC,
    Receiver,
    Simulator,
    eventually,
    new_service_account_key,
    receiver,
    service_account_key,
    simulator,
)

MODIFY = "https://www.googleapis.com/auth/gmail.modify"
READ = "https://www.googleapis.com/auth/gmail.readonly"


@pytest.fixture(scope="module")
def intake() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, intake: Receiver) -> Iterator[Simulator]:
    with simulator("gmail", tmp_path_factory.mktemp("gmail"), intake.url) as running:
        yield running


@pytest.fixture
def gmail(process: Simulator, intake: Receiver) -> Simulator:
    for mailbox in (MAILBOX, SALES):
        process.call("POST", "/_expire", {"watch": True, "mailbox": mailbox})
    process.reset()
    intake.posts.clear()
    return process


_OPENED: list[Any] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _OPENED:
        _OPENED.pop().close()


def users(gmail: Simulator, credentials: Any) -> Any:
    service = googleapiclient.discovery.build(
        "gmail", "v1", credentials=credentials, static_discovery=True,
        client_options={"api_endpoint": gmail.url},
    )  # fmt: skip
    _OPENED.append(service)
    return service.users()


def by_token(gmail: Simulator, token: str) -> Any:
    return users(
        gmail,
        Credentials(  # type: ignore[no-untyped-call]
            None,
            refresh_token=token,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            token_uri=f"{gmail.url}/token",
        ),
    )


def delegated(
    gmail: Simulator, mailbox: str, key: dict[str, str] | None = None, scope: str = MODIFY
) -> Any:
    info = {**(key or service_account_key()), "token_uri": f"{gmail.url}/token"}
    return service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        info, scopes=[scope], subject=mailbox
    )


def refused(call: Any) -> tuple[int, str]:
    with pytest.raises(HttpError) as caught:
        call.execute()
    return int(caught.value.resp.status), json.loads(caught.value.content)["error"]["message"]


def test_each_token_opens_its_own_mailbox(gmail: Simulator, intake: Receiver) -> None:
    support, sales = by_token(gmail, REFRESH_TOKEN), by_token(gmail, SALES_TOKEN)
    assert support.getProfile(userId="me").execute()["emailAddress"] == MAILBOX
    assert sales.getProfile(userId="me").execute()["emailAddress"] == SALES
    assert refused(support.getProfile(userId=SALES))[0] == 403
    got = gmail.receive({"from": "ada@example.com", "to": SALES, "text": "Hi"})
    assert sales.messages().get(userId="me", id=got["id"]).execute()["id"] == got["id"]
    assert refused(support.messages().get(userId="me", id=got["id"]))[0] == 404
    both = gmail.receive({"from": "ada@example.com", "to": f"{MAILBOX}, {SALES}", "text": "Hi"})
    assert len(both["copies"]) == 1
    assert support.getProfile(userId="me").execute()["messagesTotal"] == 1
    assert sales.getProfile(userId="me").execute()["messagesTotal"] == 2
    # A watch is one mailbox's: the other says nothing.
    sales.watch(userId="me", body={"topicName": TOPIC}).execute()
    gmail.receive({"from": "ada@example.com", "to": MAILBOX, "text": "Hi"})
    posts = eventually(lambda: intake.at("/webhooks/gmail"))
    named = [json.loads(base64.b64decode(json.loads(p.body)["message"]["data"])) for p in posts]
    assert {one["emailAddress"] for one in named} == {SALES}


def test_mail_between_our_mailboxes_arrives_with_its_message_id(gmail: Simulator) -> None:
    support, sales = by_token(gmail, REFRESH_TOKEN), by_token(gmail, SALES_TOKEN)
    mail = EmailMessage()
    mail["To"], mail["Subject"] = SALES, "Hello"
    mail.set_content("Hi")
    raw = base64.urlsafe_b64encode(mail.as_bytes()).decode()
    sent = support.messages().send(userId="me", body={"raw": raw}).execute()
    names = ["Message-ID", "From"]
    ours = support.messages().get(
        userId="me", id=sent["id"], format="metadata", metadataHeaders=names
    ).execute()  # fmt: skip
    [arrived] = sales.messages().list(userId="me", labelIds=["INBOX"]).execute()["messages"]
    theirs = sales.messages().get(
        userId="me", id=arrived["id"], format="metadata", metadataHeaders=names
    ).execute()  # fmt: skip
    assert theirs["payload"]["headers"] == ours["payload"]["headers"]
    assert arrived["id"] != sent["id"]


def test_a_service_account_acts_for_each_mailbox(gmail: Simulator) -> None:
    for mailbox in (MAILBOX, SALES):
        profile = users(gmail, delegated(gmail, mailbox)).getProfile(userId="me").execute()
        assert profile["emailAddress"] == mailbox


@pytest.mark.parametrize(
    ("mailbox", "allowed", "other_key", "said"),
    [
        (MAILBOX, {}, True, "invalid_grant: Invalid JWT Signature."),
        (MAILBOX, {"delegation": False}, False, "unauthorized_client"),
        (MAILBOX, {"scopes": []}, False, ""),
        ("nobody@example.com", {}, False, "invalid_grant: Invalid email or User ID"),
    ],
)
def test_what_google_does_not_grant_is_refused_in_its_words(
    gmail: Simulator, mailbox: str, allowed: dict[str, Any], *, other_key: bool, said: str
) -> None:
    gmail.call("POST", "/_access", allowed)
    key = new_service_account_key() if other_key else None
    credentials = delegated(gmail, mailbox, key)
    if not said:
        status, message = refused(users(gmail, credentials).getProfile(userId="me"))
        assert (status, message) == (403, "Request had insufficient authentication scopes.")
        return
    exchange = Request()
    _OPENED.append(exchange.session)
    with pytest.raises(RefreshError) as caught:
        credentials.refresh(exchange)
    assert str(caught.value.args[0]).startswith(said)


def test_a_token_that_may_only_read_sends_nothing(gmail: Simulator) -> None:
    gmail.call("POST", "/_access", {"scopes": [READ]})
    support = by_token(gmail, REFRESH_TOKEN)
    assert support.getProfile(userId="me").execute()["emailAddress"] == MAILBOX
    assert refused(support.drafts().create(userId="me", body={"message": {"raw": ""}}))[0] == 403


def test_a_watch_needs_a_topic_that_gmail_may_publish_to(gmail: Simulator) -> None:
    support = by_token(gmail, REFRESH_TOKEN)
    for topic, status, said in (
        ("gmail", 400, "Invalid topicName does not match projects/*/topics/*"),
        ("projects/x/topics/y", 404, "Resource not found (resource=projects/x/topics/y)"),
    ):
        assert refused(support.watch(userId="me", body={"topicName": topic})) == (status, said)
    gmail.call("POST", "/_access", {"topic": False})
    status, said = refused(support.watch(userId="me", body={"topicName": TOPIC}))
    assert status == 403
    assert said == (
        f"Error sending test message to Cloud PubSub {TOPIC} : User not authorized to perform this action."
    )
