"""Intake's events: the hints that rows wait, the raw feed, and the receipts that come back."""

import json
from collections.abc import Sequence
from uuid import UUID, uuid4

from google.protobuf import json_format

from chassis.ledger import Ledger, Receipt, Row
from chassis.sidecar import EventPublisher
from fte.conversation.v1 import receipts_pb2
from fte.intake.v1 import intake_events_pb2

SETTLED = "fte.tickets.settled"
STATUS_SETTLED = "fte.channels.status.settled"


class Publisher:
    """Publishes rows through the sidecar, each time under a fresh event id."""

    def __init__(self, sidecar: EventPublisher) -> None:
        self._sidecar = sidecar

    async def drive(self, topic: str, rows: Sequence[Row]) -> None:
        """Hints that rows wait. Order is the far end's affair: it fetches by number, not by event."""
        event = receipts_pb2.RowsDriven(
            event_id=str(uuid4()),
            rows=[
                receipts_pb2.RowRef(row_id=str(row.row_id), group_id=str(row.group_id))
                for row in rows
            ],
        )
        event.occur_time.GetCurrentTime()
        # Spreads events over partitions; a handle's burst mostly shares one.
        key = str(rows[0].group_id)
        await self._sidecar.publish(topic, event.SerializeToString(), partition_key=key)

    async def announce(self, topic: str, rows: Sequence[Row]) -> None:
        """Publishes the raw feed: who wrote when, without a word of it."""
        event = intake_events_pb2.MessagesAccepted(event_id=str(uuid4()))
        event.occur_time.GetCurrentTime()
        for row in rows:
            json_format.ParseDict(json.loads(row.payload), event.rows.add())
        await self._sidecar.publish(topic, event.SerializeToString())


class ReceiptsHandler:
    """Takes the far ends' receipts into the inbox's ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def handle(self, event: receipts_pb2.ReceiptsIssued) -> None:
        """Records what became of our rows; ids of unknown rows change nothing."""
        await self._ledger.receive(
            [
                Receipt(
                    row_id=UUID(row.row_id),
                    settled=row.state == receipts_pb2.RECEIPT_STATE_SETTLED,
                    outcome=row.outcome,
                )
                for row in event.rows
            ]
        )
