"""The simulated providers: each outcome that delivery must tell apart, with and without its effect."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import pytest

from chassis.errors import Unavailable
from services.delivery.application.ports import Attempt, Doubt, Prepared, Provider
from services.delivery.domain.intent import Channel, HandleType, Intent, IntentId, Kind, Letter
from services.delivery.domain.outcomes import (
    Dark,
    NotSent,
    Outcome,
    Rejected,
    Seen,
    Shown,
    Unknown,
    Unseen,
)
from tests.faults.simulation.boundary import (
    Act,
    Boundaries,
    Crossing,
    Direct,
    Fault,
    Latency,
    Phase,
    Scripted,
)
from tests.faults.simulation.loop import EPOCH, VirtualLoop
from tests.faults.simulation.process import Process
from tests.faults.simulation.providers import FarProvider, FarSide, Report
from tests.faults.simulation.treatment import Action, Call, Moody, Scheduled, Treatment

T = TypeVar("T")


def attempt(channel: Channel, number: int = 1, draft_id: str = "", intent: int = 1) -> Attempt:
    letter = Letter(HandleType.EMAIL, "ada@example.com", "Press *Export*.")
    return Attempt(
        Intent(
            IntentId(UUID(int=intent)), Kind.ANSWER, UUID(int=2), UUID(int=3), UUID(int=4),
            channel, 1, 5, last_part=True, letter=letter,
        ),
        number, 20.0, draft_id,
    )  # fmt: skip


@dataclass
class Setting:
    """One provider with its far side and the callbacks that were heard."""

    channel: Channel
    plan: Scheduled
    loop: VirtualLoop = field(default_factory=VirtualLoop)
    heard: list[tuple[float, str, str]] = field(default_factory=list)
    deaf: bool = False

    def __post_init__(self) -> None:
        self.far = FarSide(self.channel, self.loop, self.plan, self.hear)
        self.provider: Provider = FarProvider(self.far, Direct())

    async def hear(self, report: Report) -> None:
        if self.deaf:
            raise Unavailable("down")
        assert report.intent_id == UUID(int=1)
        self.heard.append((self.loop.time(), report.provider_id, report.status))

    async def send(self, number: int = 1) -> Outcome:
        prepared = await self.provider.prepare(attempt(self.channel, number))
        assert isinstance(prepared, Prepared)
        self.draft_id = prepared.draft_id
        return await self.provider.send(attempt(self.channel, number, self.draft_id), 5.0)

    def doubt(self) -> Doubt:
        return Doubt(attempt(self.channel).intent, self.draft_id, "", EPOCH)


def play(
    channel: Channel, plan: Scheduled, story: Callable[[Setting], Coroutine[Any, Any, T]]
) -> tuple[T, Setting]:
    it = Setting(channel, plan)
    return it.loop.run_world(story(it)), it


@pytest.mark.parametrize(
    ("action", "expected", "seconds", "taken"),
    [
        (Action.TAKE, None, 0, 1),
        (Action.REJECT, Rejected, 0, 0),
        (Action.LIMIT, NotSent, 0, 0),
        (Action.REFUSE, NotSent, 0, 0),
        (Action.LOSE, Unknown, 0, 0),
        (Action.TAKE_AND_LOSE, Unknown, 0, 1),
        (Action.HANG, Unknown, 5, 0),
        (Action.TAKE_AND_HANG, Unknown, 5, 1),
    ],
)
@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.WHATSAPP])
def test_each_action_has_its_outcome_its_effect_and_its_time(
    channel: Channel, action: Action, expected: type | None, seconds: float, taken: int
) -> None:
    async def story(it: Setting) -> Outcome:
        if it.provider.needs_preparation:
            it.plan.requests.insert(0, Treatment(Action.TAKE))
        outcome = await it.send()
        assert it.loop.time() == seconds
        return outcome

    outcome, it = play(channel, Scheduled([Treatment(action, 7.0)]), story)
    assert len(it.far.taken) == taken
    assert [(r.intent_id, r.attempt, r.epoch) for r in it.far.requests] == [(UUID(int=1), 1, 5)]
    if expected is not None:
        assert isinstance(outcome, expected)
    if action is Action.LIMIT:
        assert isinstance(outcome, NotSent)
        assert outcome.retry_after is not None
        assert outcome.retry_after.total_seconds() == 7


def test_the_witness_of_whatsapp_lists_what_was_taken_when_it_shows() -> None:
    async def story(it: Setting) -> list[str]:
        await it.send()
        seen = [type(await it.provider.witness(it.doubt())).__name__]
        await asyncio.sleep(31)
        seen.append(type(await it.provider.witness(it.doubt())).__name__)
        it.plan.witness_is_dark = True
        seen.append(type(await it.provider.witness(it.doubt())).__name__)
        return seen

    plan = Scheduled([Treatment(Action.TAKE_AND_LOSE)], witness_late=30)
    assert play(Channel.WHATSAPP, plan, story)[0] == ["Unseen", "Seen", "Dark"]


def test_the_witness_of_mail_is_its_draft_and_its_thread() -> None:
    async def story(it: Setting) -> list[object]:
        it.plan.requests = [Treatment(Action.TAKE), Treatment(Action.LOSE)]
        await it.send()
        kept = await it.provider.witness(it.doubt())
        # The same draft again: it is sent once, whatever the answers were.
        again = attempt(Channel.EMAIL, 2, it.draft_id)
        it.plan.requests = [Treatment(Action.TAKE_AND_LOSE)]
        outcomes = [await it.provider.send(again, 5.0), await it.provider.send(again, 5.0)]
        hidden = await it.provider.witness(it.doubt())
        await asyncio.sleep(31)
        found = await it.provider.witness(it.doubt())
        assert isinstance(found, Seen)
        return [kept, *outcomes, hidden, [sent.provider_id for sent in found.candidates]]

    told, it = play(Channel.EMAIL, Scheduled(witness_late=30), story)
    assert told == [
        Unseen(), Unknown("no_answer"), Unknown("draft_gone"), Dark("draft_gone"), ["gmail-1"],
    ]  # fmt: skip
    assert len(it.far.taken) == 1
    assert it.heard == []


def test_a_draft_may_be_lost_before_its_send() -> None:
    async def story(it: Setting) -> Outcome:
        prepared = await it.provider.prepare(attempt(Channel.EMAIL))
        assert isinstance(prepared, Prepared)
        await asyncio.sleep(2)
        return await it.provider.send(attempt(Channel.EMAIL, 1, prepared.draft_id), 5.0)

    outcome, it = play(Channel.EMAIL, Scheduled(draft_lost=1.0), story)
    assert (outcome, it.far.taken) == (Unknown("draft_gone"), [])


def test_a_request_on_the_wire_takes_effect_after_its_process_gave_up() -> None:
    async def story(it: Setting) -> Outcome:
        outcome = await it.send()
        assert it.far.taken == []
        await asyncio.sleep(10)
        return outcome

    plan = Scheduled([Treatment(Action.TAKE_AND_HANG, late=12)])
    outcome, it = play(Channel.WHATSAPP, plan, story)
    assert outcome == Unknown("timeout")
    assert [taken.time for taken in it.far.taken] == [12]


def test_callbacks_come_as_planned_and_one_that_is_not_heard_is_gone() -> None:
    async def story(it: Setting) -> None:
        await it.send()
        await asyncio.sleep(5)
        it.deaf = True
        await asyncio.sleep(5)

    calls = (Call("read", 1), Call("sent", 2), Call("sent", 3), Call("delivered", 6))
    _, it = play(Channel.WHATSAPP, Scheduled(calls=calls), story)
    assert it.heard == [(1, "twilio-1", "read"), (2, "twilio-1", "sent"), (3, "twilio-1", "sent")]
    assert it.far.unheard == 1


def test_a_message_goes_on_whether_or_not_its_callbacks_arrive() -> None:
    async def story(it: Setting) -> list[tuple[float, object]]:
        await it.send()
        shown: list[tuple[float, object]] = []
        for _ in range(4):
            shown.append((it.loop.time(), await it.provider.status("twilio-1")))
            await asyncio.sleep(2)
        return shown

    # The callback of what came first travels longer than the next one.
    calls = (
        Call("sent", 3), Call("delivered", 1, lost=True), Call("failed", 5, "63024", lost=True)
    )  # fmt: skip
    shown, it = play(Channel.WHATSAPP, Scheduled(calls=calls), story)
    assert shown == [
        (0, Shown("queued")),
        (2, Shown("delivered")),
        (4, Shown("delivered")),
        (6, Shown("failed", "63024")),
    ]
    assert it.heard == [(3, "twilio-1", "sent")]


def test_a_message_that_never_came_has_no_status() -> None:
    async def story(it: Setting) -> object:
        await it.send()
        return await it.provider.status("twilio-2")

    assert play(Channel.WHATSAPP, Scheduled(), story)[0] == Dark("twilio_404")


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.WHATSAPP])
def test_a_provider_that_is_dark_or_not_to_be_read_answers_nothing(channel: Channel) -> None:
    async def story(it: Setting) -> list[object]:
        await it.send()
        told: list[object] = []
        for dark, unreadable in ((False, False), (True, False), (False, True)):
            it.far.dark, it.plan.witness_is_dark = dark, unreadable
            told += [await it.provider.answers(), type(await it.provider.status(named)).__name__]
        return told

    named = f"{'gmail' if channel is Channel.EMAIL else 'twilio'}-1"
    told, it = play(channel, Scheduled(), story)
    assert told == [True, "Shown", False, "Dark", False, "Dark"]
    # Neither is a request that could send.
    assert len(it.far.requests) == 1


def test_a_dark_provider_takes_nothing_and_shows_nothing_until_it_is_back() -> None:
    async def story(it: Setting) -> list[str]:
        it.far.dark = True
        told: list[object] = [await it.send(), await it.provider.witness(it.doubt())]
        it.far.dark = False
        told += [await it.send(2), await it.provider.witness(it.doubt())]
        return [type(one).__name__ for one in told]

    told, it = play(Channel.WHATSAPP, Scheduled(), story)
    assert told == ["NotSent", "Dark", "Sent", "Seen"]
    assert it.far.treated == {Action.REFUSE: 1, Action.TAKE: 1}


@pytest.mark.parametrize(
    ("phase", "expected", "taken"), [(Phase.BEFORE, NotSent, 0), (Phase.AFTER, Unknown, 1)]
)
def test_a_sidecar_that_is_away_at_the_boundary_is_told_apart_by_its_side(
    phase: Phase, expected: type, taken: int
) -> None:
    loop = VirtualLoop()
    plan = Scripted({Crossing("twilio.send", 1, phase): Fault(Act.AWAY)})
    io = Boundaries(loop, Random(1), plan, Latency(none=1.0))
    far = FarSide(Channel.WHATSAPP, loop, Scheduled())
    provider = FarProvider(far, io.outside)
    outcome = loop.run_world(provider.send(attempt(Channel.WHATSAPP), 5.0))
    assert isinstance(outcome, expected)
    assert len(far.taken) == taken


def test_a_process_that_is_killed_after_the_effect_leaves_it_done() -> None:
    loop = VirtualLoop()
    plan = Scripted({Crossing("twilio.send", 1, Phase.AFTER): Fault(Act.KILL, 100)})
    io = Boundaries(loop, Random(1), plan, Latency(none=1.0))
    far = FarSide(Channel.WHATSAPP, loop, Scheduled())
    outcomes: list[Outcome] = []

    async def main() -> None:
        provider = FarProvider(far, io.outside)
        outcomes.append(await provider.send(attempt(Channel.WHATSAPP), 5.0))

    async def world() -> None:
        Process("delivery").start(main)
        await asyncio.sleep(10)

    loop.run_world(world())
    assert (len(far.taken), outcomes) == (1, [])


def test_moods_reach_every_action_and_the_dark_takes_nothing() -> None:
    moody = Moody(Random(3))
    drawn = Counter(moody.request("twilio").action for _ in range(5000))
    assert set(drawn) == set(Action)
    assert drawn[Action.TAKE] > 4000
    assert not any(moody.dark("twilio").action.takes for _ in range(500))
    calls = [moody.callbacks("twilio") for _ in range(500)]
    assert {call.status for of_one in calls for call in of_one} == {
        "sent", "delivered", "read", "failed",
    }  # fmt: skip
    assert any(call.lost for of_one in calls for call in of_one)
    assert any(len(of_one) > 3 for of_one in calls)
