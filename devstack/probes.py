"""Owns asking a part whether it works: HTTP, TCP and the gRPC health service, each in bounded time."""

import asyncio
from collections.abc import Mapping
from enum import Enum
from typing import Final

import grpc
from grpc_health.v1 import health_pb2

from devstack.ports import LOOPBACK

SECONDS: Final = 2.0


class Health(Enum):
    """What a gRPC health service said; ABSENT if there was no answer."""

    SERVING = "serving"
    NOT_SERVING = "not serving"
    UNKNOWN_NAME = "unknown name"
    ABSENT = "absent"


async def http_get(
    port: int, path: str, headers: Mapping[str, str] | None = None, seconds: float = SECONDS
) -> tuple[int, bytes]:
    """Returns status and body of one GET on this host.

    Raises:
        OSError: if there is no whole answer in time (TimeoutError included).
    """
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            lines = [f"GET {path} HTTP/1.0", f"Host: {LOOPBACK}:{port}"]
            lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    words = head.split(None, 2)
    if len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004
        raise ConnectionError(f"no HTTP answer from port {port}")
    return int(words[1]), body


async def http_ok(port: int, path: str, headers: Mapping[str, str] | None = None) -> bool:
    """Tells whether a GET is answered with 2xx."""
    try:
        status, _ = await http_get(port, path, headers)
    except OSError:
        return False
    return 200 <= status < 300  # noqa: PLR2004


async def tcp_open(port: int) -> bool:
    """Tells whether something accepts connections on a port of this host."""
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


async def grpc_health(channel: grpc.aio.Channel, name: str, token: str) -> Health:
    """Asks the gRPC health service behind a channel about one name."""
    ask = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        answer = await ask(
            health_pb2.HealthCheckRequest(service=name),
            timeout=SECONDS,
            metadata=(("dapr-api-token", token),),
        )
    except grpc.aio.AioRpcError as error:
        unknown = error.code() is grpc.StatusCode.NOT_FOUND
        return Health.UNKNOWN_NAME if unknown else Health.ABSENT
    serving = answer.status == health_pb2.HealthCheckResponse.SERVING
    return Health.SERVING if serving else Health.NOT_SERVING


def health_channel(port: int) -> grpc.aio.Channel:
    """Opens a channel to a service on this host that gets over restarts quickly."""
    return grpc.aio.insecure_channel(
        f"{LOOPBACK}:{port}",
        options=[
            ("grpc.enable_http_proxy", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
        ],
    )
