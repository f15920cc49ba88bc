"""Metric facts of identity: created and linked customers, on their way to metrics."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.ledger import Ledger, Publish, Receipt, Row
from chassis.ledger_rows import LedgerTable
from chassis.sidecar import Sidecar
from fte.conversation.v1 import receipts_pb2
from fte.metrics.v1 import metrics_events_pb2

TOPIC: Final = "fte.metrics"
RECEIPTS_TOPIC: Final = "fte.metrics.settled"
# Metrics answers in batches; only more silence than between two of them means that it was away.
SILENCE_SECONDS: Final = 45.0
TABLE: Final = LedgerTable(
    name="identity.metric_facts", key="fact_id", topic=f"'{TOPIC}'", payload="payload"
)


def fact_payload(outcome: str) -> bytes:
    """Returns a fact of this moment as the ledger keeps it: without the id, which is the row's."""
    fact = metrics_events_pb2.Fact(
        service="identity",
        type=metrics_events_pb2.FACT_TYPE_IDENTITY,
        occur_time=_now(),
        outcome=outcome,
    )
    return fact.SerializeToString()


def publisher(sidecar: Sidecar) -> Publish:
    """Returns what publishes ledger rows as one event."""

    async def publish(topic: str, rows: Sequence[Row]) -> None:
        event = metrics_events_pb2.FactsRecorded(event_id=str(uuid4()), occur_time=_now())
        for row in rows:
            fact = event.rows.add()
            fact.ParseFromString(row.payload)
            fact.fact_id = str(row.row_id)
        await sidecar.publish(topic, event.SerializeToString())

    return publish


async def settle(ledger: Ledger, event: receipts_pb2.ReceiptsIssued) -> None:
    """Closes the facts that metrics has written; receipts of other services' facts touch nothing."""
    settled = receipts_pb2.RECEIPT_STATE_SETTLED
    await ledger.receive(
        [Receipt(UUID(r.row_id), r.state == settled, r.outcome) for r in event.rows]
    )


def _now() -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC))
    return moment
