"""Twilio dark for ten minutes, on virtual time: mail and the form go on as ever, then WhatsApp's backlog drains in order."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
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
from services.delivery.domain.outcomes import NotSent, Outcome, Sent, Shown, Sighting
from services.delivery.domain.transitions import Policy
from tests.unit.delivery.letters import intent

POLICY = Policy(timedelta(minutes=5), timedelta(hours=4))
PATIENCE = Patience(attempt_seconds=30, send_seconds=12, poll_seconds=1, at_once=4)
DARK_SECONDS = 600.0
# The longest wait for a sign of life and what is left of an intent's own wait.
DRAIN_SECONDS = 60.0 + 450.0
EVERY_SECONDS = 10


@dataclass
class Provider:
    """Takes everything, but for the time in which it is dark."""

    world: "World"
    name: str
    dark: bool = False
    needs_preparation: bool = False
    taken: list[tuple[float, Intent]] = field(default_factory=list)

    @property
    def away(self) -> bool:
        return self.dark and self.world.now < DARK_SECONDS

    async def prepare(self, attempt: Attempt) -> Prepared:
        return Prepared()

    async def send(self, attempt: Attempt, seconds: float) -> Outcome:
        if self.away:
            return NotSent("no_connection", fault=True)
        self.taken.append((self.world.now, attempt.intent))
        return Sent(f"{self.name}-{len(self.taken)}", status="sent")

    async def witness(self, doubt: Doubt) -> Sighting:
        raise AssertionError

    async def status(self, provider_id: str) -> Shown:
        raise AssertionError

    async def answers(self) -> bool:
        return not self.away


@dataclass
class Row:
    intent: Intent
    due: float
    progress: Progress = field(default_factory=lambda: Progress(State.PENDING))


@dataclass
class World:
    """A clock, three providers and the ledger's rows in the order in which they were written."""

    enabled: Callable[[Channel], bool] = lambda _: True
    now: float = 0.0
    rows: list[Row] = field(default_factory=list)
    phases: list[tuple[Channel, Phase]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.providers = {
            Channel.EMAIL: Provider(self, "gmail"),
            Channel.WHATSAPP: Provider(self, "twilio", dark=True),
            Channel.WEB_FORM: Provider(self, "web_form"),
        }
        self.send_due = SendDue(
            cast("IntentStore", self),
            self.providers,
            dict.fromkeys(Channel, POLICY),
            self,
            PATIENCE,
            "delivery-0",
            lambda: self.now,
            enabled=self.enabled,
        )

    def write(self, channel: Channel, conversation: UUID, send_seq: int) -> None:
        one = replace(
            intent(channel),
            intent_id=IntentId(uuid4()),
            conversation_id=conversation,
            send_seq=send_seq,
        )
        self.rows.append(Row(one, self.now))

    async def second(self) -> None:
        while await self.send_due.claim_and_start():
            await self.send_due.settle()
        await self.send_due.settle()
        self.now += 1

    async def claim(self, room: Mapping[Channel, int], worker: str, seconds: float) -> Claimed:
        left, found = dict(room), []
        open_before: set[tuple[UUID, Channel]] = set()
        for row in self.rows:
            place = (row.intent.conversation_id, row.intent.channel)
            due = row.progress.state is State.PENDING and row.due <= self.now
            if due and place not in open_before and left.get(row.intent.channel, 0) > 0:
                left[row.intent.channel] -= 1
                found.append(row)
            if not row.progress.state.final:
                open_before.add(place)
        for row in found:
            row.progress = replace(
                row.progress, state=State.ATTEMPTING, attempt=row.progress.attempt + 1
            )
        return Claimed(tuple(Attempt(r.intent, r.progress.attempt, seconds) for r in found))

    async def change(
        self,
        intent_id: IntentId,
        decide: Decide,
        *,
        end: AttemptEnd | None = None,
        notice: Intent | None = None,
    ) -> Receipt | None:
        row = next(row for row in self.rows if row.intent.intent_id == intent_id)
        step = decide(row.progress)
        assert step is not None
        row.progress = replace(row.progress, state=step.state)
        row.due = self.now + step.wait.total_seconds()
        return Receipt(intent_id, step.state) if step.state.final else None

    async def overdue(self, channel: Channel, seconds: float, limit: int) -> list[IntentId]:
        return []

    async def note_health(self, channel: Channel, phase: Phase) -> None:
        self.phases.append((channel, phase))

    def delivered(self, receipts: object) -> None:
        pass

    def statuses_settled(self, row_ids: object) -> None:
        raise AssertionError


@pytest.fixture
async def world() -> World:
    made = World()
    talks: dict[Channel, list[UUID]] = {channel: [uuid4(), uuid4()] for channel in Channel}
    numbers: Counter[UUID] = Counter()
    while made.now < DARK_SECONDS + DRAIN_SECONDS:
        if made.now % EVERY_SECONDS == 0 and made.now < DARK_SECONDS:
            for channel, conversations in talks.items():
                conversation = conversations[int(made.now // EVERY_SECONDS) % 2]
                numbers[conversation] += 1
                made.write(channel, conversation, numbers[conversation])
        await made.second()
    return made


def in_order(provider: Provider) -> bool:
    seqs: defaultdict[UUID, list[int]] = defaultdict(list)
    for _, one in provider.taken:
        seqs[one.conversation_id].append(one.send_seq or 0)
    return all(found == list(range(1, len(found) + 1)) for found in seqs.values())


WRITTEN = int(DARK_SECONDS / EVERY_SECONDS)


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.WEB_FORM])
async def test_other_channels_do_not_wait_a_second(world: World, channel: Channel) -> None:
    provider = world.providers[channel]
    assert [time for time, _ in provider.taken] == [
        float(EVERY_SECONDS * n) for n in range(WRITTEN)
    ]
    assert in_order(provider)
    standing = world.send_due.standing(channel)
    assert (standing.phase, standing.openings) == (Phase.CLOSED, 0)


async def test_the_backlog_drains_in_order_and_each_once(world: World) -> None:
    provider = world.providers[Channel.WHATSAPP]
    assert all(time >= DARK_SECONDS for time, _ in provider.taken)
    assert len(provider.taken) == len({one.intent_id for _, one in provider.taken}) == WRITTEN
    assert in_order(provider)
    assert {row.progress.state for row in world.rows} == {State.SENT}


async def test_the_breaker_opens_after_three_faults_and_closes_by_one_probe(world: World) -> None:
    moves = [phase for channel, phase in world.phases if channel is Channel.WHATSAPP]
    assert moves == [Phase.OPEN, Phase.HALF_OPEN, Phase.CLOSED]
    assert {channel for channel, _ in world.phases} == {Channel.WHATSAPP}
    assert world.send_due.outcomes[Channel.WHATSAPP, "not_sent"] == 3
    standing = world.send_due.standing(Channel.WHATSAPP)
    assert (standing.phase, standing.openings) == (Phase.CLOSED, 1)


@pytest.mark.parametrize("enabled", [True, False])
async def test_on_a_disabled_channel_nothing_is_claimed(*, enabled: bool) -> None:
    made = World(lambda channel: enabled or channel is not Channel.EMAIL)
    for channel in (Channel.EMAIL, Channel.WEB_FORM):
        made.write(channel, uuid4(), 1)
    await made.second()
    assert len(made.providers[Channel.EMAIL].taken) == enabled
    assert len(made.providers[Channel.WEB_FORM].taken) == 1
