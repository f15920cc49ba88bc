"""The channels' figures for operators, in Prometheus's form: breakers, outcomes and what waits."""

import asyncio
from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from services.delivery.application.channel_health import ChannelHealth, ChannelState
from services.delivery.application.ports import StoreAway
from services.delivery.application.send_due import SendDue
from services.delivery.domain.breaker import Phase

REFRESH_SECONDS = 5.0
_PHASES = {Phase.CLOSED: 0, Phase.HALF_OPEN: 1, Phase.OPEN: 2}


class ChannelFigures(Collector):
    """Shows the states that were read last; a scrape touches no database."""

    def __init__(
        self, channels: ChannelHealth, send: SendDue, registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._channels = channels
        self._send = send
        self._registry = registry
        self._states: tuple[ChannelState, ...] = ()

    async def run(self) -> None:
        """Reads the states until cancelled; only as long are they shown."""
        self._registry.register(self)
        try:
            while True:
                try:
                    self._states = tuple(await self._channels.states())
                except StoreAway:
                    # What waits cannot be counted, and an old count would look true.
                    self._states = ()
                await asyncio.sleep(REFRESH_SECONDS)
        finally:
            self._registry.unregister(self)

    def collect(self) -> Iterator[Metric]:
        """Yields the figures; called by the scrape's own thread."""
        by_channel = ["channel", "provider"]
        phase = GaugeMetricFamily(
            "fte_provider_breaker", "0 closed, 1 half open, 2 open", labels=by_channel
        )
        openings = CounterMetricFamily(
            "fte_provider_breaker_openings", "how often the breaker opened", labels=by_channel
        )
        answers = GaugeMetricFamily(
            "fte_provider_answers", "1 if the provider answered the last check", labels=by_channel
        )
        enabled = GaugeMetricFamily(
            "fte_channel_enabled", "1 unless the channel is switched off", labels=["channel"]
        )
        waiting = GaugeMetricFamily(
            "fte_channel_waiting", "messages not sent yet", labels=["channel"]
        )
        oldest = GaugeMetricFamily(
            "fte_channel_oldest_waiting_seconds", "age of the oldest of them", labels=["channel"]
        )
        for state in self._states:
            both = [state.channel.value, state.provider]
            standing = self._send.standing(state.channel)
            phase.add_metric(both, _PHASES[standing.phase])
            openings.add_metric(both, standing.openings)
            if state.check is not None:
                answers.add_metric(both, state.check.answers)
            enabled.add_metric(both[:1], state.enabled)
            waiting.add_metric(both[:1], state.backlog.waiting)
            oldest.add_metric(both[:1], state.backlog.oldest_seconds or 0.0)
        attempts = CounterMetricFamily(
            "fte_delivery_attempts", "ended attempts by outcome", labels=["channel", "outcome"]
        )
        for (channel, outcome), count in list(self._send.outcomes.items()):
            attempts.add_metric([channel.value, outcome], count)
        yield from (phase, openings, answers, enabled, waiting, oldest, attempts)
