"""The HTTP edge with its real routes over an inbox in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import pytest
from twilio.request_validator import RequestValidator

from services.intake.adapters.agent_tickets import AgentTickets, Line, TicketView
from services.intake.adapters.http.health import HealthPage
from services.intake.adapters.http.server import application
from services.intake.adapters.http.support import Support
from services.intake.adapters.http.webhooks import GmailPush, TwilioWebhooks
from services.intake.application.submissions import Submissions
from services.intake.application.tickets import TicketLinks
from tests.unit.intake.intake_fakes import NOW, MemoryInbox
from tests.unit.intake.test_intake_push_token import Issuer, token

URL = "https://support.example.com/fte"
SID = "AC" + "1" * 32
TOKEN = "auth-token"
ORIGIN = "https://www.example.com"
GOOD = {
    "name": "Ada",
    "email": "ada@example.com",
    "subject": "Password",
    "category": "technical",
    "message": "How do I reset my password?",
}
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
LINKS = TicketLinks(URL, "s" * 32)


class Tickets(AgentTickets):
    """The agent's tickets, as many as a test puts in."""

    def __init__(self) -> None:
        self.views: dict[UUID, TicketView] = {}

    async def ticket(self, ticket_id: UUID) -> TicketView | None:
        """Returns a ticket."""
        return self.views.get(ticket_id)


@dataclass
class Edge:
    """The edge under test and what is behind it."""

    http: httpx.AsyncClient
    inbox: MemoryInbox
    tickets: Tickets
    issuer: Issuer
    checks: dict[str, bool]
    woken: list[datetime] = field(default_factory=list)

    def wake(self) -> None:
        """Counts a wake."""
        self.woken.append(NOW)


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    inbox, tickets, issuer = MemoryInbox(), Tickets(), Issuer()
    support = Support(
        Submissions(inbox, LINKS), LINKS, tickets, expected_reply="Soon.", body_seconds=0.5
    )
    twilio = TwilioWebhooks(
        inbox,
        public_url=URL,
        account_sid=SID,
        auth_token=TOKEN,
        our_number="+14155238886",
        body_seconds=0.5,
    )
    client = httpx.AsyncClient(base_url="http://127.0.0.1:8080")
    made = Edge(client, inbox, tickets, issuer, {"database": True, "agent": True})
    push = GmailPush(
        issuer.verifier(), made, subscriptions=frozenset(("projects/p/s",)), body_seconds=0.5
    )

    def check(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
        async def ask() -> bool:
            if not made.checks[name]:
                raise ConnectionError(name)
            return True

        return ask

    health = HealthPage({name: check(name) for name in made.checks})
    routes = [*support.routes(), *twilio.routes(), *push.routes(), *health.routes()]
    app = application(routes, [ORIGIN])
    made.http = httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://127.0.0.1:8080",
    )
    await client.aclose()
    async with made.http:
        yield made


def problem(answer: httpx.Response, status: int, kind: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert body["type"] == f"urn:fte:problem:{kind}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == answer.headers["x-request-id"]
    return body


def signed(path: str, form: list[tuple[str, str]], base: str = URL) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for name, value in form:
        values.setdefault(name, []).append(value)

    class Multi(dict[str, list[str]]):
        def getlist(self, name: str) -> list[str]:
            return self[name]

    signature = RequestValidator(TOKEN).compute_signature(base + path, Multi(values))
    return {
        "x-twilio-signature": signature,
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    }


def webhook(**changed: str) -> list[tuple[str, str]]:
    form = {
        "MessageSid": "SM" + "0" * 32,
        "AccountSid": SID,
        "From": "whatsapp:+15550100",
        "Body": "Grüße & mehr",
        "ProfileName": "",
        **changed,
    }
    return list(form.items())


# The form


async def test_a_form_gives_a_ticket(edge: Edge) -> None:
    answer = await edge.http.post("/support/submit", json=GOOD)
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"ticket_id", "reference", "status_url", "expected_reply", "message_id"}
    ticket_id = UUID(body["ticket_id"])
    assert body["status_url"] == LINKS.status_url(ticket_id)
    assert body["reference"].startswith("FTE-")
    assert body["expected_reply"] == "Soon."
    [message] = edge.inbox.messages
    assert message.web_form is not None
    assert message.web_form.ticket_id == ticket_id
    assert message.assurance == "claimed"
    assert message.handle is not None
    assert message.handle.value == "ada@example.com"


@pytest.mark.parametrize("how", ["urlencoded", "multipart"])
async def test_html_forms_are_read_alike(edge: Edge, how: str) -> None:
    fields = {name: (None, value) for name, value in GOOD.items()}
    if how == "urlencoded":
        answer = await edge.http.post("/support/submit", data=GOOD)
    else:
        answer = await edge.http.post("/support/submit", files=fields)
    assert answer.status_code == 201
    assert edge.inbox.messages[0].body == GOOD["message"]


async def test_a_wrong_form_names_every_field(edge: Edge) -> None:
    answer = await edge.http.post("/support/submit", json={"name": "A", "priority": "x"})
    body = problem(answer, 422, "invalid-fields")
    errors = body["errors"]
    assert isinstance(errors, list)
    assert [error["field"] for error in errors] == [
        "name", "email", "subject", "category", "priority", "message",
    ]  # fmt: skip
    assert edge.inbox.messages == []


async def test_a_key_gives_the_same_answer_and_refuses_another_body(edge: Edge) -> None:
    headers = {"idempotency-key": "key-1"}
    first = await edge.http.post("/support/submit", json=GOOD, headers=headers)
    again = await edge.http.post("/support/submit", json=GOOD, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert len(edge.inbox.messages) == 1
    other = await edge.http.post("/support/submit", json={**GOOD, "name": "Bea"}, headers=headers)
    problem(other, 409, "idempotency-mismatch")
    for bad in ("", "x" * 256, "a b"):
        answer = await edge.http.post(
            "/support/submit", json=GOOD, headers={"idempotency-key": bad}
        )
        problem(answer, 400, "malformed")


async def test_the_page_works_without_script(edge: Edge) -> None:
    page = await edge.http.get("/")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert 'action="support/submit"' in page.text
    for name in GOOD:
        assert f'<label for="{name}">' in page.text
    fields = {**GOOD, "idempotency_key": "page-1"}
    done = await edge.http.post("/support/submit", data=fields, headers=HTML)
    assert (done.status_code, done.headers["content-type"]) == (201, "text/html; charset=utf-8")
    assert "FTE-" in done.text
    await edge.http.post("/support/submit", data=fields, headers=HTML)
    assert len(edge.inbox.messages) == 1
    changed = {**fields, "message": "Going back and writing another one."}
    assert (await edge.http.post("/support/submit", data=changed, headers=HTML)).status_code == 201
    assert len(edge.inbox.messages) == 2


async def test_a_wrong_form_comes_back_with_an_error_summary(edge: Edge) -> None:
    fields = {**GOOD, "name": "<b>", "email": "<ada>"}
    answer = await edge.http.post("/support/submit", data=fields, headers=HTML)
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert 'role="alert"' in answer.text
    assert '<a href="#email">' in answer.text
    assert 'aria-describedby="email-error"' in answer.text
    assert "&lt;ada&gt;" in answer.text
    assert "<ada>" not in answer.text
    assert GOOD["message"] in answer.text


@pytest.mark.parametrize(
    ("content", "content_type", "status", "kind"),
    [
        (b"{", "application/json", 400, "malformed"),
        (b"[1]", "application/json", 400, "malformed"),
        (b"[" * 100_000, "application/json", 400, "malformed"),
        (b"\xff", "application/x-www-form-urlencoded", 400, "malformed"),
        (b"&".join([b"a=b"] * 60), "application/x-www-form-urlencoded", 400, "malformed"),
        (b"--x", "multipart/form-data", 400, "malformed"),
        (b"hi", "text/plain", 415, "unsupported-type"),
        (b"x" * (256 * 1024 + 1), "application/json", 413, "too-large"),
    ],
)
async def test_a_bad_body_is_a_problem(
    edge: Edge, content: bytes, content_type: str, status: int, kind: str
) -> None:
    answer = await edge.http.post(
        "/support/submit", content=content, headers={"content-type": content_type}
    )
    problem(answer, status, kind)
    assert edge.inbox.messages == []


async def test_limits_hold_while_reading(edge: Edge) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    headers = {"content-type": "application/json"}
    problem(
        await edge.http.post("/support/submit", content=endless(), headers=headers),
        413,
        "too-large",
    )
    problem(
        await edge.http.post("/support/submit", content=slow(), headers=headers), 408, "too-slow"
    )


async def test_a_database_that_is_away_is_a_503(edge: Edge) -> None:
    edge.inbox.failure = ConnectionRefusedError("away")
    answer = await edge.http.post("/support/submit", json=GOOD)
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    form = webhook()
    answer = await edge.http.post(
        "/webhooks/whatsapp", content=urlencode(form), headers=signed("/webhooks/whatsapp", form)
    )
    problem(answer, 503, "unavailable")
    edge.inbox.failure = ValueError("a fault")
    problem(await edge.http.post("/support/submit", json=GOOD), 500, "internal")


async def test_browsers_may_call_from_listed_origins_only(edge: Edge) -> None:
    ask = {"origin": ORIGIN, "access-control-request-method": "POST"}
    answer = await edge.http.options("/support/submit", headers=ask)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    answer = await edge.http.options(
        "/support/submit", headers={**ask, "origin": "https://evil.example"}
    )
    assert "access-control-allow-origin" not in answer.headers
    problem(await edge.http.get("/nothing"), 404, "not-found")
    problem(await edge.http.get("/support/submit"), 405, "method-not-allowed")


# The status page


async def test_the_status_page_shows_what_was_received(edge: Edge) -> None:
    given = (await edge.http.post("/support/submit", json=GOOD)).json()
    answer = await edge.http.get(given["status_url"].removeprefix(URL))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["reference"]) == ("received", given["reference"])
    assert [(m["speaker"], m["text"]) for m in body["messages"]] == [("You", GOOD["message"])]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]


async def test_the_agents_word_counts_once_it_knows(edge: Edge) -> None:
    ticket_id = uuid4()
    lines = (
        Line("customer", "", "How?", NOW),
        Line("ai", "", "<b>So.</b>", NOW, "sent"),
        Line("human", "Bea", "And so.", NOW, "sent"),
    )
    edge.tickets.views[ticket_id] = TicketView(ticket_id, "FTE-ABCDEFGH", "escalated", "S", lines)
    path, bearer = f"/support/ticket/{ticket_id}", LINKS.token(ticket_id)
    headers = {"authorization": f"Bearer {bearer}"}
    body = (await edge.http.get(path, headers=headers)).json()
    assert [m["speaker"] for m in body["messages"]] == ["You", "Digital assistant", "Bea"]
    assert "member of our team" in body["status_text"]
    page = await edge.http.get(path, headers={**headers, **HTML})
    assert "&lt;b&gt;So." in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_a_wrong_token_and_an_unknown_ticket_look_the_same(edge: Edge) -> None:
    given = (await edge.http.post("/support/submit", json=GOOD)).json()
    known, unknown = UUID(given["ticket_id"]), uuid4()
    asked = [
        f"/support/ticket/{known}?token={LINKS.token(unknown)}",
        f"/support/ticket/{known}",
        f"/support/ticket/{unknown}?token={LINKS.token(unknown)}",
        f"/support/ticket/{unknown}?token=x",
        "/support/ticket/none?token=x",
    ]
    bodies = []
    for path in asked:
        body = problem(await edge.http.get(path), 404, "not-found")
        bodies.append({name: value for name, value in body.items() if name != "instance"})
        assert (
            await edge.http.post(path.replace("?", "/reply?"), json={"message": "x"})
        ).status_code in (404, 405)
    assert all(body == bodies[0] for body in bodies)
    assert len(edge.inbox.messages) == 1


async def test_a_reply_goes_into_the_same_ticket(edge: Edge) -> None:
    given = (await edge.http.post("/support/submit", json=GOOD)).json()
    path = f"/support/ticket/{given['ticket_id']}/reply"
    token_ = given["status_url"].partition("token=")[2]
    headers = {"authorization": f"Bearer {token_}", "idempotency-key": "r1"}
    first = await edge.http.post(path, json={"message": "Any news?"}, headers=headers)
    again = await edge.http.post(path, json={"message": "Any news?"}, headers=headers)
    assert (first.status_code, first.content) == (201, again.content)
    problem(
        await edge.http.post(path, json={"message": "Other"}, headers=headers),
        409,
        "idempotency-mismatch",
    )
    problem(
        await edge.http.post(path, json={"message": " "}, headers=headers), 422, "invalid-fields"
    )
    asked, reply = edge.inbox.messages
    assert reply.handle == asked.handle
    assert reply.web_form == asked.web_form
    assert (reply.body, reply.subject, reply.assurance) == ("Any news?", "Password", "claimed")
    page = await edge.http.post(
        path, params={"token": token_}, data={"message": "From the page"}, headers=HTML
    )
    assert page.status_code == 303
    assert page.headers["location"] == f"../{given['ticket_id']}?token={token_}"
    shown = (await edge.http.get(f"/support/ticket/{given['ticket_id']}?token={token_}")).json()
    assert [m["text"] for m in shown["messages"]] == [GOOD["message"], "Any news?", "From the page"]


# Twilio


async def test_a_signed_message_is_taken_in_once(edge: Edge) -> None:
    form = webhook()
    headers = signed("/webhooks/whatsapp", form)
    for _ in range(3):
        answer = await edge.http.post(
            "/webhooks/whatsapp", content=urlencode(form), headers=headers
        )
        assert (answer.status_code, answer.headers["content-type"]) == (
            200,
            "text/xml; charset=utf-8",
        )
        assert answer.text.endswith("<Response></Response>")
    [message] = edge.inbox.messages
    assert (message.body, message.sender_name) == ("Grüße & mehr", "")


@pytest.mark.parametrize(
    "form",
    [
        webhook(Body=""),
        webhook(Body="a+b c%20=&", Extra=""),
        [*webhook(), ("Repeated", "b"), ("Repeated", "a"), ("Repeated", "b")],
        webhook(Body="😀 \u200d ü"),
    ],
)
@pytest.mark.parametrize("path", ["/webhooks/whatsapp", "/webhooks/whatsapp?a=b&c=%20d&e"])
async def test_blanks_repeats_and_queries_are_signed_too(
    edge: Edge, form: list[tuple[str, str]], path: str
) -> None:
    answer = await edge.http.post(path, content=urlencode(form), headers=signed(path, form))
    assert answer.status_code == 200


async def test_what_is_not_signed_by_our_account_is_refused(edge: Edge) -> None:
    path, form = "/webhooks/whatsapp", webhook()
    good = signed(path, form)
    wrong: list[tuple[list[tuple[str, str]], dict[str, str]]] = [
        (form, {**good, "x-twilio-signature": ""}),
        (form, {**good, "x-twilio-signature": "0" * 28}),
        (form, {"content-type": good["content-type"]}),
        (webhook(Body="changed"), good),
        ([*form, ("Extra", "")], good),
        (form[:-1], good),
        (form, signed(path, form, base="https://evil.example.com")),
        (
            form,
            {**signed(path, form, "http://127.0.0.1:8080"), "x-forwarded-host": "127.0.0.1:8080"},
        ),
        (form, signed(path + "?a=b", form)),
        (webhook(AccountSid="AC" + "2" * 32), signed(path, webhook(AccountSid="AC" + "2" * 32))),
    ]
    for sent, headers in wrong:
        answer = await edge.http.post(path, content=urlencode(sent), headers=headers)
        problem(answer, 403, "signature")
    json_body = await edge.http.post(
        path, json=dict(form), headers={"x-twilio-signature": good["x-twilio-signature"]}
    )
    problem(json_body, 415, "unsupported-type")
    assert edge.inbox.messages == []


async def test_a_signed_form_that_is_no_message_is_a_400(edge: Edge) -> None:
    form = webhook(From="nobody at all")
    answer = await edge.http.post(
        "/webhooks/whatsapp", content=urlencode(form), headers=signed("/webhooks/whatsapp", form)
    )
    assert "From" in str(problem(answer, 400, "malformed")["detail"])
    big = webhook(Body="x" * 65536)
    answer = await edge.http.post(
        "/webhooks/whatsapp", content=urlencode(big), headers=signed("/webhooks/whatsapp", big)
    )
    problem(answer, 413, "too-large")
    assert edge.inbox.messages == []


async def test_statuses_are_kept_once_each(edge: Edge) -> None:
    intent = str(uuid4())
    path = f"/webhooks/whatsapp/status?intent={intent}"
    for status in ("sent", "delivered", "sent", "read", "read"):
        form = webhook(MessageStatus=status)
        answer = await edge.http.post(path, content=urlencode(form), headers=signed(path, form))
        assert answer.status_code == 204
    assert [s.status for s in edge.inbox.statuses] == ["sent", "delivered", "read"]
    assert {s.intent_id for s in edge.inbox.statuses} == {intent}


# The push


async def test_a_push_wakes_the_mail_reader(edge: Edge) -> None:
    body = {"message": {"data": "e30="}, "subscription": "projects/p/s"}
    answer = await edge.http.post("/webhooks/gmail", json=body, headers={"authorization": token()})
    assert (answer.status_code, len(edge.woken)) == (204, 1)


async def test_a_push_without_proof_is_refused(edge: Edge) -> None:
    body = {"message": {}, "subscription": "projects/p/s"}

    async def push(authorization: str, **changed: object) -> httpx.Response:
        return await edge.http.post(
            "/webhooks/gmail", json={**body, **changed}, headers={"authorization": authorization}
        )

    problem(await push(""), 401, "unauthenticated")
    problem(await push(token(aud="https://x.example")), 401, "unauthenticated")
    problem(await push(token(email="eve@example.com")), 403, "foreign")
    problem(await push(token(), subscription="projects/p/other"), 403, "foreign")
    only_header = {"x-goog-signature": "abc"}
    problem(
        await edge.http.post("/webhooks/gmail", json=body, headers=only_header),
        401,
        "unauthenticated",
    )
    too_large = await edge.http.post(
        "/webhooks/gmail", content=b"x" * (1024 * 1024 + 1), headers={"authorization": token()}
    )
    problem(too_large, 413, "too-large")
    edge.issuer.away, edge.issuer.now = True, 10_000.0
    problem(await push(token()), 503, "unavailable")
    assert edge.woken == []


# Health


async def test_health_names_what_fails(edge: Edge) -> None:
    answer = await edge.http.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    edge.checks["agent"] = False
    async with asyncio.timeout(10):
        while (answer := await edge.http.get("/health")).status_code == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert answer.status_code == 503
    assert json.loads(answer.text) == {
        "status": "failing",
        "parts": {"database": "ok", "agent": "unreachable"},
    }
