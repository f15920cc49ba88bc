"""Answers intake's ledger: stored and settled receipts, many to an event.

They are hints like any other: a lost one comes again, because an open row asks again and gets the newest receipt.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import structlog

from chassis.errors import ServiceError
from chassis.ledger import BATCH, Receipt
from chassis.sidecar import EventPublisher
from fte.conversation.v1 import receipts_pb2
from services.agent.adapters.mapping import timestamp

TOPIC = "fte.tickets.settled"
MOST_WAITING = 10_000
RETRY_SECONDS = 0.5

log = structlog.get_logger(__name__)


class ReceiptPublisher:
    """Publishes receipts in the background, up to 64 to an event; a settled one replaces a stored one."""

    def __init__(self, sidecar: EventPublisher) -> None:
        self._sidecar = sidecar
        self._waiting: dict[UUID, Receipt] = {}
        self._arrived = asyncio.Event()

    def send(self, receipts: Iterable[Receipt]) -> None:
        """Queues receipts; when too many wait, the rest is left to the next question."""
        for receipt in receipts:
            older = self._waiting.get(receipt.row_id)
            overtaken = older is not None and older.settled and not receipt.settled
            if len(self._waiting) < MOST_WAITING and not overtaken:
                self._waiting[receipt.row_id] = receipt
        self._arrived.set()

    async def run(self) -> None:
        """Publishes until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._publish([self._waiting.pop(r) for r in list(self._waiting)[:BATCH]])

    async def _publish(self, receipts: Sequence[Receipt]) -> None:
        event = receipts_pb2.ReceiptsIssued(
            event_id=str(uuid4()),
            occur_time=timestamp(datetime.now(UTC)),
            rows=[_to_proto(receipt) for receipt in receipts],
        )
        try:
            await self._sidecar.publish(TOPIC, event.SerializeToString())
        except ServiceError as error:
            # Intake asks again for an open row, but for a stored one only after a minute.
            log.warning("receipts not published", rows=len(receipts), error=error.message)
            await asyncio.sleep(RETRY_SECONDS)
            # Put back under what came meanwhile.
            newer = list(self._waiting.values())
            self._waiting.clear()
            self.send([*receipts, *newer])


def _to_proto(receipt: Receipt) -> receipts_pb2.Receipt:
    state = (
        receipts_pb2.RECEIPT_STATE_SETTLED if receipt.settled else receipts_pb2.RECEIPT_STATE_STORED
    )
    return receipts_pb2.Receipt(row_id=str(receipt.row_id), state=state, outcome=receipt.outcome)
