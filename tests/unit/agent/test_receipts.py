"""Receipts go out in batches, the newest of each row, and wait while the broker is away."""

import asyncio
from typing import cast
from uuid import UUID

import pytest

from chassis.errors import Unavailable
from chassis.ledger import Receipt
from chassis.sidecar import Sidecar
from fte.conversation.v1 import receipts_pb2
from services.agent.adapters import receipts
from services.agent.adapters.receipts import ReceiptPublisher


class Broker:
    """Stands for the sidecar's publish; refuses the first calls."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.events: list[receipts_pb2.ReceiptsIssued] = []

    async def publish(self, topic: str, data: bytes) -> None:
        assert topic == "fte.tickets.settled"
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("broker away")
        self.events.append(receipts_pb2.ReceiptsIssued.FromString(data))


async def published(broker: Broker, *sent: Receipt) -> list[tuple[str, int]]:
    publisher = ReceiptPublisher(cast("Sidecar", broker))
    publisher.send(sent)
    running = asyncio.create_task(publisher.run())
    async with asyncio.timeout(5):
        while not broker.events:  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0.01)
    running.cancel()
    return [(row.row_id, row.state) for event in broker.events for row in event.rows]


ROW = UUID(int=1)
STORED, SETTLED = Receipt(ROW, settled=False), Receipt(ROW, settled=True, outcome="answered")


@pytest.mark.parametrize("order", [(STORED, SETTLED), (SETTLED, STORED)])
async def test_a_settled_receipt_beats_a_stored_one(order: tuple[Receipt, ...]) -> None:
    rows = await published(Broker(), *order)
    assert rows == [(str(ROW), receipts_pb2.RECEIPT_STATE_SETTLED)]


async def test_a_receipt_waits_while_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "RETRY_SECONDS", 0)
    rows = await published(Broker(refusals=3), SETTLED)
    assert rows == [(str(ROW), receipts_pb2.RECEIPT_STATE_SETTLED)]


async def test_many_receipts_share_an_event() -> None:
    broker = Broker()
    await published(broker, *(Receipt(UUID(int=n), settled=True) for n in range(1, 65)))
    assert [len(event.rows) for event in broker.events] == [64]
