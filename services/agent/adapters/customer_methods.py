"""The actor's methods in the wire's form: bytes in, bytes out, whatever hosts them.

Every method returns a result message, because Dapr hands a raised error to the caller as a success with odd bytes.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar
from uuid import UUID

import structlog
from google.protobuf.message import Message

from fte.agent.v1 import customer_actor_pb2 as wire
from fte.conversation.v1 import conversation_pb2
from services.agent.adapters.mapping import answer_from_proto, turn_to_proto
from services.agent.application.customer import CachedCustomer
from services.agent.application.ownership import Refusal
from services.agent.application.turns import Commit, Fence
from services.agent.domain.turn import CustomerId, Side, TurnId

ResultT = TypeVar("ResultT", bound=Message)

log = structlog.get_logger(__name__)


class Outcomes(Protocol):
    """Takes what became of a customer's sends."""

    async def report(
        self, customer_id: CustomerId, side: Side, request: wire.ReportRequest
    ) -> None:
        """Closes the rows and makes a failure a person's task; repeats change nothing."""


class CustomerMethods:
    """Decodes, works and encodes for one customer's side."""

    def __init__(self, customer: CachedCustomer, outcomes: Outcomes) -> None:
        self._customer = customer
        self._outcomes = outcomes

    async def begin(self, body: bytes) -> bytes:
        """Hands out the batch that is due under a lease: BeginRequest → BeginResult."""

        async def answer() -> wire.BeginResult:
            turn = await self._customer.begin(wire.BeginRequest.FromString(body).runner)
            if turn is None:
                return wire.BeginResult(nothing_due=True)
            return wire.BeginResult(turn=turn_to_proto(turn))

        return await self._guard(answer, lambda failure: wire.BeginResult(failure=failure))

    async def commit(self, body: bytes) -> bytes:
        """Writes the turn's outcome, if the fence still fits: CommitRequest → CommitResult."""

        async def answer() -> wire.CommitResult:
            commit = await self._commit(wire.CommitRequest.FromString(body))
            if commit is None:
                return wire.CommitResult(void=True)
            return wire.CommitResult(
                committed=wire.Committed(version=commit.state.version, outcome=commit.outcome)
            )

        return await self._guard(answer, lambda failure: wire.CommitResult(failure=failure))

    async def report(self, body: bytes) -> bytes:
        """Stores outcomes of this customer's sends: ReportRequest → ReportResult."""

        async def answer() -> wire.ReportResult:
            request = wire.ReportRequest.FromString(body)
            await self._outcomes.report(self._customer.customer_id, self._customer.side, request)
            return wire.ReportResult(stored=True)

        return await self._guard(answer, lambda failure: wire.ReportResult(failure=failure))

    async def take_over(self, body: bytes) -> bytes:
        """Gives the customer to a person: TakeOverTurn → TakeOverResult."""

        async def answer() -> wire.TakeOverResult:
            taken = await self._customer.take_over(wire.TakeOverTurn.FromString(body).person)
            if isinstance(taken, Refusal):
                return wire.TakeOverResult(refusal=_refused(taken))
            fences = [str(conversation) for conversation in taken.fences]
            return wire.TakeOverResult(taken=wire.TakenOver(epoch=taken.epoch, fences=fences))

        return await self._guard(answer, lambda failure: wire.TakeOverResult(failure=failure))

    async def reply(self, body: bytes) -> bytes:
        """Sends a person's words: ReplyTurn → ReplyResult."""

        async def answer() -> wire.ReplyResult:
            request = wire.ReplyTurn.FromString(body)
            replied = await self._customer.reply(
                request.person, request.text, UUID(request.request_id)
            )
            if isinstance(replied, Refusal):
                return wire.ReplyResult(refusal=_refused(replied))
            return wire.ReplyResult(message_id=str(replied.message_id))

        return await self._guard(answer, lambda failure: wire.ReplyResult(failure=failure))

    async def hand_back(self, body: bytes) -> bytes:
        """Gives the customer back to the AI: HandBackTurn → HandBackResult."""

        async def answer() -> wire.HandBackResult:
            request = wire.HandBackTurn.FromString(body)
            returned = await self._customer.hand_back(request.person, request.note)
            if isinstance(returned, Refusal):
                return wire.HandBackResult(refusal=_refused(returned))
            return wire.HandBackResult(epoch=returned.epoch)

        return await self._guard(answer, lambda failure: wire.HandBackResult(failure=failure))

    async def _commit(self, request: wire.CommitRequest) -> Commit | None:
        fence = Fence(
            self._customer.customer_id,
            self._customer.side,
            TurnId(UUID(request.turn_id)),
            request.version,
            request.turn_no,
            request.epoch,
        )
        if request.HasField("failed"):
            return await self._customer.commit_failure(fence, request.failed.error)
        return await self._customer.commit_answer(fence, answer_from_proto(request.answered))

    async def _guard(
        self,
        answer: Callable[[], Awaitable[ResultT]],
        failed: Callable[[wire.ActorFailure], ResultT],
    ) -> bytes:
        try:
            result = await answer()
        except Exception as error:
            # What the call left in memory may never have been committed.
            self._customer.forget()
            log.exception("actor turn failed", error=type(error).__name__)
            result = failed(
                wire.ActorFailure(
                    reason=conversation_pb2.ERROR_REASON_INTERNAL, message=type(error).__name__
                )
            )
        return result.SerializeToString()


def _refused(refusal: Refusal) -> wire.OwnershipRefusal.ValueType:
    return wire.OwnershipRefusal.Value(f"OWNERSHIP_REFUSAL_{refusal.name}")
