"""Exactly one sending request for each attempt, through the official clients and a real daprd, whatever breaks.

The simulators count how often a fault has bitten: each bite is one request of that method and path.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from chassis.google_access import authorised
from chassis.sidecar import Sidecar
from services.delivery.adapters.gmail import Gmail
from services.delivery.adapters.transport import BindingTransport
from services.delivery.adapters.twilio import Twilio
from services.delivery.application.ports import Attempt, Doubt, Prepared
from services.delivery.domain.intent import (
    Channel,
    HandleType,
    Intent,
    IntentId,
    Kind,
    Letter,
)
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
from tests.contract.daprd_running import Daprd, daprd
from tests.contract.simulators_running import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    MAILBOX,
    REFRESH_TOKEN,
    Receiver,
    Simulator,
    eventually,
    receiver,
    simulator,
)

CREATE = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
SEND = "/gmail/v1/users/me/drafts/send"
SECONDS = 5.0


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


@pytest.fixture(scope="module")
def twilio_process(
    tmp_path_factory: pytest.TempPathFactory, intake: Receiver
) -> Iterator[Simulator]:
    with simulator("twilio", tmp_path_factory.mktemp("twilio"), intake.url) as running:
        yield running


@pytest.fixture(scope="module")
def sidecar_process(
    tmp_path_factory: pytest.TempPathFactory, gmail_process: Simulator, twilio_process: Simulator
) -> Iterator[Daprd]:
    environment = {
        "FTE_GMAIL_API_URL": gmail_process.url,
        "FTE_TWILIO_API_URL": twilio_process.url,
    }
    with daprd("delivery", environment, tmp_path_factory.mktemp("daprd")) as running:
        yield running


@pytest.fixture
async def sidecar(sidecar_process: Daprd) -> AsyncIterator[Sidecar]:
    made = Sidecar(sidecar_process.grpc_port, "")
    yield made
    await made.close()


def _intent(channel: Channel, text: str = "Hi", thread_id: str = "", asked: str = "") -> Intent:
    mail = channel is Channel.EMAIL
    letter = Letter(
        HandleType.EMAIL if mail else HandleType.PHONE,
        "ada@example.com" if mail else "+15550100",
        text,
        subject="Re: Password" if mail else "",
        html=f"<p>{text}</p>" if mail else "",
        thread_id=thread_id,
        in_reply_to=asked,
        references=(asked,) if asked else (),
    )
    return Intent(
        intent_id=IntentId(uuid4()),
        kind=Kind.ANSWER,
        message_id=uuid4(),
        conversation_id=uuid4(),
        customer_id=uuid4(),
        channel=channel,
        send_seq=1,
        epoch=0,
        last_part=True,
        letter=letter,
    )


@dataclass
class Wire:
    """One provider's adapter, its simulator, and the request that reaches a customer."""

    provider: Gmail | Twilio
    simulator: Simulator
    channel: Channel
    path: str
    binding: str
    started: datetime

    def intent(self, text: str = "Use *Forgot password*.") -> Intent:
        return _intent(self.channel, text)

    async def attempt(self, intent: Intent) -> tuple[Attempt, Prepared]:
        first = Attempt(intent, 1, 30)
        prepared = await self.provider.prepare(first)
        assert isinstance(prepared, Prepared)
        return Attempt(intent, 1, 30, prepared.draft_id), prepared

    async def warm(self) -> None:
        """Leaves a connection that daprd will use again."""
        attempt, _ = await self.attempt(self.intent("warm"))
        assert isinstance(await self.provider.send(attempt, SECONDS), Sent)

    async def look(self, intent: Intent, prepared: Prepared) -> Sighting:
        doubt = Doubt(intent, prepared.draft_id, prepared.thread_id, self.started)
        return await self.provider.witness(doubt)

    def sent(self, text: str) -> list[str]:
        return [e["provider_id"] for e in self.simulator.sent() if text in e["body"]]


MakeWire = Callable[[str], Wire]


@pytest.fixture
def wire(
    sidecar: Sidecar, gmail_process: Simulator, twilio_process: Simulator, intake: Receiver
) -> MakeWire:
    def make(name: str) -> Wire:
        process = gmail_process if name == "gmail" else twilio_process
        process.reset()
        transport = BindingTransport(sidecar, name)
        started = datetime.now(UTC)
        if name == "gmail":
            access = authorised(REFRESH_TOKEN, CLIENT_ID, CLIENT_SECRET, f"{process.url}/token")
            provider = Gmail(transport, {MAILBOX: access})
            return Wire(provider, process, Channel.EMAIL, SEND, name, started)
        process.call("POST", "/_window", {"number": "+15550100", "seconds_ago": 0})
        twilio = Twilio(transport, ACCOUNT_SID, AUTH_TOKEN, "+14155238886", intake.url)
        return Wire(twilio, process, Channel.WHATSAPP, CREATE, name, started)

    return make


both = pytest.mark.parametrize("name", ["gmail", "twilio"])


@both
async def test_a_message_goes_out_once_and_its_witness_sees_it(wire: MakeWire, name: str) -> None:
    w = wire(name)
    intent = w.intent("Héllo, world")
    attempt, prepared = await w.attempt(intent)
    outcome = await w.provider.send(attempt, SECONDS)
    assert isinstance(outcome, Sent)
    assert w.sent("Héllo, world") == [outcome.provider_id]
    sighting = await w.look(intent, prepared)
    assert isinstance(sighting, Seen)
    assert [s.provider_id for s in sighting.candidates] == [outcome.provider_id]


@both
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"action": "close"}, Unknown("no_answer")),
        ({"action": "hang", "seconds": 30}, Unknown("no_answer")),
        ({"action": "status", "status": 503, "effect": "before"}, Unknown("status_503")),
        ({"action": "status", "status": 500, "effect": "before"}, Unknown("status_500")),
        (
            {"action": "status", "status": 429, "headers": {"Retry-After": "7"}},
            NotSent("rate_limited", retry_after=timedelta(seconds=7)),
        ),
    ],
    ids=["close", "hang", "503", "500", "429"],
)
async def test_one_request_whatever_breaks(
    wire: MakeWire, name: str, rule: dict[str, object], expected: Outcome
) -> None:
    w = wire(name)
    await w.warm()
    intent = w.intent("the one")
    attempt, prepared = await w.attempt(intent)
    w.simulator.fault(method="POST", path=f"{w.path}$", **rule)
    outcome = await w.provider.send(attempt, 1.0 if rule["action"] == "hang" else SECONDS)
    assert outcome == expected
    # Whoever repeats a request does so at once: a witness that answers is later than that.
    sighting = await w.look(intent, prepared)
    assert w.simulator.bitten() == [1]
    if isinstance(expected, Unknown):
        assert len(w.sent("the one")) == 1
        assert isinstance(sighting, Seen)
    else:
        assert w.sent("the one") == []
        assert isinstance(sighting, Unseen)


@both
async def test_the_witness_sees_nothing_where_nothing_arrived(wire: MakeWire, name: str) -> None:
    w = wire(name)
    await w.warm()
    intent = w.intent("never arrives")
    attempt, prepared = await w.attempt(intent)
    w.simulator.fault(method="POST", path=f"{w.path}$", action="close", effect="none")
    assert await w.provider.send(attempt, SECONDS) == Unknown("no_answer")
    assert await w.look(intent, prepared) == Unseen()


@both
async def test_a_witness_that_does_not_answer_is_dark(wire: MakeWire, name: str) -> None:
    w = wire(name)
    intent = w.intent()
    _, prepared = await w.attempt(intent)
    w.simulator.fault(method="GET", action="status", status=503)
    assert isinstance(await w.look(intent, prepared), Dark)


async def test_a_mail_is_a_marked_reply_in_its_thread(wire: MakeWire) -> None:
    w = wire("gmail")
    w.simulator.receive(
        {"from": "ada@example.com", "subject": "Password", "text": "How do I reset it?"}
    )
    _, _, listing = w.simulator.call("GET", "/gmail/v1/users/me/messages", headers=await _bearer(w))
    thread_id = listing["messages"][0]["threadId"]
    _, _, thread = w.simulator.call(
        "GET", f"/gmail/v1/users/me/threads/{thread_id}", headers=await _bearer(w)
    )
    headers = {h["name"].lower(): h["value"] for h in thread["messages"][0]["payload"]["headers"]}
    asked = headers["message-id"]
    intent = _intent(Channel.EMAIL, "In the thread", thread_id, asked)
    attempt, _ = await w.attempt(intent)
    outcome = await w.provider.send(attempt, SECONDS)
    assert isinstance(outcome, Sent)
    assert outcome.thread_id == thread_id
    _, _, message = w.simulator.call(
        "GET", f"/gmail/v1/users/me/messages/{outcome.provider_id}", headers=await _bearer(w)
    )
    sent = {h["name"].lower(): h["value"] for h in message["payload"]["headers"]}
    assert sent["in-reply-to"] == asked
    assert sent["references"] == asked
    assert sent["auto-submitted"] == "auto-replied"
    assert sent["x-auto-response-suppress"] == "All"
    assert sent["x-fte-intent"] == str(intent.intent_id)
    assert {part["mimeType"] for part in message["payload"]["parts"]} == {"text/plain", "text/html"}


async def test_a_draft_that_was_sent_already_is_not_sent_again(wire: MakeWire) -> None:
    w = wire("gmail")
    attempt, _ = await w.attempt(w.intent("once"))
    assert isinstance(await w.provider.send(attempt, SECONDS), Sent)
    assert await w.provider.send(attempt, SECONDS) == Unknown("draft_gone")
    assert len(w.sent("once")) == 1


async def test_a_deleted_draft_without_a_message_is_never_resent(wire: MakeWire) -> None:
    w = wire("gmail")
    intent = w.intent("deleted by a person")
    attempt, prepared = await w.attempt(intent)
    path = f"/gmail/v1/users/me/drafts/{attempt.draft_id}"
    assert w.simulator.call("DELETE", path, headers=await _bearer(w))[0] == 204
    assert await w.look(intent, prepared) == Dark("draft_gone")


async def test_a_status_callback_names_the_intent(wire: MakeWire, intake: Receiver) -> None:
    w = wire("twilio")
    intake.posts.clear()
    intent = w.intent()
    attempt, _ = await w.attempt(intent)
    assert isinstance(await w.provider.send(attempt, SECONDS), Sent)
    wanted = f"/webhooks/whatsapp/status?intent={intent.intent_id}"
    assert eventually(lambda: intake.at(wanted))


async def test_twilio_shows_how_far_a_message_is(wire: MakeWire) -> None:
    w = wire("twilio")
    attempt, _ = await w.attempt(w.intent())
    outcome = await w.provider.send(attempt, SECONDS)
    assert isinstance(outcome, Sent)
    shown = await w.provider.status(outcome.provider_id)
    assert isinstance(shown, Shown)
    assert shown.status in {"queued", "sent", "delivered", "read"}
    assert shown.error_code == ""
    # It was never seen, or is not visible yet: that proves nothing.
    assert await w.provider.status("SM" + "0" * 32) == Dark("twilio_404")
    one = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{outcome.provider_id}.json$"
    for rule, reason in (
        ({"action": "status", "status": 503}, "twilio_503"),
        ({"action": "status", "status": 429}, "twilio_ratelimited"),
        ({"action": "close"}, "twilio_noanswer"),
    ):
        w.simulator.call("DELETE", "/_faults")
        w.simulator.fault(method="GET", path=one, **rule)
        assert await w.provider.status(outcome.provider_id) == Dark(reason)
        # A reading may be repeated below us: Go's client does so on a used connection.
        assert w.simulator.bitten()[0] >= 1


@both
@pytest.mark.parametrize(
    ("rule", "answers"),
    [
        ({}, True),
        ({"action": "status", "status": 401}, True),
        ({"action": "status", "status": 429}, True),
        ({"action": "status", "status": 503}, False),
        ({"action": "close"}, False),
    ],
    ids=["well", "401", "429", "503", "close"],
)
async def test_a_dark_provider_is_told_from_one_that_answers(
    wire: MakeWire,
    name: str,
    rule: dict[str, object],
    answers: bool,  # noqa: FBT001
) -> None:
    w = wire(name)
    await w.warm()
    sent = len(w.simulator.sent())
    if rule:
        w.simulator.fault(method="GET", **rule)
    assert await w.provider.answers() is answers
    assert len(w.simulator.sent()) == sent


async def test_refusals_are_told_apart(wire: MakeWire) -> None:
    w = wire("twilio")
    attempt, _ = await w.attempt(w.intent("x" * 1700))
    assert await w.provider.send(attempt, SECONDS) == Rejected("twilio_21617")
    w = wire("gmail")
    attempt, _ = await w.attempt(w.intent())
    w.simulator.fault(method="POST", path=SEND, action="status", status=400)
    assert await w.provider.send(attempt, SECONDS) == Rejected("gmail_400")
    w.simulator.call("DELETE", "/_faults")
    w.simulator.fault(method="POST", path=SEND, action="status", status=401)
    refused = await w.provider.send(attempt, SECONDS)
    assert refused == NotSent("unauthorized", retry_after=timedelta(seconds=1))


async def _bearer(w: Wire) -> dict[str, str]:
    assert isinstance(w.provider, Gmail)
    return {"authorization": f"Bearer {await w.provider._accesses[MAILBOX].get()}"}
