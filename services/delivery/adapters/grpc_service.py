"""The gRPC face of delivery."""

from typing import Any, Protocol
from uuid import UUID

import grpc
import structlog

from chassis.errors import Unavailable
from fte.delivery.v1 import delivery_service_pb2 as delivery
from fte.delivery.v1 import delivery_service_pb2_grpc as delivery_grpc
from services.delivery.application.ports import Answers, IntentStore, SentMails, StoreAway

SERVICE_NAME = delivery.DESCRIPTOR.services_by_name["DeliveryService"].full_name


class Media(Protocol):
    """Where attachments of WhatsApp messages lie."""

    async def media(self, url: str) -> bytes:
        """Returns a small attachment's bytes; empty if it is not there, not ours or too large."""


log = structlog.get_logger(__name__)


class DeliveryServicer(delivery_grpc.DeliveryServiceServicer):
    """What other services ask of delivery beside events."""

    def __init__(
        self, store: IntentStore, answers: Answers, mails: SentMails, media: Media
    ) -> None:
        self._store = store
        self._answers = answers
        self._mails = mails
        self._media = media

    async def ReadMedia(  # noqa: N802 - the contract's name
        self,
        request: delivery.ReadMediaRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> delivery.ReadMediaResponse:
        """Reads a small attachment; whatever cannot be read is empty."""
        return delivery.ReadMediaResponse(content=await self._media.media(request.url))

    async def RaiseFence(  # noqa: N802 - the contract's name
        self,
        request: delivery.RaiseFenceRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> delivery.RaiseFenceResponse:
        """Forbids sends below an epoch and says what stood below it."""
        try:
            raised = await self._store.raise_fence(UUID(request.conversation_id), request.min_epoch)
        except StoreAway as error:
            raise Unavailable(
                "The database does not answer.", metadata={"dependency": "database"}
            ) from error
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

    async def FindSentMail(  # noqa: N802 - the contract's name
        self,
        request: delivery.FindSentMailRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> delivery.FindSentMailResponse:
        """Tells whether a mail is one of ours, by any id that it carries."""
        try:
            found = await self._mails.found(
                request.provider_id, request.internet_message_id, _uuid(request.intent_id)
            )
        except StoreAway as error:
            raise Unavailable(
                "The database does not answer.", metadata={"dependency": "database"}
            ) from error
        return delivery.FindSentMailResponse(found=found)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
