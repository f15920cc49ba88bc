"""No route answers differently for a known and an unknown address, ticket or customer: bytes, headers, and work done.

Time is compared by class: the same statements reach the database, as many of them write, and nobody else is asked.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from chassis.database import Pool, open_pool
from services.intake.adapters.agent_tickets import AgentTickets, TicketView
from services.intake.adapters.api_keys import PostgresApiKeys
from services.intake.adapters.customer_lookup import CustomerLookup
from services.intake.adapters.http.access import KEY_HEADER, KeyGate
from services.intake.adapters.http.built_pages import BuiltPages
from services.intake.adapters.http.pages import Pages
from services.intake.adapters.http.problems import Problem
from services.intake.adapters.http.rest import Rest
from services.intake.adapters.http.server import application
from services.intake.adapters.http.support import Problems
from services.intake.adapters.http.webhooks import TwilioWebhooks
from services.intake.adapters.inbox import PostgresInbox, ledgers
from services.intake.application.rate_limits import RateLimit
from tests.integration.postgres import Database
from tests.integration.test_intake_inbox import Topics
from tests.unit.intake.built import build
from tests.unit.intake.edge import GOOD, HTML, LINKS, SID, TOKEN, URL, Others, signed, web, webhook

KNOWN, UNKNOWN = "ada@example.com", "eve@example.com"
# What is drawn afresh for every request, whoever sends it; all of one length.
_FRESH = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f-]{27}|FTE-[0-9A-HJKMNP-TV-Z]{8}|(?:#|fte_ticket=)[A-Za-z0-9_-]{27}|\b[0-9a-f]{32}\b"
)


@dataclass
class Edge:
    """The edge over a real database; `statements` lists what reached it since the last look."""

    http: httpx.AsyncClient
    others: Others
    tickets: "Tickets"
    statements: list[str] = field(default_factory=list)


class Tickets(AgentTickets):
    """An agent that knows no ticket yet."""

    def __init__(self) -> None:
        self.asked: list[UUID] = []

    async def ticket(self, ticket_id: UUID) -> TicketView | None:
        self.asked.append(ticket_id)
        return None


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url("fte_intake"), 1, application="test")
    yield pool
    await pool.close()


@pytest.fixture
async def edge(pool: Pool, tmp_path: Path) -> AsyncIterator[Edge]:
    topics, others, tickets = Topics(), Others(), Tickets()
    inbox = PostgresInbox(pool, ledgers(pool, topics.publish, topics.publish))
    built = BuiltPages(build(tmp_path / "web"))
    twilio = TwilioWebhooks(
        inbox, public_url=URL, account_sid=SID, auth_token=TOKEN,
        our_number="+14155238886", body_seconds=5,
    )  # fmt: skip
    gate = KeyGate(PostgresApiKeys(pool), RateLimit(6000, 6000, lambda: 0.0))
    rest = Rest(gate, others, CustomerLookup(others, lambda: 0.0))
    routes = [*web(inbox, tickets, built), *twilio.routes(), *rest.routes()]
    app = application(routes, [], {Problem: Problems(Pages(built))})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as http:
        made = Edge(http, others, tickets)

        def note(record: asyncpg.connection.LoggedQuery) -> None:
            made.statements.append(record.query)

        async with pool.acquire() as connection:
            connection.add_query_logger(note)
        # The address is known: it wrote before, twice.
        for _ in range(2):
            await http.post("/support/submit", json={**GOOD, "email": KNOWN})
        made.statements.clear()
        yield made


def visible(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Returns all that a caller sees, without what is drawn afresh for everybody."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    location = {name: _FRESH.sub(b"*", value.encode()).decode() for name, value in headers.items()}
    return answer.status_code, location, _FRESH.sub(b"*", answer.content)


def work(edge: Edge) -> list[str]:
    done = list(edge.statements)
    edge.statements.clear()
    return done


@pytest.mark.parametrize("how", ["json", "page", "wrong", "wrong page", "key", "urlencoded"])
async def test_a_form_with_a_known_address_is_answered_like_any_other(edge: Edge, how: str) -> None:
    seen, done = [], []
    for email in (KNOWN, UNKNOWN):
        form = {**GOOD, "email": email}
        match how:
            case "json":
                answer = await edge.http.post("/support/submit", json=form)
            case "page":
                answer = await edge.http.post("/support/submit", data=form, headers=HTML)
            case "wrong":
                answer = await edge.http.post("/support/submit", json={**form, "message": "short"})
            case "wrong page":
                wrong = {**form, "message": "short"}
                answer = await edge.http.post("/support/submit", data=wrong, headers=HTML)
            case "key":
                key = {"idempotency-key": f"key of {len(email)} {email[:1]}".replace(" ", "-")}
                await edge.http.post("/support/submit", json=form, headers=key)
                answer = await edge.http.post("/support/submit", json=form, headers=key)
            case _:
                answer = await edge.http.post("/support/submit", data=form)
        status, headers, body = visible(answer)
        seen.append((status, headers, body.replace(email.encode(), b"*")))
        done.append(work(edge))
    assert seen[0] == seen[1]
    assert done[0] == done[1]
    assert edge.others.asked == []
    assert edge.tickets.asked == []


async def test_a_form_with_a_known_address_commits_as_often(edge: Edge, pool: Pool) -> None:
    """A commit that writes waits for the disk, which can be told from one that does not."""
    commits: dict[bool, list[int]] = {True: [], False: []}
    for number in range(4):
        for known in (True, False):
            email = KNOWN if known else f"eve{number}@example.com"
            before = await _transaction(pool)
            await edge.http.post("/support/submit", json={**GOOD, "email": email})
            commits[known].append(await _transaction(pool) - before)
    # The least of each: the server's own upkeep commits now and then.
    assert min(commits[True]) == min(commits[False])


async def _transaction(pool: Pool) -> int:
    """Returns the number that the next writing transaction has."""
    number: int = await pool.fetchval("SELECT pg_current_xact_id()::text::bigint")
    return number


async def test_a_webhook_of_a_known_number_is_answered_like_any_other(edge: Edge) -> None:
    seen = []
    for number in ("+15550100", "+15550100", "+15550199"):
        form = webhook(MessageSid=f"SM{uuid4().hex}", From=f"whatsapp:{number}")
        path = "/webhooks/whatsapp"
        answer = await edge.http.post(path, content=urlencode(form), headers=signed(path, form))
        seen.append(visible(answer))
    assert seen[0][0] == 200
    assert seen[0] == seen[1] == seen[2]


async def test_a_ticket_that_exists_is_closed_like_one_that_does_not(edge: Edge) -> None:
    receipt = (await edge.http.post("/support/submit", json=GOOD)).json()
    work(edge)
    paths = (
        "/support/ticket/{}", "/support/ticket/{}?token=", "/support/ticket/{}?token=" + "A" * 27,
        "/support/ticket/{}?token=" + LINKS.token(uuid4()),
    )  # fmt: skip
    for path in paths:
        for headers in ({}, HTML, {"authorization": "Bearer " + "A" * 27}):
            seen = [
                visible(await edge.http.get(path.format(ticket), headers=headers))
                for ticket in (receipt["ticket_id"], str(uuid4()))
            ]
            assert seen[0] == seen[1]
            # The page itself is the same for everybody: what it shows is asked for with the token.
            assert seen[0][0] == (200 if headers == HTML else 404)
        reply = [
            visible(await edge.http.post(f"/support/ticket/{ticket}/reply", json={"message": "Hi"}))
            for ticket in (receipt["ticket_id"], str(uuid4()), "1")
        ]
        assert reply[0] == reply[1] == reply[2]
    assert work(edge) == []
    assert edge.tickets.asked == []


@pytest.mark.parametrize("key", ["", "wrong", "fte_" + "A" * 43])
async def test_a_lookup_without_a_key_says_nothing_of_an_address(edge: Edge, key: str) -> None:
    seen, done = [], []
    for email in (KNOWN, UNKNOWN):
        answer = await edge.http.get(
            "/customers/lookup", params={"email": email}, headers={KEY_HEADER: key}
        )
        seen.append(visible(answer))
        done.append(work(edge))
    assert seen[0] == seen[1]
    assert seen[0][0] == 401
    assert done[0] == done[1]
    assert edge.others.asked == []
