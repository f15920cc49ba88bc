"""The HTTP edge with its real routes over an inbox in memory; `edge` is a fixture."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import NAMESPACE_OID, UUID, uuid5

import httpx
import pytest
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from chassis.errors import FieldViolation, Rejected, Unavailable
from fte.agent.v1 import agent_service_pb2 as agent
from fte.conversation.v1.conversation_pb2 import Handle
from fte.delivery.v1.delivery_service_pb2 import ChannelState, ListChannelsResponse
from fte.identity.v1 import identity_service_pb2 as identity
from fte.metrics.v1 import metrics_service_pb2 as metrics
from services.intake.adapters.agent_tickets import AgentTickets, TicketView
from services.intake.adapters.customer_lookup import CustomerLookup
from services.intake.adapters.http.access import KeyGate
from services.intake.adapters.http.built_pages import BuiltPages
from services.intake.adapters.http.description import Description
from services.intake.adapters.http.health import HealthPage
from services.intake.adapters.http.pages import Pages
from services.intake.adapters.http.problems import Problem
from services.intake.adapters.http.rest import Rest
from services.intake.adapters.http.server import Limits, application
from services.intake.adapters.http.support import Assets, Problems, Support
from services.intake.adapters.http.ticket_access import TicketAccess
from services.intake.adapters.http.ticket_events import TicketEvents
from services.intake.adapters.http.ticket_page import TicketPage
from services.intake.adapters.http.webhooks import GmailPush, TwilioWebhooks
from services.intake.adapters.neighbours import Neighbours
from services.intake.adapters.ticket_reading import TicketReading
from services.intake.adapters.ticket_watching import TicketWatching
from services.intake.application.api_keys import Holder, Scope
from services.intake.application.form_limit import FormLimit
from services.intake.application.ports import Inbox
from services.intake.application.rate_limits import RateLimit
from services.intake.application.submissions import Submissions
from services.intake.application.tickets import TicketLinks
from tests.unit.intake.built import build
from tests.unit.intake.intake_fakes import MemoryInbox
from tests.unit.intake.test_intake_push_token import Issuer

URL = "https://support.example.com/fte"
SID = "AC" + "1" * 32
TOKEN = "auth-token"
KEY = "k" * 32
ONLY_METRICS = "m" * 32
ADDRESS_BURST, KEY_BURST = 100, 20
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


class Others(Neighbours):
    """The other services, as much of them as a test puts in; `asked` lists the questions."""

    def __init__(self) -> None:
        self.conversations: dict[UUID, agent.GetConversationResponse] = {}
        self.customers: dict[tuple[int, str], identity.Customer] = {}
        self.report = metrics.ReportChannelsResponse()
        self.counts = agent.CountConversationsResponse(total=1, open=1)
        self.away = False
        self.asked: list[str] = []

    async def conversation(self, conversation_id: UUID) -> agent.GetConversationResponse | None:
        self._ask("conversation")
        return self.conversations.get(conversation_id)

    async def conversation_counts(self, customer_id: str) -> agent.CountConversationsResponse:
        self._ask("counts")
        return self.counts

    async def binding(self, handle: Handle) -> identity.Binding | None:
        self._ask("binding")
        found = self.customers.get((handle.type, handle.value))
        if found is None:
            return None
        return identity.Binding(customer_id=found.customer_id, generation=found.generation)

    async def customer(self, handle: Handle) -> identity.Customer | None:
        self._ask("customer")
        if "@" not in handle.value and not handle.value.startswith("+"):
            wrong = FieldViolation("handle.value", "Give a number in E.164 form.")
            raise Rejected("The request has wrong fields.", violations=[wrong])
        return self.customers.get((handle.type, handle.value))

    async def channel_reports(self, hours: int) -> metrics.ReportChannelsResponse:
        self._ask(f"reports {hours}")
        return self.report

    def _ask(self, what: str) -> None:
        if self.away:
            raise Unavailable("nobody there")
        self.asked.append(what)


@dataclass
class MemoryKeys:
    """Keys by their text."""

    scopes: dict[str, frozenset[str]] = field(default_factory=dict)

    async def holder(self, key: str) -> Holder | None:
        """Returns whose key it is."""
        if key not in self.scopes:
            return None
        return Holder(uuid5(NAMESPACE_OID, key), self.scopes[key])


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
    woken: list[str] = field(default_factory=list)
    channels: list[ChannelState] = field(default_factory=list)
    others: Others = field(default_factory=Others)
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    now: float = 0.0
    routes: list[Route] = field(default_factory=list)

    def wake(self, mailbox: str) -> None:
        """Keeps whose wake it was."""
        self.woken.append(mailbox)


def web(inbox: Inbox, tickets: AgentTickets, built: BuiltPages) -> list[Route]:
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

    async def channels() -> ListChannelsResponse:
        return ListChannelsResponse(channels=made.channels)

    health = HealthPage({name: check(name) for name in made.checks}, channels)
    made.keys.scopes = {KEY: frozenset(Scope), ONLY_METRICS: frozenset({Scope.METRICS})}
    gate = KeyGate(made.keys, RateLimit(60, KEY_BURST, lambda: made.now))
    rest = Rest(gate, made.others, CustomerLookup(made.others, lambda: made.now))
    parts = (twilio, push, health, rest, Description(URL))
    made.routes = [
        *web(inbox, tickets, built),
        *(route for part in parts for route in part.routes()),
    ]
    limits = Limits(RateLimit(60, ADDRESS_BURST, lambda: made.now), proxies=1)
    app = application(made.routes, [ORIGIN], {Problem: Problems(Pages(built))}, limits=limits)
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
