"""The HTTP edge with its real routes over an inbox in memory; `edge` is a fixture."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from chassis.errors import Unavailable
from services.intake.adapters.agent_tickets import AgentTickets, TicketView
from services.intake.adapters.http.built_pages import BuiltPages
from services.intake.adapters.http.health import HealthPage
from services.intake.adapters.http.pages import Pages
from services.intake.adapters.http.problems import Problem
from services.intake.adapters.http.server import application
from services.intake.adapters.http.support import Assets, Problems, Support
from services.intake.adapters.http.ticket_access import TicketAccess
from services.intake.adapters.http.ticket_events import TicketEvents
from services.intake.adapters.http.ticket_page import TicketPage
from services.intake.adapters.http.webhooks import GmailPush, TwilioWebhooks
from services.intake.adapters.ticket_reading import TicketReading
from services.intake.adapters.ticket_watching import TicketWatching
from services.intake.application.form_limit import FormLimit
from services.intake.application.submissions import Submissions
from services.intake.application.tickets import TicketLinks
from tests.unit.intake.built import build
from tests.unit.intake.intake_fakes import NOW, MemoryInbox
from tests.unit.intake.test_intake_push_token import Issuer

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
        self.away = False

    async def ticket(self, ticket_id: UUID) -> TicketView | None:
        """Returns a ticket."""
        if self.away:
            raise Unavailable("The agent is away.", metadata={"dependency": "agent"})
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


def web(inbox: MemoryInbox, tickets: Tickets, built: BuiltPages) -> list[Route]:
    """The web channel's routes; streams end after a moment."""
    submissions, access, pages = Submissions(inbox, LINKS), TicketAccess(LINKS, URL), Pages(built)
    reading = TicketReading(tickets, submissions)
    watching = TicketWatching(reading, most=3, most_each=2)
    events = TicketEvents(watching, beat_seconds=0.05, longest_seconds=0.1)
    limit = FormLimit(30, lambda: 0.0)
    support = Support(submissions, access, pages, limit, expected_reply="", body_seconds=0.5)
    page = TicketPage(submissions, access, reading, events, pages, body_seconds=0.5)
    return [*support.routes(), *page.routes(), *Assets(built).routes()]


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    inbox, tickets, issuer = MemoryInbox(), Tickets(), Issuer()
    built = BuiltPages(build(tmp_path / "web"))
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
    routes = [
        *web(inbox, tickets, built),
        *twilio.routes(),
        *push.routes(),
        *health.routes(),
    ]
    app = application(routes, [ORIGIN], {Problem: Problems(Pages(built))})
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
