"""A webhook answered 2xx has its row committed; without a database it is a 503 and comes again."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import asyncpg
import httpx
import pytest

from chassis.database import Pool, open_pool
from services.intake.adapters.http.server import application
from services.intake.adapters.http.webhooks import TwilioWebhooks
from services.intake.adapters.inbox import PostgresInbox, ledgers
from tests.integration.postgres import Database
from tests.integration.test_intake_inbox import Topics
from tests.unit.intake.edge import SID, TOKEN, URL, signed, webhook


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url("fte_intake"), 4, application="test")
    yield pool
    await pool.close()


@pytest.fixture
async def http(pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    topics = Topics()
    twilio = TwilioWebhooks(
        PostgresInbox(pool, ledgers(pool, topics.publish, topics.publish)),
        public_url=URL,
        account_sid=SID,
        auth_token=TOKEN,
        our_number="+14155238886",
        body_seconds=5,
    )
    transport = httpx.ASGITransport(application(twilio.routes(), []))
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        yield client


async def post(http: httpx.AsyncClient, form: list[tuple[str, str]]) -> httpx.Response:
    path = "/webhooks/whatsapp"
    return await http.post(path, content=urlencode(form), headers=signed(path, form))


async def test_an_answer_means_a_committed_row(http: httpx.AsyncClient, database: Database) -> None:
    other = await asyncpg.connect(database.superuser)
    for number in range(20):
        sid = f"SM{number:032x}"
        form = webhook(MessageSid=sid, From=f"whatsapp:+1555010{number % 5}")
        assert (await post(http, form)).status_code == 200
        # Another connection sees only what is committed.
        state = await other.fetchval(
            "SELECT state FROM intake.inbox WHERE channel = 'whatsapp' AND account = $1 "
            "AND provider_id = $2",
            SID,
            sid,
        )
        assert state == "open"
        assert (await post(http, form)).status_code == 200
    assert await other.fetchval("SELECT count(*) FROM intake.inbox") == 20
    assert await other.fetchval("SELECT count(*) FROM intake.inbox_order") == 20
    await other.close()


async def test_a_refused_webhook_leaves_nothing(http: httpx.AsyncClient, pool: Pool) -> None:
    form = webhook()
    answer = await http.post(
        "/webhooks/whatsapp",
        content=urlencode([*form, ("Body", "forged")]),
        headers=signed("/webhooks/whatsapp", form),
    )
    assert answer.status_code == 403
    assert await pool.fetchval("SELECT count(*) FROM intake.inbox") == 0
    assert await pool.fetchval("SELECT count(*) FROM intake.handles") == 0


async def test_without_a_database_the_provider_must_come_again(
    http: httpx.AsyncClient, pool: Pool
) -> None:
    await pool.close()
    answer = await post(http, webhook())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
