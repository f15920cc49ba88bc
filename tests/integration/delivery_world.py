"""Delivery's use cases over a real Postgres, with a provider of the test's own."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from chassis.database import Pool, open_pool
from services.delivery.adapters.intent_store import PostgresIntentStore
from services.delivery.application.ports import (
    Attempt,
    ContentAway,
    Doubt,
    Patience,
    Prepared,
    Receipt,
    Reported,
    Status,
    Template,
    Wish,
)
from services.delivery.application.reconcile import Reconcile
from services.delivery.application.send_due import SendDue
from services.delivery.application.take_outbound import TakeOutbound
from services.delivery.application.take_statuses import TakeStatuses
from services.delivery.application.window_gate import WindowGate
from services.delivery.domain.intent import (
    Channel,
    HandleType,
    Intent,
    IntentId,
    Kind,
    Letter,
    State,
)
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
from services.delivery.domain.transitions import Policy
from services.delivery.domain.window import Templates
from tests.integration.postgres import Database

WINDOW = timedelta(seconds=0.8)
PATIENCE = Patience(attempt_seconds=20, send_seconds=5, poll_seconds=0.02, at_once=16)
_HANDLES = {
    Channel.EMAIL: (HandleType.EMAIL, "ada@example.com"),
    Channel.WHATSAPP: (HandleType.PHONE, "+15550100"),
    Channel.WEB_FORM: (HandleType.EMAIL, "ada@example.com"),
}


def intent(
    channel: Channel = Channel.EMAIL,
    send_seq: int = 1,
    *,
    conversation: UUID | None = None,
    message: UUID | None = None,
    epoch: int = 0,
    text: str = "Press *Forgot password*.",
) -> Intent:
    handle, address = _HANDLES[channel]
    return Intent(
        intent_id=IntentId(uuid4()),
        kind=Kind.ANSWER,
        message_id=message or uuid4(),
        conversation_id=conversation or uuid4(),
        customer_id=uuid4(),
        channel=channel,
        send_seq=send_seq,
        epoch=epoch,
        last_part=True,
        letter=Letter(
            handle,
            address,
            text,
            subject="Re: Password",
            status_url="https://support.example.com/t/1?k=secret",
            due_time=datetime.now(UTC),
        ),
    )


@dataclass
class Far:
    """A provider that does to the next sends what a test says, and remembers what it took.

    Actions: take, lose (nothing arrives, the answer is unknown), lose_first (only an intent's first send), take_and_lose (it arrives, the answer is
    unknown), take_and_hang, hang, limit (429), reject, fault (5xx); by default take.
    """

    name: str = "far"
    needs_preparation: bool = False
    actions: list[str] = field(default_factory=list)
    taken: list[Intent] = field(default_factory=list)
    sends: list[Intent] = field(default_factory=list)
    templates: list[Template | None] = field(default_factory=list)
    prepared: list[Intent] = field(default_factory=list)
    readings: int = 0
    witness_is_dark: bool = False
    status_shown: str = ""
    fetches: list[str] = field(default_factory=list)
    visible: Callable[[], bool] = lambda: True
    before_prepare: Callable[[], Awaitable[object]] | None = None

    async def prepare(self, attempt: Attempt) -> Prepared | NotSent | Rejected:
        if self.before_prepare is not None:
            await self.before_prepare()
        self.prepared.append(attempt.intent)
        return Prepared(f"draft-{attempt.intent.intent_id}", "thread")

    async def send(self, attempt: Attempt, seconds: float) -> Outcome:
        self.sends.append(attempt.intent)
        self.templates.append(attempt.template)
        action = self.actions.pop(0) if self.actions else "take"
        if action == "lose_first":
            action = "lose" if self.sends.count(attempt.intent) == 1 else "take"
        if action.startswith("take"):
            self.taken.append(attempt.intent)
        match action:
            case "take":
                sent = Sent(self.id_of(len(self.taken) - 1), "thread", "queued")
                await asyncio.sleep(0.01)
                return sent
            case "hang" | "take_and_hang":
                await asyncio.sleep(3600)
            case "limit":
                return NotSent("rate_limited", retry_after=timedelta(seconds=0.1))
            case "reject":
                return Rejected("far_400")
            case _:
                pass
        return Unknown("no_answer")

    async def witness(self, doubt: Doubt) -> Sighting:
        self.readings += 1
        if self.witness_is_dark:
            return Dark("dark")
        found = [
            Sent(self.id_of(at))
            for at, taken in enumerate(self.taken)
            if taken.intent_id == doubt.intent.intent_id and self.visible()
        ]
        return Seen(tuple(found)) if found else Unseen()

    async def status(self, provider_id: str) -> Shown | Dark:
        self.fetches.append(provider_id)
        return Shown(self.status_shown, "63016") if self.status_shown else Dark("dark")

    async def answers(self) -> bool:
        return not self.actions

    def id_of(self, at: int) -> str:
        return f"{self.name}-{at}"


async def grows(items: Sequence[object], seconds: float = 10.0) -> None:
    """Polls until the sequence has an entry."""
    until = time.monotonic() + seconds
    while len(items) == 0:
        assert time.monotonic() < until, "nothing came"
        await asyncio.sleep(0.01)


@dataclass
class Heard:
    """The agent's and intake's side: what was answered."""

    receipts: list[Receipt] = field(default_factory=list)
    settled_statuses: list[UUID] = field(default_factory=list)

    def delivered(self, receipts: Sequence[Receipt]) -> None:
        self.receipts.extend(receipts)

    def statuses_settled(self, row_ids: Sequence[UUID]) -> None:
        self.settled_statuses.extend(row_ids)

    def last(self, row_id: UUID) -> Receipt | None:
        return next((r for r in reversed(self.receipts) if r.row_id == row_id), None)


@dataclass
class Owner:
    """The agent's outbox and intake's statuses."""

    intents: dict[UUID, Intent] = field(default_factory=dict)
    statuses: dict[UUID, Status] = field(default_factory=dict)
    wishes: dict[UUID, Wish] = field(default_factory=dict)
    window: datetime | None = None
    fetches: int = 0

    async def fetch(self, row_ids: Sequence[UUID]) -> Sequence[tuple[Intent, str]]:
        self.fetches += 1
        return [(self.intents[r], "") for r in row_ids if r in self.intents]

    async def window_end(self, row_id: UUID) -> datetime | None:
        if self.window is None:
            raise ContentAway("away")
        return self.window


@dataclass
class Intake:
    owner: Owner

    async def fetch(self, row_ids: Sequence[UUID]) -> Reported:
        owner = self.owner
        return Reported(
            tuple(row_ids),
            tuple(owner.statuses[r] for r in row_ids if r in owner.statuses),
            tuple(owner.wishes[r] for r in row_ids if r in owner.wishes),
        )


@dataclass
class World:
    """One delivery process; `replace_worker` stands for a kill and a restart."""

    pool: Pool
    store: PostgresIntentStore
    far: dict[Channel, Far]
    heard: Heard
    owner: Owner
    policy: Policy
    patience: Patience = PATIENCE
    templates: Templates = field(default_factory=Templates)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def build(self, worker: str = "delivery-0") -> "tuple[SendDue, Reconcile]":
        policies = dict.fromkeys(Channel, self.policy)
        self.send = SendDue(
            self.store, self.far, policies, self.heard, self.patience, worker,
            gates={Channel.WHATSAPP: WindowGate(self.owner, self.templates)},
        )  # fmt: skip
        self.outbound = TakeOutbound(
            self.store, self.owner, self.heard, frozenset({"support@example.com"}), self.send.wake
        )
        self.statuses = TakeStatuses(self.store, Intake(self.owner), self.heard, self.send.wake)
        self.reconcile = Reconcile(
            self.store, self.far, policies, self.heard, self.statuses, self.send.wake, 0.02, 5
        )
        return self.send, self.reconcile

    async def start(self) -> None:
        """Runs the loops, as a started process does."""
        self.build()
        await self.reconcile.recover("delivery-0")
        self.tasks = [
            asyncio.create_task(self.send.run()),
            asyncio.create_task(self.reconcile.run()),
        ]

    async def kill(self) -> None:
        """Ends the loops without letting them record anything."""
        for task in [*self.tasks, *self.send._running]:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []

    async def accept(self, *intents: Intent) -> None:
        """Hears the hint of these outbox rows."""
        self.owner.intents |= {i.intent_id: i for i in intents}
        await self.outbound([i.intent_id for i in intents])

    async def hear_status(
        self,
        channel: Channel,
        provider_id: str,
        status: str,
        *,
        of: Intent | None = None,
        error_code: str = "",
    ) -> None:
        found = Status(
            uuid4(), channel, provider_id, status, error_code, of.intent_id if of else None
        )
        self.owner.statuses[found.row_id] = found
        await self.statuses([found.row_id])

    async def hear_wish(self, recipient: str, time: datetime, *, stopped: bool) -> None:
        """Hears that a WhatsApp recipient wants nothing more, or does again."""
        row_id = uuid4()
        self.owner.wishes[row_id] = Wish(Channel.WHATSAPP, recipient, stopped, time)
        await self.statuses([row_id])

    async def state(self, of: Intent) -> State:
        value = await self.pool.fetchval(
            "SELECT state FROM delivery.intents WHERE intent_id = $1", of.intent_id
        )
        return State(value)

    async def becomes(self, of: Intent, state: State, seconds: float = 10.0) -> None:
        """Polls until the intent has this state."""
        until = time.monotonic() + seconds
        while (now := await self.state(of)) is not state:
            assert time.monotonic() < until, f"still {now}, wanted {state}"
            await asyncio.sleep(0.01)

    async def counts(self, query: str, wanted: object, seconds: float = 10.0) -> None:
        """Polls until a query's first value is the wanted one."""
        until = time.monotonic() + seconds
        while (now := await self.pool.fetchval(query)) != wanted:
            assert time.monotonic() < until, f"still {now}, wanted {wanted}"
            await asyncio.sleep(0.01)


@asynccontextmanager
async def world(
    database: Database, policy: Policy | None = None, follower_wait_seconds: float = 30.0
) -> AsyncIterator[World]:
    pool = await open_pool(database.url("fte_delivery"), 4, application="test")
    made = World(
        pool,
        PostgresIntentStore(pool, follower_wait_seconds),
        {
            Channel.EMAIL: Far("gmail", needs_preparation=True),
            Channel.WHATSAPP: Far("twilio"),
            Channel.WEB_FORM: Far("web_form"),
        },
        Heard(),
        Owner(),
        policy or Policy(window=WINDOW, give_up=timedelta(hours=1)),
    )
    try:
        yield made
    finally:
        if made.tasks:
            await made.kill()
        await pool.close()


def eager(**changes: float) -> Patience:
    """Returns the usual patience with other times."""
    return replace(PATIENCE, **changes)  # type: ignore[arg-type]  # every changed field is a float
