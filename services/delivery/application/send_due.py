"""Sends what is due: claims intents in order, makes one request each, records every outcome.

A claim is committed before the first byte leaves, and no database connection is held while a provider is
asked. Conversations keep their order because the store claims an intent only when its predecessor is final.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace

import structlog

from services.delivery.application.ports import (
    Answers,
    Attempt,
    AttemptEnd,
    Gate,
    IntentStore,
    Patience,
    Prepared,
    Provider,
    StoreAway,
)
from services.delivery.domain.breaker import Breaker
from services.delivery.domain.intent import Channel
from services.delivery.domain.notice import notice_of
from services.delivery.domain.outcomes import (
    Barred,
    NotSent,
    Outcome,
    Rejected,
    Sent,
    Unknown,
    is_fault,
)
from services.delivery.domain.pace import Pace
from services.delivery.domain.transitions import Policy, after_outcome, after_waiting

DRAIN_SECONDS = 3.0
_RECORD_PAUSE_SECONDS = 0.2
_GIVEN_UP_AT_ONCE = 64

log = structlog.get_logger(__name__)


class SendDue:
    """The sending loop of one process; `worker` is the replica's name, `clock` by default the loop's."""

    def __init__(
        self,
        store: IntentStore,
        providers: Mapping[Channel, Provider],
        policies: Mapping[Channel, Policy],
        answers: Answers,
        patience: Patience,
        worker: str,
        clock: Callable[[], float] | None = None,
        gates: Mapping[Channel, Gate] | None = None,
        paces: Mapping[Channel, Pace] | None = None,
    ) -> None:
        self._store = store
        self._providers = providers
        self._policies = policies
        self._answers = answers
        self._patience = patience
        self._worker = worker
        self._clock = clock or asyncio.get_running_loop().time
        self._breakers = dict.fromkeys(providers, Breaker(patience.tolerance))
        self._gates = gates or {}
        self._paces = dict(paces or {})
        self._asked: set[Channel] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._work = asyncio.Event()

    def wake(self) -> None:
        """Makes the loop look at once."""
        self._work.set()

    async def run(self) -> None:
        """Sends until cancelled; requests under way then have three seconds to be recorded."""
        try:
            while True:
                self._work.clear()
                if not await self.claim_and_start():
                    # Not wait_for: before Python 3.12 it swallows a stop that comes with the wake.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._patience.poll_seconds):
                            await self._work.wait()
        finally:
            if self._running:
                await asyncio.wait(self._running, timeout=DRAIN_SECONDS)
            for task in self._running:
                task.cancel()

    async def claim_and_start(self) -> int:
        """Claims once and starts what it got; returns how many intents moved."""
        self._ask_dark_providers()
        room = self._room()
        if not room:
            return 0
        claim_time = self._clock()
        try:
            claimed = await self._store.claim(room, self._worker, self._patience.attempt_seconds)
        except StoreAway as error:
            log.warning("cannot claim", error=str(error))
            return 0
        for attempt in claimed.attempts:
            self._run(self._attempt(attempt, claim_time + attempt.seconds))
        started = Counter(attempt.intent.channel for attempt in claimed.attempts)
        for channel, count in started.items():
            if channel in self._paces:
                self._paces[channel] = self._paces[channel].started(claim_time, count)
            await self._move_breaker(channel, self._breakers[channel].started())
        self._answers.delivered(claimed.cancelled)
        return len(claimed.attempts) + len(claimed.cancelled)

    async def settle(self) -> None:
        """Waits until no attempt and no question to a dark provider is under way."""
        while self._running:
            await asyncio.wait(self._running)

    def _room(self) -> dict[Channel, int]:
        free = self._patience.at_once - len(self._running)
        room = {channel: breaker.room(free) for channel, breaker in self._breakers.items()}
        now = self._clock()
        for channel, pace in self._paces.items():
            room[channel] = min(room[channel], pace.room(now))
        return {channel: places for channel, places in room.items() if places > 0}

    def _run(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ask_dark_providers(self) -> None:
        for channel, breaker in self._breakers.items():
            if channel not in self._asked and breaker.asks(self._clock()):
                self._asked.add(channel)
                self._run(self._ask(channel))

    async def _ask(self, channel: Channel) -> None:
        try:
            answered = await self._answered(self._providers[channel])
            breaker = self._breakers[channel]
            self._breakers[channel] = breaker.asked(self._clock(), answered=answered)
            if not answered:
                await self._give_up(channel)
        finally:
            self._asked.discard(channel)

    async def _answered(self, provider: Provider) -> bool:
        try:
            async with asyncio.timeout(self._patience.send_seconds):
                return await provider.answers()
        except TimeoutError:
            return False
        except Exception:
            log.exception("provider could not be asked", provider=provider.name)
            return False

    async def _give_up(self, channel: Channel) -> None:
        """Gives to a person what has waited too long for a provider that is still dark."""
        policy = self._policies[channel]
        seconds = policy.give_up.total_seconds()
        try:
            for intent_id in await self._store.overdue(channel, seconds, _GIVEN_UP_AT_ONCE):
                receipt = await self._store.change(
                    intent_id, lambda progress: after_waiting(progress, "provider_dark", policy)
                )
                if receipt is not None:
                    log.warning("given up", intent_id=intent_id, channel=channel)
                    self._answers.delivered([receipt])
        except StoreAway as error:
            log.warning("cannot give up", channel=channel, error=str(error))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._work.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The row stays ATTEMPTING and becomes UNKNOWN at its deadline.
            log.error("attempt failed", error=type(error).__name__, exc_info=error)

    async def _attempt(self, attempt: Attempt, deadline: float) -> None:
        gate = self._gates.get(attempt.intent.channel)
        admitted = attempt if gate is None else await gate.admit(attempt)
        if not isinstance(admitted, Attempt):
            channel = attempt.intent.channel
            await self._move_breaker(channel, self._breakers[channel].abandoned())
            await self._record(attempt, admitted)
            return
        outcome = await self._request(admitted, deadline)
        if outcome is None:
            channel = attempt.intent.channel
            await self._move_breaker(channel, self._breakers[channel].abandoned())
            return
        await self._note_health(attempt.intent.channel, outcome)
        await self._record(attempt, outcome)

    async def _request(self, attempt: Attempt, deadline: float) -> Outcome | None:
        provider = self._providers[attempt.intent.channel]
        if provider.needs_preparation and not attempt.draft_id:
            prepared = await self._prepare(provider, attempt)
            if not isinstance(prepared, Prepared):
                return prepared
            if not await self._saved(attempt, prepared):
                return None
            attempt = replace(attempt, draft_id=prepared.draft_id)
        if self._clock() + self._patience.send_seconds > deadline:
            # Whoever waits for this attempt's end believes it over at the deadline.
            return NotSent("deadline_passed")
        try:
            return await provider.send(attempt, self._patience.send_seconds)
        except Exception as error:
            log.exception("send failed", intent_id=attempt.intent.intent_id)
            return Unknown(f"fault:{type(error).__name__}")

    async def _saved(self, attempt: Attempt, prepared: Prepared) -> bool:
        try:
            if await self._store.save_preparation(attempt, prepared):
                return True
        except StoreAway as error:
            # Without its saved step the attempt counts as surely not sent once its deadline is over.
            log.warning("preparation not saved", error=str(error))
            return False
        log.warning("attempt lost before its send", intent_id=attempt.intent.intent_id)
        return False

    async def _prepare(self, provider: Provider, attempt: Attempt) -> Prepared | NotSent | Rejected:
        try:
            return await provider.prepare(attempt)
        except Exception as error:
            log.exception("preparation failed", intent_id=attempt.intent.intent_id)
            return NotSent(f"fault:{type(error).__name__}")

    async def _record(self, attempt: Attempt, outcome: Outcome) -> None:
        intent, policy = attempt.intent, self._policies[attempt.intent.channel]
        end = AttemptEnd(attempt.number, *_described(outcome))
        log.info(
            "attempt ended",
            intent_id=intent.intent_id,
            conversation_id=intent.conversation_id,
            channel=intent.channel,
            attempt=attempt.number,
            outcome=end.outcome,
            detail=end.detail,
        )
        until = self._clock() + self._patience.attempt_seconds
        while True:
            try:
                receipt = await self._store.change(
                    intent.intent_id,
                    lambda progress: after_outcome(progress, attempt.number, outcome, policy),
                    end=end,
                    notice=notice_of(intent),
                )
                break
            except StoreAway as error:
                if self._clock() > until:
                    raise
                log.warning("outcome waits for the database", error=str(error))
                await asyncio.sleep(_RECORD_PAUSE_SECONDS)
        if receipt is not None:
            self._answers.delivered([receipt])

    async def _note_health(self, channel: Channel, outcome: Outcome) -> None:
        now = self._clock()
        breaker = self._breakers[channel]
        if isinstance(outcome, NotSent) and not outcome.fault:
            answered = outcome.reason == "rate_limited"
            if answered and channel in self._paces:
                self._paces[channel] = self._paces[channel].slowed(now, outcome.retry_after)
            moved = breaker.ended(now, fault=False) if answered else breaker.abandoned()
        else:
            moved = breaker.ended(now, fault=is_fault(outcome))
        await self._move_breaker(channel, moved)

    async def _move_breaker(self, channel: Channel, moved: Breaker) -> None:
        before, self._breakers[channel] = self._breakers[channel], moved
        if moved.phase is before.phase:
            return
        log.warning(
            "breaker moved",
            provider=self._providers[channel].name,
            before=before.phase,
            phase=moved.phase,
            faults=moved.faults,
        )
        try:
            await self._store.note_health(channel, moved.phase)
        except StoreAway as error:
            log.warning("health fact not recorded", error=str(error))


def _described(outcome: Outcome) -> tuple[str, str]:
    match outcome:
        case Sent():
            return "sent", ""
        case Rejected(code=code):
            return "rejected", code
        case Barred(reason=reason):
            return "refused", reason
        case NotSent(reason=reason, refused=refused):
            return ("refused" if refused else "not_sent"), reason
        case Unknown(reason=reason):
            return "unknown", reason
