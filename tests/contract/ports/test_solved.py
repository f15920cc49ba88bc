"""A customer says that a matter is solved, or that it is not: one batch, one event, no model and not a word."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from fte.intake.v1 import intake_service_pb2 as wire
from services.agent.application.turns import Commit
from services.agent.domain.turn import Channel, Escalation, EscalationReason, Side, Urgency
from tests.contract.ports.heads import CUSTOMER, AgentStores, agent_stores, fence, limits, message
from tests.integration.postgres import Database
from tests.unit.agent.turns import answer

TICKET = UUID(int=77)
SOLVED, REOPEN = wire.FORM_ACTION_SOLVED, wire.FORM_ACTION_REOPEN


@pytest.fixture
async def agent(backing: Database | None) -> AsyncIterator[AgentStores]:
    async with agent_stores(backing) as stores:
        yield stores


def said(
    body: str, seq: int, action: wire.FormAction.ValueType = wire.FORM_ACTION_UNSPECIFIED
) -> wire.InboundMessage:
    made = message(body, seq, Channel.WEB_FORM, ticket=TICKET)
    made.web_form.action = action
    return made


async def answered(agent: AgentStores, escalation: Escalation | None = None) -> None:
    turn = await agent.begin(side=Side.CLAIMED)
    staged = answer(response="" if escalation else "So.", escalation=escalation)
    assert await agent.turns.commit_answer(fence(turn), staged, None, limits)


async def marked(agent: AgentStores) -> Commit:
    commit = await agent.turns.begin(CUSTOMER, Side.CLAIMED, "r/1", None, limits)
    assert isinstance(commit, Commit), commit
    return commit


async def test_solved_closes_the_matter_without_a_word(agent: AgentStores) -> None:
    await agent.store(said("one", 1))
    await answered(agent)
    before = len((await agent.held()).outbox)
    await agent.store(said("done", 2, SOLVED))
    commit = await marked(agent)
    assert commit.outcome == "noted"
    held = await agent.held()
    assert held.tickets == {"resolved": 1}
    assert held.outcomes["done"] == "noted"
    assert len(held.outbox) == before
    assert held.events[-2:] == ["messages_taken", "ticket_resolved"]


async def test_solved_twice_is_solved_once(agent: AgentStores) -> None:
    await agent.store(said("one", 1))
    await answered(agent)
    await agent.store(said("done", 2, SOLVED), said("done again", 3, SOLVED))
    await marked(agent)
    held = await agent.held()
    assert held.events.count("ticket_resolved") == 1
    assert held.outcomes == {"one": "answered", "done": "noted", "done again": "noted"}


async def test_words_and_marks_are_worked_on_in_their_order(agent: AgentStores) -> None:
    await agent.store(said("one", 1), said("done", 2, SOLVED), said("not yet", 3))
    turn = await agent.begin(side=Side.CLAIMED)
    assert [m.content for m in turn.batch] == ["one"]
    await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    await marked(agent)
    assert (await agent.held()).tickets == {"resolved": 1}
    turn = await agent.begin(side=Side.CLAIMED)
    assert [m.content for m in turn.batch] == ["not yet"]
    await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    held = await agent.held()
    assert held.tickets == {"in_progress": 1}
    assert held.events.count("ticket_reopened") == 1


async def test_reopening_goes_on_where_it_was(agent: AgentStores) -> None:
    await agent.store(said("one", 1))
    await answered(agent)
    await agent.store(said("done", 2, SOLVED))
    await marked(agent)
    await agent.store(said("after all not", 3, REOPEN))
    assert (await marked(agent)).outcome == "noted"
    held = await agent.held()
    assert (held.tickets, held.escalations) == ({"in_progress": 1}, {})
    assert held.outcomes["after all not"] == "noted"


async def test_what_waited_for_a_person_waits_for_one_again_when_it_is_reopened(
    agent: AgentStores,
) -> None:
    await agent.store(said("one", 1))
    await answered(agent, Escalation(EscalationReason.REFUND_REQUEST, Urgency.HIGH))
    await agent.store(said("done", 2, SOLVED))
    await marked(agent)
    held = await agent.held()
    assert (held.tickets, held.escalations) == (
        {"resolved": 1},
        {("refund_request", "resolved"): 1},
    )
    await agent.store(said("after all not", 3, REOPEN))
    await marked(agent)
    held = await agent.held()
    assert held.tickets == {"escalated": 1}
    assert held.escalations[("explicit_human_request", "open")] == 1
    assert held.announced["fte.escalations"] == 2


async def test_a_form_whose_conversation_is_long_over_goes_on_under_its_ticket(
    agent: AgentStores,
) -> None:
    # Taken without an answer, its conversation is as old as the message itself: more than a day.
    await agent.store(said("one", 1))
    turn = await agent.begin(side=Side.CLAIMED)
    await agent.turns.commit_answer(fence(turn), answer(response=""), None, limits)
    await agent.store(said("done", 2, SOLVED))
    await marked(agent)
    assert (await agent.held()).tickets == {"resolved": 1}
    await agent.store(said("not yet", 3))
    await answered(agent)
    held = await agent.held()
    assert held.tickets == {"in_progress": 1}
    assert held.outcomes["not yet"] == "answered"
