"""Answers intake's ledger: stored and settled receipts, many to an event.

They are hints like any other: a lost one comes again, because an open row asks again and gets the newest receipt.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from chassis.ledger import BATCH, Receipt
from chassis.sidecar import Sidecar
from fte.conversation.v1 import receipts_pb2
from services.agent.adapters.mapping import timestamp

TOPIC = "fte.tickets.settled"

log = structlog.get_logger(__name__)


class ReceiptPublisher:
    """Publishes receipts in the background, newest per row, up to 64 to an event."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._waiting: asyncio.Queue[Receipt] = asyncio.Queue(maxsize=10_000)

    def send(self, receipts: Iterable[Receipt]) -> None:
        """Queues receipts; when too many wait, the rest is left to the next question."""
        for receipt in receipts:
            if self._waiting.full():
                return
            self._waiting.put_nowait(receipt)

    async def run(self) -> None:
        """Publishes until cancelled."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            newest = {r.row_id: r for r in sorted(batch, key=lambda r: r.settled)}
            event = receipts_pb2.ReceiptsIssued(
                event_id=str(uuid4()),
                occur_time=timestamp(datetime.now(UTC)),
                rows=[_to_proto(receipt) for receipt in newest.values()],
            )
            try:
                await self._sidecar.publish(TOPIC, event.SerializeToString())
            except Exception as error:  # noqa: BLE001 - intake asks again
                log.warning("receipts not published", rows=len(newest), error=str(error))


def _to_proto(receipt: Receipt) -> receipts_pb2.Receipt:
    state = (
        receipts_pb2.RECEIPT_STATE_SETTLED if receipt.settled else receipts_pb2.RECEIPT_STATE_STORED
    )
    return receipts_pb2.Receipt(row_id=str(receipt.row_id), state=state, outcome=receipt.outcome)
