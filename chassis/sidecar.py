"""The way out of a process: every call of a service to its Dapr sidecar goes through here.

A call without a deadline could hang for minutes when the far app does not listen, so each has one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import structlog
from dapr.proto import api_service_v1, api_v1
from opentelemetry import propagate

from chassis.errors import from_rpc_error

DEADLINE_SECONDS = 5.0
# After two minutes without its broker, Dapr's JetStream component never reconnects; then only a restart helps.
PUBLISH_FAILING_SECONDS = 60.0
# Go's transport takes a request with one of these headers for repeatable and may send it twice.
_REPEATABLE = frozenset({"idempotency-key", "x-idempotency-key"})
_GONE_FOR_GOOD = "connection closed"

log = structlog.get_logger(__name__)


class _CallInterceptor(grpc.aio.UnaryUnaryClientInterceptor):
    """Adds target, token, trace and deadline, and turns gRPC errors into the chassis's own."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        self._metadata = tuple(metadata.items())

    async def intercept_unary_unary(  # type: ignore[override]  # answers may stand for calls
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, object], Awaitable[Awaitable[object]]],
        client_call_details: grpc.aio.ClientCallDetails,
        request: object,
    ) -> object:
        trace: dict[str, str] = {}
        propagate.inject(trace)
        details = grpc.aio.ClientCallDetails(
            method=client_call_details.method,
            timeout=client_call_details.timeout or DEADLINE_SECONDS,
            metadata=grpc.aio.Metadata(
                *(client_call_details.metadata or ()), *self._metadata, *trace.items()
            ),
            credentials=client_call_details.credentials,
            wait_for_ready=client_call_details.wait_for_ready,
        )
        try:
            return await (await continuation(details, request))
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error


@dataclass(frozen=True)
class BindingAnswer:
    """What a provider answered through an HTTP output binding."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class EventPublisher(Protocol):
    """Who takes events for the broker."""

    async def publish(self, topic: str, data: bytes, *, partition_key: str = "") -> None:
        """Publishes one event; raises `Unavailable` when it is not taken."""


class ActorInvoker(Protocol):
    """Who finds the host of an actor and asks it."""

    @property
    def dapr(self) -> Any:
        """Dapr's API, of which `InvokeActor` is used."""


class Sidecar:
    """One process's Dapr sidecar: publish, invoke other services, call bindings and actors."""

    def __init__(self, port: int, token: str) -> None:
        self._address = f"127.0.0.1:{port}"
        self._token = {"dapr-api-token": token} if token else {}
        self._channels: list[grpc.aio.Channel] = []
        self.dapr = api_service_v1.DaprStub(self._open({}))  # type: ignore[no-untyped-call]
        self._publish_failing_since: float | None = None
        self._publish_gone = False
        self._last_publish_ok = 0.0

    def service(self, app_id: str) -> grpc.aio.Channel:
        """Returns a channel whose calls reach another service, by Dapr's service invocation."""
        return self._open({"dapr-app-id": app_id})

    async def publish(self, topic: str, data: bytes, *, partition_key: str = "") -> None:
        """Publishes one event to the component `pubsub`; raises `Unavailable` when it is not taken.

        Dapr gives each publish an event id of its own; JetStream would swallow a repeated one.
        """
        request = api_v1.PublishEventRequest(
            pubsub_name="pubsub",
            topic=topic,
            data=data,
            data_content_type="application/octet-stream",
            metadata={"partitionKey": partition_key} if partition_key else {},
        )
        try:
            await self.dapr.PublishEvent(request)
        except Exception as error:
            self._publish_gone = _GONE_FOR_GOOD in str(error)
            self._publish_failing_since = self._publish_failing_since or time.monotonic()
            raise
        self._publish_failing_since, self._publish_gone = None, False
        self._last_publish_ok = time.monotonic()

    def publishing_is_dead(self) -> bool:
        """Tells whether only a restart of the sidecar can bring publishing back."""
        since = self._publish_failing_since
        return self._publish_gone or (
            since is not None and time.monotonic() - since > PUBLISH_FAILING_SECONDS
        )

    async def check_broker(self, max_age_seconds: float = 2.0) -> bool:
        """Tells whether the broker takes events, by the last publish or else by a probe of its own."""
        if time.monotonic() - self._last_publish_ok < max_age_seconds:
            return True
        try:
            async with asyncio.timeout(3):
                await self.publish("fte.probe", b"")
        except Exception as error:  # noqa: BLE001 - a health check answers no, whatever the reason
            log.warning("broker probe failed", error=str(error))
            return False
        return True

    async def invoke_binding(
        self,
        name: str,
        operation: str,
        data: bytes = b"",
        metadata: Mapping[str, str] | None = None,
        *,
        seconds: float,
    ) -> tuple[bytes, Mapping[str, str]]:
        """Calls an output binding once and returns its data and metadata; raises `Unavailable`."""
        if any(key.lower() in _REPEATABLE for key in metadata or ()):
            raise ValueError("an idempotency header must not reach a binding")
        request = api_v1.InvokeBindingRequest(
            name=name, operation=operation, data=data, metadata=dict(metadata or {})
        )
        answer = await self.dapr.InvokeBinding(request, timeout=seconds)
        return bytes(answer.data), dict(answer.metadata)

    async def http_binding(
        self,
        name: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        seconds: float,
    ) -> BindingAnswer:
        """Sends one HTTP request through an HTTP binding and returns the provider's answer, errors included.

        `Unavailable` means that no answer came: whether the request took effect is then unknown.
        """
        sent = {key.title(): value for key, value in (headers or {}).items()}
        data, metadata = await self.invoke_binding(
            name, method.lower(), body, {**sent, "path": path}, seconds=seconds
        )
        answered = {key.lower(): value for key, value in metadata.items()}
        return BindingAnswer(int(answered.get("statuscode", "0")), answered, data)

    async def is_healthy(self) -> bool:
        """Tells whether the sidecar answers."""
        try:
            await self.dapr.GetMetadata(api_v1.GetMetadataRequest(), timeout=2)
        except Exception as error:  # noqa: BLE001 - a health check answers no, whatever the reason
            log.warning("sidecar check failed", error=str(error))
            return False
        return True

    async def close(self) -> None:
        """Closes all channels."""
        for channel in self._channels:
            await channel.close()

    def _open(self, metadata: Mapping[str, str]) -> grpc.aio.Channel:
        interceptors: Sequence[grpc.aio.ClientInterceptor] = [
            _CallInterceptor({**self._token, **metadata})
        ]
        channel = grpc.aio.insecure_channel(
            self._address,
            interceptors=interceptors,
            # A restarted sidecar must be found again at once, not after gRPC's back-off of up to two minutes.
            options=[
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
            ],
        )
        self._channels.append(channel)
        return channel
