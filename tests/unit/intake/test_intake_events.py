"""What intake publishes keeps the rules of its contracts and carries nobody's words."""

import json
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from chassis.interceptors import violations_of
from chassis.ledger import Ledger, Receipt, Row
from chassis.sidecar import Sidecar
from fte.conversation.v1 import receipts_pb2
from fte.intake.v1 import intake_events_pb2
from services.intake.adapters.events import Publisher, ReceiptsHandler


@dataclass
class FakeSidecar(Sidecar):
    """Keeps what was published."""

    published: list[tuple[str, bytes]] = field(default_factory=list)

    async def publish(self, topic: str, data: bytes, *, partition_key: str = "") -> None:
        """Keeps one event."""
        assert partition_key != "None"
        self.published.append((topic, data))


@dataclass
class FakeLedger(Ledger):
    """Keeps what was received."""

    received: list[Receipt] = field(default_factory=list)

    async def receive(self, receipts: "list[Receipt] | tuple[Receipt, ...]") -> None:  # type: ignore[override]
        """Keeps the receipts."""
        self.received.extend(receipts)


async def test_a_hint_names_rows_under_a_fresh_id_each_time() -> None:
    sidecar = FakeSidecar()
    rows = [Row(uuid4(), "fte.tickets.incoming", uuid4()) for _ in range(64)]
    for _ in range(2):
        await Publisher(sidecar).drive("fte.tickets.incoming", rows)
    first, second = (receipts_pb2.RowsDriven.FromString(data) for _, data in sidecar.published)
    assert violations_of(first) == []
    assert first.event_id != second.event_id
    assert [(UUID(r.row_id), UUID(r.group_id)) for r in first.rows] == [
        (row.row_id, row.group_id) for row in rows
    ]


async def test_the_raw_feed_is_made_of_what_the_database_wrote() -> None:
    message_id, handle_id = str(uuid4()), str(uuid4())
    payload = {
        "messageId": message_id,
        "handleId": handle_id,
        "inboxSeq": 7,
        "acceptTime": "2026-03-01T13:00:00.123456+01:00",
    }
    sidecar = FakeSidecar()
    row = Row(uuid4(), "fte.channels.email.inbound", payload=json.dumps(payload).encode())
    await Publisher(sidecar).announce(row.topic, [row])
    [(topic, data)] = sidecar.published
    event = intake_events_pb2.MessagesAccepted.FromString(data)
    assert violations_of(event) == []
    [accepted] = event.rows
    assert (topic, accepted.message_id, accepted.handle_id, accepted.inbox_seq) == (
        "fte.channels.email.inbound",
        message_id,
        handle_id,
        7,
    )
    assert accepted.accept_time.ToJsonString() == "2026-03-01T12:00:00.123456Z"


async def test_receipts_reach_the_ledger() -> None:
    stored, settled = uuid4(), uuid4()
    event = receipts_pb2.ReceiptsIssued(
        rows=[
            receipts_pb2.Receipt(row_id=str(stored), state=receipts_pb2.RECEIPT_STATE_STORED),
            receipts_pb2.Receipt(
                row_id=str(settled), state=receipts_pb2.RECEIPT_STATE_SETTLED, outcome="answered"
            ),
        ]
    )
    ledger = FakeLedger()
    await ReceiptsHandler(ledger).handle(event)
    assert ledger.received == [
        Receipt(stored, settled=False),
        Receipt(settled, settled=True, outcome="answered"),
    ]
