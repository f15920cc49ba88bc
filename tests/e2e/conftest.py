"""The people who write to the shared stack."""

from collections.abc import AsyncIterator

import grpc
import pytest

from cli.outside import Outside
from fte.agent.v1 import agent_service_pb2_grpc
from tests.e2e.running import RunningStack
from tests.e2e.traffic import Traffic


@pytest.fixture
def traffic(outside: Outside) -> Traffic:
    """Seeded traffic from people whom the stack does not know yet."""
    return Traffic(outside, seed=20261124)


@pytest.fixture
async def agent(
    stack: RunningStack,
) -> AsyncIterator["agent_service_pb2_grpc.AgentServiceAsyncStub"]:
    """The agent as a desk sees it."""
    settings = stack.environment.service("agent")
    key = (("x-api-key", settings["FTE_API_KEY"]),)

    class WithKey(grpc.aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, continuation, client_call_details, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            details = client_call_details._replace(metadata=grpc.aio.Metadata(*key))
            return await continuation(details, request)

    address = f"127.0.0.1:{settings['FTE_LOCAL_GRPC_PORT']}"
    async with grpc.aio.insecure_channel(address, interceptors=[WithKey()]) as channel:
        yield agent_service_pb2_grpc.AgentServiceStub(channel)
