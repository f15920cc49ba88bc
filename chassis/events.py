"""Receiving events: Dapr's callbacks into the app, each topic with its message type and handler.

A handler records an outcome and the event is acknowledged. It comes again only while the database is away.
What cannot be decoded is kept by the hash of its body with a reason, and never blocks what follows.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
import structlog
from dapr.proto import appcallback_service_v1, appcallback_v1
from google.protobuf import empty_pb2
from google.protobuf.message import DecodeError, Message
from opentelemetry import propagate, trace

from chassis.database import AWAY, Pool
from chassis.errors import Unavailable
from chassis.exposition import EVENTS
from chassis.interceptors import violations_of

MessageT = TypeVar("MessageT", bound=Message)
SUCCESS = appcallback_v1.TopicEventResponse.SUCCESS
RETRY = appcallback_v1.TopicEventResponse.RETRY
_AWAY: tuple[type[BaseException], ...] = (*AWAY, Unavailable)

log = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class _Route:
    message: type[Message]
    handle: Callable[[Any], Awaitable[None]]


class EventReceiver(appcallback_service_v1.AppCallbackServicer):
    """Dapr's AppCallback for events; subscriptions are declared in the components folder, not here."""

    def __init__(self, pool: Pool, schema: str) -> None:
        self._pool = pool
        self._schema = schema
        self._routes: dict[str, _Route] = {}

    def on(
        self, topic: str, message: type[MessageT], handle: Callable[[MessageT], Awaitable[None]]
    ) -> None:
        """Hands the events of a topic to a handler, decoded and checked against the rules in its proto."""
        self._routes[topic] = _Route(message, handle)

    async def ListTopicSubscriptions(  # noqa: N802 - the name is Dapr's
        self, _: empty_pb2.Empty, __: grpc.aio.ServicerContext[Any, Any]
    ) -> appcallback_v1.ListTopicSubscriptionsResponse:
        """Names no topics: they are declared in YAML, so that a broker is swapped without code."""
        return appcallback_v1.ListTopicSubscriptionsResponse()

    async def ListInputBindings(  # noqa: N802 - the name is Dapr's
        self, _: empty_pb2.Empty, __: grpc.aio.ServicerContext[Any, Any]
    ) -> appcallback_v1.ListInputBindingsResponse:
        """Names no bindings."""
        return appcallback_v1.ListInputBindingsResponse()

    async def OnTopicEvent(  # noqa: N802 - the name is Dapr's
        self,
        request: appcallback_v1.TopicEventRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> appcallback_v1.TopicEventResponse:
        """Receives one event; answers RETRY only while the database is away."""
        carrier = {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}
        with tracer.start_as_current_span(
            f"process {request.topic}", context=propagate.extract(carrier)
        ):
            try:
                await self._receive(request.topic, request.data)
            except _AWAY as error:
                log.warning("event deferred", topic=request.topic, error=str(error))
                EVENTS.labels(self._known(request.topic), "deferred").inc()
                return appcallback_v1.TopicEventResponse(status=RETRY)
            except Exception:
                # The open ledger row brings the work back; a redelivery would only block the topic.
                log.exception("event failed", topic=request.topic)
                EVENTS.labels(self._known(request.topic), "failed").inc()
            else:
                EVENTS.labels(self._known(request.topic), "taken").inc()
            return appcallback_v1.TopicEventResponse(status=SUCCESS)

    def _known(self, topic: str) -> str:
        return topic if topic in self._routes else "unknown"

    async def _receive(self, topic: str, body: bytes) -> None:
        route = self._routes.get(topic)
        if route is None:
            await self._keep(topic, body, "unknown_topic")
            return
        message = route.message()
        try:
            message.ParseFromString(body)
        except DecodeError:
            await self._keep(topic, body, "not_protobuf")
            return
        if violations_of(message):
            await self._keep(topic, body, "invalid_fields")
            return
        await route.handle(message)

    async def _keep(self, topic: str, body: bytes, reason: str) -> None:
        log.error("event cannot be decoded", topic=topic, reason=reason, size=len(body))
        await self._pool.execute(
            f"INSERT INTO {self._schema}.undecodable_events (body_hash, topic, reason, body) "  # noqa: S608
            "VALUES ($1, $2, $3, $4) ON CONFLICT (body_hash) DO UPDATE "
            "SET seen_count = undecodable_events.seen_count + 1, update_time = now()",
            hashlib.sha256(topic.encode() + b"\0" + body).digest(),
            topic,
            reason,
            body,
        )
