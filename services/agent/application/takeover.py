"""Taking over: the actor moves the epoch, then delivery is told, then nothing of the AI is left that could start."""

import asyncio
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog

from services.agent.application.ownership import Refusal
from services.agent.domain.turn import ConversationId, CustomerId, MessageId, Side

# Between two looks at sends that were under way when the fence rose.
POLL_SECONDS = 0.1

log = structlog.get_logger(__name__)


class OwnershipRefused(Exception):
    """A person may not do that now; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


class SendsUnderWay(Exception):
    """A send that began before the takeover has not ended yet; asking again waits for it again."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """Under which epoch a person speaks, and the conversations in which nothing older may be sent."""

    epoch: int
    fences: tuple[ConversationId, ...]


@dataclass(frozen=True, slots=True)
class FenceRaised:
    """What stood below a raised fence: sends that never start, and sends still within their deadline."""

    cancelled: int
    in_flight: int


class Owners(Protocol):
    """The customer's actor, as people see it; each method raises `OwnershipRefused`."""

    async def take_over(self, customer_id: CustomerId, side: Side, person: str) -> Fenced:
        """Gives the customer to a person."""

    async def reply(
        self, customer_id: CustomerId, side: Side, person: str, text: str, request_id: UUID
    ) -> MessageId:
        """Sends a person's words."""

    async def hand_back(self, customer_id: CustomerId, side: Side, person: str, note: str) -> int:
        """Gives the customer back to the AI; returns the epoch that began."""


class DeliveryFences(Protocol):
    """Delivery, who checks a fence before each send."""

    async def raise_fence(self, conversation_id: ConversationId, min_epoch: int) -> FenceRaised:
        """Forbids sends below an epoch; a repeat says how much is still under way."""


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A takeover that holds: no send of the AI can start any more."""

    epoch: int
    cancelled: int


class TakeOvers:
    """Takes customers over; a fence that cannot be raised now stays an open row and is raised later all the same."""

    def __init__(
        self, owners: Owners, delivery: DeliveryFences, longest_send_seconds: float
    ) -> None:
        self._owners = owners
        self._delivery = delivery
        self._longest = longest_send_seconds

    async def take_over(self, customer_id: CustomerId, side: Side, person: str) -> TakenOver:
        """Returns once no send of the AI can start, and those under way have ended.

        Raises:
            OwnershipRefused: if another person has the customer, or nobody ever wrote.
            SendsUnderWay: if a send outlives its deadline, which only a stopped clock can explain.
        """
        taken = await self._owners.take_over(customer_id, side, person)
        cancelled = 0
        for conversation_id in taken.fences:
            cancelled += await self._raise(conversation_id, taken.epoch)
        log.info("taken over", customer_id=str(customer_id), epoch=taken.epoch, cancelled=cancelled)
        return TakenOver(taken.epoch, cancelled)

    async def _raise(self, conversation_id: ConversationId, epoch: int) -> int:
        loop = asyncio.get_running_loop()
        until, cancelled = loop.time() + self._longest, 0
        while True:
            raised = await self._delivery.raise_fence(conversation_id, epoch)
            cancelled += raised.cancelled
            if raised.in_flight == 0:
                return cancelled
            if loop.time() > until:
                raise SendsUnderWay
            await asyncio.sleep(POLL_SECONDS)
