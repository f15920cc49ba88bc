"""Figures for operators in Prometheus's text format, on a port of their own: `GET /metrics`.

Names begin with `fte_`; labels are routes, methods, topics, channels and outcomes: closed lists, never an id or an
address. What a service counts stands where it happens; here is what every service has.
"""

import asyncio
from collections.abc import Awaitable, Callable

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics, start_http_server

# A second series for each, of when it began, that nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

GRPC_CALLS = Counter(
    "fte_grpc_calls", "calls that were answered, by gRPC status", ["method", "code"]
)
GRPC_SECONDS = Histogram(
    "fte_grpc_seconds",
    "time to answer a call",
    ["method"],
    buckets=(0.005, 0.02, 0.1, 0.5, 2, 10),
)
EVENTS = Counter(
    "fte_events", "events that were received, by what came of them", ["topic", "result"]
)
SERVING = Gauge("fte_serving", "1 while the service passes its checks", ["health"])


def expose(address: str, port: int) -> Callable[[], Awaitable[None]]:
    """Starts the port; returns what closes it."""
    server, _ = start_http_server(port, address)

    async def close() -> None:
        await asyncio.to_thread(server.shutdown)
        server.server_close()

    return close
