"""Fault rules do to real connections what they say, and a killed simulator forgets nothing."""

import base64
import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import googleapiclient.discovery
import pytest
from google.oauth2.credentials import Credentials
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.contract.simulators_running import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    TOPIC,
    Receiver,
    Simulator,
    eventually,
    free_port,
    receiver,
    simulator,
)

MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
OURS, ADA = "whatsapp:+14155238886", "whatsapp:+15550100"
BASIC = "Basic " + base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
HEADERS = {"authorization": BASIC, "content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def intake() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture(scope="module")
def twilio_process(
    tmp_path_factory: pytest.TempPathFactory, intake: Receiver
) -> Iterator[Simulator]:
    with simulator("twilio", tmp_path_factory.mktemp("twilio"), intake.url) as running:
        yield running


@pytest.fixture
def twilio(twilio_process: Simulator, intake: Receiver) -> Simulator:
    twilio_process.reset()
    twilio_process.call("POST", "/_window", {"number": "+15550100", "seconds_ago": 0})
    intake.posts.clear()
    return twilio_process


@pytest.fixture
def connection(twilio: Simulator) -> Iterator[http.client.HTTPConnection]:
    kept = http.client.HTTPConnection("127.0.0.1", twilio.port, timeout=20)
    kept.connect()
    yield kept
    kept.close()


def post(kept: http.client.HTTPConnection, body: str, callback: str | None = None) -> int:
    form = {"From": OURS, "To": ADA, "Body": body}
    if callback:
        form["StatusCallback"] = callback
    kept.request("POST", MESSAGES, urlencode(form), HEADERS)
    answer = kept.getresponse()
    answer.read()
    return answer.status


def bodies(twilio: Simulator) -> list[str]:
    return [entry["body"] for entry in twilio.sent()]


@pytest.mark.parametrize(("effect", "expected"), [("before", ["one", "two"]), ("none", ["one"])])
def test_close_ends_a_kept_connection_without_a_byte(
    twilio: Simulator, connection: http.client.HTTPConnection, effect: str, expected: list[str]
) -> None:
    twilio.fault(method="POST", path=MESSAGES, action="close", skip=1, times=1, effect=effect)
    assert post(connection, "one") == 201
    assert isinstance(connection.sock, socket.socket)
    form = urlencode({"From": OURS, "To": ADA, "Body": "two"}).encode()
    head = f"POST {MESSAGES} HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC}\r\n"
    connection.sock.sendall(f"{head}Content-Length: {len(form)}\r\n\r\n".encode() + form)
    assert connection.sock.recv(1) == b"", "an orderly end, and nothing before it"
    assert bodies(twilio) == expected
    assert twilio.bitten() == [1]
    connection.close()
    assert post(connection, "three") == 201


def test_a_client_sees_a_closed_connection_as_such(
    twilio: Simulator, connection: http.client.HTTPConnection
) -> None:
    twilio.fault(path=MESSAGES, action="close")
    for _ in range(2):
        with pytest.raises(http.client.RemoteDisconnected):
            post(connection, "x")
        connection.close()
    assert len(bodies(twilio)) == 2


def test_hang_holds_and_then_closes(
    twilio: Simulator, connection: http.client.HTTPConnection
) -> None:
    twilio.fault(path=MESSAGES, action="hang", seconds=0.5, times=1)
    began = time.monotonic()
    with pytest.raises(http.client.RemoteDisconnected):
        post(connection, "held")
    assert time.monotonic() - began > 0.4
    assert bodies(twilio) == ["held"]


def test_hang_ends_with_the_client(twilio: Simulator) -> None:
    twilio.fault(path=MESSAGES, action="hang", seconds=600, times=1, effect="none")
    impatient = http.client.HTTPConnection("127.0.0.1", twilio.port, timeout=0.2)
    with pytest.raises(TimeoutError):
        post(impatient, "x")
    impatient.close()
    assert bodies(twilio) == []


def test_slow_drips_a_whole_answer(
    twilio: Simulator, connection: http.client.HTTPConnection
) -> None:
    twilio.fault(path=MESSAGES, action="slow", seconds=1.5, times=1)
    began = time.monotonic()
    form = urlencode({"From": OURS, "To": ADA, "Body": "drip"})
    connection.request("POST", MESSAGES, form, HEADERS)
    answer = connection.getresponse()
    first = answer.read(10)
    at_first = time.monotonic() - began
    whole = json.loads(first + answer.read())
    assert time.monotonic() - began > 1.2 > at_first
    assert whole["body"] == "drip"


def test_status_refuses_so_often_and_says_when_to_return(twilio: Simulator) -> None:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.api.base_url = twilio.url
    twilio.fault(
        method="post", path=".*Messages", action="status", status=429, times=2,
        headers={"Retry-After": "3"},
    )  # fmt: skip
    for _ in range(2):
        with pytest.raises(TwilioRestException) as caught:
            client.messages.create(from_=OURS, to=ADA, body="x")
        assert (caught.value.status, caught.value.code) == (429, 20429)
    client.messages.create(from_=OURS, to=ADA, body="x")
    assert twilio.bitten() == [2]
    twilio.fault(action="status", times=1, body="broken", headers={"retry-after": "7"})
    answer = http.client.HTTPConnection("127.0.0.1", twilio.port)
    answer.request("GET", MESSAGES)
    seen = answer.getresponse()
    assert (seen.status, seen.headers["retry-after"], seen.read()) == (503, "7", b"broken")
    answer.close()
    assert len(bodies(twilio)) == 1


@pytest.mark.parametrize("by", ["receiver", "origin"])
def test_callbacks_are_lost_doubled_and_delayed(
    twilio: Simulator, connection: http.client.HTTPConnection, intake: Receiver, by: str
) -> None:
    path = "/status" if by == "receiver" else MESSAGES
    twilio.fault(path=path, action="lose_callback", only="sent", times=1)
    twilio.fault(path=path, action="duplicate_callback", only="delivered", copies=3, times=1)
    twilio.fault(path=path, action="delay_callback", only="delivered", seconds=1, times=1)
    assert post(connection, "x", f"{intake.url}/status") == 201
    eventually(lambda: len(intake.at("/status")) >= 4)
    named = [parse_qs(item.body.decode())["MessageStatus"][0] for item in intake.at("/status")]
    assert named == ["read", "delivered", "delivered", "delivered"]
    assert twilio.bitten() == [1, 1, 1]


def test_an_inbound_webhook_can_be_doubled(twilio: Simulator, intake: Receiver) -> None:
    twilio.fault(path="/webhooks/whatsapp", action="duplicate_callback", times=1)
    got = twilio.receive({"from": "+15550100", "body": "Hi"})
    eventually(lambda: len(intake.posts) >= 2)
    sids = [parse_qs(item.body.decode())["MessageSid"][0] for item in intake.posts]
    assert sids == [got["message_sid"]] * 2


def test_late_visibility_hides_a_message_from_the_account(
    twilio: Simulator, connection: http.client.HTTPConnection
) -> None:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.api.base_url = twilio.url
    twilio.fault(method="POST", path=MESSAGES, action="late_visibility", seconds=3, times=1)
    twilio.fault(method="POST", path=MESSAGES, action="close", times=1)
    with pytest.raises(http.client.RemoteDisconnected):
        post(connection, "late")
    [entry] = twilio.sent()
    assert client.messages.list(to=ADA) == []
    with pytest.raises(TwilioRestException):
        client.messages(entry["provider_id"]).fetch()
    listed = eventually(lambda: client.messages.list(to=ADA))
    assert [message.sid for message in listed] == [entry["provider_id"]]


@pytest.mark.parametrize(
    "rule",
    [
        {"action": "explode"},
        {"path": ".*"},
        {"action": "close", "path": "("},
        {"action": "close", "time": 1},
        {"action": "hang", "seconds": -1},
        {"action": "close", "effect": "after"},
        {"action": "close", "times": "1"},
        {"action": "status", "status": None, "headers": []},
        "close",
    ],
)
def test_bad_rules_are_refused_and_change_nothing(twilio: Simulator, rule: Any) -> None:
    good = {"action": "close"}
    status, _, answer = twilio.call("POST", "/_faults", {"rules": [good, rule]})
    assert status == 400
    assert answer["error"]
    assert twilio.bitten() == []


def test_rules_are_cleared_and_never_touch_the_control_paths(twilio: Simulator) -> None:
    twilio.fault(action="close")
    assert twilio.call("GET", "/_health")[0] == 200
    assert twilio.call("DELETE", "/_faults")[0] == 200
    assert twilio.bitten() == []


def test_a_body_beyond_the_limit_is_refused(twilio: Simulator) -> None:
    assert twilio.call("POST", "/_receive", b"x" * (1024 * 1024 + 1))[0] == 413
    assert twilio.call("POST", "/_receive", b"{not json")[0] == 400
    assert twilio.call("POST", "/_receive", {"from": "nobody"})[0] == 400


def test_a_killed_twilio_forgets_nothing(tmp_path: Path, intake: Receiver) -> None:
    intake.posts.clear()
    with simulator("twilio", tmp_path, intake.url) as running:
        running.call("POST", "/_window", {"number": "+15550100", "seconds_ago": 0})
        running.fault(path="/late", action="delay_callback", only="read", seconds=1, times=None)
        kept = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
        assert post(kept, "survives", f"{intake.url}/late") == 201
        kept.close()
        before = running.sent()
        running.kill()
        running.start()
        assert running.sent() == before
        assert running.bitten() == [1]
        posts = eventually(lambda: intake.at("/late")[2:]) and intake.at("/late")
        named = [parse_qs(item.body.decode())["MessageStatus"][0] for item in posts]
        assert named == ["sent", "delivered", "read"]
        running.fault(action="hang", seconds=600, times=1)
        hanging = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
        hanging.request("GET", MESSAGES)
        eventually(lambda: running.bitten()[-1] == 1)
        assert running.stop() < 5, "a held connection must not hold up the end"
        hanging.close()


def test_a_webhook_waits_for_intake_to_come_up(tmp_path: Path) -> None:
    port = free_port()
    with simulator("twilio", tmp_path, f"http://127.0.0.1:{port}") as running:
        got = running.receive({"from": "+15550100", "body": "early"})
        eventually(lambda: running.call("GET", "/_outgoing")[2][0]["attempts"] >= 2)
        with receiver(port) as late:
            posts = eventually(lambda: late.at("/webhooks/whatsapp"))
            assert parse_qs(posts[0].body.decode())["MessageSid"] == [got["message_sid"]]


def test_a_webhook_on_the_wire_at_the_kill_is_sent_again(tmp_path: Path) -> None:
    port = free_port()
    with simulator("twilio", tmp_path, f"http://127.0.0.1:{port}") as running:
        with socket.create_server(("127.0.0.1", port)) as silent:
            got = running.receive({"from": "+15550100", "body": "on the wire"})
            silent.settimeout(20)
            taken, _ = silent.accept()
            with taken:
                assert taken.recv(1)
                running.kill()
        with receiver(port) as late:
            running.start()
            posts = eventually(lambda: late.at("/webhooks/whatsapp"))
            assert parse_qs(posts[0].body.decode())["MessageSid"] == [got["message_sid"]]


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
    with mailbox(gmail) as service:
        yield service.users()


def mailbox(gmail: Simulator) -> Any:
    credentials = Credentials(  # type: ignore[no-untyped-call]
        None,
        refresh_token=REFRESH_TOKEN,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        token_uri=f"{gmail.url}/token",
    )
    return googleapiclient.discovery.build(
        "gmail",
        "v1",
        credentials=credentials,
        static_discovery=True,
        client_options={"api_endpoint": gmail.url},
    )


def raw_mail() -> str:
    return base64.urlsafe_b64encode(b"To: ada@example.com\nSubject: Hi\n\nText").decode()


def test_the_default_google_transport_doubles_a_send(gmail: Simulator, users: Any) -> None:
    """This is why no send goes through that transport; a simulator that hid it would be no use."""
    users.getProfile(userId="me").execute()
    gmail.fault(method="POST", path="/gmail/v1/users/me/messages/send$", action="close", times=1)
    users.messages().send(userId="me", body={"raw": raw_mail()}).execute()
    assert len(gmail.sent()) == 2


def test_late_visibility_hides_sent_mail_but_not_the_lost_draft(
    gmail: Simulator, users: Any
) -> None:
    start = users.getProfile(userId="me").execute()["historyId"]
    body = {"message": {"raw": raw_mail()}}
    draft = users.drafts().create(userId="me", body=body).execute()
    gmail.fault(path=".*/drafts/send", action="late_visibility", seconds=3, times=1)
    sent = users.drafts().send(userId="me", body={"id": draft["id"]}).execute()
    thread = {"userId": "me", "id": draft["message"]["threadId"]}
    assert [entry["provider_id"] for entry in gmail.sent()] == [sent["id"]]
    assert "drafts" not in users.drafts().list(userId="me").execute()
    assert "messages" not in users.messages().list(userId="me", q="in:sent").execute()
    answer = users.history().list(userId="me", startHistoryId=start).execute()
    cursor = answer["historyId"]
    assert [sorted(row)[2] for row in answer["history"]] == ["messagesAdded", "messagesDeleted"]
    found = eventually(
        lambda: users.history().list(userId="me", startHistoryId=cursor).execute().get("history")
    )
    assert found[0]["messages"][0]["id"] == sent["id"], "the cursor has not passed it by"
    assert len(users.threads().get(**thread).execute()["messages"]) == 1


def test_a_push_can_be_lost(gmail: Simulator, users: Any, intake: Receiver) -> None:
    users.watch(userId="me", body={"topicName": TOPIC}).execute()
    eventually(lambda: intake.at("/webhooks/gmail"))
    gmail.fault(path="/webhooks/gmail", action="lose_callback", times=1)
    gmail.receive({"from": "ada@example.com", "text": "lost"})
    assert gmail.bitten() == [1]
    got = gmail.receive({"from": "ada@example.com", "text": "announced"})
    eventually(lambda: len(intake.posts) >= 2)
    data = json.loads(base64.b64decode(json.loads(intake.posts[1].body)["message"]["data"]))
    newest = users.messages().get(userId="me", id=got["id"], format="minimal").execute()
    assert str(data["historyId"]) == newest["historyId"]
    assert len(intake.posts) == 2


def test_a_killed_gmail_forgets_nothing(tmp_path: Path, intake: Receiver) -> None:
    intake.posts.clear()
    with simulator("gmail", tmp_path, intake.url) as running, mailbox(running) as service:
        users = service.users()
        users.watch(userId="me", body={"topicName": TOPIC}).execute()
        got = running.receive({"from": "ada@example.com", "text": "kept"})
        users.messages().send(userId="me", body={"raw": raw_mail()}).execute()
        keys, sent = running.call("GET", "/certs")[2], running.sent()
        running.kill()
        running.start()
        assert running.call("GET", "/certs")[2] == keys
        assert running.sent() == sent
        assert users.messages().get(userId="me", id=got["id"]).execute()["snippet"] == "kept"
        intake.posts.clear()
        running.receive({"from": "ada@example.com", "text": "still watched"})
        assert eventually(lambda: intake.at("/webhooks/gmail"))
