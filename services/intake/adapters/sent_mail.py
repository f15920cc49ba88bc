"""Whether a mail is one of ours, asked of delivery by service invocation."""

from chassis.errors import ServiceError
from chassis.sidecar import Sidecar
from fte.delivery.v1 import delivery_service_pb2, delivery_service_pb2_grpc
from services.intake.application.ports import MailboxAwayError

_SECONDS = 3.0
_INTENT_CHARACTERS = 64


class DeliverySentMail:
    """Asks delivery, who knows every id of the mails that it sent."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._stub = delivery_service_pb2_grpc.DeliveryServiceStub(sidecar.service("delivery"))

    async def has(self, provider_id: str, internet_message_id: str, intent_id: str) -> bool:
        """Tells whether one of the ids is of a mail of ours; raises `MailboxAwayError`."""
        request = delivery_service_pb2.FindSentMailRequest(
            provider_id=provider_id,
            internet_message_id=internet_message_id,
            intent_id=intent_id[:_INTENT_CHARACTERS],
        )
        try:
            answer = await self._stub.FindSentMail(request, timeout=_SECONDS)
        except ServiceError as error:
            # A mail of ours that is taken for a customer's would be answered; it can wait in the mailbox.
            raise MailboxAwayError(
                f"delivery does not answer: {error.reason}", "delivery"
            ) from None
        return bool(answer.found)
