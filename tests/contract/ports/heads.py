"""The agent's stores over memory and over PostgreSQL, and one way to look at what they hold."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg

from chassis.database import open_pool
from fte.agent.v1 import agent_service_pb2
from fte.conversation.v1 import conversation_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters.due_heads import PostgresDueHeads
from services.agent.adapters.head_store import PostgresHeads
from services.agent.adapters.inbound import InboundStore, Owned
from services.agent.adapters.incoming import Inbound
from services.agent.adapters.mapping import channel_to_proto, timestamp
from services.agent.adapters.send_outcomes import SendOutcomes
from services.agent.application.ownership import Ownership
from services.agent.application.runner import DueHeads
from services.agent.application.turns import LEASE, Begun, Fence, Turns, TurnTimes
from services.agent.domain.formatting import DEFAULT_LIMITS, Limits
from services.agent.domain.turn import Channel, CustomerId, Side, Turn
from tests.contract.ports.passing_time import Clock, age
from tests.fakes.phrases import BOOK
from tests.faults.simulation.boundary import Direct
from tests.faults.simulation.memory_agent import MemoryDueHeads, MemoryInbound, MemoryOutcomes
from tests.faults.simulation.memory_agent_tables import AgentInMemory
from tests.faults.simulation.memory_heads import MemoryHeads
from tests.integration.postgres import Database

TIMES = TurnTimes(
    quiet=timedelta(0),
    burst=timedelta(0),
    chat_cap=timedelta(seconds=60),
    mail_cap=timedelta(seconds=60),
    retry=timedelta(seconds=2),
)
CUSTOMER = CustomerId(UUID(int=42))
HANDLE = UUID(int=7)


@dataclass(frozen=True, slots=True)
class Held:
    """What the agent's tables hold: enough to see every effect of a commit."""

    version: int
    epoch: int
    owner: str
    turns: Counter[str]
    outcomes: dict[str, str]
    tickets: Counter[str]
    escalations: Counter[tuple[str, str]]
    outbox: list[tuple[int, int, str, str]]
    announced: Counter[str]
    dead_letters: int
    events: list[str]
    fences: list[int]


@dataclass(frozen=True)
class AgentStores:
    """The ports under test over one backing."""

    turns: Turns
    ownership: Ownership
    inbound: Inbound
    due: DueHeads
    outcomes: SendOutcomes | MemoryOutcomes
    pass_time: Callable[[timedelta], Awaitable[None]]
    held: Callable[[], Awaitable[Held]]

    async def store(self, *messages: intake_service_pb2.InboundMessage) -> None:
        """Stores messages as the customer's."""
        await self.inbound.store([Owned(m, CUSTOMER) for m in messages])

    async def begin(self, runner: str = "agent-0/1", side: Side = Side.VERIFIED) -> Turn:
        """Begins the turn that is due."""
        begun = await self.turns.begin(CUSTOMER, side, runner, None, limits)
        assert isinstance(begun, Begun), begun
        return begun.turn

    async def overtake(self) -> None:
        """Lets the lease of the open turn run out."""
        await self.pass_time(LEASE + timedelta(seconds=1))


def limits(channel: Channel) -> Limits:
    """The limits that every test formats with."""
    return DEFAULT_LIMITS[channel]


def fence(turn: Turn) -> Fence:
    """What the commit of a turn must find."""
    return Fence(turn.customer_id, turn.side, turn.turn_id, turn.version, turn.turn_no, turn.epoch)


def message(
    body: str,
    seq: int,
    channel: Channel = Channel.WHATSAPP,
    *,
    ticket: UUID | None = None,
    subject: str = "",
) -> intake_service_pb2.InboundMessage:
    """The n-th message of the customer's one handle; a form's comes with a ticket and is only a claim."""
    claimed, verified = conversation_pb2.ASSURANCE_CLAIMED, conversation_pb2.ASSURANCE_VERIFIED
    form = intake_service_pb2.WebFormFacts(ticket_id=str(ticket), reference="FTE-00000000")
    return intake_service_pb2.InboundMessage(
        message_id=str(uuid4()),
        handle_id=str(HANDLE),
        inbox_seq=seq,
        channel=channel_to_proto(channel),
        handle=conversation_pb2.Handle(type=conversation_pb2.HANDLE_TYPE_PHONE, value="+15550100"),
        assurance=claimed if ticket else verified,
        accept_time=timestamp(datetime(2026, 3, 2, 11, tzinfo=UTC) + timedelta(seconds=seq)),
        subject=subject,
        body=body,
        web_form=form if ticket else None,
    )


@asynccontextmanager
async def agent_stores(backing: Database | None) -> AsyncIterator[AgentStores]:
    """Opens the stores over PostgreSQL, or over memory if there is none."""
    if backing is None:
        yield _in_memory()
        return
    ledger = await open_pool(backing.url("fte_agent"), 4, application="test")
    turn = await open_pool(backing.url("fte_turn"), 4, application="test")
    look = await asyncpg.connect(backing.superuser)
    heads, inbound = PostgresHeads(turn), InboundStore(ledger, TIMES.quiet, TIMES.burst)
    try:
        yield AgentStores(
            Turns(heads, TIMES, BOOK),
            Ownership(heads, TIMES, limits, BOOK),
            inbound,
            PostgresDueHeads(ledger, inbound),
            SendOutcomes(ledger, turn),
            lambda by: age(backing, "agent", by),
            lambda: _held_by_postgres(look),
        )
    finally:
        await look.close()
        await turn.close()
        await ledger.close()


def _in_memory() -> AgentStores:
    clock, io = Clock(), Direct()
    tables = AgentInMemory(clock, uuid4, random.Random(1))
    heads = MemoryHeads(tables, io)
    inbound = MemoryInbound(tables, io, TIMES.quiet, TIMES.burst)

    async def pass_time(by: timedelta) -> None:
        clock.move(by)

    async def held() -> Held:
        return _held_by_memory(tables)

    return AgentStores(
        Turns(heads, TIMES, BOOK),
        Ownership(heads, TIMES, limits, BOOK),
        inbound,
        MemoryDueHeads(tables, io, inbound, LEASE),
        MemoryOutcomes(tables, io),
        pass_time,
        held,
    )


def _held_by_memory(tables: AgentInMemory) -> Held:
    keys = sorted(tables.heads, key=lambda key: key[1], reverse=True)
    head = tables.heads[keys[0]]
    announced = [entry.row.topic for entry in tables.announcements.entries.values()]
    return Held(
        version=head.version,
        epoch=head.epoch,
        owner=head.owner_name or head.owner.value,
        turns=Counter(turn.state for turn in tables.turns.values()),
        outcomes={row.text.content: row.outcome for row in tables.inbound.values()},
        tickets=Counter(tables.tickets.values()),
        escalations=Counter((e.reason, e.status) for e in tables.escalations),
        outbox=_outbox([row.content for row in tables.outbox_rows.values()]),
        announced=Counter(announced),
        dead_letters=len(tables.dead_letters),
        events=[event.type for key in keys for _, event in tables.events[key]],
        fences=sorted(epoch for _, _, epoch in tables.fence_rows.values()),
    )


async def _held_by_postgres(look: "asyncpg.Connection[asyncpg.Record]") -> Held:
    async def pairs(query: str) -> Sequence[asyncpg.Record]:
        return await look.fetch(query)

    [head] = await pairs("SELECT * FROM agent.heads ORDER BY side DESC LIMIT 1")
    inbound = await pairs(
        "SELECT content, coalesce(outcome, '') FROM agent.messages WHERE direction = 'inbound'"
    )
    contents = await pairs("SELECT content FROM agent.outbox")
    events = await pairs("SELECT type FROM agent.events ORDER BY side DESC, version, ordinal")
    return Held(
        version=head["version"],
        epoch=head["epoch"],
        owner=head["owner_name"] or head["owner"],
        turns=Counter(r[0] for r in await pairs("SELECT state FROM agent.turns")),
        outcomes={r[0]: r[1] for r in inbound},
        tickets=Counter(r[0] for r in await pairs("SELECT status FROM agent.tickets")),
        escalations=Counter(
            (r[0], r[1]) for r in await pairs("SELECT reason, status FROM agent.escalations")
        ),
        outbox=_outbox([agent_service_pb2.OutboundMessage.FromString(r[0]) for r in contents]),
        announced=Counter(r[0] for r in await pairs("SELECT topic FROM agent.announcements")),
        dead_letters=len(await pairs("SELECT 1 FROM agent.dead_letters")),
        events=[r[0] for r in events],
        fences=[r[0] for r in await pairs("SELECT min_epoch FROM agent.fences ORDER BY 1")],
    )


def _outbox(
    contents: Sequence[agent_service_pb2.OutboundMessage],
) -> list[tuple[int, int, str, str]]:
    name = agent_service_pb2.OutboundKind.Name
    return sorted((c.send_seq, c.epoch, name(c.kind), c.recipient.value) for c in contents)
