"""Errors as google.rpc.Status: what a caller in any language can read from them."""

from datetime import timedelta

import grpc
import pytest
from google.rpc import code_pb2, error_details_pb2

from chassis.errors import (
    Conflict,
    FieldViolation,
    NotFound,
    Rejected,
    ServiceError,
    TooSlow,
    Unauthenticated,
    Unavailable,
    to_status,
)
from fte.conversation.v1 import conversation_pb2


@pytest.mark.parametrize(
    "kind", [Rejected, NotFound, Conflict, Unauthenticated, Unavailable, TooSlow, ServiceError]
)
def test_every_reason_is_in_the_contract(kind: type[ServiceError]) -> None:
    assert f"ERROR_REASON_{kind.reason}" in conversation_pb2.ErrorReason.keys()  # noqa: SIM118


def test_a_rejection_names_its_fields_twice() -> None:
    status = to_status(Rejected("Wrong.", violations=[FieldViolation("a.b", "Give a b.")]))
    assert status.code == code_pb2.INVALID_ARGUMENT
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(bad)
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "INVALID_FIELD",
        "fte",
        {"fields": "a.b"},
    )
    assert [(v.field, v.description) for v in bad.field_violations] == [("a.b", "Give a b.")]


def test_unavailable_says_when_to_come_again() -> None:
    status = to_status(Unavailable("Away.", retry_after=timedelta(seconds=2.5)))
    retry = error_details_pb2.RetryInfo()
    assert status.details[1].Unpack(retry)
    assert retry.retry_delay.ToTimedelta() == timedelta(seconds=2.5)


def test_too_slow_has_the_code_of_a_deadline() -> None:
    assert TooSlow("Late.").code is grpc.StatusCode.DEADLINE_EXCEEDED
