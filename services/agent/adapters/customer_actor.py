"""The `Customer` actor: one per customer and side, in front of the head row.

It makes contention rare and keeps the conversation's state at hand; it decides nothing. Two live copies,
overlapping turns and lost placement are ordinary events here: the fence in the database answers them. Every
method returns a result message, because Dapr hands a raised error to the caller as a success with odd bytes.
"""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import structlog
from dapr.actor import Actor, ActorInterface, actormethod
from dapr.actor.id import ActorId
from dapr.actor.runtime.context import ActorRuntimeContext
from dapr.serializers import Serializer
from google.protobuf.message import DecodeError

from fte.agent.v1 import customer_actor_pb2 as wire
from fte.conversation.v1 import conversation_pb2
from services.agent.adapters.mapping import (
    answer_from_proto,
    state_from_proto,
    state_to_proto,
    turn_to_proto,
)
from services.agent.adapters.send_outcomes import SendOutcomes
from services.agent.adapters.turns import Begun, Commit, Fence, Turns
from services.agent.domain.conversation import State
from services.agent.domain.formatting import Limits
from services.agent.domain.turn import Channel, CustomerId, Side, TurnId

# Dapr names an actor type after its class.
ACTOR_TYPE = "Customer"
ResultT = TypeVar("ResultT")
_CLAIMED = "~claimed"
_STATE_KEY = "conversation"

log = structlog.get_logger(__name__)


def actor_id(customer_id: UUID, side: Side) -> str:
    """Names the actor of one side of one customer."""
    return f"{customer_id}{_CLAIMED if side is Side.CLAIMED else ''}"


@dataclass(frozen=True)
class Desk:
    """What every customer's actor works with; `committed` hints ledgers and settles messages after a commit."""

    turns: Turns
    outcomes: SendOutcomes
    limits: Callable[[Channel], Limits]
    committed: Callable[[Commit], None]


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


class Customer(Actor, CustomerInterface):
    """Short turns only: no model call, no provider call, nothing that waits for somebody else."""

    def __init__(self, ctx: ActorRuntimeContext, ident: ActorId, desk: Desk) -> None:
        super().__init__(ctx, ident)
        self._desk = desk
        self._state: State | None = None
        customer, _, claimed = ident.id.partition("~")
        self._customer_id = CustomerId(UUID(customer))
        self._side = Side.CLAIMED if claimed else Side.VERIFIED

    async def begin(self, body: bytes) -> bytes:
        """Hands out the batch that is due under a lease."""

        async def answer() -> wire.BeginResult:
            request = wire.BeginRequest.FromString(body)
            begun = await self._desk.turns.begin(
                self._customer_id,
                self._side,
                request.runner,
                await self._cached(),
                self._desk.limits,
            )
            match begun:
                case Begun():
                    self._state = begun.state
                    return wire.BeginResult(turn=turn_to_proto(begun.turn))
                case Commit():
                    await self._keep(begun)
            return wire.BeginResult(nothing_due=True)

        result = await self._guard(answer, lambda failure: wire.BeginResult(failure=failure))
        return result.SerializeToString()

    async def commit(self, body: bytes) -> bytes:
        """Writes the turn's outcome, if the fence still fits."""

        async def answer() -> wire.CommitResult:
            request = wire.CommitRequest.FromString(body)
            commit = await self._commit(request)
            if commit is None:
                return wire.CommitResult(void=True)
            await self._keep(commit)
            return wire.CommitResult(
                committed=wire.Committed(version=commit.state.version, outcome=commit.outcome)
            )

        result = await self._guard(answer, lambda failure: wire.CommitResult(failure=failure))
        return result.SerializeToString()

    async def report(self, body: bytes) -> bytes:
        """Stores outcomes of this customer's sends."""

        async def answer() -> wire.ReportResult:
            request = wire.ReportRequest.FromString(body)
            await self._desk.outcomes.report(self._customer_id, self._side, request)
            return wire.ReportResult(stored=True)

        result = await self._guard(answer, lambda failure: wire.ReportResult(failure=failure))
        return result.SerializeToString()

    async def _commit(self, request: wire.CommitRequest) -> Commit | None:
        fence = Fence(
            self._customer_id,
            self._side,
            TurnId(UUID(request.turn_id)),
            request.version,
            request.turn_no,
            request.epoch,
        )
        cached, limits = await self._cached(), self._desk.limits
        if request.HasField("failed"):
            error = request.failed.error
            return await self._desk.turns.commit_failure(fence, error, cached, limits)
        answer = answer_from_proto(request.answered)
        return await self._desk.turns.commit_answer(fence, answer, cached, limits)

    async def _keep(self, commit: Commit) -> None:
        self._state = commit.state
        self._desk.committed(commit)
        await self._save()

    async def _cached(self) -> State | None:
        if self._state is not None:
            return self._state
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

    async def _save(self) -> None:
        if self._state is None:
            return
        try:
            snapshot = state_to_proto(self._state).SerializeToString()
            await self._state_manager.set_state(_STATE_KEY, base64.b64encode(snapshot).decode())
            await self._state_manager.save_state()
        except Exception as error:  # noqa: BLE001 - the snapshot is a cache; the commit stands
            log.warning("snapshot not saved", error=str(error))
            await self._state_manager.clear_cache()

    async def _guard(
        self,
        answer: Callable[[], Awaitable[ResultT]],
        failed: Callable[[wire.ActorFailure], ResultT],
    ) -> ResultT:
        try:
            return await answer()
        except Exception as error:
            self._state = None
            log.exception("actor turn failed", error=type(error).__name__)
            return failed(
                wire.ActorFailure(
                    reason=conversation_pb2.ERROR_REASON_INTERNAL, message=type(error).__name__
                )
            )
