"""The way into the table of facts: Dapr's Postgres binding, one statement a batch; and the receipts after it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.sidecar import Sidecar
from fte.conversation.v1 import conversation_pb2, receipts_pb2
from fte.metrics.v1 import metrics_events_pb2 as pb

BINDING = "metrics-db"
RECEIPTS_TOPIC = "fte.metrics.settled"
RECEIPTS = 64
SECONDS = 20.0

# The binding turns every number into a float and knows no uuid: so the batch is one text, typed by Postgres.
# In one line, because the binding's answer repeats the statement in a header.
_INSERT = (
    "INSERT INTO metrics.agent_metrics (fact_id, service, type, channel, latency_ms, sentiment, "
    "outcome, tokens, tool_calls, occur_time) "
    "SELECT fact_id, service, type, channel, latency_ms, sentiment, "
    "outcome, tokens, tool_calls, occur_time "
    "FROM jsonb_to_recordset($1::text::jsonb) AS fact(fact_id uuid, service text, type text, "
    "channel text, latency_ms double precision, sentiment double precision, outcome text, "
    "tokens bigint, tool_calls integer, occur_time timestamptz) "
    "ORDER BY fact_id ON CONFLICT (fact_id) DO NOTHING"
)


async def write(sidecar: Sidecar, facts: Sequence[pb.Fact]) -> None:
    """Writes facts by one call of the binding, those that are there already included; raises `Unavailable`."""
    rows = json.dumps([_row(fact) for fact in facts])
    await sidecar.invoke_binding(
        BINDING, "exec", metadata={"sql": _INSERT, "params": json.dumps([rows])}, seconds=SECONDS
    )


async def answer(sidecar: Sidecar, facts: Sequence[pb.Fact]) -> None:
    """Publishes a settled receipt for each fact, 64 an event; raises `Unavailable`."""
    for start in range(0, len(facts), RECEIPTS):
        event = receipts_pb2.ReceiptsIssued(event_id=str(uuid4()), occur_time=_now())
        for fact in facts[start : start + RECEIPTS]:
            event.rows.add(
                row_id=fact.fact_id, state=receipts_pb2.RECEIPT_STATE_SETTLED, outcome="recorded"
            )
        await sidecar.publish(RECEIPTS_TOPIC, event.SerializeToString())


def _row(fact: pb.Fact) -> dict[str, Any]:
    channel = _word(conversation_pb2.Channel.Name(fact.channel), "CHANNEL_")
    return {
        "fact_id": fact.fact_id,
        "service": fact.service,
        "type": _word(pb.FactType.Name(fact.type), "FACT_TYPE_"),
        "channel": channel if fact.HasField("channel") else None,
        "latency_ms": fact.latency_ms if fact.HasField("latency_ms") else None,
        "sentiment": fact.sentiment if fact.HasField("sentiment") else None,
        "outcome": fact.outcome,
        "tokens": fact.tokens if fact.HasField("tokens") else None,
        "tool_calls": fact.tool_calls if fact.HasField("tool_calls") else None,
        "occur_time": fact.occur_time.ToJsonString(),
    }


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()


def _now() -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC))
    return moment
