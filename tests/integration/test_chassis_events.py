"""Events on a real Postgres: handled once decoded, kept when not, and put off only while the database is away."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import grpc
import pytest
from dapr.proto import appcallback_service_v1, appcallback_v1
from google.protobuf import empty_pb2

from chassis.database import Pool, open_pool
from chassis.errors import Rejected, Unavailable
from chassis.events import EventReceiver
from fte.conversation.v1 import receipts_pb2
from tests.integration.postgres import Database
from tests.serving import HEADER, served

TOPIC = "fte.metrics.settled"
STATUS = appcallback_v1.TopicEventResponse


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(database.url("fte_identity"), 2, application="test")
    yield opened
    await opened.close()


class Handling:
    """Keeps what it is given, or raises what it is told to."""

    def __init__(self) -> None:
        self.events: list[receipts_pb2.ReceiptsIssued] = []
        self.error: BaseException | None = None

    async def __call__(self, event: receipts_pb2.ReceiptsIssued) -> None:
        if self.error:
            raise self.error
        self.events.append(event)


@pytest.fixture
def handling() -> Handling:
    return Handling()


@pytest.fixture
async def sidecar(pool: Pool, handling: Handling) -> AsyncIterator[Any]:
    receiver = EventReceiver(pool, "identity")
    receiver.on(TOPIC, receipts_pb2.ReceiptsIssued, handling)
    register = partial(appcallback_service_v1.add_AppCallbackServicer_to_server, receiver)
    async with served(register, secret="token") as channel:
        yield appcallback_service_v1.AppCallbackStub(channel)  # type: ignore[no-untyped-call]


async def deliver(sidecar: Any, data: bytes, topic: str = TOPIC) -> int:
    answer = await sidecar.OnTopicEvent(
        appcallback_v1.TopicEventRequest(topic=topic, data=data), metadata=[(HEADER, "token")]
    )
    return int(answer.status)


def event() -> receipts_pb2.ReceiptsIssued:
    made = receipts_pb2.ReceiptsIssued(event_id=str(uuid4()))
    made.occur_time.GetCurrentTime()
    made.rows.add(row_id=str(uuid4()), state=receipts_pb2.RECEIPT_STATE_SETTLED)
    return made


async def kept(pool: Pool) -> list[tuple[str, str, bytes, int]]:
    rows = await pool.fetch(
        "SELECT topic, reason, body, seen_count FROM identity.undecodable_events ORDER BY reason"
    )
    return [(r["topic"], r["reason"], r["body"], r["seen_count"]) for r in rows]


async def test_an_event_reaches_its_handler(sidecar: Any, handling: Handling, pool: Pool) -> None:
    sent = event()
    assert await deliver(sidecar, sent.SerializeToString()) == STATUS.SUCCESS
    assert handling.events == [sent]
    assert await kept(pool) == []


async def test_what_cannot_be_decoded_is_kept_by_its_hash_and_blocks_nothing(
    sidecar: Any, handling: Handling, pool: Pool
) -> None:
    garbage = b"\xff\xff\xff not protobuf"
    wrong = receipts_pb2.ReceiptsIssued(event_id="no uuid").SerializeToString()
    for _ in range(3):
        assert await deliver(sidecar, garbage) == STATUS.SUCCESS
    assert await deliver(sidecar, wrong) == STATUS.SUCCESS
    assert await deliver(sidecar, b"who?", "fte.unheard.of") == STATUS.SUCCESS
    assert await deliver(sidecar, event().SerializeToString()) == STATUS.SUCCESS
    assert await kept(pool) == [
        (TOPIC, "invalid_fields", wrong, 1),
        (TOPIC, "not_protobuf", garbage, 3),
        ("fte.unheard.of", "unknown_topic", b"who?", 1),
    ]
    assert len(handling.events) == 1


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.ConnectionDoesNotExistError("gone"),
        asyncpg.CannotConnectNowError("starting"),
        asyncpg.TooManyConnectionsError("full"),
        Unavailable("a dependency is away"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_event_comes_again_while_the_database_is_away(
    sidecar: Any, handling: Handling, error: BaseException
) -> None:
    handling.error = error
    assert await deliver(sidecar, event().SerializeToString()) == STATUS.RETRY
    handling.error = None
    assert await deliver(sidecar, event().SerializeToString()) == STATUS.SUCCESS


@pytest.mark.parametrize(
    "error",
    [KeyError("a fault of ours"), Rejected("wrong"), asyncpg.UniqueViolationError("twice")],
    ids=lambda error: type(error).__name__,
)
async def test_a_fault_does_not_come_again_through_the_broker(
    sidecar: Any, handling: Handling, error: BaseException
) -> None:
    # Its ledger row is open and brings it back; a redelivery would block what follows.
    handling.error = error
    assert await deliver(sidecar, event().SerializeToString()) == STATUS.SUCCESS


async def test_what_cannot_be_kept_comes_again(database: Database) -> None:
    pool = await open_pool(database.url("fte_identity"), 1, application="test")
    await pool.close()  # as after the loss of the database: no connection is to be had
    receiver = EventReceiver(pool, "identity")
    register = partial(appcallback_service_v1.add_AppCallbackServicer_to_server, receiver)
    async with served(register, secret="token") as channel:
        stub = appcallback_service_v1.AppCallbackStub(channel)  # type: ignore[no-untyped-call]
        assert await deliver(stub, b"\xff\xff") == STATUS.RETRY


async def test_an_event_without_the_token_is_refused_but_the_listing_is_open(
    sidecar: Any, handling: Handling
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sidecar.OnTopicEvent(
            appcallback_v1.TopicEventRequest(topic=TOPIC, data=event().SerializeToString())
        )
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert handling.events == []
    # daprd sends no token with these two; refused, it would subscribe to nothing.
    assert not (await sidecar.ListTopicSubscriptions(empty_pb2.Empty())).subscriptions
    assert not (await sidecar.ListInputBindings(empty_pb2.Empty())).bindings
