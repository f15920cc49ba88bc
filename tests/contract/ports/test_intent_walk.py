"""Seeded walks through the intent ledger, the same calls on both: memory answers whatever PostgreSQL answers.

Times are so large that the time which the calls themselves take decides nothing.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.delivery.application.ports import (
    Attempt,
    AttemptEnd,
    Doubt,
    Prepared,
    Receipt,
    Status,
    Unconfirmed,
)
from services.delivery.domain.intent import Channel, Intent, IntentId, Progress, State, Step
from services.delivery.domain.transitions import after_status
from tests.contract.ports.intents import Intents, intents_over
from tests.integration.delivery_world import intent
from tests.integration.postgres import Database

STEPS = 300
FOLLOWER_WAIT = 1000.0
ATTEMPT = 2000.0
JUMP = timedelta(seconds=1500)
ROOM = dict.fromkeys(Channel, 1000)
ENDS = [*(state for state in State if state is not State.ATTEMPTING), State.SENT, State.UNKNOWN]
STATUSES = ["queued", "sent", "delivered", "undelivered", "read"]

Call = Callable[[Intents], Awaitable[Any]]


class Walk:
    """Draws the next call; what it draws depends on the seed only, never on an answer."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.conversations = [self._uuid() for _ in range(6)]
        self.answers = [self._uuid() for _ in range(16)]
        self.intents: list[Intent] = []
        self.held = 0

    def _uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def call(self) -> Call:
        """Returns the next call."""
        kinds: list[tuple[Callable[[], Call], int]] = [
            (self._insert, 4),
            (self._claim, 6),
            (self._change, 6),
            (self._hand_over, 6),
            (self._save, 2),
            (self._statuses, 3),
            (self._fence, 1),
            (self._looks, 3),
            (self._pass_time, 3),
        ]
        (kind,) = self.random.choices([k for k, _ in kinds], [weight for _, weight in kinds])
        return kind()

    def _insert(self) -> Call:
        channel = self.random.choice([Channel.EMAIL, Channel.WHATSAPP, Channel.WEB_FORM])
        fresh = []
        for _ in range(self.random.randint(1, 3)):
            made = intent(
                channel,
                self.random.randint(1, 3),
                conversation=self.random.choice(self.conversations),
                message=self.random.choice(self.answers),
                epoch=self.random.randint(0, 3),
            )
            made = replace(made, intent_id=IntentId(self._uuid()), customer_id=self._uuid())
            fresh.append((made, "refused" if self.random.random() < 0.1 else ""))
        self.intents.extend(made for made, _ in fresh)
        return lambda of: of.store.insert(fresh)

    def _claim(self) -> Call:
        worker = self.random.choice(["delivery-0", "delivery-1"])

        async def call(of: Intents) -> Any:
            claimed = await of.store.claim(ROOM, worker, ATTEMPT)
            return _claimed(claimed.attempts), _sorted(claimed.cancelled)

        return call

    def _change(self) -> Call:
        target = self._any()
        to = self._step()
        end = self.random.choice([None, AttemptEnd(self.random.randint(1, 3), "unknown", "why")])
        notice = None
        if target.channel is Channel.WEB_FORM:
            notice = replace(
                target, intent_id=IntentId(self._uuid()), send_seq=None, channel=Channel.EMAIL
            )
            self.intents.append(notice)
        return _changed(target, to, end, notice)

    def _hand_over(self) -> Call:
        """Has a provider take a WhatsApp message, or take one back."""
        state = self.random.choice([State.SENT, State.SENT, State.SENT, State.REJECTED])
        to = Step(state, provider_id=f"q{self.random.getrandbits(64)}")
        messages = [one for one in self.intents if one.channel is Channel.WHATSAPP]
        return _changed(self.random.choice(messages or [intent()]), to)

    def _step(self) -> Step:
        return Step(
            self.random.choice(ENDS),
            wait=self.random.choice([timedelta(), timedelta(seconds=1000)]),
            resends=self.random.randint(0, 1),
            readings=self.random.randint(0, 2),
            provider_id=self._provider_id(),
            provider_thread_id=self.random.choice(["", "thread"]),
            provider_status=self.random.choice(["", *STATUSES]),
            error=self.random.choice(["", "trouble"]),
            fetched=self.random.random() < 0.1,
        )

    def _save(self) -> Call:
        attempt = Attempt(self._any(), self.random.randint(1, 2), ATTEMPT)
        prepared = Prepared(self.random.choice(["", "draft"]), self.random.choice(["", "thread"]))
        return lambda of: of.store.save_preparation(attempt, prepared)

    def _statuses(self) -> Call:
        found = [
            Status(
                self._uuid(),
                self.random.choice([Channel.WHATSAPP, Channel.EMAIL]),
                self._provider_id() or "p0",
                self.random.choice(STATUSES),
                intent_id=self.random.choice([None, self._any().intent_id, self._uuid()]),
            )
            for _ in range(self.random.randint(0, 3))
        ]

        async def call(of: Intents) -> Any:
            await of.store.add_statuses(found)
            applied = await of.store.apply_statuses(_decide, 1000)
            return applied.count, _sorted(applied.receipts), sorted(applied.second_copies)

        return call

    def _fence(self) -> Call:
        conversation, epoch = self.random.choice(self.conversations), self.random.randint(0, 2)

        async def call(of: Intents) -> Any:
            raised = await of.store.raise_fence(conversation, epoch)
            return _sorted(raised.cancelled), raised.in_flight

        return call

    def _looks(self) -> Call:
        ids = [f"p{n}" for n in range(12)]

        async def call(of: Intents) -> Any:
            return (
                _doubts(await of.store.doubts(1000, 1000)),
                self._met(_unconfirmed(await of.store.unconfirmed(1000, 1000))),
                [sorted(await of.store.overdue(channel, 3000, 1000)) for channel in Channel],
                await of.store.orphans(None),
                await of.store.orphans("delivery-1"),
                await of.store.known_elsewhere(Channel.EMAIL, ids),
                _sorted(await of.store.recent_receipts(4000)),
            )

        return call

    def _met(self, held: list[Any]) -> list[Any]:
        self.held += len(held)
        return held

    def _pass_time(self) -> Call:
        return lambda of: of.rows.pass_time(JUMP)

    def _any(self) -> Intent:
        return self.random.choice(self.intents) if self.intents else intent()

    def _provider_id(self) -> str:
        return self.random.choice(["", *(f"p{n}" for n in range(12))])


@pytest.mark.parametrize("seed", range(3))
async def test_memory_answers_what_postgres_answers(database: Database, seed: int) -> None:
    walk = Walk(seed)
    moved: set[State] = set()
    async with (
        intents_over(None, FOLLOWER_WAIT) as memory,
        intents_over(database, FOLLOWER_WAIT) as postgres,
    ):
        for number in range(STEPS):
            call = walk.call()
            assert await call(memory) == await call(postgres), f"call {number}"
        for one in walk.intents:
            left = await _all_of(memory, one)
            assert left == await _all_of(postgres, one)
            moved |= {left[0].state} if left else set()
        assert await memory.rows.facts() == await postgres.rows.facts()
        corrections = await memory.rows.corrections()
        assert corrections == await postgres.rows.corrections()
    # A walk that goes nowhere would prove nothing.
    assert len(moved) >= 5
    assert corrections
    assert walk.held


async def _all_of(of: Intents, one: Intent) -> tuple[Progress, list[Any], str | None] | None:
    if not await of.store.receipts([one.intent_id]):
        return None
    progress = await of.progress(one)
    progress = replace(
        progress,
        age=round(progress.age / JUMP) * JUMP,
        unknown_for=round(progress.unknown_for / JUMP) * JUMP,
    )
    attempts = await of.rows.attempts(one.intent_id)
    return progress, attempts, await of.rows.error(one.intent_id)


def _changed(
    target: Intent, to: Step, end: AttemptEnd | None = None, notice: Intent | None = None
) -> Call:
    def decide(progress: Progress) -> Step | None:
        if not progress.attempt:
            return None
        if progress.state.final and to.state.final and to.state is not progress.state:
            # What is final changes in one way only: it is taken back.
            return replace(to, state=State.REJECTED)
        return to

    return lambda of: of.store.change(target.intent_id, decide, end=end, notice=notice)


def _decide(progress: Progress, found: Status) -> Step | None:
    if not progress.attempt:
        return None
    return after_status(
        progress, found.provider_id, found.status, "", named=found.intent_id is not None
    )


def _claimed(attempts: tuple[Attempt, ...]) -> list[Attempt]:
    return sorted(attempts, key=lambda attempt: attempt.intent.intent_id)


def _sorted(receipts: tuple[Receipt, ...] | list[Receipt]) -> list[Receipt]:
    return sorted(receipts, key=lambda receipt: receipt.row_id)


def _unconfirmed(found: Sequence[Unconfirmed]) -> list[tuple[Intent, str, IntentId]]:
    by_id = sorted(found, key=lambda one: one.intent.intent_id)
    return [(one.intent, one.provider_id or "", one.follower_id) for one in by_id]


def _doubts(doubts: Any) -> list[tuple[Intent, str, str]]:
    found: list[Doubt] = sorted(doubts, key=lambda doubt: doubt.intent.intent_id)
    return [(doubt.intent, doubt.draft_id, doubt.thread_id) for doubt in found]
