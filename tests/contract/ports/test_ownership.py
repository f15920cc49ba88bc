"""Who may speak: a takeover voids what the AI has under way, and everything changes under one lock."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.agent.application.ownership import Refusal, Replied, Returned, Taken
from services.agent.application.turns import Begun, Commit
from services.agent.domain.turn import Channel, Escalation, EscalationReason, Role, Side, Urgency
from tests.contract.ports.heads import CUSTOMER, AgentStores, agent_stores, fence, limits, message
from tests.integration.postgres import Database
from tests.unit.agent.turns import answer

VERIFIED = Side.VERIFIED


@pytest.fixture
async def agent(backing: Database | None) -> AsyncIterator[AgentStores]:
    async with agent_stores(backing) as stores:
        yield stores


async def take(agent: AgentStores, person: str = "Robin") -> Taken:
    taken = await agent.ownership.take_over(CUSTOMER, VERIFIED, person, None)
    assert isinstance(taken, Taken), taken
    return taken


async def reply(agent: AgentStores, text: str, request: int, person: str = "Robin") -> object:
    return await agent.ownership.reply(CUSTOMER, VERIFIED, person, text, UUID(int=request), None)


async def test_a_takeover_voids_the_turn_that_is_under_way(agent: AgentStores) -> None:
    await agent.store(message("one", 1))
    await agent.turns.commit_answer(fence(await agent.begin()), answer(), None, limits)
    await agent.store(message("two", 2))
    under_way = await agent.begin()
    taken = await take(agent)
    assert (taken.epoch, len(taken.fences)) == (1, 1)
    assert await agent.turns.commit_answer(fence(under_way), answer(), None, limits) is None
    held = await agent.held()
    assert (held.epoch, held.owner, held.fences) == (1, "Robin", [1])
    assert [epoch for _, epoch, _, _ in held.outbox] == [0]


async def test_what_comes_while_a_person_has_it_is_kept_and_nothing_is_said(
    agent: AgentStores,
) -> None:
    await agent.store(message("one", 1))
    waiting = await agent.begin()
    await take(agent)
    kept = await agent.turns.begin(CUSTOMER, VERIFIED, "r/1", None, limits)
    assert isinstance(kept, Commit)
    assert (kept.outcome, kept.settled) == (
        "with_human",
        ((waiting.batch[0].message_id, "with_human"),),
    )
    held = await agent.held()
    assert (held.outcomes, held.outbox) == ({"one": "with_human"}, [])
    assert await agent.due.due(10) == []


async def test_a_repeat_is_told_the_same_and_another_person_is_refused(agent: AgentStores) -> None:
    await agent.store(message("one", 1))
    await agent.turns.commit_answer(fence(await agent.begin()), answer(), None, limits)
    first, again = await take(agent), await take(agent)
    assert (again.epoch, again.fences, again.commit) == (first.epoch, first.fences, None)
    refused = await agent.ownership.take_over(CUSTOMER, VERIFIED, "Sam", None)
    assert refused is Refusal.OWNED_BY_ANOTHER
    assert (await agent.held()).epoch == 1


async def test_nobody_can_take_over_who_never_wrote(agent: AgentStores) -> None:
    taken = await agent.ownership.take_over(CUSTOMER, VERIFIED, "Robin", None)
    assert taken is Refusal.NOBODY_WROTE


async def test_a_reply_goes_to_the_customer_under_the_persons_epoch_and_once(
    agent: AgentStores,
) -> None:
    await agent.store(message("one", 1))
    await agent.turns.commit_answer(fence(await agent.begin()), answer(), None, limits)
    await take(agent)
    first, again = (
        await reply(agent, "I will help you.", 5),
        await reply(agent, "I will help you.", 5),
    )
    assert isinstance(first, Replied)
    assert isinstance(again, Replied)
    assert (first.message_id, again.commit) == (again.message_id, None)
    assert await reply(agent, "Something else.", 5) is Refusal.REQUEST_ID_USED
    held = await agent.held()
    assert held.outbox == [
        (1, 0, "OUTBOUND_KIND_ANSWER", "+15550100"),
        (2, 1, "OUTBOUND_KIND_HUMAN_REPLY", "+15550100"),
    ]


async def test_only_who_has_the_conversation_replies_and_hands_back(agent: AgentStores) -> None:
    await agent.store(message("one", 1))
    await agent.begin()
    assert await reply(agent, "Hello.", 1) is Refusal.NOT_OWNED
    await take(agent)
    assert await reply(agent, "Hello.", 1, person="Sam") is Refusal.NOT_OWNED
    refused = await agent.ownership.hand_back(CUSTOMER, VERIFIED, "Sam", "", None)
    assert refused is Refusal.NOT_OWNED


async def test_after_the_hand_back_the_ai_answers_again_and_has_read_the_note(
    agent: AgentStores,
) -> None:
    await agent.store(message("I want my money back", 1))
    staged = answer(
        response="", escalation=Escalation(EscalationReason.REFUND_REQUEST, Urgency.NORMAL)
    )
    await agent.turns.commit_answer(fence(await agent.begin()), staged, None, limits)
    await take(agent)
    assert dict((await agent.held()).escalations) == {("refund_request", "claimed"): 1}
    back = await agent.ownership.hand_back(CUSTOMER, VERIFIED, "Robin", "Refund was paid.", None)
    assert isinstance(back, Returned)
    held = await agent.held()
    assert (back.epoch, held.epoch, held.owner) == (2, 2, "ai")
    assert dict(held.escalations) == {("refund_request", "resolved"): 1}
    await agent.store(message("thanks, how do I export my data?", 2))
    turn = await agent.begin()
    notes = [line.content for line in turn.history if line.role is Role.SYSTEM]
    assert any("Refund was paid." in note for note in notes)
    assert (turn.epoch, turn.escalated) == (2, False)
    commit = await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    assert commit is not None
    assert commit.outcome == "answered"


async def test_a_hand_back_gives_a_fresh_budget_of_turns(agent: AgentStores) -> None:
    await agent.store(message("one", 1))
    await agent.turns.commit_failure(fence(await agent.begin()), "x", None, limits)
    await take(agent)
    await agent.ownership.hand_back(CUSTOMER, VERIFIED, "Robin", "", None)
    begun = await agent.turns.begin(CUSTOMER, VERIFIED, "r/1", None, limits)
    assert isinstance(begun, Begun)
    assert begun.turn.begin_count == 1


async def test_a_reply_after_whatsapps_window_goes_by_mail(agent: AgentStores) -> None:
    """Both messages are long past; the newest is by WhatsApp, and there was a mail before it."""
    mail, chat = message("by mail", 1, Channel.EMAIL), message("by chat", 2)
    for one in (mail, chat):
        one.accept_time.FromDatetime(datetime(2001, 1, 1, 12, one.inbox_seq, tzinfo=UTC))
        await agent.store(one)
        turn = await agent.begin()
        await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    await take(agent)
    replied = await reply(agent, "Here is what you asked for.", 1)
    assert isinstance(replied, Replied)
    assert replied.commit is not None
    line = replied.commit.state.lines[-1]
    assert (line.role, line.channel) == (Role.HUMAN, Channel.EMAIL)


async def test_a_reply_without_a_mail_address_keeps_to_whatsapp(agent: AgentStores) -> None:
    """Delivery has a template for it, or gives it to a person."""
    chat = message("by chat", 1)
    chat.accept_time.FromDatetime(datetime(2001, 1, 1, tzinfo=UTC))
    await agent.store(chat)
    await agent.turns.commit_answer(fence(await agent.begin()), answer(), None, limits)
    await take(agent)
    replied = await reply(agent, "Here is what you asked for.", 1)
    assert isinstance(replied, Replied)
    assert replied.commit is not None
    assert replied.commit.state.lines[-1].channel is Channel.WHATSAPP
