"""The gRPC face of delivery."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import grpc
import structlog

from chassis.errors import Unavailable
from fte.delivery.v1 import delivery_service_pb2 as delivery
from fte.delivery.v1 import delivery_service_pb2_grpc as delivery_grpc
from services.delivery.adapters.mapping import channel_state
from services.delivery.application.channel_health import ChannelState
from services.delivery.application.ports import Answers, IntentStore, StoreAway

SERVICE_NAME = delivery.DESCRIPTOR.services_by_name["DeliveryService"].full_name

log = structlog.get_logger(__name__)


class DeliveryServicer(delivery_grpc.DeliveryServiceServicer):
    """What other services ask of delivery beside events; `states` tells how the channels are."""

    def __init__(
        self,
        store: IntentStore,
        answers: Answers,
        states: Callable[[], Awaitable[Sequence[ChannelState]]],
    ) -> None:
        self._store = store
        self._answers = answers
        self._states = states

    async def ListChannels(  # noqa: N802 - the contract's name
        self,
        request: delivery.ListChannelsRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> delivery.ListChannelsResponse:
        """Says how each channel's way out is."""
        try:
            states = await self._states()
        except StoreAway as error:
            raise _away() from error
        return delivery.ListChannelsResponse(channels=[channel_state(state) for state in states])

    async def RaiseFence(  # noqa: N802 - the contract's name
        self,
        request: delivery.RaiseFenceRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> delivery.RaiseFenceResponse:
        """Forbids sends below an epoch and says what stood below it."""
        try:
            raised = await self._store.raise_fence(UUID(request.conversation_id), request.min_epoch)
        except StoreAway as error:
            raise _away() from error
        self._answers.delivered(raised.cancelled)
        log.info(
            "fence raised",
            conversation_id=request.conversation_id,
            min_epoch=request.min_epoch,
            cancelled=len(raised.cancelled),
            in_flight=raised.in_flight,
        )
        return delivery.RaiseFenceResponse(
            cancelled=len(raised.cancelled), in_flight=raised.in_flight
        )


def _away() -> Unavailable:
    return Unavailable("The database does not answer.", metadata={"dependency": "database"})
