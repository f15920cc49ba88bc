"""Looks after every channel: asks its provider each half minute, and holds what a disabled channel may not send."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from services.delivery.application.ports import Provider, StoreAway
from services.delivery.application.send_due import SendDue, Standing
from services.delivery.domain.intent import Channel

CHECK_SECONDS = 30.0
ASK_SECONDS = 10.0
DISABLED = "channel_disabled"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a channel has not sent yet; the age is absent when nothing waits."""

    waiting: int = 0
    oldest_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a provider answered, and when it was asked."""

    answers: bool
    time: datetime


@dataclass(frozen=True, slots=True)
class ChannelState:
    """All that is known of one channel's way out; `check` is absent before the first."""

    channel: Channel
    provider: str
    enabled: bool
    standing: Standing
    backlog: Backlog
    check: Check | None


class ChannelLedger(Protocol):
    """The ledger's view by channel. Every method is one short transaction and raises `StoreAway`."""

    async def backlogs(self) -> Mapping[Channel, Backlog]:
        """Returns what waits, by channel; one where nothing waits is absent."""

    async def hold(self, channel: Channel, reason: str) -> int:
        """Writes the reason on what is pending and has another; returns how many those were."""

    async def release(self, channel: Channel, reason: str) -> int:
        """Takes that reason away again."""

    async def note_check(self, channel: Channel, outcome: str) -> None:
        """Records a metric fact about a check: answers, dark or disabled."""


class Switches(Protocol):
    """Which channels the company sends on."""

    def enabled(self, channel: Channel) -> bool:
        """Tells whether anything may be sent on a channel."""


class ChannelHealth:
    """Checks all channels every `seconds`, and at once when `look` is called."""

    def __init__(
        self,
        providers: Mapping[Channel, Provider],
        ledger: ChannelLedger,
        switches: Switches,
        send: SendDue,
        now: Callable[[], datetime],
        seconds: float = CHECK_SECONDS,
    ) -> None:
        self._providers = providers
        self._ledger = ledger
        self._switches = switches
        self._send = send
        self._now = now
        self._seconds = seconds
        self._checks: dict[Channel, Check] = {}
        self._asked = asyncio.Event()

    def look(self) -> None:
        """Makes the next check come at once."""
        self._asked.set()

    async def run(self) -> None:
        """Checks until cancelled."""
        while True:
            self._asked.clear()
            await self.check()
            # Not wait_for: before Python 3.12 it swallows a stop that comes with the wake.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._asked.wait()

    async def check(self) -> None:
        """Asks every provider and settles what each channel's switch says."""
        await asyncio.gather(*(self._check(channel) for channel in self._providers))

    async def states(self) -> Sequence[ChannelState]:
        """Returns how every channel is; raises `StoreAway`."""
        backlogs = await self._ledger.backlogs()
        return [
            ChannelState(
                channel,
                provider.name,
                self._switches.enabled(channel),
                self._send.standing(channel),
                backlogs.get(channel, Backlog()),
                self._checks.get(channel),
            )
            for channel, provider in self._providers.items()
        ]

    async def _check(self, channel: Channel) -> None:
        answers = await self._answers(self._providers[channel])
        self._checks[channel] = Check(answers, self._now())
        enabled = self._switches.enabled(channel)
        try:
            if enabled:
                await self._ledger.release(channel, DISABLED)
            else:
                held = await self._ledger.hold(channel, DISABLED)
                log.info("channel is disabled", channel=channel, held=held)
                await self._send.give_up(channel, DISABLED)
            outcome = ("answers" if answers else "dark") if enabled else "disabled"
            await self._ledger.note_check(channel, outcome)
        except StoreAway as error:
            log.warning("channel not checked", channel=channel, error=str(error))

    async def _answers(self, provider: Provider) -> bool:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                answers = await provider.answers()
        except TimeoutError:
            answers = False
        except Exception:
            log.exception("provider could not be asked", provider=provider.name)
            answers = False
        if not answers:
            log.warning("provider does not answer", provider=provider.name)
        return answers
