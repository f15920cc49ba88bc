"""Which topic goes to which use case."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from chassis.events import EventReceiver
from chassis.gathering import Gathering
from chassis.ledger import Ledger, Receipt
from fte.conversation.v1 import receipts_pb2 as receipts

OUTBOUND_TOPICS = tuple(
    f"fte.channels.{channel}.outbound" for channel in ("email", "whatsapp", "web_form")
)
STATUS_TOPIC = "fte.channels.status"
METRICS_SETTLED_TOPIC = "fte.metrics.settled"


def subscribe(
    receiver: EventReceiver, outbound: Gathering[UUID], statuses: Gathering[UUID], facts: Ledger
) -> None:
    """Hands each topic's rows to where they are gathered, and receipts of facts to their ledger."""
    for topic in OUTBOUND_TOPICS:
        receiver.on(topic, receipts.RowsDriven, _rows(outbound))
    receiver.on(STATUS_TOPIC, receipts.RowsDriven, _rows(statuses))

    async def facts_settled(event: receipts.ReceiptsIssued) -> None:
        # The topic carries every service's receipts; those of others match no row here.
        settled = receipts.RECEIPT_STATE_SETTLED
        await facts.receive(
            [Receipt(UUID(row.row_id), row.state == settled, row.outcome) for row in event.rows]
        )

    receiver.on(METRICS_SETTLED_TOPIC, receipts.ReceiptsIssued, facts_settled)


def _rows(gathering: Gathering[UUID]) -> Callable[[receipts.RowsDriven], Awaitable[None]]:
    async def handle(event: receipts.RowsDriven) -> None:
        gathering.put(UUID(row.row_id) for row in event.rows)

    return handle
