"""IntakeService through a real gRPC server: answers, validation and status codes."""

from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_status import rpc_status

from chassis.database import Pool, open_pool
from chassis.interceptors import CallInterceptor
from fte.conversation.v1 import conversation_pb2
from fte.intake.v1 import intake_service_pb2, intake_service_pb2_grpc
from services.intake.adapters.grpc_service import IntakeServicer
from services.intake.adapters.inbox import InboxReader, PostgresInbox, ledgers
from services.intake.application.messages import Channel, ProviderStatus
from tests.integration.postgres import Database
from tests.integration.test_intake_inbox import Topics, message

TOKEN = (("dapr-api-token", "secret"),)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url("fte_intake"), 4, application="test")
    yield pool
    await pool.close()


@pytest.fixture
async def stub(pool: Pool) -> AsyncIterator["intake_service_pb2_grpc.IntakeServiceAsyncStub"]:
    server = grpc.aio.server(interceptors=[CallInterceptor("dapr-api-token", "secret", 5)])
    IntakeServicer(InboxReader(pool)).register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield intake_service_pb2_grpc.IntakeServiceStub(channel)
    await server.stop(None)


async def test_messages_come_by_handle(
    pool: Pool, stub: "intake_service_pb2_grpc.IntakeServiceAsyncStub"
) -> None:
    topics = Topics()
    inbox = PostgresInbox(pool, ledgers(pool, topics.publish, topics.publish))
    accepted = await inbox.accept(message("m1"))
    await inbox.accept(message("m2"))
    handle_id = str(await pool.fetchval("SELECT handle_id FROM intake.handles"))
    cursor = intake_service_pb2.HandleCursor(handle_id=handle_id)
    request = intake_service_pb2.FetchMessagesRequest(cursors=[cursor, cursor], page_size=1)
    answer = await stub.FetchMessages(request, metadata=TOKEN)
    assert answer.more
    [first] = answer.messages
    assert (first.message_id, first.handle_id, first.inbox_seq) == (
        str(accepted.inbox_id),
        handle_id,
        1,
    )
    assert first.accept_time.ToDatetime() == accepted.accept_time.replace(tzinfo=None)
    assert first.assurance == conversation_pb2.ASSURANCE_VERIFIED


async def test_statuses_come_by_id(
    pool: Pool, stub: "intake_service_pb2_grpc.IntakeServiceAsyncStub"
) -> None:
    topics = Topics()
    inbox = PostgresInbox(pool, ledgers(pool, topics.publish, topics.publish))
    status = ProviderStatus(Channel.WHATSAPP, "AC1", "SM1", "failed", "i-1", "63016", b"")
    accepted = await inbox.accept_status(status)
    other = await inbox.accept(message("m1"))
    request = intake_service_pb2.FetchStatusesRequest(
        row_ids=[str(accepted.inbox_id), str(other.inbox_id)]
    )
    [found] = (await stub.FetchStatuses(request, metadata=TOKEN)).statuses
    assert (found.row_id, found.provider_id, found.status) == (
        str(accepted.inbox_id),
        "SM1",
        "failed",
    )
    assert (found.intent_id, found.error_code) == ("i-1", "63016")


async def test_channel_configs(stub: "intake_service_pb2_grpc.IntakeServiceAsyncStub") -> None:
    request = intake_service_pb2.GetChannelConfigsRequest()
    configs = (await stub.GetChannelConfigs(request, metadata=TOKEN)).configs
    limits = {c.channel: (c.max_response_length, c.max_response_words) for c in configs}
    assert limits == {
        conversation_pb2.CHANNEL_EMAIL: (2000, 500),
        conversation_pb2.CHANNEL_WHATSAPP: (1600, 0),
        conversation_pb2.CHANNEL_WEB_FORM: (1000, 300),
    }


@pytest.mark.parametrize(
    "cursors",
    [
        [],
        [{"handle_id": "x"}],
        [{"handle_id": "01a20b3d-3e56-738b-b817-fe3a81e8f09c", "after_seq": -1}],
    ],
)
async def test_wrong_fields_are_named(
    stub: "intake_service_pb2_grpc.IntakeServiceAsyncStub", cursors: list[dict[str, object]]
) -> None:
    request = intake_service_pb2.FetchMessagesRequest(
        cursors=[intake_service_pb2.HandleCursor(**cursor) for cursor in cursors]  # type: ignore[arg-type]
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.FetchMessages(request, metadata=TOKEN)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert rpc_status.from_call(caught.value) is not None


async def test_without_the_token_nothing_is_shown(
    stub: "intake_service_pb2_grpc.IntakeServiceAsyncStub",
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetChannelConfigs(intake_service_pb2.GetChannelConfigsRequest())
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_closed_database_is_told_as_unavailable(
    pool: Pool, stub: "intake_service_pb2_grpc.IntakeServiceAsyncStub"
) -> None:
    await pool.close()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.GetChannelConfigs(intake_service_pb2.GetChannelConfigsRequest(), metadata=TOKEN)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
