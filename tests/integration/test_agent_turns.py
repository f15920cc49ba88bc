"""Turns on real Postgres: the fence, the lease, the batch, the outbox, and row-level security."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.database import Pool, open_pool
from fte.agent.v1 import agent_service_pb2, customer_actor_pb2
from fte.conversation.v1 import conversation_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters.due_heads import PostgresDueHeads
from services.agent.adapters.event_log import read_events
from services.agent.adapters.inbound import InboundStore, Owned
from services.agent.adapters.mapping import channel_to_proto, timestamp
from services.agent.adapters.send_outcomes import SendOutcomes
from services.agent.adapters.turns import Begun, Commit, Fence, Turns, TurnTimes
from services.agent.application.runner import Head
from services.agent.domain.conversation import State, evolve_all
from services.agent.domain.decisions import BEGINS, TRIES
from services.agent.domain.formatting import DEFAULT_LIMITS, Limits
from services.agent.domain.turn import (
    Channel,
    CustomerId,
    Escalation,
    EscalationReason,
    Side,
    Turn,
    Urgency,
)
from tests.integration.postgres import Database
from tests.unit.agent.turns import answer

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
    look: "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def agent(database: Database) -> AsyncIterator[Agent]:
    ledger = await open_pool(database.url("fte_agent"), 4, application="test")
    turn = await open_pool(database.url("fte_turn"), 4, application="test")
    look = await asyncpg.connect(database.superuser)
    inbound = InboundStore(ledger, TIMES.quiet, TIMES.burst)
    yield Agent(
        Turns(turn, TIMES),
        inbound,
        PostgresDueHeads(ledger, inbound),
        SendOutcomes(ledger, turn),
        turn,
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


async def test_a_turn_writes_conversation_ticket_answer_and_outbox_together(agent: Agent) -> None:
    await store(agent, message("How do I reset my password?", 1))
    turn = await begin(agent)
    commit = await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    assert commit is not None
    assert commit.outcome == "answered"
    assert (await counts(agent))["tickets"] == 1
    content = agent_service_pb2.OutboundMessage.FromString(
        await agent.look.fetchval("SELECT content FROM agent.outbox WHERE send_seq = 1")
    )
    assert content.recipient.value == "+15550100"
    assert commit.written.settled == [(turn.batch[0].message_id, "answered")]
    assert await agent.heads.due(10) == []


async def test_a_burst_is_one_batch_in_order_and_another_channel_queues_behind(
    agent: Agent,
) -> None:
    await store(agent, message("one", 1), message("two", 2), message("three", 3, Channel.EMAIL))
    turn = await begin(agent)
    assert [m.content for m in turn.batch] == ["one", "two"]
    await agent.turns.commit_answer(fence(turn), answer(sentiments=(0.0, 0.0)), None, limits)
    assert await agent.heads.due(10) == [Head(CUSTOMER, Side.VERIFIED)]
    assert [m.content for m in (await begin(agent)).batch] == ["three"]


async def test_the_same_message_stored_twice_is_one(agent: Agent) -> None:
    first = message("hello there", 1)
    await store(agent, first)
    await store(agent, first)
    assert len((await begin(agent)).batch) == 1
    assert await agent.inbound.cursors([UUID(int=7)]) == {UUID(int=7): 1}


async def test_a_turn_that_was_begun_again_elsewhere_is_void_and_leaves_nothing(
    agent: Agent,
) -> None:
    await store(agent, message("hello there", 1))
    stale = await begin(agent)
    await expire_lease(agent)
    fresh = await begin(agent, runner="agent-1/1")
    before = await counts(agent)
    assert await agent.turns.commit_answer(fence(stale), answer(), None, limits) is None
    assert await counts(agent) == before
    assert await agent.turns.commit_answer(fence(fresh), answer(), None, limits) is not None
    assert await agent.turns.commit_answer(fence(fresh), answer(), None, limits) is None


async def test_a_raised_epoch_makes_the_turn_void(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    turn = await begin(agent)
    await agent.look.execute("UPDATE agent.heads SET epoch = epoch + 1")
    assert await agent.turns.commit_answer(fence(turn), answer(), None, limits) is None


async def test_twenty_begins_at_once_give_one_turn(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    begun = await asyncio.gather(
        *(agent.turns.begin(CUSTOMER, Side.VERIFIED, f"r/{n}", None, limits) for n in range(20))
    )
    assert sum(isinstance(b, Begun) for b in begun) == 1


async def test_twenty_commits_at_once_count_once(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    turn = await begin(agent)
    commits = await asyncio.gather(
        *(agent.turns.commit_answer(fence(turn), answer(), None, limits) for _ in range(20))
    )
    assert sum(commit is not None for commit in commits) == 1
    assert (await counts(agent))["tickets"] == 1


async def test_a_message_that_comes_during_a_turn_is_due_after_it(agent: Agent) -> None:
    await store(agent, message("one", 1))
    turn = await begin(agent)
    await store(agent, message("two", 2))
    assert await agent.heads.due(10) == []
    await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    assert [m.content for m in (await begin(agent)).batch] == ["two"]


async def test_failures_are_counted_and_the_last_gives_the_batch_to_a_person(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    outcomes = []
    for _ in range(TRIES):
        turn = await begin(agent)
        commit = await agent.turns.commit_failure(fence(turn), "TimeoutError", None, limits)
        assert commit is not None
        outcomes.append(commit.outcome)
    assert outcomes == ["retried"] * (TRIES - 1) + ["failed"]
    assert await agent.look.fetchval("SELECT status FROM agent.tickets") == "escalated"
    assert await agent.look.fetchval("SELECT attempts FROM agent.dead_letters") == TRIES
    topics = {r["topic"] for r in await agent.look.fetch("SELECT topic FROM agent.announcements")}
    assert topics == {"fte.dlq", "fte.escalations"}
    assert await agent.heads.due(10) == []


async def test_a_batch_that_kills_its_runners_is_given_up_without_a_model(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    for _ in range(BEGINS):
        await begin(agent)
        await expire_lease(agent)
    ended = await agent.turns.begin(CUSTOMER, Side.VERIFIED, "r/1", None, limits)
    assert isinstance(ended, Commit)
    assert ended.outcome == "failed"


async def test_a_restarted_runner_voids_its_predecessors_turns_at_once(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    stale = await begin(agent, runner="agent-0/first")
    assert await agent.heads.void_predecessor("agent-1/other") == 0
    assert await agent.heads.void_predecessor("agent-0/second") == 1
    assert await agent.heads.due(10) == [Head(CUSTOMER, Side.VERIFIED)]
    assert await agent.turns.commit_answer(fence(stale), answer(), None, limits) is None


async def test_a_lease_is_renewed_for_open_turns_only_and_not_past_its_cap(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    turn = await begin(agent)
    await agent.look.execute("UPDATE agent.turns SET cap_time = now() + interval '1 s'")
    await agent.heads.renew([turn.turn_id])
    assert await agent.look.fetchval(
        "SELECT lease_time <= cap_time FROM agent.heads JOIN agent.turns USING (customer_id, side)"
    )


async def test_whoever_waits_without_a_due_time_is_made_due(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    await agent.look.execute("UPDATE agent.heads SET due_time = NULL")
    assert await agent.heads.revive() == 1
    assert await agent.heads.due(10) == [Head(CUSTOMER, Side.VERIFIED)]


async def test_a_claim_works_on_a_side_of_its_own_and_sees_nothing_of_the_verified_one(
    agent: Agent,
) -> None:
    await store(agent, message("My secret matter", 1))
    await agent.turns.commit_answer(fence(await begin(agent)), answer(), None, limits)
    claim = message(
        "Who am I?", 2, Channel.WEB_FORM, conversation_pb2.ASSURANCE_CLAIMED, UUID(int=99)
    )
    await store(agent, claim)
    turn = await begin(agent, Side.CLAIMED)
    assert (turn.history, turn.previous_channel, turn.ticket_id) == ((), None, None)
    await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    assert await agent.look.fetchval("SELECT count(*) FROM agent.conversations") == 2
    assert (
        await agent.look.fetchval(
            "SELECT side FROM agent.tickets WHERE ticket_id = $1", UUID(int=99)
        )
        == "claimed"
    )


async def test_two_forms_under_one_address_do_not_see_each_other(agent: Agent) -> None:
    for seq, (body, ticket) in enumerate([("mine", 98), ("theirs", 99), ("theirs again", 99)], 1):
        claimed = conversation_pb2.ASSURANCE_CLAIMED
        await store(agent, message(body, seq, Channel.WEB_FORM, claimed, UUID(int=ticket)))
        turn = await begin(agent, Side.CLAIMED)
        await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    customer_lines = [line.content for line in turn.history if line.role == "customer"]
    assert customer_lines == ["theirs"]


async def test_the_state_is_the_fold_of_the_events(agent: Agent) -> None:
    state: State | None = None
    for number in range(3):
        await store(agent, message(f"question {number}", number + 1))
        turn = await begin(agent)
        commit = await agent.turns.commit_answer(fence(turn), answer(), state, limits)
        assert commit is not None
        state = commit.state
    async with agent.look.transaction():
        events = await read_events(agent.look, CUSTOMER, "verified", 0)  # type: ignore[arg-type]
    assert evolve_all(State(), events, 3) == state


async def test_a_stale_cached_state_is_not_believed(agent: Agent) -> None:
    await store(agent, message("one", 1))
    first = await agent.turns.commit_answer(fence(await begin(agent)), answer(), None, limits)
    assert first is not None
    await store(agent, message("two", 2))
    await agent.turns.commit_answer(fence(await begin(agent)), answer(), first.state, limits)
    await store(agent, message("three", 3))
    begun = await agent.turns.begin(CUSTOMER, Side.VERIFIED, "r/1", first.state, limits)
    assert isinstance(begun, Begun)
    assert [line.content for line in begun.turn.history if line.role == "customer"] == [
        "one",
        "two",
    ]


async def test_a_failed_send_becomes_a_persons_task_once(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    commit = await agent.turns.commit_answer(fence(await begin(agent)), answer(), None, limits)
    assert commit is not None
    row_id = commit.written.outbox[0].row_id
    report = customer_actor_pb2.ReportRequest(
        outcomes=[customer_actor_pb2.SendOutcome(outbox_id=str(row_id), outcome="needs_human")]
    )
    await agent.outcomes.report(CUSTOMER, Side.VERIFIED, report)
    await agent.outcomes.report(CUSTOMER, Side.VERIFIED, report)
    assert await agent.look.fetchval("SELECT count(*) FROM agent.escalations") == 1
    status = await agent.look.fetchval("SELECT status FROM agent.tickets")
    assert status == "escalated"


async def test_an_answer_shows_as_sent_when_its_last_part_is(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    staged = answer(
        response="", escalation=Escalation(EscalationReason.REFUND_REQUEST, Urgency.NORMAL)
    )
    commit = await agent.turns.commit_answer(fence(await begin(agent)), staged, None, limits)
    assert commit is not None
    row_id = commit.written.outbox[0].row_id
    await agent.outcomes.sent([row_id], ["SM1"])
    status = "SELECT delivery_status FROM agent.messages WHERE direction = 'outbound'"
    assert await agent.look.fetchval(status) == "pending"
    await agent.look.execute("UPDATE agent.outbox SET state = 'settled', outcome = 'sent'")
    await agent.outcomes.sent([row_id], ["SM1"])
    assert await agent.look.fetchval(status) == "sent"


async def test_the_turn_role_sees_one_side_of_one_customer(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    async with agent.turn_pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM agent.messages") == 0
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('fte.customer_id', $1, true), "
                "set_config('fte.side', 'verified', true)",
                str(CUSTOMER),
            )
            assert await connection.fetchval("SELECT count(*) FROM agent.messages") == 1
        assert await connection.fetchval("SELECT count(*) FROM agent.messages") == 0
        async with connection.transaction():
            await connection.execute(
                "SELECT set_config('fte.customer_id', $1, true), "
                "set_config('fte.side', 'claimed', true)",
                str(CUSTOMER),
            )
            assert await connection.fetchval("SELECT count(*) FROM agent.messages") == 0


async def test_a_text_that_postgres_cannot_hold_is_stored_without_what_it_cannot(
    agent: Agent,
) -> None:
    await store(agent, message("How do I reset\x00 my password?", 1))
    turn = await begin(agent)
    assert turn.batch[0].content == "How do I reset my password?"
    assert await agent.turns.commit_answer(fence(turn), answer(), None, limits) is not None


async def test_an_unreadable_message_goes_to_a_person_and_no_model(agent: Agent) -> None:
    await agent.inbound.store_unreadable(Owned(message("anything", 1), CUSTOMER))
    ended = await agent.turns.begin(CUSTOMER, Side.VERIFIED, "r/1", None, limits)
    assert isinstance(ended, Commit)
    assert await agent.look.fetchval("SELECT status FROM agent.tickets") == "escalated"
    assert await agent.look.fetchval("SELECT count(*) FROM agent.dead_letters") == 1


async def test_a_restart_answers_again_what_was_settled_just_before(agent: Agent) -> None:
    first = message("hello there", 1)
    await store(agent, first)
    assert await agent.inbound.recent_receipts() == []
    await agent.turns.commit_answer(fence(await begin(agent)), answer(), None, limits)
    [receipt] = await agent.inbound.recent_receipts()
    assert (str(receipt.row_id), receipt.settled, receipt.outcome) == (
        first.message_id,
        True,
        "answered",
    )
