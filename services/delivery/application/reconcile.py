"""Clears doubts: dead workers' attempts, unknown outcomes, statuses that waited or never came."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from services.delivery.application.ports import (
    Answers,
    Doubt,
    IntentStore,
    Provider,
    StoreAway,
    Unconfirmed,
)
from services.delivery.application.take_statuses import TakeStatuses
from services.delivery.domain.intent import Channel, Progress, Step
from services.delivery.domain.notice import notice_of
from services.delivery.domain.outcomes import Dark, Seen, Shown, Sighting
from services.delivery.domain.transitions import (
    Policy,
    after_death,
    after_fetch,
    after_sighting,
    after_waiting,
)

READINGS_AT_ONCE = 8
# A receipt is asked for again after a minute; what is older was.
RECENT_SECONDS = 90.0

log = structlog.get_logger(__name__)


class Reconcile:
    """Asks witnesses; `wake` tells the sender that an intent may go or hold nobody any more."""

    def __init__(
        self,
        store: IntentStore,
        providers: Mapping[Channel, Provider],
        policies: Mapping[Channel, Policy],
        answers: Answers,
        statuses: TakeStatuses,
        wake: Callable[[], None],
        poll_seconds: float,
        reading_seconds: float,
    ) -> None:
        self._store = store
        self._providers = providers
        self._policies = policies
        self._answers = answers
        self._statuses = statuses
        self._wake = wake
        self._poll_seconds = poll_seconds
        self._reading_seconds = reading_seconds

    async def run(self) -> None:
        """Reconciles until cancelled."""
        while True:
            try:
                await self.recover()
                await self.read_witnesses()
                await self.fetch_statuses()
                await self._statuses.apply_waiting()
            except StoreAway as error:
                log.warning("cannot reconcile", error=str(error))
            await asyncio.sleep(self._poll_seconds)

    async def repeat_receipts(self) -> None:
        """Answers again what became final just before a restart: its receipt may have died with the process."""
        self._answers.delivered(await self._store.recent_receipts(RECENT_SECONDS))

    async def recover(self, worker: str | None = None) -> None:
        """Turns dead attempts into doubts: those past their deadline, or all of one dead worker.

        A restarted replica calls it with its own name before it sends anything.
        """
        for intent_id, channel in await self._store.orphans(worker):
            policy, provider = self._policies[channel], self._providers[channel]

            def decide(
                progress: Progress, policy: Policy = policy, provider: Provider = provider
            ) -> Step | None:
                return after_death(progress, policy, needs_preparation=provider.needs_preparation)

            await self._store.change(intent_id, decide)
            log.warning("attempt had no end", intent_id=intent_id, channel=channel)
            self._wake()

    async def read_witnesses(self) -> None:
        """Reads the witnesses that are due, each on its own."""
        doubts = await self._store.doubts(READINGS_AT_ONCE, self._reading_seconds * 2)
        await asyncio.gather(*(self._read(doubt) for doubt in doubts))

    async def fetch_statuses(self) -> None:
        """Asks for the statuses that never came and hold a follower, each on its own."""
        waiting = await self._store.unconfirmed(READINGS_AT_ONCE, self._reading_seconds * 2)
        await asyncio.gather(*(self._fetch(one) for one in waiting))

    async def _fetch(self, waiting: Unconfirmed) -> None:
        intent, policy = waiting.intent, self._policies[waiting.intent.channel]
        shown = await self._ask(waiting)
        log.info(
            "status fetched",
            intent_id=intent.intent_id,
            channel=intent.channel,
            status=shown.status if isinstance(shown, Shown) else "",
            reason=shown.reason if isinstance(shown, Dark) else "",
        )
        receipts = [
            await self._store.change(
                intent.intent_id, lambda progress: after_fetch(progress, shown, policy)
            )
        ]
        if isinstance(shown, Dark):
            receipts.append(
                await self._store.change(
                    waiting.follower_id,
                    lambda progress: after_waiting(progress, "predecessor_unconfirmed", policy),
                )
            )
        self._answers.delivered([receipt for receipt in receipts if receipt is not None])
        self._wake()

    async def _ask(self, waiting: Unconfirmed) -> Shown | Dark:
        provider = self._providers[waiting.intent.channel]
        try:
            async with asyncio.timeout(self._reading_seconds):
                return await provider.status(waiting.provider_id)
        except TimeoutError:
            return Dark("status_timeout")
        except Exception as error:
            log.exception("status not fetched", intent_id=waiting.intent.intent_id)
            return Dark(f"fault:{type(error).__name__}")

    async def _read(self, doubt: Doubt) -> None:
        intent, policy = doubt.intent, self._policies[doubt.intent.channel]
        sighting = await self._sight(doubt)
        log.info(
            "witness read",
            intent_id=intent.intent_id,
            channel=intent.channel,
            sighting=type(sighting).__name__.lower(),
            reason=sighting.reason if isinstance(sighting, Dark) else "",
        )
        receipt = await self._store.change(
            intent.intent_id,
            lambda progress: after_sighting(progress, sighting, policy),
            notice=notice_of(intent),
        )
        if receipt is not None:
            self._answers.delivered([receipt])
        self._wake()

    async def _sight(self, doubt: Doubt) -> Sighting:
        channel = doubt.intent.channel
        try:
            async with asyncio.timeout(self._reading_seconds):
                sighting = await self._providers[channel].witness(doubt)
        except TimeoutError:
            return Dark("witness_timeout")
        except Exception as error:
            log.exception("witness failed", intent_id=doubt.intent.intent_id)
            return Dark(f"fault:{type(error).__name__}")
        if not isinstance(sighting, Seen):
            return sighting
        ids = [sent.provider_id for sent in sighting.candidates if sent.provider_id]
        taken = await self._store.known_elsewhere(channel, ids)
        return Seen(tuple(s for s in sighting.candidates if s.provider_id not in taken))
