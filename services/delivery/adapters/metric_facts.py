"""The ledger of metric facts towards the metrics service."""

from collections.abc import Sequence
from uuid import uuid4

from chassis.database import Pool
from chassis.ledger import Ledger, Row
from chassis.ledger_rows import LedgerTable, PostgresLedgerRows
from chassis.sidecar import Sidecar
from fte.metrics.v1 import metrics_events_pb2 as metrics

TOPIC = "fte.metrics"
_TABLE = LedgerTable(
    name="delivery.metric_facts", key="fact_id", topic=f"'{TOPIC}'", payload="payload"
)


def metric_ledger(pool: Pool, sidecar: Sidecar) -> Ledger:
    """Returns the ledger that drives this service's facts."""

    async def publish(topic: str, rows: Sequence[Row]) -> None:
        event = metrics.FactsRecorded(
            event_id=str(uuid4()), rows=[metrics.Fact.FromString(row.payload) for row in rows]
        )
        event.occur_time.GetCurrentTime()
        await sidecar.publish(topic, event.SerializeToString())

    return Ledger(PostgresLedgerRows(pool, _TABLE), publish)
