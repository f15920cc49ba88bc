"""Hosts `Customer` actors on a stream that this process opens to its sidecar."""

from collections.abc import AsyncIterator, Callable

import grpc
from dapr.actor.runtime.grpc_host import ActorGrpcHost
from dapr.clients.grpc._channel import create_aio_channel

from services.agent.adapters.customer_actor import Base64Json, Customer, RawBytes
from services.agent.adapters.send_outcomes import SendOutcomes
from services.agent.application.customer import Desk


class _StreamToken(grpc.aio.StreamStreamClientInterceptor):
    """Adds the sidecar's token to the actor stream: the SDK adds it to unary calls only."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_stream_stream(  # type: ignore[override]  # the call is handed through
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, AsyncIterator[object]], object],
        client_call_details: grpc.aio.ClientCallDetails,
        request_iterator: AsyncIterator[object],
    ) -> object:
        details = grpc.aio.ClientCallDetails(
            method=client_call_details.method,
            timeout=client_call_details.timeout,
            metadata=grpc.aio.Metadata(
                *(client_call_details.metadata or ()), ("dapr-api-token", self._token)
            ),
            credentials=client_call_details.credentials,
            wait_for_ready=client_call_details.wait_for_ready,
        )
        answer = continuation(details, request_iterator)
        return await answer  # type: ignore[misc]


class _Host(ActorGrpcHost):
    """The SDK's host over a channel whose streams carry the token."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__(address=address, app_port=0)
        interceptors = [_StreamToken(token)] if token else []
        self._channel = create_aio_channel(address, interceptors=interceptors)


async def host_actors(port: int, token: str, desk: Desk, outcomes: SendOutcomes) -> None:
    """Hosts actors until cancelled; ends with an error when the sidecar stays away for more than a minute."""
    host = _Host(f"127.0.0.1:{port}", token)
    await host.register_actor(
        Customer,
        message_serializer=RawBytes(),
        state_serializer=Base64Json(),
        actor_factory=lambda context, ident: Customer(context, ident, desk, outcomes),
    )
    await host.run_forever()
