"""MetricsService over gRPC: what the facts of the last hours say, channel by channel.

Definitions: a response is a turn that ended in an answer; a turn is a response or an escalation; latency runs
from due time to hand-over, over sent messages; sentiment is the mean over turns.
"""

from typing import Any

import asyncpg
import grpc

from chassis.database import Pool
from fte.conversation.v1 import conversation_pb2
from fte.metrics.v1 import metrics_service_pb2 as pb
from fte.metrics.v1.metrics_service_pb2_grpc import MetricsServiceServicer

_DEFAULT_HOURS = 24
_CHANNELS = {
    "email": conversation_pb2.CHANNEL_EMAIL,
    "whatsapp": conversation_pb2.CHANNEL_WHATSAPP,
    "web_form": conversation_pb2.CHANNEL_WEB_FORM,
}

_REPORT = """
    WITH facts AS (
        SELECT channel, type, outcome, latency_ms, sentiment,
            type = 'delivery' AND outcome = 'sent' AS is_sent
        FROM metrics.agent_metrics WHERE occur_time >= now() - make_interval(hours => $1)
    )
    SELECT channel,
        now() - make_interval(hours => $1) AS window_start,
        count(type) FILTER (WHERE type = 'message_processed') AS responses,
        count(type) FILTER (WHERE type = 'escalation') AS escalations,
        count(type) FILTER (WHERE type = 'error') AS errors,
        count(type) FILTER (WHERE is_sent) AS deliveries,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE is_sent) AS latency_p50_ms,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE is_sent) AS latency_p95_ms,
        avg(sentiment) AS sentiment_mean
    FROM unnest($2::text[]) WITH ORDINALITY AS listed(channel, place) LEFT JOIN facts USING (channel)
    GROUP BY channel, place ORDER BY place
"""


class ReportServicer(MetricsServiceServicer):
    """Answers ReportChannels from the table of facts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ReportChannels(  # noqa: N802 - the name is the contract's
        self, request: pb.ReportChannelsRequest, _: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ReportChannelsResponse:
        """Reports the last hours by channel, with zeros where nothing happened."""
        records = await self._pool.fetch(
            _REPORT, request.window_hours or _DEFAULT_HOURS, list(_CHANNELS)
        )
        answer = pb.ReportChannelsResponse(channels=[_channel(record) for record in records])
        answer.window_start.FromDatetime(records[0]["window_start"])
        return answer


def _channel(record: asyncpg.Record) -> pb.ChannelReport:
    turns = record["responses"] + record["escalations"]
    return pb.ChannelReport(
        channel=_CHANNELS[record["channel"]],
        responses=record["responses"],
        escalations=record["escalations"],
        errors=record["errors"],
        deliveries=record["deliveries"],
        # None leaves an optional field absent.
        latency_p50_ms=record["latency_p50_ms"],
        latency_p95_ms=record["latency_p95_ms"],
        sentiment_mean=record["sentiment_mean"],
        escalation_rate=record["escalations"] / turns if turns else None,
    )
