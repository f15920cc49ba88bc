"""What the REST interface asks of the other services, each the owner of its tables, by service invocation."""

from uuid import UUID

from chassis.errors import NotFound
from chassis.sidecar import Sidecar
from fte.agent.v1 import agent_service_pb2 as agent
from fte.agent.v1.agent_service_pb2_grpc import AgentServiceStub
from fte.conversation.v1.conversation_pb2 import Handle
from fte.delivery.v1 import delivery_service_pb2 as delivery
from fte.delivery.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from fte.identity.v1 import identity_service_pb2 as identity
from fte.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from fte.metrics.v1 import metrics_service_pb2 as metrics
from fte.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub

_SECONDS = 3.0


class Neighbours:
    """Asks the agent, identity, metrics and delivery; every method raises `Unavailable` while they are away."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._agent = AgentServiceStub(sidecar.service("agent"))
        self._identity = IdentityServiceStub(sidecar.service("identity"))
        self._metrics = MetricsServiceStub(sidecar.service("metrics"))
        self._delivery = DeliveryServiceStub(sidecar.service("delivery"))

    async def conversation(self, conversation_id: UUID) -> agent.GetConversationResponse | None:
        """Returns a conversation with its messages, or None."""
        request = agent.GetConversationRequest(conversation_id=str(conversation_id))
        try:
            return await self._agent.GetConversation(request, timeout=_SECONDS)
        except NotFound:
            return None

    async def conversation_counts(self, customer_id: str) -> agent.CountConversationsResponse:
        """Returns how many conversations a customer has."""
        request = agent.CountConversationsRequest(customer_id=customer_id)
        return await self._agent.CountConversations(request, timeout=_SECONDS)

    async def binding(self, handle: Handle) -> identity.Binding | None:
        """Returns to whom a handle belongs now, or None; raises `Rejected` if it is no handle."""
        request = identity.GetBindingRequest(handle=handle)
        try:
            return (await self._identity.GetBinding(request, timeout=_SECONDS)).binding
        except NotFound:
            return None

    async def customer(self, handle: Handle) -> identity.Customer | None:
        """Returns the customer of a handle, or None; raises `Rejected` if it is no handle."""
        request = identity.LookupRequest(handle=handle)
        try:
            return (await self._identity.Lookup(request, timeout=_SECONDS)).customer
        except NotFound:
            return None

    async def channel_reports(self, hours: int) -> metrics.ReportChannelsResponse:
        """Returns the figures of the last hours by channel."""
        request = metrics.ReportChannelsRequest(window_hours=hours)
        return await self._metrics.ReportChannels(request, timeout=_SECONDS)

    async def channel_states(self) -> delivery.ListChannelsResponse:
        """Returns how each channel's way out is."""
        return await self._delivery.ListChannels(delivery.ListChannelsRequest(), timeout=_SECONDS)
