"""Contact cards that WhatsApp users share: read from the provider when the message is handed out, as text.

The webhook is answered long before; a card that cannot be read in time stays what it is, an attachment by reference.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from chassis.errors import ServiceError
from fte.delivery.v1 import delivery_service_pb2 as delivery
from fte.delivery.v1 import delivery_service_pb2_grpc as delivery_grpc
from fte.intake.v1 import intake_service_pb2
from services.intake.application.whatsapp_content import contact_text, is_card

# Whoever asks for messages waits a second at most.
SECONDS = 0.8
_MOST_CARDS = 3

log = structlog.get_logger(__name__)


class Cards(Protocol):
    """Makes contact cards readable."""

    async def read(self, messages: Sequence[intake_service_pb2.InboundMessage]) -> None:
        """Adds to each message what its contact cards say, as far as that is known in time."""


class ContactCards:
    """Asks delivery, which alone speaks to the provider."""

    def __init__(self, stub: "delivery_grpc.DeliveryServiceAsyncStub") -> None:
        self._stub = stub

    async def read(self, messages: Sequence[intake_service_pb2.InboundMessage]) -> None:
        """Adds to each message what its contact cards say; whatever goes wrong changes nothing."""
        wanted = [
            (message, media)
            for message in messages
            for media in message.whatsapp.media[:_MOST_CARDS]
            if media.url and is_card(media.content_type)
        ]
        texts = await asyncio.gather(*(self._text(media.url) for _, media in wanted))
        for (message, media), text in zip(wanted, texts, strict=True):
            if text:
                message.body = "\n".join(part for part in (message.body, text) if part)
                message.whatsapp.media.remove(media)

    async def _text(self, url: str) -> str:
        try:
            found: delivery.ReadMediaResponse = await self._stub.ReadMedia(
                delivery.ReadMediaRequest(url=url), timeout=SECONDS
            )
        except ServiceError as error:
            log.warning("contact card not read", reason=error.reason)
            return ""
        return contact_text(found.content.decode("utf-8", "replace"))
