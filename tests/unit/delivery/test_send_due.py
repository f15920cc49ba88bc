"""The sending loop with providers of the test's own: breaker, deadline and faults of ours."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest

from services.delivery.application.ports import (
    Attempt,
    AttemptEnd,
    Claimed,
    Decide,
    Doubt,
    Gate,
    IntentStore,
    Patience,
    Prepared,
    Receipt,
)
from services.delivery.application.send_due import SendDue
from services.delivery.domain.breaker import Phase
from services.delivery.domain.intent import Channel, Intent, IntentId, Progress, State
from services.delivery.domain.outcomes import (
    Barred,
    NotSent,
    Outcome,
    Rejected,
    Sent,
    Shown,
    Sighting,
    Unknown,
    Unseen,
)
from services.delivery.domain.pace import Pace
from services.delivery.domain.transitions import Policy
from tests.unit.delivery.letters import intent

POLICY = Policy(timedelta(minutes=2), timedelta(hours=4))
PATIENCE = Patience(attempt_seconds=30, send_seconds=12, poll_seconds=1, at_once=4)


@dataclass
class Scripted:
    """A provider that answers what a test says."""

    outcomes: list[Outcome | Exception] = field(default_factory=list)
    preparations: list[Prepared | NotSent | Rejected | Exception] = field(default_factory=list)
    needs_preparation: bool = False
    name: str = "scripted"
    sends: int = 0
    questions: int = 0
    reachable: bool = True

    async def prepare(self, attempt: Attempt) -> Prepared | NotSent | Rejected:
        prepared = self.preparations.pop(0) if self.preparations else Prepared("draft", "thread")
        if isinstance(prepared, Exception):
            raise prepared
        return prepared

    async def send(self, attempt: Attempt, seconds: float) -> Outcome:
        self.sends += 1
        outcome = self.outcomes.pop(0) if self.outcomes else Sent("id")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def witness(self, doubt: Doubt) -> Sighting:
        return Unseen()

    async def status(self, provider_id: str) -> Shown:
        raise AssertionError

    async def answers(self) -> bool:
        self.questions += 1
        return self.reachable


@dataclass
class OneAtATime:
    """The part of the store that the loop uses: hands out one intent for each claim."""

    ends: list[AttemptEnd] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    rooms: list[dict[Channel, int]] = field(default_factory=list)
    saves: bool = True
    empty: bool = False
    draft_id: str = ""
    has_overdue: bool = False

    async def claim(self, room: Mapping[Channel, int], worker: str, seconds: float) -> Claimed:
        self.rooms.append(dict(room))
        if self.empty or not room.get(Channel.WHATSAPP):
            return Claimed()
        one = intent(Channel.WHATSAPP)
        return Claimed((Attempt(one, len(self.rooms), seconds, self.draft_id),))

    async def overdue(self, channel: Channel, seconds: float, limit: int) -> Sequence[IntentId]:
        assert seconds == POLICY.give_up.total_seconds()
        return [IntentId(UUID(int=9))] if self.has_overdue else []

    async def save_preparation(self, attempt: Attempt, prepared: Prepared) -> bool:
        return self.saves

    async def change(
        self,
        intent_id: IntentId,
        decide: Decide,
        *,
        end: AttemptEnd | None = None,
        notice: Intent | None = None,
    ) -> Receipt | None:
        if end is None:
            waiting = Progress(State.PENDING, age=POLICY.give_up)
            step = decide(waiting)
            assert step is not None
            return Receipt(UUID(int=9), step.state)
        self.ends.append(end)
        step = decide(Progress(State.ATTEMPTING, attempt=end.number))
        return Receipt(UUID(int=1), step.state) if step and step.state.final else None

    async def note_health(self, channel: Channel, phase: Phase) -> None:
        self.phases.append(phase)


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Answered:
    receipts: list[Receipt] = field(default_factory=list)

    def delivered(self, receipts: Sequence[Receipt]) -> None:
        self.receipts.extend(receipts)

    def statuses_settled(self, row_ids: Sequence[UUID]) -> None:
        raise AssertionError


@dataclass
class Loop:
    provider: Scripted = field(default_factory=Scripted)
    store: OneAtATime = field(default_factory=OneAtATime)
    clock: Clock = field(default_factory=Clock)
    answered: Answered = field(default_factory=Answered)
    gate: Gate | None = None
    pace: Pace | None = None

    def __post_init__(self) -> None:
        self.send = SendDue(
            cast("IntentStore", self.store),
            {Channel.WHATSAPP: self.provider},
            {Channel.WHATSAPP: POLICY},
            self.answered,
            PATIENCE,
            "delivery-0",
            self.clock,
            gates={Channel.WHATSAPP: self.gate} if self.gate else None,
            paces={Channel.WHATSAPP: self.pace} if self.pace else None,
        )

    async def once(self) -> int:
        started = await self.send.claim_and_start()
        await self.send.settle()
        return started


async def test_an_outcome_is_recorded_and_answered() -> None:
    loop = Loop()
    await loop.once()
    assert loop.store.ends == [AttemptEnd(1, "sent")]
    assert [r.state for r in loop.answered.receipts] == [State.SENT]


@pytest.mark.parametrize(
    ("outcome", "recorded"),
    [
        (Rejected("21617"), AttemptEnd(1, "rejected", "21617")),
        (NotSent("rate_limited"), AttemptEnd(1, "not_sent", "rate_limited")),
        (
            NotSent("breaker_open", fault=True, refused=True),
            AttemptEnd(1, "refused", "breaker_open"),
        ),
        (Unknown("no_answer"), AttemptEnd(1, "unknown", "no_answer")),
        (RuntimeError("ours"), AttemptEnd(1, "unknown", "fault:RuntimeError")),
    ],
)
async def test_each_outcome_has_its_word(
    outcome: Outcome | Exception, recorded: AttemptEnd
) -> None:
    loop = Loop(Scripted([outcome]))
    await loop.once()
    assert loop.store.ends == [recorded]
    assert loop.provider.sends == 1


@pytest.mark.parametrize("ticks", range(6))
async def test_a_stop_is_heard_even_while_the_loop_is_being_woken(ticks: int) -> None:
    loop = Loop()
    loop.store.empty = True
    running = asyncio.create_task(loop.send.run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(loop.store.rooms) == 1, "it waits for work"
    loop.send.wake()
    for _ in range(ticks):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running}, timeout=0.5)
    stopped = running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert stopped


async def test_a_fault_in_the_preparation_has_not_sent() -> None:
    loop = Loop(Scripted(preparations=[RuntimeError("ours")], needs_preparation=True))
    await loop.once()
    assert loop.store.ends == [AttemptEnd(1, "not_sent", "fault:RuntimeError")]
    assert loop.provider.sends == 0


async def test_a_saved_draft_is_not_made_again() -> None:
    loop = Loop(Scripted(preparations=[RuntimeError("not asked")], needs_preparation=True))
    loop.store.draft_id = "draft"
    await loop.once()
    assert loop.store.ends == [AttemptEnd(1, "sent")]


async def test_without_its_saved_draft_nothing_is_sent_or_recorded() -> None:
    loop = Loop(Scripted(needs_preparation=True), OneAtATime(saves=False))
    await loop.once()
    assert loop.store.ends == []
    assert loop.provider.sends == 0


async def test_a_request_that_could_outlast_its_deadline_does_not_start() -> None:
    loop = Loop()
    await loop.send.claim_and_start()
    loop.clock.now += PATIENCE.attempt_seconds - PATIENCE.send_seconds + 0.1
    await loop.send.settle()
    assert loop.provider.sends == 0
    assert loop.store.ends == [AttemptEnd(1, "not_sent", "deadline_passed")]


async def test_the_breaker_opens_probes_and_closes() -> None:
    loop = Loop(Scripted([Unknown("status_503")] * 4))
    for _ in range(3):
        await loop.once()
    assert loop.store.phases == [Phase.OPEN]
    assert await loop.once() == 0
    assert loop.provider.sends == 3
    loop.clock.now += 5
    assert await loop.once() == 0, "it asks first"
    assert await loop.once() == 1
    assert loop.store.rooms[-1] == {Channel.WHATSAPP: 1}
    assert await loop.once() == 0
    loop.clock.now += 10
    assert await loop.once() == 0, "it asks first"
    assert await loop.once() == 1
    assert loop.store.phases == [
        Phase.OPEN, Phase.HALF_OPEN, Phase.OPEN, Phase.HALF_OPEN, Phase.CLOSED
    ]  # fmt: skip


async def test_refusals_of_one_customer_do_not_open_it() -> None:
    loop = Loop(Scripted([Rejected("400")] * 5))
    for _ in range(5):
        await loop.once()
    assert loop.store.phases == []


async def test_a_probe_that_could_not_start_leaves_the_breaker_ready() -> None:
    loop = Loop(Scripted([Unknown("status_503")] * 3, needs_preparation=True))
    for _ in range(3):
        await loop.once()
    loop.clock.now += 5
    await loop.once()
    loop.store.saves = False
    await loop.once()
    assert loop.provider.sends == 3
    loop.store.saves = True
    assert await loop.once() == 1
    assert loop.store.phases[-1] is Phase.CLOSED


@pytest.mark.parametrize("trouble", ["silence", "fault"])
async def test_a_dark_provider_is_asked_and_no_message_is_spent(
    trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = Loop(Scripted([Unknown("no_answer")] * 3, reachable=False))
    if trouble == "fault":
        loop.provider.questions = 0

        async def answers() -> bool:
            loop.provider.questions += 1
            raise RuntimeError("ours")

        monkeypatch.setattr(loop.provider, "answers", answers)
    for _ in range(3):
        await loop.once()
    for wait in (5, 10, 20, 40, 60, 60):
        loop.clock.now += wait - 0.1
        assert await loop.once() == 0
        asked = loop.provider.questions
        loop.clock.now += 0.1
        assert await loop.once() == 0
        assert loop.provider.questions == asked + 1
    assert loop.provider.sends == 3
    assert loop.store.phases == [Phase.OPEN]


async def test_what_waits_too_long_for_a_dark_provider_goes_to_a_person() -> None:
    loop = Loop(Scripted([Unknown("no_answer")] * 3, reachable=False))
    loop.store.has_overdue = True
    for _ in range(3):
        await loop.once()
    assert loop.answered.receipts == []
    loop.clock.now += 5
    await loop.once()
    assert loop.answered.receipts == [Receipt(UUID(int=9), State.NEEDS_HUMAN)]


@dataclass
class Shut:
    """A gate that lets nothing through."""

    verdict: Barred | NotSent

    async def admit(self, attempt: Attempt) -> Attempt | Barred | NotSent:
        return self.verdict


async def test_what_a_gate_bars_is_never_requested_and_a_persons() -> None:
    loop = Loop(gate=Shut(Barred("outside_window")))
    await loop.once()
    assert loop.provider.sends == 0
    assert loop.store.ends == [AttemptEnd(1, "refused", "outside_window")]
    assert [r.state for r in loop.answered.receipts] == [State.PARKED]


async def test_a_gate_that_cannot_tell_says_nothing_about_the_provider() -> None:
    loop = Loop(gate=Shut(NotSent("window_unknown")))
    for _ in range(5):
        await loop.once()
    assert loop.provider.sends == 0
    assert loop.store.phases == []
    assert {end.outcome for end in loop.store.ends} == {"not_sent"}


async def test_a_provider_that_finds_us_too_fast_is_left_alone_for_as_long_as_it_says() -> None:
    limited = NotSent("rate_limited", retry_after=timedelta(seconds=7))
    loop = Loop(Scripted([limited]), pace=Pace(80))
    await loop.once()
    for _ in range(3):
        await loop.once()
    assert loop.provider.sends == 1
    loop.clock.now += 7
    await loop.once()
    assert loop.provider.sends == 2


async def test_no_more_is_claimed_than_the_pace_allows() -> None:
    loop = Loop(pace=Pace(1))
    for _ in range(3):
        await loop.once()
    assert loop.provider.sends == 1
    loop.clock.now += 1
    await loop.once()
    assert loop.provider.sends == 2
