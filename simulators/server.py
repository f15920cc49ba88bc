"""Owns the process shell of a simulator: one uvicorn server whose connections can be cut."""

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_TRANSPORT = "transport"


class CuttableProtocol(H11Protocol):
    """Speaks HTTP and shows each request the transport that it came by."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hands the transport to every request of this connection."""
        self.app_state = {**self.app_state, _TRANSPORT: transport}
        super().connection_made(transport)


async def cut(scope: Scope, receive: Receive) -> None:
    """Closes the connection of a fully read request without a byte of answer."""
    state: MutableMapping[str, Any] = scope["state"]
    transport: asyncio.Transport = state[_TRANSPORT]
    transport.abort()
    # uvicorn answers 500 for an app that returns in silence, unless it has seen the connection go.
    while (await receive())["type"] != "http.disconnect":
        pass


def serve(app: ASGIApp, port: int, name: str) -> None:
    """Serves an application on 127.0.0.1 until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger(name).info("listening on http://127.0.0.1:%d", port)
    uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            http=CuttableProtocol,
            ws="none",
            log_level="warning",
            access_log=False,
            # An idle connection that the server closes first looks like a lost answer to a client.
            timeout_keep_alive=600,
            timeout_graceful_shutdown=1,
            backlog=1024,
        )
    ).run()
