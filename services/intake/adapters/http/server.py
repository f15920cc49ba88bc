"""The HTTP edge's application and its server, on the process's own loop."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from services.intake.adapters.http.access import KEY_HEADER, AddressLimit
from services.intake.adapters.http.connections import (
    HEADER_BYTES,
    LOOK_SECONDS,
    EdgeProtocol,
    Patience,
)
from services.intake.adapters.http.edge import REQUEST_ID, Edge
from services.intake.adapters.http.problems import HANDLERS
from services.intake.application.rate_limits import RateLimit

_STOP_SECONDS = 2
# Pages that a person may see answer a browser with a page; everything else with a problem document.
_PAGES = ("/support/",)


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one address may ask; `proxies` is how many of our own stand before us."""

    address: RateLimit
    proxies: int = 0


def application(
    routes: Sequence[Route],
    origins: Sequence[str],
    answers: Mapping[Any, Any] | None = None,
    *,
    limits: Limits | None = None,
) -> ASGIApp:
    """Wires the routes with their error answers, the origins that browsers may call from, and the address limit.

    `answers` are error answers that take the place of the problem documents on pages.
    """
    middleware = [
        Middleware(
            _Cors,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "idempotency-key", KEY_HEADER],
            expose_headers=[REQUEST_ID, "retry-after"],
            max_age=600,
        )
    ]
    if limits is not None:
        middleware.append(Middleware(AddressLimit, limit=limits.address, proxies=limits.proxies))
    return Edge(
        Starlette(
            routes=list(routes),
            middleware=middleware,
            exception_handlers={**HANDLERS, **_on_pages(answers or {})},
        )
    )


def _on_pages(answers: Mapping[Any, Any]) -> dict[Any, Any]:
    """Returns the handlers that give these answers on pages and those of all routes elsewhere."""

    def either(kind: Any) -> Any:
        async def handle(request: Request, exc: Exception) -> Response:
            path = request.url.path
            page = path == "/" or path.startswith(_PAGES)
            answer: Response = await (answers if page else HANDLERS)[kind](request, exc)
            return answer

        return handle

    return {kind: either(kind) for kind in answers}


class _Cors(CORSMiddleware):
    """Refuses a preflight with a problem document too."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answers a browser that asks what it may send."""
        answer = super().preflight_response(request_headers)
        if answer.status_code == HTTPStatus.OK:
            return answer
        body = {
            "type": "urn:fte:problem:cross-origin",
            "title": "This origin or request may not cross",
            "status": answer.status_code,
            "detail": bytes(answer.body).decode(),
        }
        # The refusal keeps its headers but those of the text that it had.
        own = {"content-length", "content-type"}
        headers = {name: value for name, value in answer.headers.items() if name not in own}
        return JSONResponse(
            body, answer.status_code, headers, media_type="application/problem+json"
        )


class HttpServer:
    """Serves the application until cancelled, and drops clients that are slower than `patience` allows."""

    def __init__(self, app: ASGIApp, host: str, port: int, patience: Patience) -> None:
        self._patience = patience
        self._server = _Server(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=EdgeProtocol,
                h11_max_incomplete_event_size=HEADER_BYTES,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=_STOP_SECONDS,
                backlog=1024,
            )
        )

    async def run(self) -> None:
        """Serves; on cancellation the requests in flight get a moment to end."""
        serving = asyncio.create_task(self._server.serve())
        looking = asyncio.create_task(self._drop_slow())
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self._server.should_exit = True
            await serving
            raise
        finally:
            looking.cancel()

    async def _drop_slow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._patience.drop_slow(self._server.server_state.connections, time.monotonic())


class _Server(uvicorn.Server):
    """Leaves the signals to the process, which stops its parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
