"""How many POSTs one send makes on a used connection: ours exactly one, and why no other client may do it.

The first table goes the product's way: official client, our transport, a real daprd with our component and
resiliency files. The second documents every HTTP client in the lock file that could be used by mistake.
"""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import httplib2
import httpx
import openai
import pytest
import requests
from dapr.proto import api_v1
from googleapiclient.discovery import build
from googleapiclient.http import HttpRequest
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient

from chassis.errors import ServiceError
from chassis.google_access import authorised
from chassis.sidecar import Sidecar
from services.delivery.adapters.gmail import Gmail
from services.delivery.adapters.transport import BindingTransport
from services.delivery.adapters.twilio import Twilio
from services.delivery.application.ports import Attempt, Prepared
from services.delivery.domain.intent import Channel
from services.delivery.domain.outcomes import NotSent, Sent, Unknown
from tests.contract.counting_server import Counting, assert_one_plain_post, counting_server
from tests.contract.daprd_running import Daprd, daprd
from tests.unit.delivery.letters import intent

ACCOUNT = "AC" + "0" * 32
DRAFT = "/gmail/v1/users/me/drafts"
SEND = f"{DRAFT}/send"
CREATE = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
TROUBLES = ["close", "503", "hang"]
HANG_SECONDS = 0.5


@pytest.fixture(scope="module")
def shared() -> Iterator[Counting]:
    with counting_server() as running:
        yield running


@pytest.fixture
def far(shared: Counting) -> Iterator[Counting]:
    shared.posts.clear()
    yield shared
    shared.calm()


@pytest.fixture(scope="module")
def sidecar_process(tmp_path_factory: pytest.TempPathFactory, shared: Counting) -> Iterator[Daprd]:
    environment = {"FTE_GMAIL_API_URL": shared.url, "FTE_TWILIO_API_URL": shared.url}
    with daprd("delivery", environment, tmp_path_factory.mktemp("daprd")) as running:
        yield running


@pytest.fixture
async def sidecar(sidecar_process: Daprd) -> AsyncIterator[Sidecar]:
    made = Sidecar(sidecar_process.grpc_port, "")
    yield made
    await made.close()


Step = Callable[[float], Any]


def _steps(sidecar: Sidecar, far: Counting) -> dict[str, Step]:
    access = authorised("refresh", "client", "secret", f"{far.url}/token")
    gmail = Gmail(BindingTransport(sidecar, "gmail"), {"support@example.com": access})
    twilio = Twilio(BindingTransport(sidecar, "twilio"), ACCOUNT, "t", "+14155238886", "http://x")
    mail = Attempt(intent(Channel.EMAIL), 1, 30, "draft")
    chat = Attempt(intent(Channel.WHATSAPP), 1, 30)
    return {
        DRAFT: lambda _: gmail.prepare(mail),
        SEND: lambda seconds: gmail.send(mail, seconds),
        CREATE: lambda seconds: twilio.send(chat, seconds),
    }


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("path", [DRAFT, SEND, CREATE], ids=["draft", "draft send", "create"])
async def test_each_sending_path_makes_one_post(
    sidecar: Sidecar, far: Counting, path: str, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.delivery.adapters.gmail.PREPARE_SECONDS", HANG_SECONDS)
    step = _steps(sidecar, far)[path]
    assert isinstance(await step(5.0), Prepared | Sent)
    far.prepare(path, trouble)
    outcome = await step(HANG_SECONDS if trouble == "hang" else 5.0)
    # A draft reaches nobody, so that whatever became of it nothing was sent.
    assert isinstance(outcome, NotSent if path == DRAFT else Unknown)
    far.calm()
    assert isinstance(await step(5.0), Prepared | Sent)
    far.posts.pop()
    assert_one_plain_post(far, path)


@pytest.mark.parametrize("header", ["Idempotency-Key", "X-Idempotency-Key"])
async def test_a_planted_idempotency_header_is_caught(
    sidecar: Sidecar, far: Counting, header: str
) -> None:
    assert isinstance(await _steps(sidecar, far)[CREATE](5.0), Sent)

    async def post(**more: str) -> None:
        # Past our guard, straight to daprd.
        request = api_v1.InvokeBindingRequest(
            name="twilio", operation="post", data=b"{}", metadata={"path": CREATE, **more}
        )
        await sidecar.dapr.InvokeBinding(request, timeout=5)

    far.prepare(CREATE, "close")
    with pytest.raises(ServiceError):
        await post(**{header: "planted"})
    with pytest.raises(AssertionError, match="2 POSTs"):
        assert_one_plain_post(far, CREATE)
    far.calm()
    far.posts.clear()
    await post(**{header: "planted"})
    with pytest.raises(AssertionError):
        assert_one_plain_post(far, CREATE)


@pytest.mark.parametrize("header", ["Idempotency-Key", "idempotency-key", "X-IDEMPOTENCY-Key"])
async def test_our_way_to_the_sidecar_refuses_the_header(
    sidecar: Sidecar, far: Counting, header: str
) -> None:
    with pytest.raises(ValueError, match="idempotency"):
        await BindingTransport(sidecar, "twilio").request("POST", CREATE, {header: "x"}, b"{}", 5)
    assert far.posts == []


@dataclass
class Client:
    """One call of a client, and how its connections end."""

    post: Callable[[], object]
    close: Callable[[], object]


def _google(retries: int) -> Callable[[str], Client]:
    def client(url: str) -> Client:
        http = httplib2.Http(timeout=HANG_SECONDS)
        api = build("gmail", "v1", http=http, static_discovery=True, cache_discovery=False)

        def post() -> object:
            sending: HttpRequest = api.users().drafts().send(userId="me", body={"id": "draft"})
            sending.uri = f"{url}/post"
            sending._sleep = lambda _: None
            return sending.execute(num_retries=retries)

        return Client(post, http.close)

    return client


def _twilio(url: str) -> Client:
    client = TwilioHttpClient(timeout=HANG_SECONDS)
    return Client(
        lambda: client.request("POST", f"{url}/post", data={"Body": "x"}),
        client.session.close,
    )


def _requests(url: str) -> Client:
    session = requests.Session()
    return Client(
        lambda: session.post(f"{url}/post", data="x", timeout=HANG_SECONDS), session.close
    )


def _httpx(url: str) -> Client:
    client = httpx.Client(timeout=HANG_SECONDS, trust_env=False)
    return Client(lambda: client.post(f"{url}/post", content="x"), client.close)


def _openai(retries: int) -> Callable[[str], Client]:
    def client(url: str) -> Client:
        made = openai.OpenAI(base_url=url, api_key="k", timeout=HANG_SECONDS, max_retries=retries)
        return Client(lambda: made.post("/post", cast_to=object, body={}), made.close)

    return client


# POSTs of one call on a used connection that is closed after the request, on 503, and on a hang.
CLIENTS = {
    "googleapiclient over httplib2": (_google(0), (2, 1, 1)),
    "googleapiclient, num_retries=3": (_google(3), (8, 4, 4)),
    "twilio over requests": (_twilio, (1, 1, 1)),
    "requests": (_requests, (1, 1, 1)),
    "httpx": (_httpx, (1, 1, 1)),
    "openai as it comes": (_openai(2), (3, 3, 3)),
    "openai, max_retries=0": (_openai(0), (1, 1, 1)),
}


# The old client leaves connections to the garbage collector when it repeats a request.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", CLIENTS)
def test_what_each_client_in_the_lock_file_would_post(far: Counting, name: str) -> None:
    make, expected = CLIENTS[name]
    counted = []
    for trouble in TROUBLES:
        client = make(far.url)
        client.post()
        far.prepare("/post", trouble)
        with suppress(Exception):
            client.post()
        client.close()
        counted.append(len(far.at("/post")))
        assert far.at("/post")[0].reused
        far.calm()
    gc.collect()
    assert tuple(counted) == expected


async def test_what_the_asynchronous_clients_would_post(far: Counting) -> None:
    async def count(post: Callable[[], Any]) -> list[int]:
        counted = []
        for trouble in TROUBLES:
            await post()
            far.prepare("/post", trouble)
            with suppress(Exception):
                await post()
            counted.append(len(far.at("/post")))
            far.calm()
        return counted

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(HANG_SECONDS)) as session:

        async def plain() -> None:
            async with session.post(f"{far.url}/post", data=json.dumps({})) as answer:
                await answer.read()

        assert await count(plain) == [1, 1, 1]
    client = AsyncTwilioHttpClient(timeout=HANG_SECONDS)
    try:

        async def official() -> None:
            await client.request("POST", f"{far.url}/post", data={"Body": "x"})

        assert await count(official) == [1, 1, 1]
    finally:
        await client.close()
        await asyncio.sleep(0)
