"""What the providers' adapters make of an answer, over a sidecar of the test's own: one request, no guess."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import parse_qs

import pytest

from chassis.errors import Unavailable
from chassis.google_access import GoogleAccess
from chassis.sidecar import BindingAnswer, Sidecar
from services.delivery.adapters.gmail import Gmail
from services.delivery.adapters.gmail_message import INTENT_HEADER
from services.delivery.adapters.transport import BindingTransport
from services.delivery.adapters.twilio import Twilio
from services.delivery.application.ports import Attempt, Doubt, Template
from services.delivery.domain.intent import Channel
from services.delivery.domain.outcomes import (
    Barred,
    Dark,
    NotSent,
    Outcome,
    Rejected,
    Seen,
    Sent,
    Unknown,
)
from tests.unit.delivery.letters import intent

STARTED = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECONDS = 5.0
MAIL = intent(Channel.EMAIL)


@dataclass
class Wire:
    """Answers the requests in order; an exception in the list means that no answer came."""

    answers: list[BindingAnswer | Exception]
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def http_binding(
        self,
        name: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        seconds: float,
    ) -> BindingAnswer:
        self.requests.append((method, path, dict(headers)))
        self.bodies.append(body)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Token:
    """A token that is always there."""

    async def get(self) -> str:
        return "token"

    def forget(self, token: str) -> None:
        """Keeps it."""


def answered(status: int, body: object = None, **headers: str) -> BindingAnswer:
    text = json.dumps({} if body is None else body).encode()
    return BindingAnswer(status, {"content-type": "application/json", **headers}, text)


def provider(name: str, wire: Wire) -> Gmail | Twilio:
    transport = BindingTransport(cast("Sidecar", wire), name)
    if name == "gmail":
        return Gmail(transport, {"support@example.com": cast("GoogleAccess", Token())})
    return Twilio(transport, "AC1", "secret", "+14155238886", "https://support.example.com")


async def send(name: str, answer: BindingAnswer | Exception) -> tuple[Outcome, Wire]:
    wire = Wire([answer])
    channel = Channel.EMAIL if name == "gmail" else Channel.WHATSAPP
    attempt = Attempt(intent(channel), 1, 30, "draft-1" if name == "gmail" else "")
    return await provider(name, wire).send(attempt, SECONDS), wire


both = pytest.mark.parametrize("name", ["gmail", "twilio"])


@both
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answered(500), Unknown("status_500")),
        (answered(503), Unknown("status_503")),
        (answered(408), Unknown("status_408")),
        (Unavailable("context deadline exceeded"), Unknown("no_answer")),
        (Unavailable("read: connection reset by peer"), Unknown("no_answer")),
        (
            Unavailable("dial tcp: connect: connection refused"),
            NotSent("no_connection", fault=True),
        ),
    ],
    ids=["500", "503", "408", "timeout", "reset", "refused connection"],
)
async def test_only_what_proves_it_counts_as_not_sent(
    name: str, answer: BindingAnswer | Exception, expected: Outcome
) -> None:
    outcome, wire = await send(name, answer)
    assert outcome == expected
    assert len(wire.requests) == 1


@both
async def test_a_rate_limit_is_waited_for_as_long_as_the_provider_says(name: str) -> None:
    outcome, _ = await send(name, answered(429, **{"retry-after": "7"}))
    assert outcome == NotSent("rate_limited", retry_after=timedelta(seconds=7))


@both
async def test_no_send_carries_a_header_that_lets_a_transport_repeat_it(name: str) -> None:
    _, wire = await send(name, answered(201, {"id": "m1", "sid": "SM1", "status": "queued"}))
    [(method, _, headers)] = wire.requests
    assert method == "POST"
    assert not [key for key in headers if "idempotency" in key.lower()]


def _mail(number: int, header: str) -> dict[str, object]:
    headers = [{"name": INTENT_HEADER, "value": header}] if header else []
    return {
        "id": f"m{number}",
        "threadId": "thread-2",
        "labelIds": ["SENT"],
        "internalDate": "0",
        "payload": {"headers": headers},
    }


async def look(*answers: BindingAnswer) -> object:
    gmail = provider("gmail", Wire(list(answers)))
    return await gmail.witness(Doubt(MAIL, "draft-1", "thread-1", STARTED))


def _found_by_search(mails: Sequence[dict[str, object]]) -> list[BindingAnswer]:
    """The draft is gone, its thread shows nothing, and a search finds these."""
    listing = {"messages": [{"id": mail["id"]} for mail in mails]}
    thread = answered(200, {"messages": []})
    return [answered(404), thread, answered(200, listing), *(answered(200, m) for m in mails)]


async def test_what_a_search_finds_counts_only_with_the_intents_own_header() -> None:
    others = [_mail(1, "11111111-0000-0000-0000-000000000000"), _mail(2, "")]
    assert await look(*_found_by_search(others)) == Dark("draft_gone")
    ours = _mail(3, str(MAIL.intent_id))
    assert await look(*_found_by_search([*others, ours])) == Seen((Sent("m3", "thread-2"),))


async def test_in_its_thread_a_mail_counts_only_if_it_is_ours_or_as_new_as_the_attempt() -> None:
    old = {**_mail(1, ""), "internalDate": str(int(STARTED.timestamp() * 1000) - 600_000)}
    another = _mail(2, "11111111-0000-0000-0000-000000000000")
    nothing = answered(200, {})
    thread = answered(200, {"messages": [old, another]})
    assert await look(answered(404), thread, nothing) == Dark("draft_gone")
    new = {**_mail(3, ""), "internalDate": str(int(STARTED.timestamp() * 1000) + 1_000)}
    thread = answered(200, {"messages": [old, another, new]})
    assert await look(answered(404), thread) == Seen((Sent("m3", "thread-2"),))


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, 63016, Barred("outside_window")),
        (400, 21610, Barred("recipient_stopped")),
        (400, 63018, NotSent("rate_limited")),
        (429, 63018, NotSent("rate_limited")),
        (400, 21611, NotSent("rate_limited")),
        (400, 63024, Rejected("twilio_63024")),
        (500, 63016, Unknown("status_500")),
    ],
)
async def test_what_twilios_codes_mean(status: int, code: int, expected: Outcome) -> None:
    answer = answered(status, {"code": code, "message": "m", "status": status, "more_info": ""})
    assert (await send("twilio", answer))[0] == expected


async def test_a_template_is_sent_by_its_id_and_without_a_text() -> None:
    wire = Wire([answered(201, {"sid": "SM1", "status": "queued"})])
    template = Template("HX1", {"1": "FTE-1", "2": "Grüße"})
    attempt = Attempt(intent(Channel.WHATSAPP), 1, 30, template=template)
    assert await provider("twilio", wire).send(attempt, SECONDS) == Sent("SM1", status="queued")
    form = parse_qs(wire.bodies[0].decode())
    assert form["ContentSid"] == ["HX1"]
    assert json.loads(form["ContentVariables"][0]) == {"1": "FTE-1", "2": "Grüße"}
    assert "Body" not in form


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("Your request FTE-ABCD1234: Héllo Ada, press *Forgot password*.", True),
        ("Your request FTE-ABCD1234: something else", False),
        ("Héllo Ada, press *Forgot password*.", False),
        ("", False),
    ],
)
async def test_a_template_is_known_again_by_what_filled_it(body: str, *, seen: bool) -> None:
    listed = {"messages": [{"sid": "SM1", "body": body, "status": "sent"}], "page_size": 50}
    doubt = Doubt(intent(Channel.WHATSAPP), "", "", STARTED)
    sighting = await provider("twilio", Wire([answered(200, listed)])).witness(doubt)
    assert isinstance(sighting, Seen) is seen


MEDIA = "/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


async def test_an_attachment_is_read_by_its_path_with_our_credentials() -> None:
    wire = Wire([BindingAnswer(200, {}, b"BEGIN:VCARD")])
    twilio = provider("twilio", wire)
    assert isinstance(twilio, Twilio)
    assert await twilio.media(f"https://api.twilio.com{MEDIA}?x=1") == b"BEGIN:VCARD"
    [(method, path, headers)] = wire.requests
    assert (method, path) == ("GET", MEDIA)
    assert headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "answer",
    [
        BindingAnswer(404, {}, b"no"),
        BindingAnswer(200, {}, b"x" * (64 * 1024 + 1)),
        Unavailable("connect: connection refused"),
    ],
)
async def test_an_attachment_that_cannot_be_had_is_nothing(
    answer: BindingAnswer | Exception,
) -> None:
    twilio = provider("twilio", Wire([answer]))
    assert isinstance(twilio, Twilio)
    assert await twilio.media(MEDIA) == b""


@pytest.mark.parametrize(
    "url",
    [
        "https://api.twilio.com/2010-04-01/Accounts/AC2/Messages/MM1/Media/ME1",
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json",
        f"https://api.twilio.com{MEDIA}/../../../Keys.json",
        "https://evil.example/",
        "",
    ],
)
async def test_nothing_but_an_attachment_of_the_account_is_asked_for(url: str) -> None:
    wire = Wire([])
    twilio = provider("twilio", wire)
    assert isinstance(twilio, Twilio)
    assert await twilio.media(url) == b""
    assert wire.requests == []
