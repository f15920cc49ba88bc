"""Facts on their whole way: a ledger, the broker, metrics, Dapr's Postgres binding, and the receipt back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest

from chassis.database import Pool, open_pool
from chassis.errors import Unavailable
from chassis.sidecar import Sidecar
from fte.conversation.v1 import conversation_pb2 as nouns
from fte.identity.v1 import identity_service_pb2
from fte.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from fte.metrics.v1 import metrics_events_pb2 as events
from fte.metrics.v1 import metrics_service_pb2 as service
from fte.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from services.metrics.adapters import fact_table
from tests.integration.mesh import Mesh, eventually, mesh
from tests.integration.postgres import Database

NEVER = "60"  # seconds between two flushes, longer than a test


@pytest.fixture
async def identity_pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url("fte_identity"), 2, application="test")
    yield pool
    await pool.close()


@pytest.fixture
async def metrics_pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(database.url("fte_metrics"), 2, application="test")
    yield pool
    await pool.close()


async def first_contacts(running: Mesh, count: int) -> None:
    async with grpc.aio.insecure_channel(running.local("identity")) as channel:
        await IdentityServiceStub(channel).Resolve(
            identity_service_pb2.ResolveRequest(
                handles=[
                    identity_service_pb2.ResolveHandle(
                        handle=nouns.Handle(type=nouns.HANDLE_TYPE_PHONE, value=f"+1555010{n:04}"),
                        assurance=nouns.ASSURANCE_VERIFIED,
                    )
                    for n in range(count)
                ]
            ),
            metadata=(running.api_key,),
            timeout=10,
        )


def fact(**fields: Any) -> events.Fact:
    made = events.Fact(
        fact_id=str(uuid4()), service="agent", type=events.FACT_TYPE_MESSAGE_PROCESSED
    )
    made.occur_time.FromDatetime(datetime.now(UTC))
    made.MergeFrom(events.Fact(**fields))
    return made


async def test_a_fact_is_written_and_its_ledger_row_closes(
    database: Database, identity_pool: Pool, metrics_pool: Pool
) -> None:
    async with mesh(database, ["identity", "metrics"], FTE_FLUSH_SECONDS="0.5") as running:
        await first_contacts(running, 3)

        async def settled() -> bool:
            rows = await identity_pool.fetch("SELECT state, outcome FROM identity.metric_facts")
            assert len(rows) == 3
            return all((r["state"], r["outcome"]) == ("settled", "recorded") for r in rows)

        await eventually(settled, "all facts of identity are settled")
        rows = await metrics_pool.fetch("SELECT * FROM metrics.agent_metrics")
        assert {(r["service"], r["type"], r["outcome"]) for r in rows} == {
            ("identity", "identity", "created")
        }
        assert len(rows) == 3
        assert rows[0]["channel"] is None
        assert rows[0]["tokens"] is None
        assert running.stop("metrics") == 0
        assert running.stop("identity") == 0


async def test_a_kill_before_the_flush_loses_nothing(
    database: Database, identity_pool: Pool, metrics_pool: Pool
) -> None:
    async with mesh(database, ["identity", "metrics"], FTE_FLUSH_SECONDS=NEVER) as running:
        await first_contacts(running, 5)

        async def taken() -> bool:
            # Its durable has acknowledged: the facts are in memory and nowhere else.
            return "fte.metrics" in await _acknowledged(running)

        await eventually(taken, "metrics has taken the event")
        running.kill("metrics")
        assert await metrics_pool.fetchval("SELECT count(*) FROM metrics.agent_metrics") == 0
        states = await identity_pool.fetch("SELECT DISTINCT state FROM identity.metric_facts")
        assert [row["state"] for row in states] == ["open"]

        # Waiting for the sweeper's own time would only make the test slow.
        await identity_pool.execute("UPDATE identity.metric_facts SET next_drive_time = now()")
        await running.start_service("metrics", FTE_FLUSH_SECONDS="0.3")

        async def settled() -> bool:
            open_rows = "SELECT count(*) FROM identity.metric_facts WHERE state <> 'settled'"
            return int(await identity_pool.fetchval(open_rows)) == 0

        await eventually(settled, "the facts come again and are settled")
        assert await metrics_pool.fetchval("SELECT count(*) FROM metrics.agent_metrics") == 5


async def test_the_binding_takes_every_type_and_a_repeat_once(
    database: Database, metrics_pool: Pool
) -> None:
    async with mesh(database, ["metrics"], FTE_FLUSH_SECONDS=NEVER) as running:
        sidecar = Sidecar(
            running.environment.ports.of("metrics", "DAPR_GRPC"),
            running.environment.secrets["DAPR_API_TOKEN"],
        )
        whole = fact(
            channel=nouns.CHANNEL_WEB_FORM,
            latency_ms=1234.5,
            sentiment=-0.25,
            outcome='it\'s "quoted"',
            tokens=2**53 + 1,  # beyond what a float holds exactly
            tool_calls=4,
        )
        bare = fact()
        many = [fact(latency_ms=n) for n in range(500)]
        await fact_table.write(sidecar, [whole, bare, *many])
        await fact_table.write(sidecar, [whole, bare])

        rows = await metrics_pool.fetch("SELECT * FROM metrics.agent_metrics")
        by_id = {row["fact_id"]: row for row in rows}
        assert len(rows) == 502
        row = by_id[UUID(whole.fact_id)]
        assert (row["channel"], row["latency_ms"], row["sentiment"]) == ("web_form", 1234.5, -0.25)
        assert (row["outcome"], row["tokens"], row["tool_calls"]) == (
            'it\'s "quoted"',
            2**53 + 1,
            4,
        )
        sent = whole.occur_time.ToDatetime(UTC)
        assert abs(row["occur_time"] - sent) < timedelta(milliseconds=1)
        empty = by_id[UUID(bare.fact_id)]
        fields = ("channel", "latency_ms", "sentiment", "tokens", "tool_calls")
        assert [empty[name] for name in fields] == [None] * 5

        with pytest.raises(Unavailable):
            await fact_table.write(sidecar, [fact(outcome="\0")])
        await sidecar.close()


async def test_the_report_counts_by_channel(database: Database, metrics_pool: Pool) -> None:
    async with mesh(database, ["metrics"]) as running:
        await metrics_pool.executemany(
            "INSERT INTO metrics.agent_metrics "
            "(fact_id, service, type, channel, latency_ms, sentiment, outcome, occur_time) "
            "VALUES ($1, 'agent', $2, $3, $4, $5, $6, now() - $7::interval)",
            [
                (uuid4(), kind, channel, latency, sentiment, outcome, timedelta(hours=hours))
                for kind, channel, latency, sentiment, outcome, hours in [
                    ("message_processed", "email", 9999.0, 0.5, "answered", 1),
                    ("message_processed", "email", 9999.0, -0.5, "answered", 2),
                    ("message_processed", "email", 9999.0, 0.3, "answered", 3),
                    ("escalation", "email", 9999.0, None, "pricing_inquiry", 1),
                    ("delivery", "email", 100.0, None, "sent", 1),
                    ("delivery", "email", 200.0, None, "sent", 1),
                    ("delivery", "email", 300.0, None, "sent", 1),
                    ("delivery", "email", 7000.0, None, "rejected", 1),
                    ("error", "email", None, None, "given_up", 1),
                    ("message_processed", "email", 9999.0, 1.0, "answered", 30),
                    ("message_processed", "whatsapp", 9999.0, None, "answered", 1),
                    ("identity", None, None, None, "created", 1),
                ]
            ],
        )
        async with grpc.aio.insecure_channel(running.local("metrics")) as channel:
            stub = MetricsServiceStub(channel)
            answer = await stub.ReportChannels(
                service.ReportChannelsRequest(), metadata=(running.api_key,)
            )
            week = await stub.ReportChannels(
                service.ReportChannelsRequest(window_hours=168), metadata=(running.api_key,)
            )
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ReportChannels(service.ReportChannelsRequest())
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        email, whatsapp, web_form = answer.channels
        assert (email.responses, email.escalations, email.errors) == (3, 1, 1)
        assert email.deliveries == 3
        assert email.latency_p50_ms == 200
        assert email.latency_p95_ms == pytest.approx(290)
        assert email.sentiment_mean == pytest.approx(0.1)
        assert email.escalation_rate == 0.25
        assert (whatsapp.responses, whatsapp.escalation_rate) == (1, 0)
        assert not whatsapp.HasField("latency_p95_ms")
        assert web_form.channel == nouns.CHANNEL_WEB_FORM
        assert not web_form.HasField("escalation_rate")
        assert week.channels[0].responses == 4


async def _acknowledged(running: Mesh) -> set[str]:
    """Returns the topics of which metrics has acknowledged everything that was published."""
    from nats.aio.client import Client  # noqa: PLC0415 - the broker is this one question's business

    client = Client()
    await client.connect(running.environment.nats_url(), allow_reconnect=False)
    try:
        info = await client.jetstream().consumer_info("fte", "metrics-metrics")
    finally:
        await client.close()
    await asyncio.sleep(0)
    acknowledged = info.ack_floor is not None and info.ack_floor.consumer_seq > 0
    return {"fte.metrics"} if acknowledged and not info.num_pending else set()
