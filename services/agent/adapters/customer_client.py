"""The runner's way to a customer's actor: through the sidecar, which finds the host that has it."""

from typing import TypeAlias
from uuid import UUID

from dapr.proto import api_v1
from google.protobuf.message import DecodeError

from chassis.errors import Unavailable
from chassis.sidecar import ActorInvoker
from fte.agent.v1 import customer_actor_pb2 as wire
from services.agent.adapters.customer_actor import ACTOR_TYPE, actor_id
from services.agent.adapters.mapping import answer_to_proto, turn_from_proto
from services.agent.application.ownership import Refusal
from services.agent.application.runner import Head
from services.agent.application.takeover import Fenced, OwnershipRefused
from services.agent.domain.turn import (
    ConversationId,
    CustomerId,
    MessageId,
    Side,
    Turn,
    TurnAnswer,
)

# Longer than any actor turn: when a caller's deadline passes, Dapr starts the next turn beside the running one.
DEADLINE_SECONDS = 20.0


Result: TypeAlias = (
    wire.BeginResult
    | wire.CommitResult
    | wire.ReportResult
    | wire.TakeOverResult
    | wire.ReplyResult
    | wire.HandBackResult
)


class ActorClient:
    """Calls `Customer` actors; raises `Unavailable` when the actor could not answer."""

    def __init__(self, sidecar: ActorInvoker) -> None:
        self._sidecar = sidecar

    async def begin(self, head: Head, runner: str) -> Turn | None:
        """Begins the turn that is due; None when there is nothing to do."""
        body = wire.BeginRequest(runner=runner).SerializeToString()
        result = wire.BeginResult()
        await self._invoke(head.customer_id, head.side, "Begin", body, result)
        return turn_from_proto(result.turn) if result.HasField("turn") else None

    async def commit_answer(self, turn: Turn, answer: TurnAnswer) -> bool:
        """Commits what the turn staged; False when the turn is void."""
        return await self._commit(turn, wire.CommitRequest(answered=answer_to_proto(answer)))

    async def commit_failure(self, turn: Turn, error: str) -> bool:
        """Commits that the turn returned an error; False when the turn is void."""
        return await self._commit(turn, wire.CommitRequest(failed=wire.TurnFailure(error=error)))

    async def report(
        self, customer_id: CustomerId, side: Side, outcomes: list[wire.SendOutcome]
    ) -> None:
        """Reports outcomes of sends other than sent."""
        body = wire.ReportRequest(outcomes=outcomes).SerializeToString()
        await self._invoke(customer_id, side, "Report", body, wire.ReportResult())

    async def take_over(self, customer_id: CustomerId, side: Side, person: str) -> Fenced:
        """Gives the customer to a person; raises `OwnershipRefused`."""
        result = wire.TakeOverResult()
        body = wire.TakeOverTurn(person=person).SerializeToString()
        await self._invoke(customer_id, side, "TakeOver", body, result)
        _allow(result)
        fences = tuple(ConversationId(UUID(fence)) for fence in result.taken.fences)
        return Fenced(result.taken.epoch, fences)

    async def reply(
        self, customer_id: CustomerId, side: Side, person: str, text: str, request_id: UUID
    ) -> MessageId:
        """Sends a person's words; raises `OwnershipRefused`."""
        result = wire.ReplyResult()
        request = wire.ReplyTurn(person=person, text=text, request_id=str(request_id))
        await self._invoke(customer_id, side, "Reply", request.SerializeToString(), result)
        _allow(result)
        return MessageId(UUID(result.message_id))

    async def hand_back(self, customer_id: CustomerId, side: Side, person: str, note: str) -> int:
        """Gives the customer back to the AI; raises `OwnershipRefused`."""
        result = wire.HandBackResult()
        body = wire.HandBackTurn(person=person, note=note).SerializeToString()
        await self._invoke(customer_id, side, "HandBack", body, result)
        _allow(result)
        return result.epoch

    async def _commit(self, turn: Turn, request: wire.CommitRequest) -> bool:
        request.turn_id = str(turn.turn_id)
        request.version, request.turn_no, request.epoch = turn.version, turn.turn_no, turn.epoch
        result = wire.CommitResult()
        await self._invoke(
            turn.customer_id, turn.side, "Commit", request.SerializeToString(), result
        )
        return result.HasField("committed")

    async def _invoke(
        self,
        customer_id: CustomerId,
        side: Side,
        method: str,
        body: bytes,
        result: Result,
    ) -> None:
        answer = await self._sidecar.dapr.InvokeActor(
            api_v1.InvokeActorRequest(
                actor_type=ACTOR_TYPE,
                actor_id=actor_id(customer_id, side),
                method=method,
                data=body,
            ),
            timeout=DEADLINE_SECONDS,
        )
        try:
            result.ParseFromString(answer.data)
        except DecodeError as error:
            # Dapr hands an error of the host to the caller as a success with JSON in it.
            raise Unavailable(f"actor {method} failed in its host") from error
        if result.WhichOneof("result") in {None, "failure"}:
            raise Unavailable(f"actor {method} failed: {result.failure.message}")


def _allow(result: wire.TakeOverResult | wire.ReplyResult | wire.HandBackResult) -> None:
    if result.HasField("refusal"):
        name = wire.OwnershipRefusal.Name(result.refusal)
        raise OwnershipRefused(Refusal[name.removeprefix("OWNERSHIP_REFUSAL_")])
