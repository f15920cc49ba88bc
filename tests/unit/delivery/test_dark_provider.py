"""Half an hour without a provider, on virtual time: few attempts for each intent, and then all in order."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast
from uuid import UUID, uuid4

import pytest

from services.delivery.application.ports import (
    Attempt,
    AttemptEnd,
    Claimed,
    Decide,
    Doubt,
    IntentStore,
    Patience,
    Prepared,
    Receipt,
)
from services.delivery.application.send_due import SendDue
from services.delivery.domain.breaker import Phase
from services.delivery.domain.intent import Channel, Intent, IntentId, Progress, State
from services.delivery.domain.outcomes import (
    Dark,
    NotSent,
    Outcome,
    Sent,
    Shown,
    Sighting,
    Unknown,
    Unseen,
)
from services.delivery.domain.transitions import Policy, after_sighting
from tests.unit.delivery.letters import intent

POLICY = Policy(timedelta(minutes=5), timedelta(hours=4))
PATIENCE = Patience(attempt_seconds=30, send_seconds=12, poll_seconds=1, at_once=16)
DARK_SECONDS = 30 * 60.0
MOST_ATTEMPTS = 6
# Once the provider is back: the longest wait for a sign of life, and what is left of an intent's own wait.
DRAIN_SECONDS = 60.0 + 60.0


@dataclass
class Row:
    intent: Intent
    state: State = State.PENDING
    due: float = 0.0
    progress: Progress = field(default_factory=lambda: Progress(State.PENDING))
    unknown_since: float = 0.0


@dataclass
class World:
    """A clock, a provider that is dark in its own way, and the ledger's rows."""

    dark: Callable[[], Outcome]
    reads_while_dark: bool = False
    back_at: float = DARK_SECONDS
    needs_preparation: bool = False
    name: str = "dark"
    now: float = 0.0
    rows: list[Row] = field(default_factory=list)
    attempts: Counter[IntentId] = field(default_factory=Counter)
    taken: list[Intent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.send_due = SendDue(
            cast("IntentStore", self),
            {Channel.WHATSAPP: self},
            {Channel.WHATSAPP: POLICY},
            self,
            PATIENCE,
            "delivery-0",
            lambda: self.now,
        )

    def add(self, conversations: int, parts: int) -> None:
        for _ in range(conversations):
            conversation = uuid4()
            for seq in range(1, parts + 1):
                one = replace(
                    intent(Channel.WHATSAPP),
                    intent_id=IntentId(uuid4()),
                    conversation_id=conversation,
                    send_seq=seq,
                )
                self.rows.append(Row(one))

    async def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            while await self.send_due.claim_and_start():
                await self.send_due.settle()
            await self.send_due.settle()
            self._read_witnesses()
            self.now += 1

    def _read_witnesses(self) -> None:
        for row in self.rows:
            if row.state is State.UNKNOWN and row.due <= self.now:
                sighting = Dark("dark") if self.now < self.back_at else Unseen()
                self._decide(row, lambda p, s=sighting: after_sighting(p, s, POLICY))  # type: ignore[misc]

    def _decide(self, row: Row, decide: Decide) -> State | None:
        row.progress = replace(
            row.progress,
            state=row.state,
            age=timedelta(seconds=self.now),
            unknown_for=timedelta(seconds=self.now - row.unknown_since),
        )
        step = decide(row.progress)
        if step is None:
            return None
        if step.state is State.UNKNOWN and row.state is not State.UNKNOWN:
            row.unknown_since = self.now
        row.state, row.due = step.state, self.now + step.wait.total_seconds()
        row.progress = replace(row.progress, resends=step.resends, readings=step.readings)
        return row.state

    # The ledger.
    async def claim(self, room: Mapping[Channel, int], worker: str, seconds: float) -> Claimed:
        final = {(r.intent.conversation_id, r.intent.send_seq) for r in self.rows if r.state.final}
        due = sorted(
            (
                row
                for row in self.rows
                if row.state is State.PENDING
                and row.due <= self.now
                and (
                    row.intent.send_seq == 1
                    or (row.intent.conversation_id, (row.intent.send_seq or 0) - 1) in final
                )
            ),
            key=lambda row: row.due,
        )[: room.get(Channel.WHATSAPP, 0)]
        for row in due:
            row.state = State.ATTEMPTING
            row.progress = replace(row.progress, attempt=row.progress.attempt + 1)
            self.attempts[row.intent.intent_id] += 1
        return Claimed(tuple(Attempt(r.intent, r.progress.attempt, seconds) for r in due))

    async def change(
        self,
        intent_id: IntentId,
        decide: Decide,
        *,
        end: AttemptEnd | None = None,
        notice: Intent | None = None,
    ) -> Receipt | None:
        row = next(row for row in self.rows if row.intent.intent_id == intent_id)
        state = self._decide(row, decide)
        return Receipt(intent_id, state) if state is not None and state.final else None

    async def overdue(self, channel: Channel, seconds: float, limit: int) -> Sequence[IntentId]:
        waiting = [row for row in self.rows if row.state is State.PENDING]
        return [row.intent.intent_id for row in waiting if self.now >= seconds][:limit]

    async def note_health(self, channel: Channel, phase: Phase) -> None:
        pass

    # The provider.
    async def prepare(self, attempt: Attempt) -> Prepared:
        return Prepared()

    async def send(self, attempt: Attempt, seconds: float) -> Outcome:
        if self.now < self.back_at:
            return self.dark()
        self.taken.append(attempt.intent)
        return Sent(f"SM{len(self.taken)}", status="sent")

    async def witness(self, doubt: Doubt) -> Sighting:
        raise AssertionError

    async def status(self, provider_id: str) -> Shown:
        raise AssertionError

    async def answers(self) -> bool:
        return self.reads_while_dark or self.now >= self.back_at

    # The way back.
    def delivered(self, receipts: Sequence[Receipt]) -> None:
        pass

    def statuses_settled(self, row_ids: Sequence[UUID]) -> None:
        raise AssertionError

    def in_order(self) -> bool:
        of: dict[UUID, list[int]] = {}
        for taken in self.taken:
            of.setdefault(taken.conversation_id, []).append(taken.send_seq or 0)
        return all(seqs == sorted(set(seqs)) for seqs in of.values())


def _refused() -> Outcome:
    return NotSent("no_connection", fault=True)


def _stopped_below() -> Outcome:
    return NotSent("breaker_open", fault=True, refused=True)


def _unknown() -> Outcome:
    return Unknown("status_503")


@pytest.mark.parametrize("conversations", [1, 2, 40])
@pytest.mark.parametrize("dark", [_refused, _stopped_below])
async def test_a_backlog_of_what_was_not_sent_drains_in_order(
    conversations: int, dark: Callable[[], Outcome]
) -> None:
    world = World(dark)
    world.add(conversations, 3)
    await world.run(DARK_SECONDS + DRAIN_SECONDS)
    assert [row.state for row in world.rows] == [State.SENT] * conversations * 3
    assert len(world.taken) == conversations * 3
    assert world.in_order()
    assert max(world.attempts.values()) <= MOST_ATTEMPTS


@pytest.mark.parametrize("conversations", [1, 40])
async def test_a_backlog_with_unknown_outcomes_drains_in_order(conversations: int) -> None:
    world = World(_unknown)
    world.add(conversations, 3)
    # What is unknown waits for two readings after its window.
    await world.run(DARK_SECONDS + 30 * 60)
    assert [row.state for row in world.rows] == [State.SENT] * conversations * 3
    assert world.in_order()
    assert max(world.attempts.values()) == 2


@pytest.mark.parametrize("conversations", [1, 2, 40])
async def test_a_provider_that_can_be_read_but_takes_nothing_costs_few_attempts(
    conversations: int,
) -> None:
    world = World(_refused, reads_while_dark=True)
    world.add(conversations, 3)
    await world.run(DARK_SECONDS)
    assert 1 < max(world.attempts.values()) <= MOST_ATTEMPTS


async def test_what_stays_dark_for_hours_goes_to_a_person() -> None:
    world = World(_refused, back_at=1e9)
    world.add(3, 2)
    await world.run(POLICY.give_up.total_seconds() + 120)
    assert {row.state for row in world.rows} == {State.NEEDS_HUMAN}
    assert max(world.attempts.values()) <= MOST_ATTEMPTS
