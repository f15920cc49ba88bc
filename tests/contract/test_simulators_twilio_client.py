"""The official Twilio client and validator work against the Twilio simulator unchanged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.contract.simulators_running import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    Posted,
    Receiver,
    Simulator,
    eventually,
    receiver,
    simulator,
)

OURS = "whatsapp:+14155238886"
ADA = "whatsapp:+15550100"


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
    intake.posts.clear()
    return twilio_process


@pytest.fixture
def messages(twilio: Simulator) -> Any:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.api.base_url = twilio.url
    return client.messages


def form_of(post: Posted) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(post.body.decode(), True).items()}  # noqa: FBT003


def signed(post: Posted, url: str) -> bool:
    validator = RequestValidator(AUTH_TOKEN)
    signature = post.headers["X-Twilio-Signature"]
    return bool(validator.validate(url + post.path, form_of(post), signature))


def test_a_customers_message_arrives_signed(twilio: Simulator, intake: Receiver) -> None:
    media = ["https://example.com/a.jpg", {"url": "https://x.example/b", "content_type": "a/b"}]
    got = twilio.receive(
        {"from": "+15550100", "body": "Hi & bye ✓", "media": media, "profile_name": "Ada"}
    )
    post = eventually(lambda: intake.at("/webhooks/whatsapp"))[0]
    assert signed(post, intake.url)
    form = form_of(post)
    assert form["MessageSid"] == form["SmsMessageSid"] == got["message_sid"]
    assert (form["From"], form["To"], form["WaId"]) == (ADA, OURS, "15550100")
    assert (form["Body"], form["ProfileName"]) == ("Hi & bye ✓", "Ada")
    assert (form["NumMedia"], form["MediaUrl0"]) == ("2", "https://example.com/a.jpg")
    assert (form["MediaUrl1"], form["MediaContentType1"]) == ("https://x.example/b", "a/b")
    assert (form["AccountSid"], form["ApiVersion"]) == (ACCOUNT_SID, "2010-04-01")


def test_a_webhook_is_repeated_with_the_same_sid(twilio: Simulator, intake: Receiver) -> None:
    intake.answers[:] = [503, 500]
    got = twilio.receive({"from": "+15550100", "body": "Hi"})
    posts = eventually(lambda: intake.at("/webhooks/whatsapp")[2:]) and intake.posts
    assert [form_of(post)["MessageSid"] for post in posts] == [got["message_sid"]] * 3
    assert len({post.headers["I-Twilio-Idempotency-Token"] for post in posts}) == 1


def test_statuses_come_in_order(twilio: Simulator, messages: Any, intake: Receiver) -> None:
    twilio.receive({"from": "+15550100", "body": "Hi"})
    sent = messages.create(
        from_=OURS, to=ADA, body="Hello", status_callback=f"{intake.url}/status?intent=7"
    )
    assert (sent.status, sent.sid[:2], sent.direction) == ("queued", "SM", "outbound-api")
    posts = eventually(lambda: intake.at("/status?intent=7")[2:]) and intake.at("/status?intent=7")
    assert all(signed(post, intake.url) for post in posts)
    forms = [form_of(post) for post in posts]
    assert [form["MessageStatus"] for form in forms] == ["sent", "delivered", "read"]
    assert {form["MessageSid"] for form in forms} == {sent.sid}
    assert "ErrorCode" not in forms[0]
    assert messages(sent.sid).fetch().status == "read"
    [entry] = twilio.sent()
    assert entry == {
        "time": entry["time"], "provider_id": sent.sid, "to": ADA, "from": OURS,
        "subject": None, "body": "Hello", "html": None, "thread_id": None,
        "in_reply_to": None, "media": [],
    }  # fmt: skip


def test_outside_the_window_a_message_fails_later(
    twilio: Simulator, messages: Any, intake: Receiver
) -> None:
    arguments = {"from_": OURS, "to": ADA, "status_callback": f"{intake.url}/status"}
    twilio.call("POST", "/_window", {"number": "+15550100", "seconds_ago": None})
    sent = messages.create(body="Hello", **arguments)
    assert sent.status == "queued"
    form = form_of(eventually(lambda: intake.at("/status"))[0])
    assert (form["MessageStatus"], form["ErrorCode"]) == ("failed", "63016")
    assert messages(sent.sid).fetch().error_code == 63016
    twilio.call("POST", "/_template", {"content_sid": "HX1", "body": "Dear {{1}}, hello"})
    template = messages.create(content_sid="HX1", content_variables='{"1": "Ada"}', **arguments)
    assert template.body == "Dear Ada, hello"
    eventually(lambda: messages(template.sid).fetch().status == "read")
    assert messages(template.sid).fetch().error_code is None
    twilio.receive({"from": "+15550100", "body": "Hi"})
    twilio.call("POST", "/_window", {"number": "+15550100", "seconds_ago": 86401})
    late = messages.create(body="Hello", **arguments)
    eventually(lambda: messages(late.sid).fetch().status == "failed")
    assert messages(late.sid).fetch().status == "failed"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"body": "x" * 1601}, 21617),
        ({"to": "whatsapp:nobody"}, 21211),
        ({"to": "+15550100"}, 21910),
        ({"body": ""}, 21602),
        ({"from_": "whatsapp:+19995550100"}, 63007),
    ],
)
def test_bad_messages_are_refused(
    twilio: Simulator, messages: Any, change: dict[str, str], code: int
) -> None:
    with pytest.raises(TwilioRestException) as caught:
        messages.create(**{"from_": OURS, "to": ADA, "body": "x" * 1600, **change})
    assert (caught.value.status, caught.value.code) == (400, code)
    assert twilio.sent() == []


def test_bad_credentials_and_unknown_sids_are_refused(twilio: Simulator, messages: Any) -> None:
    stranger = Client(ACCOUNT_SID, "wrong")
    stranger.api.base_url = twilio.url
    with pytest.raises(TwilioRestException) as caught:
        stranger.messages.create(from_=OURS, to=ADA, body="x")
    assert (caught.value.status, caught.value.code) == (401, 20003)
    with pytest.raises(TwilioRestException) as caught:
        messages("SM" + "0" * 32).fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)


def test_messages_are_listed_filtered_and_paged(twilio: Simulator, messages: Any) -> None:
    for number in ("+15550100", "+15550101"):
        twilio.receive({"from": number, "body": "Hi"})
    sids = [messages.create(from_=OURS, to=ADA, body=str(n)).sid for n in range(5)]
    messages.create(from_=OURS, to="whatsapp:+15550101", body="other")
    listed = messages.list(to=ADA, page_size=2)
    assert [message.sid for message in listed] == list(reversed(sids))
    assert [message.body for message in messages.list(to=ADA, limit=2)] == ["4", "3"]
    assert len(messages.list(from_=OURS)) == 6
    today = datetime.now(UTC)
    assert len(messages.list(to=ADA, date_sent=today.date())) == 5
    assert len(messages.list(to=ADA, date_sent_after=today - timedelta(minutes=5))) == 5
    assert messages.list(to=ADA, date_sent_before=today - timedelta(minutes=5)) == []
    assert [message.direction for message in messages.list(to=OURS)] == ["inbound", "inbound"]


def test_a_template_must_be_known_approved_and_filled_on_one_line(
    twilio: Simulator, messages: Any
) -> None:
    arguments = {"from_": OURS, "to": ADA}
    for variables, code in (('{"1": "x"}', 21655), ("no json", 21655)):
        with pytest.raises(TwilioRestException) as caught:
            messages.create(content_sid="HX0", content_variables=variables, **arguments)
        assert (caught.value.status, caught.value.code) == (400, code)
    twilio.call("POST", "/_template", {"content_sid": "HX1", "status": "pending"})
    with pytest.raises(TwilioRestException) as caught:
        messages.create(content_sid="HX1", content_variables="no json", **arguments)
    assert caught.value.code == 21656
    twilio.call("POST", "/_window", {"number": "+15550100", "seconds_ago": None})
    fates = {
        '{"1": "a", "2": "b"}': 63016,
        '{"1": "a\\nb", "2": "b"}': 63021,
    }
    for variables, code in fates.items():
        sent = messages.create(content_sid="HX1", content_variables=variables, **arguments)
        eventually(partial(_failed, messages, sent.sid))
        assert messages(sent.sid).fetch().error_code == code


def test_who_said_stop_is_not_written_to_until_start(
    twilio: Simulator, messages: Any, intake: Receiver
) -> None:
    arguments = {"from_": OURS, "to": ADA, "body": "Hello"}
    twilio.receive({"from": "+15550100", "body": " stop "})
    with pytest.raises(TwilioRestException) as caught:
        messages.create(**arguments)
    assert (caught.value.status, caught.value.code) == (400, 21610)
    twilio.receive({"from": "+15550100", "body": "Start"})
    assert messages.create(**arguments).status == "queued"
    assert eventually(lambda: len(intake.at("/webhooks/whatsapp")) == 2)


def test_every_kind_of_message_can_be_played(twilio: Simulator, intake: Receiver) -> None:
    twilio.receive(
        {
            "from": "US.13491208655302741918",
            "type": "location",
            "fields": {"Latitude": "1.5", "Longitude": "2.5", "ExternalUserId": "US.1349"},
        }
    )
    form = form_of(eventually(lambda: intake.at("/webhooks/whatsapp"))[0])
    assert form["From"] == "whatsapp:US.13491208655302741918"
    assert (form["MessageType"], form["Latitude"], form["ExternalUserId"]) == (
        "location",
        "1.5",
        "US.1349",
    )
    assert "WaId" not in form


def test_a_person_without_a_number_can_be_written_to(messages: Any) -> None:
    sent = messages.create(from_=OURS, to="whatsapp:US.13491208655302741918", body="Hello")
    assert sent.to == "whatsapp:US.13491208655302741918"


def test_account_sender_and_template_are_shown(twilio: Simulator) -> None:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    for domain in (client.api, client.messaging, client.content):
        domain.base_url = twilio.url
    assert client.api.accounts(ACCOUNT_SID).fetch().status == "active"
    [sender] = client.messaging.v2.channels_senders.list(channel="whatsapp")
    assert (sender.sender_id, str(sender.status)) == (OURS, "ONLINE")
    twilio.call("POST", "/_template", {"content_sid": "HX1", "status": "rejected"})
    content = client.content.v1.contents("HX1")
    assert content.fetch().types == {"twilio/text": {"body": "{{1}} {{2}}"}}
    assert content.approval_fetch().fetch().whatsapp["status"] == "rejected"


def _failed(messages: Any, sid: str) -> bool:
    return bool(messages(sid).fetch().status == "failed")


def test_an_attachment_is_handed_out_to_the_account_alone(
    twilio: Simulator, intake: Receiver
) -> None:
    card = {"content": "BEGIN:VCARD\nFN:Ada\nEND:VCARD", "content_type": "text/vcard"}
    twilio.receive({"from": "+15550100", "type": "contacts", "media": [card]})
    form = form_of(eventually(lambda: intake.at("/webhooks/whatsapp"))[0])
    assert (form["MessageType"], form["MediaContentType0"]) == ("contacts", "text/vcard")
    path = urlsplit(form["MediaUrl0"]).path
    answer = httpx.get(f"{twilio.url}{path}", auth=(ACCOUNT_SID, AUTH_TOKEN))
    assert (answer.status_code, answer.text) == (200, card["content"])
    assert httpx.get(f"{twilio.url}{path}").status_code == 401
    assert httpx.get(f"{twilio.url}{path}x", auth=(ACCOUNT_SID, AUTH_TOKEN)).status_code == 404
