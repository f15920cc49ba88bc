"""The ownership part of AgentService: a person takes a conversation over, replies and hands back."""

from typing import Any, NoReturn
from uuid import UUID

import grpc

from chassis.database import Pool
from chassis.errors import Conflict, NotFound, Rejected, Unavailable
from fte.agent.v1 import agent_service_pb2 as wire
from fte.agent.v1 import agent_service_pb2_grpc
from services.agent.application.ownership import Refusal
from services.agent.application.takeover import (
    Owners,
    OwnershipRefused,
    SendsUnderWay,
    TakeOvers,
)
from services.agent.domain.turn import CustomerId, Side

_TEXTS = {
    Refusal.OWNED_BY_ANOTHER: "Another person has this conversation.",
    Refusal.NOT_OWNED: "You do not have this conversation: take it over first.",
    Refusal.NOBODY_WROTE: "The customer has not written anything yet.",
    Refusal.REQUEST_ID_USED: "This request id came with another text before.",
}


class OwnershipService(agent_service_pb2_grpc.AgentServiceServicer):
    """Finds whose a conversation is, and asks the customer's actor."""

    def __init__(self, pool: Pool, owners: Owners, take_overs: TakeOvers) -> None:
        self._pool = pool
        self._owners = owners
        self._take_overs = take_overs

    async def TakeOver(  # noqa: N802 - the name is the contract's
        self, request: wire.TakeOverRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.TakeOverResponse:
        """Gives a conversation to a person; when it returns, no send of the AI can start."""
        customer_id, side = await self._whose(request.conversation_id)
        try:
            taken = await self._take_overs.take_over(customer_id, side, request.person)
        except OwnershipRefused as refused:
            _raise(refused)
        except SendsUnderWay as error:
            raise Unavailable(
                "A message of the AI is still on its way: try again.",
                metadata={"dependency": "delivery"},
            ) from error
        return wire.TakeOverResponse(epoch=taken.epoch, cancelled=taken.cancelled)

    async def Reply(  # noqa: N802 - the name is the contract's
        self, request: wire.ReplyRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.ReplyResponse:
        """Sends a person's words on the customer's channel."""
        customer_id, side = await self._whose(request.conversation_id)
        try:
            message_id = await self._owners.reply(
                customer_id, side, request.person, request.text, UUID(request.request_id)
            )
        except OwnershipRefused as refused:
            _raise(refused, request.request_id)
        return wire.ReplyResponse(message_id=str(message_id))

    async def HandBack(  # noqa: N802 - the name is the contract's
        self, request: wire.HandBackRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.HandBackResponse:
        """Gives a conversation back to the AI."""
        customer_id, side = await self._whose(request.conversation_id)
        try:
            epoch = await self._owners.hand_back(customer_id, side, request.person, request.note)
        except OwnershipRefused as refused:
            _raise(refused)
        return wire.HandBackResponse(epoch=epoch)

    async def _whose(self, conversation_id: str) -> tuple[CustomerId, Side]:
        record = await self._pool.fetchrow(
            "SELECT customer_id, side FROM agent.conversations WHERE conversation_id = $1",
            UUID(conversation_id),
        )
        if record is None:
            raise NotFound("There is no such conversation.", metadata={"resource": "conversation"})
        return CustomerId(record["customer_id"]), Side(record["side"])


def _raise(refused: OwnershipRefused, request_id: str = "") -> NoReturn:
    text = _TEXTS[refused.refusal]
    match refused.refusal:
        case Refusal.OWNED_BY_ANOTHER:
            raise Conflict(text, metadata={"resource": "conversation"}) from refused
        case Refusal.REQUEST_ID_USED:
            raise Rejected(
                text, reason="IDEMPOTENCY_MISMATCH", metadata={"request_id": request_id}
            ) from refused
        case Refusal.NOT_OWNED | Refusal.NOBODY_WROTE:
            raise Rejected(
                text, reason="REFUSED", metadata={"rule": refused.refusal.value}
            ) from refused
