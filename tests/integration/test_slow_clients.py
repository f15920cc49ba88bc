"""Slow and broken clients on a real socket: each is dropped, and none keeps another from an answer."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.intake.adapters.http.bodies import FORM_BYTES, read_body
from services.intake.adapters.http.connections import HEADER_BYTES, EdgeProtocol, Patience
from services.intake.adapters.http.server import HttpServer, application

# As short as a look every second allows; the product's are 10, 12 and 15 s.
PATIENCE = Patience(header_seconds=1.5, body_seconds=3.0, reader_seconds=1.5)
BODY_SECONDS = 1.0
# Whoever is not dropped by then never is.
SECONDS = 15.0
# More than the kernel takes for a reader that reads nothing.
LARGE = 32 * 1024 * 1024


async def large(_: Request) -> Response:
    return PlainTextResponse(b"x" * LARGE)


async def taking(request: Request) -> Response:
    return PlainTextResponse(str(len(await read_body(request, FORM_BYTES, BODY_SECONDS))))


async def small(_: Request) -> Response:
    return PlainTextResponse("ok")


@dataclass
class Client:
    """One raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def trickle(self, data: bytes, pause: float = 0.2) -> bytes:
        """Sends a byte at a time until the server ends the connection; returns what it said."""
        # Read meanwhile: what is still sent to a closed connection would take its last words back.
        reading = asyncio.create_task(self.rest())
        with contextlib.suppress(ConnectionError):
            for at in range(len(data)):
                self.writer.write(data[at : at + 1])
                await self.writer.drain()
                await asyncio.wait({reading}, timeout=pause)
                if reading.done():
                    break
        return await reading

    async def rest(self) -> bytes:
        """Reads until the server ends the connection."""
        said = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(SECONDS):
                while chunk := await self.reader.read(65536):
                    said += chunk
        return said

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass
class Server:
    port: int

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        made = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        try:
            yield made
        finally:
            await made.close()

    async def answers(self) -> None:
        """Asks as anybody else would."""
        async with self.client() as client:
            client.writer.write(b"GET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await client.rest()).endswith(b"ok")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    routes = [
        Route("/large", large),
        Route("/small", small, methods=["GET", "POST"]),
        Route("/taking", taking, methods=["POST"]),
    ]
    running = asyncio.create_task(
        HttpServer(application(routes, []), "127.0.0.1", port, PATIENCE).run()
    )
    made = Server(port)
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await made.answers()
                break
            except ConnectionError:
                await asyncio.sleep(0.05)
    yield made
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def dropped(what: str) -> float:
    return REGISTRY.get_sample_value("fte_http_dropped_total", {"why": what}) or 0.0


def problem(said: bytes, status: int, kind: str) -> None:
    head, _, body = said.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0].startswith(f"http/1.1 {status} "), said
    assert "content-type: application/problem+json" in lines
    document = json.loads(body)
    assert (document["status"], document["type"]) == (status, f"urn:fte:problem:{kind}")
    assert f"x-request-id: {document['instance']}" in lines


async def test_slow_header_is_dropped(server: Server) -> None:
    before = dropped("header")
    async with server.client() as client:
        said = await client.trickle(b"GET /small HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"y" * 200)
    problem(said, 408, "too-slow")
    assert dropped("header") == before + 1


async def test_slow_header_of_a_second_request_is_dropped(server: Server) -> None:
    async with server.client() as client:
        client.writer.write(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await client.reader.readuntil(b"ok")
        said = await client.trickle(b"GET /small HTTP/1.1\r\nX-Slow: " + b"y" * 200)
    problem(said, 408, "too-slow")


async def test_connection_that_says_nothing_is_closed_without_a_word(server: Server) -> None:
    before = dropped("header")
    async with server.client() as client:
        assert await client.rest() == b""
    assert dropped("header") == before + 1


async def test_idle_connection_between_two_requests_is_kept(server: Server) -> None:
    async with server.client() as client:
        for _ in range(2):
            client.writer.write(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await client.reader.readuntil(b"ok")
            await asyncio.sleep(PATIENCE.header_seconds + 1.5)


async def test_slow_body_is_dropped_by_who_reads_it(server: Server) -> None:
    head = b"POST /taking HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    async with server.client() as client:
        client.writer.write(head)
        problem(await client.trickle(b"y" * 200), 408, "too-slow")


@pytest.mark.parametrize("path", [b"/small", b"/nothing"])
async def test_slow_body_that_nobody_reads_is_dropped(server: Server, path: bytes) -> None:
    before = dropped("body")
    async with server.client() as client:
        client.writer.write(
            b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        )
        await client.trickle(b"y" * 200)
    assert dropped("body") == before + 1


@pytest.mark.parametrize("closes", [b"", b"Connection: close\r\n"])
async def test_slow_reader_is_dropped(server: Server, closes: bytes) -> None:
    before = dropped("reader")
    async with server.client() as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n" + closes + b"\r\n")
        until = time.monotonic() + SECONDS
        while dropped("reader") == before:
            assert time.monotonic() < until, "never dropped"
            await asyncio.sleep(0.1)
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await client.rest()) < LARGE


async def test_reader_that_keeps_reading_gets_all_of_it(server: Server) -> None:
    async with server.client() as client:
        client.writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said, pieces = 0, 64
        for _ in range(pieces):
            said += len(await client.reader.readexactly(LARGE // pieces))
            await asyncio.sleep(0.1)  # In all longer than a reader may take for one piece.
        assert said + len(await client.rest()) > LARGE


async def test_slow_clients_keep_nobody_from_an_answer(server: Server) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(200):
            client = await stack.enter_async_context(server.client())
            client.writer.write(b"GET /small HTTP/1.1\r\nX-Slow: ")
        for _ in range(20):
            await server.answers()


async def test_connections_beyond_the_limit_are_refused_and_others_go_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EdgeProtocol, "most", 3)
    async with contextlib.AsyncExitStack() as stack:
        kept = [await stack.enter_async_context(server.client()) for _ in range(3)]
        for client in kept:
            client.writer.write(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
            await client.reader.readuntil(b"ok")
        async with server.client() as refused:
            said = await refused.rest()
        problem(said, 503, "unavailable")
        assert b"\r\nretry-after: " in said.lower()
        kept[0].writer.write(b"GET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await kept[0].rest()).endswith(b"ok")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * HEADER_BYTES, 431),
        (b"GET /" + b"y" * HEADER_BYTES, 431),
        (b"POST /taking HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (
            b"POST /taking HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
        ),
        (b"POST /taking HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
async def test_what_is_no_http_is_a_problem_document(
    server: Server, sent: bytes, status: int
) -> None:
    async with server.client() as client:
        client.writer.write(sent)
        problem(await client.rest(), status, "malformed")


async def test_oversized_body_is_refused_before_it_is_read(server: Server) -> None:
    for head, body in (
        (b"Content-Length: 999999999\r\n\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"50000\r\n" + b"x" * 0x50000),
    ):
        async with server.client() as client:
            client.writer.write(b"POST /taking HTTP/1.1\r\nHost: x\r\n" + head + body)
            said = await client.rest()
            assert said.startswith(b"HTTP/1.1 413 "), said
