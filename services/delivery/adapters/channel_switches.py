"""The channels' switches as intake keeps them, read every few seconds; meanwhile the last known ones hold."""

import asyncio
from collections.abc import Callable

import structlog

from chassis.errors import ServiceError
from fte.intake.v1 import intake_service_pb2 as intake
from fte.intake.v1 import intake_service_pb2_grpc as intake_grpc
from services.delivery.adapters.channel_ledger import PostgresChannelLedger
from services.delivery.adapters.mapping import CHANNELS
from services.delivery.application.ports import StoreAway
from services.delivery.domain.intent import Channel

READ_SECONDS = 5.0
_SECONDS = 3.0

log = structlog.get_logger(__name__)


class ChannelSwitches:
    """Answers whether a channel may send; `changed` is told after one has moved.

    A switch survives a restart here, so that a channel stays off while intake is away. One never heard of is on.
    """

    def __init__(
        self,
        intake_service: "intake_grpc.IntakeServiceAsyncStub",
        ledger: PostgresChannelLedger,
    ) -> None:
        self._intake = intake_service
        self._ledger = ledger
        self._enabled = dict.fromkeys(Channel, True)

    def enabled(self, channel: Channel) -> bool:
        """Tells whether anything may be sent on a channel."""
        return self._enabled[channel]

    async def load(self) -> None:
        """Reads what was known last; waits for the database."""
        while True:
            try:
                self._enabled.update(await self._ledger.switches())
            except StoreAway as error:
                log.warning("switches not read", error=str(error))
                await asyncio.sleep(1.0)
                continue
            return

    async def run(self, changed: Callable[[], None]) -> None:
        """Reads the switches until cancelled."""
        while True:
            await self.read(changed)
            await asyncio.sleep(READ_SECONDS)

    async def read(self, changed: Callable[[], None]) -> None:
        """Reads the switches once."""
        try:
            answer = await self._intake.GetChannelConfigs(
                intake.GetChannelConfigsRequest(), timeout=_SECONDS
            )
            for config in answer.configs:
                await self._take(CHANNELS[config.channel], config.enabled, changed)
        except (ServiceError, StoreAway) as error:
            log.info("channel switches not read", error=str(error))

    async def _take(self, channel: Channel, enabled: bool, changed: Callable[[], None]) -> None:  # noqa: FBT001
        if enabled is self._enabled[channel]:
            return
        # Kept first: without the database nothing is sent, and the next reading tries again.
        await self._ledger.keep_switch(channel, enabled=enabled)
        self._enabled[channel] = enabled
        log.warning("channel switched", channel=channel, enabled=enabled)
        changed()
