"""Publishes receipts in the background, up to 64 in one event; what gets lost is asked for again."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import structlog

from chassis.errors import ServiceError
from chassis.sidecar import EventPublisher
from fte.conversation.v1 import receipts_pb2 as receipts
from services.delivery.application.ports import Receipt

DELIVERED = "fte.channels.delivered"
STATUSES_SETTLED = "fte.channels.status.settled"
STATUS_OUTCOME = "recorded"
BATCH = 64
# As long as receipts of one moment need to meet in one event.
GATHER_SECONDS = 0.005
RETRY_SECONDS = 0.5
_MOST_WAITING = 10_000

log = structlog.get_logger(__name__)


class ReceiptPublisher:
    """One queue for each topic; a newer receipt of the same row replaces an older one."""

    def __init__(self, sidecar: EventPublisher) -> None:
        self._sidecar = sidecar
        self._waiting: dict[str, dict[str, receipts.Receipt]] = {
            DELIVERED: {},
            STATUSES_SETTLED: {},
        }
        self._work = asyncio.Event()

    def delivered(self, answered: Sequence[Receipt]) -> None:
        """Answers outbox rows."""
        self._add(
            DELIVERED,
            [
                receipts.Receipt(
                    row_id=str(receipt.row_id),
                    state=receipts.RECEIPT_STATE_SETTLED
                    if receipt.state.final
                    else receipts.RECEIPT_STATE_STORED,
                    outcome=receipt.state.outcome,
                    provider_id=receipt.provider_id if receipt.state.final else "",
                    detail=receipt.detail,
                    thread_id=receipt.thread_id if receipt.state.final else "",
                    internet_message_id=receipt.internet_message_id if receipt.state.final else "",
                )
                for receipt in answered
            ],
        )

    def statuses_settled(self, row_ids: Sequence[UUID]) -> None:
        """Answers provider statuses."""
        self._add(
            STATUSES_SETTLED,
            [
                receipts.Receipt(
                    row_id=str(row_id),
                    state=receipts.RECEIPT_STATE_SETTLED,
                    outcome=STATUS_OUTCOME,
                )
                for row_id in row_ids
            ],
        )

    async def run(self) -> None:
        """Publishes until cancelled."""
        while True:
            await self._work.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._work.clear()
            for topic, waiting in self._waiting.items():
                while waiting:
                    rows = [waiting.pop(row_id) for row_id in list(waiting)[:BATCH]]
                    await self._publish(topic, rows)

    def _add(self, topic: str, rows: Sequence[receipts.Receipt]) -> None:
        waiting = self._waiting[topic]
        for row in rows:
            # A stored receipt may have been read before the send that has settled the row meanwhile.
            older = waiting.get(row.row_id)
            overtaken = older is not None and _is_settled(older) and not _is_settled(row)
            if len(waiting) < _MOST_WAITING and not overtaken:
                waiting[row.row_id] = row
        if waiting:
            self._work.set()

    async def _publish(self, topic: str, rows: list[receipts.Receipt]) -> None:
        event = receipts.ReceiptsIssued(event_id=str(uuid4()), rows=rows)
        event.occur_time.GetCurrentTime()
        try:
            await self._sidecar.publish(topic, event.SerializeToString())
        except ServiceError as error:
            # The owner asks again for a row that is open, but for a stored one only after a minute.
            log.warning("receipts not published", topic=topic, rows=len(rows), error=str(error))
            await asyncio.sleep(RETRY_SECONDS)
            # Put back under what came meanwhile.
            newer = list(self._waiting[topic].values())
            self._waiting[topic].clear()
            self._add(topic, [*rows, *newer])


def _is_settled(receipt: receipts.Receipt) -> bool:
    return receipt.state == receipts.RECEIPT_STATE_SETTLED
