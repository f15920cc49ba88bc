"""Turns over the store of heads: the fence, the lease, the batch and what a commit brings, in memory and PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.agent.adapters.inbound import Owned
from services.agent.adapters.mapping import turn_from_proto, turn_to_proto
from services.agent.application.runner import Head
from services.agent.application.turns import Begun, Commit
from services.agent.domain.decisions import BEGINS, TRIES
from services.agent.domain.turn import (
    Channel,
    Escalation,
    EscalationReason,
    Role,
    Side,
    Turn,
    TurnAnswer,
    Urgency,
)
from tests.contract.ports.heads import (
    CUSTOMER,
    HANDLE,
    AgentStores,
    agent_stores,
    fence,
    limits,
    message,
)
from tests.integration.postgres import Database
from tests.unit.agent.turns import answer

MINE = [Head(CUSTOMER, Side.VERIFIED)]
ESCALATING = answer(
    response="", escalation=Escalation(EscalationReason.REFUND_REQUEST, Urgency.NORMAL)
)


@pytest.fixture
async def agent(backing: Database | None) -> AsyncIterator[AgentStores]:
    async with agent_stores(backing) as stores:
        yield stores


async def test_a_commit_brings_ticket_answer_and_outbox_together(agent: AgentStores) -> None:
    await agent.store(message("How do I reset my password?", 1))
    turn = await agent.begin()
    commit = await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    assert commit is not None
    assert commit.settled == ((turn.batch[0].message_id, "answered"),)
    held = await agent.held()
    assert (held.version, dict(held.turns), dict(held.tickets)) == (
        1,
        {"committed": 1},
        {"in_progress": 1},
    )
    assert held.outbox == [(1, 0, "OUTBOUND_KIND_ANSWER", "+15550100")]
    assert held.outcomes == {"How do I reset my password?": "answered"}
    assert await agent.due.due(10) == []


async def test_an_escalation_is_a_ticket_a_row_an_event_and_a_notice(agent: AgentStores) -> None:
    await agent.store(message("I want my money back", 1))
    await agent.turns.commit_answer(fence(await agent.begin()), ESCALATING, None, limits)
    held = await agent.held()
    assert dict(held.tickets) == {"escalated": 1}
    assert dict(held.escalations) == {("refund_request", "open"): 1}
    assert dict(held.announced) == {"fte.escalations": 1}
    assert [kind for _, _, kind, _ in held.outbox] == ["OUTBOUND_KIND_ESCALATION_NOTICE"]


async def test_a_new_subject_is_a_new_matter_while_another_waits_for_a_person(
    agent: AgentStores,
) -> None:
    async def work(seq: int, subject: str, staged: TurnAnswer) -> Turn:
        await agent.store(message(f"message {seq}", seq, Channel.EMAIL, subject=subject))
        turn = await agent.begin()
        assert await agent.turns.commit_answer(fence(turn), staged, None, limits) is not None
        return turn

    await work(1, "Offer for Pro", replace(ESCALATING, ticket_subject="Offer for Pro"))
    fresh = await work(2, "Export", answer(ticket_subject="Export"))
    assert (fresh.escalated, fresh.ticket_id, fresh.new_conversation) == (False, None, False)
    assert fresh.matter == ()
    assert len(fresh.history) == 2
    held = await agent.held()
    assert dict(held.tickets) == {"escalated": 1, "in_progress": 1}
    assert dict(held.escalations) == {("refund_request", "open"): 1}
    assert [kind for _, _, kind, _ in held.outbox] == [
        "OUTBOUND_KIND_ESCALATION_NOTICE",
        "OUTBOUND_KIND_ANSWER",
    ]
    # Each matter goes on where it was.
    waiting = await work(3, "Re: Offer for Pro", answer(response=""))
    assert waiting.escalated
    assert [line.content for line in waiting.matter if line.role is Role.CUSTOMER] == ["message 1"]
    going_on = await work(4, "AW: Re: Export", answer())
    assert not going_on.escalated
    assert going_on.ticket_id not in (None, waiting.ticket_id)
    held = await agent.held()
    assert dict(held.tickets) == {"escalated": 1, "in_progress": 1}
    assert list(held.outcomes.values()) == ["escalated", "answered", "with_human", "answered"]


async def test_a_turn_that_was_begun_again_is_void_and_leaves_nothing(agent: AgentStores) -> None:
    await agent.store(message("hello there", 1))
    stale = await agent.begin()
    await agent.overtake()
    fresh = await agent.begin("agent-1/1")
    before = await agent.held()
    assert await agent.turns.commit_answer(fence(stale), answer(), None, limits) is None
    assert await agent.turns.commit_failure(fence(stale), "late", None, limits) is None
    assert await agent.held() == before
    assert await agent.turns.commit_answer(fence(fresh), answer(), None, limits) is not None
    assert await agent.turns.commit_answer(fence(fresh), answer(), None, limits) is None
    assert (await agent.held()).turns == {"void": 1, "committed": 1}


@pytest.mark.parametrize("part", ["version", "turn_no", "epoch"])
async def test_each_part_of_the_fence_counts(agent: AgentStores, part: str) -> None:
    await agent.store(message("hello there", 1))
    turn = await agent.begin()
    moved = replace(fence(turn), **{part: getattr(turn, part) + 1})
    assert await agent.turns.commit_answer(moved, answer(), None, limits) is None
    assert (await agent.held()).outbox == []


async def test_a_live_lease_keeps_others_out_until_it_ends(agent: AgentStores) -> None:
    await agent.store(message("hello there", 1))
    turn = await agent.begin()
    assert await agent.due.due(10) == []
    assert await agent.turns.begin(CUSTOMER, Side.VERIFIED, "r/2", None, limits) is None
    await agent.pass_time(timedelta(seconds=2))
    await agent.due.renew([turn.turn_id])
    await agent.pass_time(timedelta(seconds=2))
    assert await agent.due.due(10) == []
    await agent.overtake()
    assert await agent.due.due(10) == MINE


async def test_a_lease_is_not_renewed_past_the_cap_of_the_turn(agent: AgentStores) -> None:
    await agent.store(message("hello there", 1))
    turn = await agent.begin()
    await agent.pass_time(timedelta(seconds=61))
    await agent.due.renew([turn.turn_id])
    assert await agent.due.due(10) == MINE


async def test_a_void_turn_is_not_renewed(agent: AgentStores) -> None:
    await agent.store(message("hello there", 1))
    stale = await agent.begin()
    await agent.overtake()
    await agent.begin("agent-1/1")
    await agent.overtake()
    await agent.due.renew([stale.turn_id])
    assert await agent.due.due(10) == MINE


async def test_a_restarted_slot_voids_its_predecessors_turns_at_once(agent: AgentStores) -> None:
    await agent.store(message("hello there", 1))
    stale = await agent.begin("agent-0/first")
    assert await agent.due.void_predecessor("agent-1/other") == 0
    assert await agent.due.void_predecessor("agent-0/second") == 1
    assert await agent.due.due(10) == MINE
    assert await agent.turns.commit_answer(fence(stale), answer(), None, limits) is None


async def test_one_channel_and_one_form_make_a_batch_and_the_rest_waits(agent: AgentStores) -> None:
    mail = message("three", 3, Channel.EMAIL)
    await agent.store(message("two", 2), message("one", 1), mail)
    turn = await agent.begin()
    assert [m.content for m in turn.batch] == ["one", "two"]
    await agent.turns.commit_answer(fence(turn), answer(sentiments=(0.0, 0.0)), None, limits)
    assert await agent.due.due(10) == MINE
    assert [m.content for m in (await agent.begin()).batch] == ["three"]


async def test_two_forms_are_two_batches_on_the_claimed_side(agent: AgentStores) -> None:
    first, second = UUID(int=98), UUID(int=99)
    await agent.store(
        message("mine", 1, Channel.WEB_FORM, ticket=first),
        message("theirs", 2, Channel.WEB_FORM, ticket=second),
    )
    turn = await agent.begin(side=Side.CLAIMED)
    assert [m.content for m in turn.batch] == ["mine"]
    await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    following = await agent.begin(side=Side.CLAIMED)
    assert ([m.content for m in following.batch], following.history) == (["theirs"], ())


async def test_a_message_that_comes_during_a_turn_is_due_after_it(agent: AgentStores) -> None:
    await agent.store(message("one", 1))
    turn = await agent.begin()
    await agent.store(message("two", 2))
    assert await agent.due.due(10) == []
    await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    assert [m.content for m in (await agent.begin()).batch] == ["two"]


async def test_the_same_message_twice_is_one(agent: AgentStores) -> None:
    first = message("hello there", 1)
    await agent.store(first)
    await agent.store(first)
    assert len((await agent.begin()).batch) == 1
    assert await agent.inbound.cursors([HANDLE, UUID(int=8)]) == {HANDLE: 1, UUID(int=8): 0}


async def test_a_receipt_tells_what_became_of_a_message(agent: AgentStores) -> None:
    asked = message("hello there", 1)
    await agent.store(asked)
    message_id = UUID(asked.message_id)
    [stored] = (await agent.inbound.receipts([message_id, UUID(int=1)])).values()
    assert (stored.settled, stored.outcome) == (False, "")
    await agent.turns.commit_answer(fence(await agent.begin()), answer(), None, limits)
    [settled] = (await agent.inbound.receipts([message_id])).values()
    assert (settled.settled, settled.outcome) == (True, "answered")


async def test_failures_back_off_and_the_last_gives_the_batch_to_a_person(
    agent: AgentStores,
) -> None:
    await agent.store(message("hello there", 1))
    for number in range(1, TRIES):
        commit = await agent.turns.commit_failure(
            fence(await agent.begin()), "TimeoutError", None, limits
        )
        assert commit is not None
        assert (commit.outcome, commit.settled) == ("retried", ())
        assert await agent.due.due(10) == []
        await agent.pass_time(timedelta(seconds=2**number + 1))
    last = await agent.turns.commit_failure(
        fence(await agent.begin()), "TimeoutError", None, limits
    )
    assert last is not None
    assert last.outcome == "failed"
    held = await agent.held()
    assert (held.dead_letters, dict(held.tickets)) == (1, {"escalated": 1})
    assert dict(held.announced) == {"fte.dlq": 1, "fte.escalations": 1}
    assert [kind for _, _, kind, _ in held.outbox] == ["OUTBOUND_KIND_APOLOGY"]
    assert held.outcomes == {"hello there": "failed"}
    assert await agent.due.due(10) == []


async def test_a_new_message_does_not_cut_a_back_off_short(agent: AgentStores) -> None:
    await agent.store(message("one", 1))
    await agent.turns.commit_failure(fence(await agent.begin()), "x", None, limits)
    await agent.store(message("two", 2))
    assert await agent.due.due(10) == []
    await agent.pass_time(timedelta(seconds=3))
    assert [m.content for m in (await agent.begin()).batch] == ["one", "two"]


async def test_a_batch_that_kills_its_runners_is_given_up_without_a_model(
    agent: AgentStores,
) -> None:
    await agent.store(message("hello there", 1))
    for _ in range(BEGINS):
        await agent.begin()
        await agent.overtake()
    ended = await agent.turns.begin(CUSTOMER, Side.VERIFIED, "r/1", None, limits)
    assert isinstance(ended, Commit)
    assert (ended.outcome, (await agent.held()).dead_letters) == ("failed", 1)


async def test_an_unreadable_message_goes_to_a_person_at_once(agent: AgentStores) -> None:
    await agent.inbound.store_unreadable(Owned(message("anything", 1), CUSTOMER))
    ended = await agent.turns.begin(CUSTOMER, Side.VERIFIED, "r/1", None, limits)
    assert isinstance(ended, Commit)
    assert ended.outcome == "failed"


async def test_doubt_about_the_sender_comes_with_the_turn(agent: AgentStores) -> None:
    sure, doubted = message("first", 1), message("second", 2)
    await agent.inbound.store([Owned(sure, CUSTOMER), Owned(doubted, CUSTOMER, conflicting=True)])
    turn = await agent.begin()
    assert [m.conflicting for m in turn.batch] == [False, True]
    assert turn_from_proto(turn_to_proto(turn)) == turn
    # Stored once: a repeat changes nothing, whatever identity says by then.
    await agent.inbound.store([Owned(doubted, CUSTOMER)])
    await agent.overtake()
    assert [m.conflicting for m in (await agent.begin()).batch] == [False, True]


async def test_a_stale_cached_state_is_not_believed(agent: AgentStores) -> None:
    await agent.store(message("one", 1))
    first = await agent.turns.commit_answer(fence(await agent.begin()), answer(), None, limits)
    assert first is not None
    await agent.store(message("two", 2))
    second = await agent.turns.commit_answer(
        fence(await agent.begin()), answer(), first.state, limits
    )
    await agent.store(message("three", 3))
    begun = await agent.turns.begin(CUSTOMER, Side.VERIFIED, "r/1", first.state, limits)
    assert isinstance(begun, Begun)
    assert second is not None
    assert begun.state == second.state


async def test_numbers_of_what_is_sent_go_on_without_gaps(agent: AgentStores) -> None:
    for number in (1, 2, 3):
        await agent.store(message(f"question {number}", number))
        await agent.turns.commit_answer(fence(await agent.begin()), answer(), None, limits)
    assert [seq for seq, *_ in (await agent.held()).outbox] == [1, 2, 3]
