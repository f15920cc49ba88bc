"""A real gRPC server inside the test's process, guarded as a service's listener is."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc

from chassis.interceptors import CallInterceptor

HEADER = "x-api-key"


@asynccontextmanager
async def served(
    register: Callable[[grpc.aio.Server], None], *, secret: str = "", deadline_seconds: float = 10
) -> AsyncIterator[grpc.aio.Channel]:
    """Serves what `register` adds, and gives a channel to it."""
    server = grpc.aio.server(interceptors=[CallInterceptor(HEADER, secret, deadline_seconds)])
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)
