"""The providers of the world: what they took, and all that may go wrong on the way there and back.

`FarSide` is the world's and outlives every process: the checker reads what it took. `FarProvider` is delivery's
way to it, at its `Provider` port. Mail is saved as a draft, then sent, and its witness is the draft and the thread;
WhatsApp is sent at once, its witness lists what the recipient got, and callbacks tell of each message's fate.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from chassis.errors import Unavailable
from services.delivery.application.ports import Attempt, Doubt, Prepared
from services.delivery.domain.intent import Channel
from services.delivery.domain.outcomes import (
    Dark,
    NotSent,
    Outcome,
    Rejected,
    Seen,
    Sent,
    Shown,
    Sighting,
    Unknown,
    Unseen,
)
from tests.faults.simulation.boundary import Io
from tests.faults.simulation.loop import VirtualLoop
from tests.faults.simulation.treatment import Action, Call, Treatment, TreatmentPlan

PREPARE_SECONDS = 8.0
_CLOCK_SLACK = timedelta(minutes=1)
# The fates of a message, each later than those before it.
_FATES = ("queued", "sent", "delivered", "read", "failed")
_NAMES = {Channel.EMAIL: "gmail", Channel.WHATSAPP: "twilio"}


@dataclass(frozen=True, slots=True)
class Request:
    """A sending request that began: which intent's, in which attempt, and its epoch."""

    time: float
    intent_id: UUID
    attempt: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the provider took, and so the customer got; `visible` is when a witness shows it."""

    time: float
    provider_id: str
    recipient: str
    text: str
    intent_id: UUID
    thread_id: str
    visible: float
    date: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """A status callback of one message."""

    provider_id: str
    status: str
    intent_id: UUID
    error_code: str = ""


Hear: TypeAlias = Callable[[Report], Coroutine[Any, Any, None]]


class FarSide:
    """One provider as the world knows it: `requests` that began and messages `taken`, both in order.

    `hear` gets each status callback; one that raises is not told again, and `unheard` counts it. `telling` counts
    callbacks on their way.
    """

    def __init__(
        self, channel: Channel, loop: VirtualLoop, plan: TreatmentPlan, hear: Hear | None = None
    ) -> None:
        self.name = _NAMES[channel]
        self.channel = channel
        self.loop = loop
        self.plan = plan
        self.hear = hear
        self.dark = False
        self.requests: list[Request] = []
        self.taken: list[Taken] = []
        self.drafts: dict[str, UUID] = {}
        self.treated: dict[Action, int] = {}
        self.unheard = 0
        self.telling = 0
        self._drafted = 0
        self._fates: dict[str, list[tuple[float, Call]]] = {}

    def treat(self) -> Treatment:
        """Returns what happens to the next request."""
        treatment = self.plan.dark(self.name) if self.dark else self.plan.request(self.name)
        self.treated[treatment.action] = self.treated.get(treatment.action, 0) + 1
        return treatment

    def save_draft(self, attempt: Attempt) -> str:
        """Keeps a draft and returns its id; the plan may lose it soon after."""
        self._drafted += 1
        draft_id = f"draft-{self._drafted}"
        self.drafts[draft_id] = attempt.intent.intent_id
        seconds = self.plan.draft_lost_after(self.name)
        if seconds is not None:
            self.loop.later(seconds, lambda: self.drafts.pop(draft_id, None))
        return draft_id

    def take(self, attempt: Attempt) -> Taken:
        """Takes a message: from now on the customer has it."""
        intent, now = attempt.intent, self.loop.time()
        taken = Taken(
            now,
            f"{self.name}-{len(self.taken) + 1}",
            intent.letter.recipient,
            intent.letter.text,
            intent.intent_id,
            intent.letter.thread_id or f"thread-{intent.conversation_id}",
            now + self.plan.visible_after(self.name),
            self.loop.now(),
        )
        self.taken.append(taken)
        if self.channel is Channel.WHATSAPP and self.hear is not None:
            calls = self.plan.callbacks(self.name)
            self._fates[taken.provider_id] = [(now + call.seconds, call) for call in calls]
            for call in calls:
                if call.lost:
                    continue
                report = Report(taken.provider_id, call.status, intent.intent_id, call.error_code)
                self.telling += 1
                self.loop.later(call.seconds, lambda report=report: self._tell(report))  # type: ignore[misc]
        return taken

    def fate(self, provider_id: str) -> Shown | None:
        """Returns how far a message is by now, whether or not a callback told so; None if it never came."""
        if not any(taken.provider_id == provider_id for taken in self.taken):
            return None
        now = self.loop.time()
        past = [call for time, call in self._fates.get(provider_id, ()) if time <= now]
        if not past:
            return Shown("queued")
        latest = max(past, key=lambda call: _FATES.index(call.status))
        return Shown(latest.status, latest.error_code)

    def shown(self) -> list[Taken]:
        """Returns what a witness shows by now, the newest first."""
        now = self.loop.time()
        return [taken for taken in reversed(self.taken) if taken.visible <= now]

    def _tell(self, report: Report) -> None:
        self.loop.create_task(self._told(report), context=self.loop.world.copy())

    async def _told(self, report: Report) -> None:
        assert self.hear is not None
        try:
            await self.hear(report)
        except (Unavailable, OSError):
            self.unheard += 1
        self.telling -= 1


class FarProvider:
    """Delivery's way to one far side; `io` is `Boundaries.outside`."""

    def __init__(self, far: FarSide, io: Io) -> None:
        self._far = far
        self._io = io

    @property
    def name(self) -> str:
        """The provider's name."""
        return self._far.name

    @property
    def needs_preparation(self) -> bool:
        """Whether messages are saved as drafts first: mail only."""
        return self._far.channel is Channel.EMAIL

    async def prepare(self, attempt: Attempt) -> Prepared | NotSent | Rejected:
        """Saves a draft; whatever goes wrong, nothing was sent."""
        if not self.needs_preparation:
            return Prepared()
        try:
            await self._io.request(f"{self.name}.prepare")
            treatment = self._far.treat()
            draft_id = self._far.save_draft(attempt) if treatment.action.takes else ""
            if treatment.action.hangs:
                await asyncio.sleep(PREPARE_SECONDS)
            await self._io.response(f"{self.name}.prepare")
        except Unavailable:
            return NotSent("no_answer", fault=True)
        match treatment.action:
            case Action.TAKE:
                return Prepared(draft_id, attempt.intent.letter.thread_id)
            case Action.REJECT:
                return Rejected(f"{self.name}_400")
            case Action.LIMIT:
                return NotSent("rate_limited", retry_after=_wait(treatment))
            case _:
                return NotSent("no_answer", fault=True)

    async def send(self, attempt: Attempt, seconds: float) -> Outcome:
        """Makes one request that ends within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                return await self._send(attempt)
        except TimeoutError:
            return Unknown("timeout")

    async def witness(self, doubt: Doubt) -> Sighting:
        """Shows what the far side shows by now."""
        name, far = f"{self.name}.witness", self._far
        try:
            await self._io.request(name)
            if far.dark or far.plan.witness_dark(self.name):
                sighting: Sighting = Dark(f"{self.name}_unreachable")
            elif self.needs_preparation:
                sighting = self._thread(doubt)
            else:
                sighting = self._list(doubt)
            await self._io.response(name)
        except Unavailable:
            return Dark(f"{self.name}_unreachable")
        return sighting

    async def status(self, provider_id: str) -> Shown | Dark:
        """Shows how far a message is by now."""
        name, far = f"{self.name}.status", self._far
        try:
            await self._io.request(name)
            unreadable = far.dark or far.plan.witness_dark(self.name)
            fate = None if unreadable else far.fate(provider_id)
            await self._io.response(name)
        except Unavailable:
            return Dark(f"{self.name}_unreachable")
        return fate or Dark(f"{self.name}_unreachable" if unreadable else f"{self.name}_404")

    async def answers(self) -> bool:
        """Tells whether a harmless reading is answered."""
        name, far = f"{self.name}.answers", self._far
        try:
            await self._io.request(name)
            answered = not (far.dark or far.plan.witness_dark(self.name))
            await self._io.response(name)
        except Unavailable:
            return False
        return answered

    async def _send(self, attempt: Attempt) -> Outcome:
        name, far, intent = f"{self.name}.send", self._far, attempt.intent
        # From here on the request may be on the wire.
        far.requests.append(
            Request(far.loop.time(), intent.intent_id, attempt.number, intent.epoch)
        )
        try:
            await self._io.request(name)
        except Unavailable:
            return NotSent("connection_refused", fault=True)
        treatment = far.treat()
        outcome = self._effect(attempt, treatment)
        try:
            await self._io.response(name)
        except Unavailable:
            return Unknown("no_answer")
        if treatment.action.hangs:
            await asyncio.get_running_loop().create_future()
        return outcome

    def _effect(self, attempt: Attempt, treatment: Treatment) -> Outcome:
        action, taken = treatment.action, None
        if action.takes and treatment.late:
            # It is on the wire: neither our timeout nor our death calls it back.
            self._far.loop.later(treatment.late, lambda: self._take(attempt))
        elif action.takes:
            taken = self._take(attempt)
            if taken is None:
                return Unknown("draft_gone")
        match action:
            case Action.REJECT:
                return Rejected(f"{self.name}_400")
            case Action.LIMIT:
                return NotSent("rate_limited", retry_after=_wait(treatment))
            case Action.REFUSE:
                return NotSent("connection_refused", fault=True)
            case Action.TAKE if taken is not None:
                status = "" if self.needs_preparation else "queued"
                return Sent(taken.provider_id, taken.thread_id, status)
            case _:
                return Unknown("no_answer")

    def _take(self, attempt: Attempt) -> Taken | None:
        if self.needs_preparation and self._far.drafts.pop(attempt.draft_id, None) is None:
            return None  # Sent before, or deleted: a draft is sent at most once.
        return self._far.take(attempt)

    def _thread(self, doubt: Doubt) -> Sighting:
        far = self._far
        if doubt.draft_id in far.drafts:
            return Unseen()
        found = tuple(
            Sent(taken.provider_id, taken.thread_id)
            for taken in far.shown()
            if taken.intent_id == doubt.intent.intent_id
        )
        return Seen(found) if found else Dark("draft_gone")

    def _list(self, doubt: Doubt) -> Sighting:
        letter, since = doubt.intent.letter, doubt.first_attempt_time - _CLOCK_SLACK
        found = tuple(
            Sent(taken.provider_id, status="sent")
            for taken in self._far.shown()
            if (taken.recipient, taken.text) == (letter.recipient, letter.text)
            and taken.date >= since
        )
        return Seen(found) if found else Unseen()


def _wait(treatment: Treatment) -> timedelta | None:
    seconds = treatment.retry_after
    return None if seconds is None else timedelta(seconds=seconds)
