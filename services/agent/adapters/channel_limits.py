"""The channels' limits as intake keeps them, read every minute; the last known ones hold meanwhile."""

import asyncio

import structlog

from chassis.errors import ServiceError
from fte.intake.v1 import intake_service_pb2, intake_service_pb2_grpc
from services.agent.adapters.mapping import channel_from_proto
from services.agent.domain.formatting import DEFAULT_LIMITS, Limits
from services.agent.domain.turn import Channel

REFRESH_SECONDS = 60.0
RETRY_SECONDS = 2.0

log = structlog.get_logger(__name__)


class ChannelLimits:
    """Answers how long an answer may be on a channel."""

    def __init__(self, intake: "intake_service_pb2_grpc.IntakeServiceAsyncStub") -> None:
        self._intake = intake
        self._limits = dict(DEFAULT_LIMITS)

    def of(self, channel: Channel) -> Limits:
        """The limits of a channel."""
        return self._limits[channel]

    async def run(self) -> None:
        """Reads the limits until cancelled."""
        while True:
            try:
                answer = await self._intake.GetChannelConfigs(
                    intake_service_pb2.GetChannelConfigsRequest()
                )
            except ServiceError as error:
                log.info("channel limits not read yet", error=error.message)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for config in answer.configs:
                self._limits[channel_from_proto(config.channel)] = Limits(
                    characters=config.max_response_length, words=config.max_response_words or None
                )
            await asyncio.sleep(REFRESH_SECONDS)
