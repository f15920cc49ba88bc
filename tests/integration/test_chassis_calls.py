"""A call through a real listener: credential, rules of the proto, deadline, and errors there and back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from chassis.errors import (
    Conflict,
    FieldViolation,
    NotFound,
    Rejected,
    ServiceError,
    TooSlow,
    Unauthenticated,
    Unavailable,
    from_rpc_error,
)
from chassis.sidecar import Sidecar
from fte.conversation.v1 import conversation_pb2 as nouns
from fte.identity.v1 import identity_service_pb2 as pb
from fte.identity.v1 import identity_service_pb2_grpc as rpc
from tests.serving import HEADER, served

ADA = nouns.Handle(type=nouns.HANDLE_TYPE_EMAIL, value="ada@example.com")


class LookupOnly(rpc.IdentityServiceServicer):
    """Leaves out what no test here calls."""

    async def Resolve(  # noqa: N802
        self, _: pb.ResolveRequest, __: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ResolveResponse:
        raise AssertionError("no test calls this")

    async def GetBinding(  # noqa: N802
        self, _: pb.GetBindingRequest, __: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetBindingResponse:
        raise AssertionError("no test calls this")

    async def Link(  # noqa: N802
        self, _: pb.LinkRequest, __: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.LinkResponse:
        raise AssertionError("no test calls this")


class Answering(LookupOnly):
    """Answers Lookup with whatever the test says."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self.calls = 0

    async def Lookup(  # noqa: N802
        self, _: pb.LookupRequest, __: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.LookupResponse:
        self.calls += 1
        await self._work()
        return pb.LookupResponse()


async def fine() -> None:
    pass


@asynccontextmanager
async def identity(
    servicer: Answering, *, secret: str = "", deadline_seconds: float = 10
) -> "AsyncIterator[rpc.IdentityServiceAsyncStub]":
    register = partial(rpc.add_IdentityServiceServicer_to_server, servicer)
    async with served(register, secret=secret, deadline_seconds=deadline_seconds) as channel:
        yield rpc.IdentityServiceStub(channel)


async def failure(work: Callable[[], Awaitable[None]]) -> ServiceError:
    """Returns the error that a caller rebuilds from what `work` raised at the far end."""
    async with identity(Answering(work)) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Lookup(pb.LookupRequest(handle=ADA))
    return from_rpc_error(caught.value)


def raising(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    "error",
    [
        Rejected("Wrong.", violations=[FieldViolation("a.b[2]", "Give another.")]),
        Rejected("No.", reason="REFUSED", metadata={"rule": "quiet_hours"}),
        NotFound("None.", metadata={"resource": "ticket"}),
        Conflict("Twice.", reason="IDEMPOTENCY_MISMATCH", metadata={"request_id": "r"}),
        Unauthenticated("Who?", metadata={"credential": "x-api-key"}),
        Unavailable("Away.", retry_after=timedelta(seconds=3)),
    ],
    ids=lambda error: f"{type(error).__name__}-{error.reason}",
)
async def test_an_error_arrives_as_it_was_raised(error: ServiceError) -> None:
    arrived = await failure(raising(error))
    assert type(arrived) is type(error)
    assert arrived.message == error.message
    if not isinstance(error, Unavailable):
        assert (arrived.reason, arrived.metadata) == (error.reason, error.metadata)
    if isinstance(error, Rejected):
        assert isinstance(arrived, Rejected)
        assert arrived.violations == error.violations


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("connection was closed"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        ConnectionRefusedError("connection refused"),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_is_away_is_unavailable(error: BaseException) -> None:
    arrived = await failure(raising(error))
    assert isinstance(arrived, Unavailable)
    assert arrived.message == "The database does not answer."


async def test_a_fault_of_ours_shows_nothing_of_itself() -> None:
    async with identity(Answering(raising(KeyError("ada@example.com")))) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Lookup(pb.LookupRequest(handle=ADA))
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert caught.value.details() == "This is a fault of ours."


async def test_a_request_against_the_rules_never_reaches_the_handler() -> None:
    servicer = Answering(fine)
    async with identity(servicer) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Lookup(pb.LookupRequest())
        rejected = from_rpc_error(caught.value)
        assert isinstance(rejected, Rejected)
        assert [v.field for v in rejected.violations] == ["handle"]

        claimed = pb.ResolveHandle(handle=ADA, assurance=nouns.ASSURANCE_CLAIMED)
        nobody = pb.ResolveHandle(handle=nouns.Handle(type=nouns.HANDLE_TYPE_EMAIL))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Resolve(pb.ResolveRequest(handles=[claimed, nobody]))
        rejected = from_rpc_error(caught.value)
        assert isinstance(rejected, Rejected)
        fields = sorted(v.field for v in rejected.violations)
        assert fields == ["handles[1].assurance", "handles[1].handle.value"]
    assert servicer.calls == 0


@pytest.mark.parametrize(
    "metadata", [(), ((HEADER, ""),), ((HEADER, "wrong"),), (("dapr-api-token", "right"),)]
)
async def test_a_call_without_the_credential_is_refused(
    metadata: tuple[tuple[str, str], ...],
) -> None:
    servicer = Answering(fine)
    async with identity(servicer, secret="right") as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Lookup(pb.LookupRequest(handle=ADA), metadata=metadata)
        assert isinstance(from_rpc_error(caught.value), Unauthenticated)
        assert servicer.calls == 0
        await stub.Lookup(pb.LookupRequest(handle=ADA), metadata=((HEADER, "right"),))
    assert servicer.calls == 1


async def test_health_needs_no_credential() -> None:
    register = partial(health_pb2_grpc.add_HealthServicer_to_server, health.aio.HealthServicer())
    async with served(register, secret="right") as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_call_without_a_deadline_gets_the_servers() -> None:
    ended = asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with identity(Answering(hang), deadline_seconds=0.2) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Lookup(pb.LookupRequest(handle=ADA))
        assert caught.value.code() is TooSlow.code
        assert isinstance(from_rpc_error(caught.value), Unavailable)
        async with asyncio.timeout(5):
            await ended.wait()


async def test_a_callers_own_deadline_is_kept() -> None:
    async def outlast() -> None:
        await asyncio.sleep(0.5)

    async with identity(Answering(outlast), deadline_seconds=0.1) as stub:
        await stub.Lookup(pb.LookupRequest(handle=ADA), timeout=10)


async def test_nobody_at_the_far_end_is_unavailable_not_an_answer() -> None:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await rpc.IdentityServiceStub(channel).Lookup(pb.LookupRequest(handle=ADA), timeout=5)
    assert isinstance(from_rpc_error(caught.value), Unavailable)


async def test_a_not_found_of_the_sidecar_is_not_the_far_ends() -> None:
    # No ErrorInfo: it says that the service is missing, and nothing of a customer.
    class Bare(LookupOnly):
        async def Lookup(  # noqa: N802
            self, _: pb.LookupRequest, context: grpc.aio.ServicerContext[Any, Any]
        ) -> pb.LookupResponse:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such app")
            raise AssertionError

    server = grpc.aio.server()
    rpc.add_IdentityServiceServicer_to_server(Bare(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sidecar = Sidecar(port, "token")
    try:
        stub = rpc.IdentityServiceStub(sidecar.service("identity"))
        with pytest.raises(Unavailable):
            await stub.Lookup(pb.LookupRequest(handle=ADA))
    finally:
        await sidecar.close()
        await server.stop(None)


async def test_a_call_through_the_sidecar_carries_token_target_and_deadline() -> None:
    seen: dict[str, Any] = {}

    class Noting(LookupOnly):
        async def Lookup(  # noqa: N802
            self, _: pb.LookupRequest, context: grpc.aio.ServicerContext[Any, Any]
        ) -> pb.LookupResponse:
            seen.update(context.invocation_metadata() or ())
            seen["remaining"] = context.time_remaining()
            return pb.LookupResponse()

    server = grpc.aio.server()
    rpc.add_IdentityServiceServicer_to_server(Noting(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sidecar = Sidecar(port, "the-token")
    try:
        answer = await rpc.IdentityServiceStub(sidecar.service("identity")).Lookup(
            pb.LookupRequest(handle=ADA)
        )
    finally:
        await sidecar.close()
        await server.stop(None)
    assert answer == pb.LookupResponse()
    assert seen["dapr-api-token"] == "the-token"
    assert seen["dapr-app-id"] == "identity"
    assert 0 < seen["remaining"] < 6
