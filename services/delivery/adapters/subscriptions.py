"""Which topic goes to which use case."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from chassis.errors import Unavailable
from chassis.events import EventReceiver
from chassis.ledger import Ledger, Receipt
from fte.conversation.v1 import receipts_pb2 as receipts
from services.delivery.application.ports import StoreAway

OUTBOUND_TOPICS = tuple(
    f"fte.channels.{channel}.outbound" for channel in ("email", "whatsapp", "web_form")
)
STATUS_TOPIC = "fte.channels.status"
METRICS_SETTLED_TOPIC = "fte.metrics.settled"

TakeRows = Callable[[Sequence[UUID]], Awaitable[None]]


def subscribe(
    receiver: EventReceiver, take_outbound: TakeRows, take_statuses: TakeRows, facts: Ledger
) -> None:
    """Hands each topic's events to its use case."""
    for topic in OUTBOUND_TOPICS:
        receiver.on(topic, receipts.RowsDriven, _rows(take_outbound))
    receiver.on(STATUS_TOPIC, receipts.RowsDriven, _rows(take_statuses))

    async def facts_settled(event: receipts.ReceiptsIssued) -> None:
        # The topic carries every service's receipts; those of others match no row here.
        settled = receipts.RECEIPT_STATE_SETTLED
        await facts.receive(
            [Receipt(UUID(row.row_id), row.state == settled, row.outcome) for row in event.rows]
        )

    receiver.on(METRICS_SETTLED_TOPIC, receipts.ReceiptsIssued, facts_settled)


def _rows(take: TakeRows) -> Callable[[receipts.RowsDriven], Awaitable[None]]:
    async def handle(event: receipts.RowsDriven) -> None:
        try:
            await take([UUID(row.row_id) for row in event.rows])
        except StoreAway as error:
            # The one case in which the event itself must come again.
            raise Unavailable(str(error), metadata={"dependency": "database"}) from error

    return handle
