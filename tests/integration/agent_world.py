"""The agent's adapters over a real database, for the tests of turns; `agent` is a fixture."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.database import Pool, open_pool
from fte.conversation.v1 import conversation_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters.due_heads import PostgresDueHeads
from services.agent.adapters.head_store import PostgresHeads
from services.agent.adapters.inbound import InboundStore, Owned
from services.agent.adapters.mapping import channel_to_proto, timestamp
from services.agent.adapters.send_outcomes import SendOutcomes
from services.agent.application.heads import LedgerName
from services.agent.application.turns import Begun, Commit, Fence, Turns, TurnTimes
from services.agent.domain.formatting import DEFAULT_LIMITS, Limits
from services.agent.domain.turn import (
    Channel,
    CustomerId,
    Side,
    Turn,
)
from tests.fakes.phrases import BOOK
from tests.integration.postgres import Database

TIMES = TurnTimes(
    quiet=timedelta(0),
    burst=timedelta(0),
    chat_cap=timedelta(seconds=60),
    mail_cap=timedelta(seconds=60),
    retry=timedelta(0),
)
CUSTOMER = CustomerId(UUID(int=42))


def limits(channel: Channel) -> Limits:
    return DEFAULT_LIMITS[channel]


@dataclass(frozen=True)
class Agent:
    """The adapters under test over one database, with a superuser to look behind them."""

    turns: Turns
    inbound: InboundStore
    heads: PostgresDueHeads
    outcomes: SendOutcomes
    turn_pool: Pool
    ledger: Pool
    look: "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def agent(database: Database) -> AsyncIterator[Agent]:
    ledger = await open_pool(database.url("fte_agent"), 4, application="test")
    turn = await open_pool(database.url("fte_turn"), 4, application="test")
    look = await asyncpg.connect(database.superuser)
    inbound = InboundStore(ledger, TIMES.quiet, TIMES.burst)
    yield Agent(
        Turns(PostgresHeads(turn), TIMES, BOOK),
        inbound,
        PostgresDueHeads(ledger, inbound),
        SendOutcomes(ledger, turn),
        turn,
        ledger,
        look,
    )
    await look.close()
    await turn.close()
    await ledger.close()


def message(
    body: str,
    seq: int,
    channel: Channel = Channel.WHATSAPP,
    assurance: int = conversation_pb2.ASSURANCE_VERIFIED,
    ticket: UUID | None = None,
) -> intake_service_pb2.InboundMessage:
    form = intake_service_pb2.WebFormFacts(
        ticket_id=str(ticket), reference=f"FTE-{str(ticket)[-8:]}"
    )
    return intake_service_pb2.InboundMessage(
        message_id=str(uuid4()),
        handle_id=str(UUID(int=7)),
        inbox_seq=seq,
        channel=channel_to_proto(channel),
        handle=conversation_pb2.Handle(type=conversation_pb2.HANDLE_TYPE_PHONE, value="+15550100"),
        assurance=conversation_pb2.Assurance.ValueType(assurance),
        accept_time=timestamp(datetime.now(UTC)),
        body=body,
        web_form=form if ticket else None,
    )


async def store(agent: Agent, *messages: intake_service_pb2.InboundMessage) -> None:
    await agent.inbound.store([Owned(m, CUSTOMER) for m in messages])


async def begin(agent: Agent, side: Side = Side.VERIFIED, runner: str = "agent-0/1") -> Turn:
    begun = await agent.turns.begin(CUSTOMER, side, runner, None, limits)
    assert isinstance(begun, Begun)
    return begun.turn


def fence(turn: Turn) -> Fence:
    return Fence(turn.customer_id, turn.side, turn.turn_id, turn.version, turn.turn_no, turn.epoch)


async def counts(agent: Agent) -> dict[str, int]:
    tables = ("events", "conversations", "tickets", "outbox", "escalations", "metric_facts")
    return {
        table: await agent.look.fetchval(f"SELECT count(*) FROM agent.{table}") for table in tables
    }


async def expire_lease(agent: Agent) -> None:
    await agent.look.execute("UPDATE agent.heads SET lease_time = now() - interval '1 s'")


def outbox_rows(commit: Commit) -> list[UUID]:
    """Returns the ids of what a commit is to send, in order."""
    return [hint.row_id for hint in commit.hints if hint.ledger is LedgerName.OUTBOX]
