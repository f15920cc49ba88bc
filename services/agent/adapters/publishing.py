"""Builds the events of the agent's ledgers; an event's id is fresh for every publish."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from chassis.ledger import SWEEP_SECONDS, Ledger, LedgerRows, Row
from chassis.ledger_rows import LedgerTable
from chassis.sidecar import EventPublisher
from fte.agent.v1 import agent_events_pb2
from fte.conversation.v1 import receipts_pb2
from fte.metrics.v1 import metrics_events_pb2
from services.agent.adapters.escalations import ESCALATIONS_TOPIC
from services.agent.adapters.mapping import timestamp
from services.agent.adapters.projections import (
    DEAD_LETTERS_TOPIC,
    FACTS_TOPIC,
)

# Metrics answers in batches of ten seconds, so ten silent seconds say nothing.
FACTS_SILENCE_SECONDS = 45.0

_ANNOUNCED: dict[
    str, type[agent_events_pb2.ConversationEscalated | agent_events_pb2.MessageDeadLettered]
] = {
    ESCALATIONS_TOPIC: agent_events_pb2.ConversationEscalated,
    DEAD_LETTERS_TOPIC: agent_events_pb2.MessageDeadLettered,
}

OUTBOX = LedgerTable(
    "agent.outbox",
    "outbox_id",
    topic="'fte.channels.' || t.channel || '.outbound'",
    group_id="t.conversation_id",
)
ANNOUNCEMENTS = LedgerTable(
    "agent.announcements", "announcement_id", topic="t.topic", payload="t.payload"
)
FACTS = LedgerTable("agent.metric_facts", "fact_id", topic=f"'{FACTS_TOPIC}'", payload="t.payload")


def outbox_ledger(
    rows: LedgerRows, sidecar: EventPublisher, sweep_seconds: float = SWEEP_SECONDS
) -> Ledger:
    """The ledger of what is to be sent; delivery answers it."""

    async def publish(topic: str, driven: Sequence[Row]) -> None:
        event = receipts_pb2.RowsDriven(
            event_id=str(uuid4()),
            occur_time=timestamp(datetime.now(UTC)),
            rows=[
                receipts_pb2.RowRef(row_id=str(row.row_id), group_id=str(row.group_id))
                for row in driven
            ],
        )
        await sidecar.publish(
            topic, event.SerializeToString(), partition_key=str(driven[0].group_id)
        )

    return Ledger(rows, publish, sweep_seconds=sweep_seconds)


def announcement_ledger(
    rows: LedgerRows, sidecar: EventPublisher, sweep_seconds: float = SWEEP_SECONDS
) -> Ledger:
    """The ledger of escalations and dead letters; a row closes when the broker has it."""

    async def publish(topic: str, driven: Sequence[Row]) -> None:
        for row in driven:
            event = _ANNOUNCED[topic].FromString(row.payload)
            event.event_id = str(uuid4())
            await sidecar.publish(topic, event.SerializeToString())

    return Ledger(rows, publish, close_on_ack=True, sweep_seconds=sweep_seconds)


def fact_ledger(rows: LedgerRows, sidecar: EventPublisher) -> Ledger:
    """The ledger of metric facts; metrics answers it."""

    async def publish(topic: str, driven: Sequence[Row]) -> None:
        event = metrics_events_pb2.FactsRecorded(
            event_id=str(uuid4()),
            occur_time=timestamp(datetime.now(UTC)),
            rows=[metrics_events_pb2.Fact.FromString(row.payload) for row in driven],
        )
        await sidecar.publish(topic, event.SerializeToString())

    return Ledger(rows, publish, silence_seconds=FACTS_SILENCE_SECONDS)
