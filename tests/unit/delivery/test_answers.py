"""Receipts gather into events of at most 64 rows; settings make the policies."""

import asyncio
from datetime import timedelta
from typing import cast
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from chassis.errors import Unavailable
from chassis.sidecar import Sidecar
from fte.conversation.v1 import receipts_pb2 as receipts
from services.delivery.adapters import answers
from services.delivery.adapters.answers import DELIVERED, STATUSES_SETTLED, ReceiptPublisher
from services.delivery.application.ports import Receipt
from services.delivery.domain.intent import Channel, State
from services.delivery.settings import Settings


class Published:
    """Stands where the sidecar's publish stands."""

    def __init__(self) -> None:
        self.events: list[tuple[str, receipts.ReceiptsIssued]] = []
        self.away = False

    async def publish(self, topic: str, data: bytes) -> None:
        if self.away:
            raise Unavailable("connection refused")
        self.events.append((topic, receipts.ReceiptsIssued.FromString(data)))


async def _run(publisher: ReceiptPublisher) -> None:
    task = asyncio.create_task(publisher.run())
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_receipts_gather_and_the_newest_of_a_row_wins() -> None:
    published = Published()
    publisher = ReceiptPublisher(cast("Sidecar", published))
    row = uuid4()
    publisher.delivered([Receipt(row, State.PENDING)])
    publisher.delivered([Receipt(row, State.SENT, "SM1")])
    publisher.delivered([Receipt(uuid4(), State.UNKNOWN) for _ in range(64)])
    publisher.statuses_settled([uuid4()])
    await _run(publisher)
    assert [(t, len(e.rows)) for t, e in published.events] == [
        (DELIVERED, 64), (DELIVERED, 1), (STATUSES_SETTLED, 1)
    ]  # fmt: skip
    first = published.events[0][1].rows[0]
    assert UUID(first.row_id) == row
    assert (first.state, first.outcome, first.provider_id) == (
        receipts.RECEIPT_STATE_SETTLED, "sent", "SM1"
    )  # fmt: skip
    stored = published.events[0][1].rows[1]
    assert (stored.state, stored.outcome) == (receipts.RECEIPT_STATE_STORED, "")


@pytest.mark.parametrize("away_first", [False, True])
async def test_a_stored_receipt_never_overtakes_a_settled_one(
    monkeypatch: pytest.MonkeyPatch, *, away_first: bool
) -> None:
    monkeypatch.setattr(answers, "RETRY_SECONDS", 0.01)
    published = Published()
    published.away = away_first
    publisher = ReceiptPublisher(cast("Sidecar", published))
    row = uuid4()
    publisher.delivered([Receipt(row, State.SENT, "SM1")])
    running = asyncio.create_task(publisher.run())
    if away_first:
        await asyncio.sleep(0.008)
    publisher.delivered([Receipt(row, State.PENDING)])
    published.away = False
    async with asyncio.timeout(5):
        while not published.events:  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0.001)
    running.cancel()
    assert [one.outcome for _, event in published.events for one in event.rows] == ["sent"]


async def test_a_receipt_waits_while_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "RETRY_SECONDS", 0.001)
    published = Published()
    publisher = ReceiptPublisher(cast("Sidecar", published))
    row = uuid4()
    published.away = True
    publisher.delivered([Receipt(row, State.SENT)])
    running = asyncio.create_task(publisher.run())
    await asyncio.sleep(0.02)
    published.away = False
    async with asyncio.timeout(5):
        while not published.events:  # noqa: ASYNC110 - polls a list
            await asyncio.sleep(0.001)
    running.cancel()
    assert [UUID(one.row_id) for _, event in published.events for one in event.rows] == [row]


_NEEDED = {
    "APP_PORT": "8084",
    "DAPR_GRPC_PORT": "8104",
    "FTE_DATABASE_URL": "postgresql://localhost/fte",
    "FTE_PUBLIC_URL": "https://support.example.com",
    "FTE_GMAIL_ADDRESS": "support@example.com",
    "FTE_GMAIL_CLIENT_ID": "id",
    "FTE_GMAIL_CLIENT_SECRET": "secret",
    "FTE_GMAIL_REFRESH_TOKEN": "token",
    "FTE_TWILIO_ACCOUNT_SID": "AC1",
    "FTE_TWILIO_AUTH_TOKEN": "secret",
}


def test_windows_are_per_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in _NEEDED.items():
        monkeypatch.setenv(name, value)
    policies = Settings().policies()  # type: ignore[call-arg]  # the environment gives them
    assert policies[Channel.EMAIL].window == timedelta(seconds=120)
    assert policies[Channel.WHATSAPP].window == timedelta(seconds=300)
    monkeypatch.setenv("FTE_GMAIL_WITNESS_WINDOW_SECONDS", "6")
    policies = Settings().policies()  # type: ignore[call-arg]  # the environment gives them
    assert policies[Channel.WHATSAPP].window == timedelta(seconds=300)
    assert policies[Channel.EMAIL].interval == timedelta(seconds=0.75)


@pytest.mark.parametrize("missing", [name for name in _NEEDED if name.startswith("FTE_")])
def test_a_missing_setting_is_refused(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name, value in _NEEDED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(missing)
    with pytest.raises(ValidationError, match=missing.removeprefix("FTE_").lower()):
        Settings()  # type: ignore[call-arg]  # the environment gives them


def test_an_attempt_outlasts_its_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _NEEDED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FTE_ATTEMPT_SECONDS", "20")
    with pytest.raises(ValidationError, match="send_seconds"):
        Settings()  # type: ignore[call-arg]  # the environment gives them
    monkeypatch.setenv("FTE_SEND_SECONDS", "5")
    assert Settings().patience().send_seconds == 5  # type: ignore[call-arg]  # as above
