"""Delivery's fences, by service invocation: raised at once by a takeover, and by the ledger until one was heard."""

from collections.abc import Sequence

from chassis.ledger import SWEEP_SECONDS, Ledger, LedgerRows, Row
from chassis.ledger_rows import LedgerTable
from fte.delivery.v1 import delivery_service_pb2 as wire
from fte.delivery.v1 import delivery_service_pb2_grpc
from services.agent.application.takeover import DeliveryFences, FenceRaised
from services.agent.domain.turn import ConversationId

CALL_SECONDS = 5.0


class Fences:
    """Raises fences; raises `Unavailable` when delivery does not answer."""

    def __init__(self, delivery: "delivery_service_pb2_grpc.DeliveryServiceAsyncStub") -> None:
        self._delivery = delivery

    async def raise_fence(self, conversation_id: ConversationId, min_epoch: int) -> FenceRaised:
        """Forbids sends below an epoch; a repeat says how much is still under way."""
        raised: wire.RaiseFenceResponse = await self._delivery.RaiseFence(
            wire.RaiseFenceRequest(conversation_id=str(conversation_id), min_epoch=min_epoch),
            timeout=CALL_SECONDS,
        )
        return FenceRaised(raised.cancelled, raised.in_flight)


FENCES = LedgerTable(
    "agent.fences",
    "fence_id",
    topic="'RaiseFence'",
    group_id="t.conversation_id",
    payload="convert_to(t.min_epoch::text, 'UTF8')",
)


def fence_ledger(
    rows: LedgerRows, fences: DeliveryFences, sweep_seconds: float = SWEEP_SECONDS
) -> Ledger:
    """The ledger of fences that were promised; a row closes when delivery has raised it."""

    async def raise_all(_: str, driven: Sequence[Row]) -> None:
        for row in driven:
            if row.group_id is not None:
                await fences.raise_fence(ConversationId(row.group_id), int(row.payload))

    return Ledger(rows, raise_all, close_on_ack=True, sweep_seconds=sweep_seconds)
