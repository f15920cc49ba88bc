"""Service invocation in a world: each call runs the other service's real servicer in that service's process."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from chassis.errors import Unavailable
from fte.agent.v1 import agent_service_pb2
from fte.conversation.v1 import conversation_pb2
from fte.delivery.v1 import delivery_service_pb2
from fte.identity.v1 import identity_service_pb2
from fte.intake.v1 import intake_service_pb2

if TYPE_CHECKING:
    from tests.faults.simulation.world import World


class IntakeStub:
    """Calls intake."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def FetchMessages(  # noqa: N802 - the name is the contract's
        self, request: intake_service_pb2.FetchMessagesRequest, **_: Any
    ) -> intake_service_pb2.FetchMessagesResponse:
        """Returns the messages of each handle after a number."""
        intake = self._world.intake()
        return await self._world.intake_process.ask(
            lambda: intake.servicer.FetchMessages(request, None)  # type: ignore[arg-type]
        )

    async def FetchStatuses(  # noqa: N802 - the name is the contract's
        self, request: intake_service_pb2.FetchStatusesRequest, **_: Any
    ) -> intake_service_pb2.FetchStatusesResponse:
        """Returns the statuses that exist."""
        intake = self._world.intake()
        return await self._world.intake_process.ask(
            lambda: intake.servicer.FetchStatuses(request, None)  # type: ignore[arg-type]
        )


class AgentStub:
    """Calls any agent that is alive."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def FetchOutbound(  # noqa: N802 - the name is the contract's
        self, request: agent_service_pb2.FetchOutboundRequest, **_: Any
    ) -> agent_service_pb2.FetchOutboundResponse:
        """Returns the content of outbox rows."""
        process = self._world.some_agent()
        agent = self._world.agents[process.name]
        return await process.ask(lambda: agent.outbound.FetchOutbound(request))

    async def CorrectSends(  # noqa: N802 - the name is the contract's
        self, request: agent_service_pb2.CorrectSendsRequest, **_: Any
    ) -> agent_service_pb2.CorrectSendsResponse:
        """Takes back outcomes of sends."""
        process = self._world.some_agent()
        agent = self._world.agents[process.name]
        return await process.ask(lambda: agent.corrections.correct(request))


class DeliveryStub:
    """Calls any delivery that is alive."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def RaiseFence(  # noqa: N802 - the name is the contract's
        self, request: delivery_service_pb2.RaiseFenceRequest, **_: Any
    ) -> delivery_service_pb2.RaiseFenceResponse:
        """Forbids sends below an epoch."""
        process = self._world.some_delivery()
        delivery = self._world.deliveries[process.name]
        return await process.ask(
            lambda: delivery.servicer.RaiseFence(request, None)  # type: ignore[arg-type]
        )


class IdentityStub:
    """Answers for identity: a person's number and address are known to be one customer's."""

    def __init__(self, world: "World") -> None:
        self._world = world

    async def Resolve(  # noqa: N802 - the name is the contract's
        self, request: identity_service_pb2.ResolveRequest, **_: Any
    ) -> identity_service_pb2.ResolveResponse:
        """Returns whose the handles are."""
        await self._world.io.request("identity.resolve")
        bindings = [
            identity_service_pb2.Binding(customer_id=str(self._customer(wanted.handle)))
            for wanted in request.handles
        ]
        await self._world.io.response("identity.resolve")
        return identity_service_pb2.ResolveResponse(bindings=bindings)

    def _customer(self, handle: conversation_pb2.Handle) -> UUID:
        return self._world.customers.owner(handle.value)


def nobody_there(service: str) -> Unavailable:
    """What a call gets when no replica of a service is alive."""
    return Unavailable(f"no {service} is there")
