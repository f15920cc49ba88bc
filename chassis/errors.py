"""The few errors that cross a process boundary, and their gRPC form in both directions.

    ServiceError
    ├── Rejected          INVALID_ARGUMENT (with fields) or FAILED_PRECONDITION
    ├── NotFound          NOT_FOUND
    ├── Conflict          ABORTED
    ├── Unauthenticated   UNAUTHENTICATED
    └── Unavailable       UNAVAILABLE (with retry_after)
        └── TooSlow       DEADLINE_EXCEEDED

On the wire each is a google.rpc.Status with ErrorInfo (AIP-193); the reasons are those of
fte.conversation.v1.ErrorReason without their prefix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "fte"


@dataclass(frozen=True)
class FieldViolation:
    """One wrong field: its path in the request, and what to do about it."""

    field: str
    description: str


class ServiceError(Exception):
    """Something that a caller in another process is to be told."""

    code = grpc.StatusCode.INTERNAL
    reason = "INTERNAL"

    def __init__(
        self, message: str, *, reason: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or type(self).reason
        self.metadata = dict(metadata or {})


class Rejected(ServiceError):
    """The request itself is wrong; repeating it changes nothing."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_FIELD"

    def __init__(
        self,
        message: str,
        *,
        violations: Sequence[FieldViolation] = (),
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        fields = {"fields": ",".join(v.field for v in violations)} if violations else {}
        super().__init__(message, reason=reason, metadata={**fields, **(metadata or {})})
        self.violations = tuple(violations)


class NotFound(ServiceError):
    """No such thing exists, or the caller may not know of it."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "NOT_FOUND"


class Conflict(ServiceError):
    """Another writer came first."""

    code = grpc.StatusCode.ABORTED
    reason = "CONFLICT"


class Unauthenticated(ServiceError):
    """A credential is missing or wrong."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class Unavailable(ServiceError):
    """A dependency is away; the same request may succeed after `retry_after`."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "DEPENDENCY_UNAVAILABLE"

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta = timedelta(seconds=1),
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.retry_after = retry_after


class TooSlow(Unavailable):
    """The work did not end within the server's own deadline; whether it took effect is unknown."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


_BY_CODE: dict[grpc.StatusCode, type[ServiceError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: Rejected,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
}


def to_status(error: ServiceError) -> status_pb2.Status:
    """Builds the google.rpc.Status of an error, with every detail a caller can act on."""
    details: list[any_pb2.Any] = [
        _packed(
            error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
        )
    ]
    if isinstance(error, Rejected) and error.violations:
        details.append(
            _packed(
                error_details_pb2.BadRequest(
                    field_violations=[
                        error_details_pb2.BadRequest.FieldViolation(
                            field=v.field, description=v.description
                        )
                        for v in error.violations
                    ]
                )
            )
        )
    if isinstance(error, Unavailable):
        delay = duration_pb2.Duration()
        delay.FromTimedelta(error.retry_after)
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    code: int = code_pb2.Code.Value(error.code.name)
    return status_pb2.Status(code=code, message=error.message, details=details)


def from_rpc_error(error: grpc.aio.AioRpcError) -> ServiceError:
    """Rebuilds the error that the far end raised; anything else becomes `Unavailable`.

    A failure between the processes (no sidecar, no far end, deadline) has no ErrorInfo. It says nothing
    about the request, so the caller may try again.
    """
    status = rpc_status.from_call(error)
    reason, metadata, violations = "", {}, []
    for detail in status.details if status is not None else ():
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            violations = [FieldViolation(v.field, v.description) for v in bad.field_violations]
    message = error.details() or error.code().name
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
        return Rejected(message, violations=violations, reason=reason or None, metadata=metadata)
    kind = _BY_CODE.get(error.code())
    # Without ErrorInfo a NOT_FOUND or ABORTED is the sidecar's, not the far end's.
    if kind is None or not reason:
        return Unavailable(message, metadata={"grpc_code": error.code().name})
    return kind(message, reason=reason, metadata=metadata)


def _packed(detail: error_details_pb2.ErrorInfo | object) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)  # type: ignore[arg-type]
    return packed
