"""The `Customer` actor: one per customer and side; what it does is in `customer_methods` and the application."""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from dapr.actor import Actor, ActorInterface, actormethod
from dapr.actor.id import ActorId
from dapr.actor.runtime.context import ActorRuntimeContext
from dapr.serializers import Serializer
from google.protobuf.message import DecodeError

from fte.agent.v1 import customer_actor_pb2 as wire
from services.agent.adapters.customer_methods import CustomerMethods
from services.agent.adapters.mapping import state_from_proto, state_to_proto
from services.agent.adapters.send_outcomes import SendOutcomes
from services.agent.application.customer import CachedCustomer, Desk
from services.agent.domain.conversation import State
from services.agent.domain.turn import CustomerId, Side

# Dapr names an actor type after its class.
ACTOR_TYPE = "Customer"
_CLAIMED = "~claimed"
_STATE_KEY = "conversation"

log = structlog.get_logger(__name__)


def actor_id(customer_id: UUID, side: Side) -> str:
    """Names the actor of one side of one customer."""
    return f"{customer_id}{_CLAIMED if side is Side.CLAIMED else ''}"


def owner_of(ident: str) -> tuple[CustomerId, Side]:
    """Reads the customer and the side from an actor's name."""
    customer, _, claimed = ident.partition("~")
    return CustomerId(UUID(customer)), Side.CLAIMED if claimed else Side.VERIFIED


class RawBytes(Serializer):
    """Passes method bodies through: they are protobuf already."""

    def serialize(self, obj: object, custom_hook: Callable[[object], bytes] | None = None) -> bytes:
        """Returns the bytes as they are."""
        if not isinstance(obj, bytes):
            raise TypeError("an actor method returns bytes")
        return obj

    def deserialize(
        self, data: bytes, data_type: object = None, custom_hook: object = None
    ) -> bytes:
        """Returns the bytes as they are."""
        return data


class Base64Json(Serializer):
    """Stores protobuf bytes as one JSON string: state passes through JSON, and Dapr's own serializer guesses dates."""

    def serialize(self, obj: object, custom_hook: Callable[[object], bytes] | None = None) -> bytes:
        """Encodes a base64 text as JSON."""
        return json.dumps(obj).encode()

    def deserialize(self, data: bytes, data_type: object = None, custom_hook: object = None) -> Any:
        """Decodes the base64 text."""
        return json.loads(data)


class CustomerInterface(ActorInterface, ABC):
    """The actor's methods; bodies are messages of fte.agent.v1."""

    @actormethod(name="Begin")  # type: ignore[untyped-decorator]
    @abstractmethod
    async def begin(self, body: bytes) -> bytes:
        """Begins the turn that is due: BeginRequest → BeginResult."""

    @actormethod(name="Commit")  # type: ignore[untyped-decorator]
    @abstractmethod
    async def commit(self, body: bytes) -> bytes:
        """Commits a turn's outcome: CommitRequest → CommitResult."""

    @actormethod(name="Report")  # type: ignore[untyped-decorator]
    @abstractmethod
    async def report(self, body: bytes) -> bytes:
        """Stores outcomes of sends: ReportRequest → ReportResult."""

    @actormethod(name="TakeOver")  # type: ignore[untyped-decorator]
    @abstractmethod
    async def take_over(self, body: bytes) -> bytes:
        """Gives the customer to a person: TakeOverTurn → TakeOverResult."""

    @actormethod(name="Reply")  # type: ignore[untyped-decorator]
    @abstractmethod
    async def reply(self, body: bytes) -> bytes:
        """Sends a person's words: ReplyTurn → ReplyResult."""

    @actormethod(name="HandBack")  # type: ignore[untyped-decorator]
    @abstractmethod
    async def hand_back(self, body: bytes) -> bytes:
        """Gives the customer back to the AI: HandBackTurn → HandBackResult."""


class Customer(Actor, CustomerInterface):
    """Short turns only: no model call, no provider call, nothing that waits for somebody else."""

    def __init__(
        self, ctx: ActorRuntimeContext, ident: ActorId, desk: Desk, outcomes: SendOutcomes
    ) -> None:
        super().__init__(ctx, ident)
        customer_id, side = owner_of(ident.id)
        held = CachedCustomer(customer_id, side, desk, self)
        self._methods = CustomerMethods(held, outcomes)

    async def begin(self, body: bytes) -> bytes:
        """Hands out the batch that is due under a lease."""
        return await self._methods.begin(body)

    async def commit(self, body: bytes) -> bytes:
        """Writes the turn's outcome, if the fence still fits."""
        return await self._methods.commit(body)

    async def report(self, body: bytes) -> bytes:
        """Stores outcomes of this customer's sends."""
        return await self._methods.report(body)

    async def take_over(self, body: bytes) -> bytes:
        """Gives the customer to a person."""
        return await self._methods.take_over(body)

    async def reply(self, body: bytes) -> bytes:
        """Sends a person's words."""
        return await self._methods.reply(body)

    async def hand_back(self, body: bytes) -> bytes:
        """Gives the customer back to the AI."""
        return await self._methods.hand_back(body)

    async def load(self) -> State | None:
        """Reads the snapshot from Dapr's state store."""
        # The SDK's cache may hold what was never saved, or what another copy has overwritten.
        await self._state_manager.clear_cache()
        found, text = await self._state_manager.try_get_state(_STATE_KEY)
        if not found:
            return None
        try:
            return state_from_proto(wire.Snapshot.FromString(base64.b64decode(str(text))))
        except (DecodeError, ValueError) as error:
            log.warning("snapshot unreadable, rebuilding from events", error=str(error))
            return None

    async def save(self, state: State) -> None:
        """Writes the snapshot to Dapr's state store."""
        try:
            snapshot = state_to_proto(state).SerializeToString()
            await self._state_manager.set_state(_STATE_KEY, base64.b64encode(snapshot).decode())
            await self._state_manager.save_state()
        except Exception as error:  # noqa: BLE001 - the snapshot is a cache; the commit stands
            log.warning("snapshot not saved", error=str(error))
            await self._state_manager.clear_cache()
