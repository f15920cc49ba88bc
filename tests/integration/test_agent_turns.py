"""Turns on real Postgres: the fence, the lease, the batch, the events and the outbox."""

import asyncio
import json
from dataclasses import asdict
from uuid import UUID

from fte.agent.v1 import agent_service_pb2, customer_actor_pb2
from services.agent.adapters.event_log import read_events
from services.agent.application.runner import Head
from services.agent.application.turns import Begun, Commit
from services.agent.domain.conversation import State, evolve_all
from services.agent.domain.decisions import BEGINS, TRIES
from services.agent.domain.turn import (
    Channel,
    Escalation,
    EscalationReason,
    Side,
    ToolCall,
    Urgency,
)
from tests.integration.agent_world import (
    CUSTOMER,
    Agent,
    begin,
    counts,
    expire_lease,
    fence,
    limits,
    message,
    outbox_rows,
    store,
)
from tests.unit.agent.turns import answer


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
    assert commit.settled == ((turn.batch[0].message_id, "answered"),)
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
    row_id = outbox_rows(commit)[0]
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
    row_id = outbox_rows(commit)[0]
    await agent.outcomes.sent([row_id], ["SM1"])
    status = "SELECT delivery_status FROM agent.messages WHERE direction = 'outbound'"
    assert await agent.look.fetchval(status) == "pending"
    await agent.look.execute("UPDATE agent.outbox SET state = 'settled', outcome = 'sent'")
    await agent.outcomes.sent([row_id], ["SM1"])
    assert await agent.look.fetchval(status) == "sent"


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


async def test_a_mail_with_a_new_subject_gets_a_ticket_of_its_own_in_the_conversation(
    agent: Agent,
) -> None:
    export, invoices = (message("How?", n, Channel.EMAIL) for n in (1, 2))
    export.subject, invoices.subject = "Export", "Invoices"
    reply = message("And then?", 3, Channel.EMAIL)
    reply.subject = "Re: Export"
    await store(agent, export, invoices, reply)
    seen = []
    for _ in range(3):
        turn = await begin(agent)
        subject = turn.batch[0].subject
        seen.append((len(turn.batch), turn.ticket_subject, subject))
        given = answer(ticket_subject=subject)
        assert await agent.turns.commit_answer(fence(turn), given, None, limits)
    assert seen == [(1, "", "Export"), (1, "", "Invoices"), (1, "Export", "Re: Export")]
    assert (await counts(agent))["conversations"] == 1
    rows = await agent.look.fetch(
        "SELECT t.subject, count(m.*) AS messages FROM agent.tickets AS t "
        "JOIN agent.messages AS m ON m.ticket_id = t.ticket_id AND m.direction = 'inbound' "
        "GROUP BY t.subject ORDER BY t.subject"
    )
    assert [tuple(row) for row in rows] == [("Export", 2), ("Invoices", 1)]


async def test_every_tool_call_is_kept_with_its_latency(agent: Agent) -> None:
    await store(agent, message("How do I reset my password?", 1))
    turn = await begin(agent)
    made = (
        ToolCall("create_ticket", {"issue": "Passwort zurücksetzen"}, "ok", 1),
        ToolCall("search_knowledge_base", {"query": "reset"}, "failed", 250),
    )
    given = answer(tool_calls=made, tokens_used=40)
    await agent.turns.commit_answer(fence(turn), given, None, limits)
    kept = await agent.look.fetchval(
        "SELECT tool_calls FROM agent.messages WHERE direction = 'outbound'"
    )
    assert json.loads(kept) == [asdict(call) for call in made]
