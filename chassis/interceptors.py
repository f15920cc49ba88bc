"""What every incoming gRPC call passes: credential, deadline, validation, error mapping, trace and log context."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import protovalidate
import structlog
from google.protobuf.message import Message
from grpc_status import rpc_status
from opentelemetry import propagate, trace

from chassis.database import AWAY
from chassis.errors import (
    FieldViolation,
    Rejected,
    ServiceError,
    TooSlow,
    Unauthenticated,
    Unavailable,
    to_status,
)
from chassis.exposition import GRPC_CALLS, GRPC_SECONDS
from chassis.tracing import current_trace_id

Handler = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]

# Probes and tools ask these without a credential, and so does daprd what an app listens to (1.18 leaves its
# token out there). They show nothing of a customer.
_OPEN = (
    "/grpc.health.v1.Health/",
    "/grpc.reflection.",
    "/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions",
    "/dapr.proto.runtime.v1.AppCallback/ListInputBindings",
)

log = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)


def violations_of(message: Message) -> list[FieldViolation]:
    """Checks a message against the rules in its proto and returns what is wrong, field by field."""
    return [
        FieldViolation(
            ".".join(_step(part) for part in violation.proto.field.elements)
            if violation.proto.field is not None
            else "",
            violation.proto.message,
        )
        for violation in protovalidate.collect_violations(message)
    ]


def _step(part: Any) -> str:
    place = part.subscript
    repeated = place is not None and place.field == "index"
    return f"{part.field_name}[{place.value}]" if repeated else str(part.field_name)


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Guards one listener; `header` and `secret` are the credential that its callers must bring."""

    def __init__(self, header: str, secret: str, default_deadline_seconds: float) -> None:
        self._header = header
        self._secret = secret
        self._deadline = default_deadline_seconds

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wraps unary handlers; streams (reflection, health watch) pass as they are."""
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None or handler.unary_unary is None or method.startswith(_OPEN):
            return handler
        metadata = {
            str(key): value if isinstance(value, str) else value.decode("latin-1")
            for key, value in handler_call_details.invocation_metadata or ()
        }
        inner: Handler = handler.unary_unary
        seconds = GRPC_SECONDS.labels(method)

        async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            with tracer.start_as_current_span(
                method.removeprefix("/"), context=propagate.extract(metadata)
            ):
                try:
                    with seconds.time():
                        self._authenticate(metadata)
                        answer = await self._answer(inner, request, context)
                except ServiceError as error:
                    GRPC_CALLS.labels(method, error.code.name).inc()
                    await context.abort_with_status(rpc_status.to_status(to_status(error)))
                    raise
                GRPC_CALLS.labels(method, "OK").inc()
                return answer

        return grpc.unary_unary_rpc_method_handler(
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _authenticate(self, metadata: dict[str, str]) -> None:
        given = metadata.get(self._header, "")
        if self._secret and not hmac.compare_digest(given.encode(), self._secret.encode()):
            raise Unauthenticated(
                f"Send the right value in the metadata entry {self._header}.",
                metadata={"credential": self._header},
            )

    async def _answer(
        self, inner: Handler, request: Any, context: grpc.aio.ServicerContext[Any, Any]
    ) -> Any:
        violations = violations_of(request)
        if violations:
            raise Rejected("The request has wrong fields.", violations=violations)
        try:
            # A caller's own deadline is kept by gRPC; one without a deadline gets ours.
            remaining = context.time_remaining()
            async with asyncio.timeout(None if remaining is not None else self._deadline) as limit:
                return await inner(request, context)
        except ServiceError:
            raise
        except TimeoutError as error:
            if not limit.expired():
                raise _database_away(error) from error
            raise TooSlow(f"This took longer than {self._deadline} s.") from error
        except AWAY as error:
            raise _database_away(error) from error
        except Exception as error:
            log.exception("call failed")
            raise ServiceError(
                "This is a fault of ours.", metadata={"trace_id": current_trace_id()}
            ) from error


def _database_away(error: BaseException) -> Unavailable:
    log.warning("dependency away", error=type(error).__name__)
    return Unavailable("The database does not answer.", metadata={"dependency": "database"})
