"""The HTTP edge's application and its server, on the process's own loop."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from services.intake.adapters.http.edge import REQUEST_ID, Edge
from services.intake.adapters.http.problems import HANDLERS

_STOP_SECONDS = 2


def application(
    routes: Sequence[Route], origins: Sequence[str], answers: Mapping[Any, Any] | None = None
) -> ASGIApp:
    """Wires the routes with their error answers and the origins that browsers may call from.

    `answers` are error answers that take the place of the problem documents.
    """
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "idempotency-key"],
        expose_headers=[REQUEST_ID, "retry-after"],
        max_age=600,
    )
    return Edge(
        Starlette(
            routes=list(routes),
            middleware=[cors],
            exception_handlers={**HANDLERS, **(answers or {})},
        )
    )


class HttpServer:
    """Serves the application until cancelled."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._server = _Server(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http="h11",
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
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self._server.should_exit = True
            await serving
            raise


class _Server(uvicorn.Server):
    """Leaves the signals to the process, which stops its parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
