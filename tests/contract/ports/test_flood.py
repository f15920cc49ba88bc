"""The agent's stores: a customer who writes too fast is told once and answered together. Memory and PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.agent.application.turns import Commit
from services.agent.domain.turn import Channel, EscalationReason, Side, TurnAnswer, Urgency
from services.agent.domain.turn import Escalation as Staged
from tests.contract.ports.heads import CUSTOMER, AgentStores, fence, limits, message
from tests.contract.ports.test_heads import MINE, agent
from tests.unit.agent.turns import answer

__all__ = ["agent"]

WAIT = "OUTBOUND_KIND_WAIT_NOTICE"


async def flood(
    of: AgentStores, count: int, channel: Channel = Channel.EMAIL, first: int = 1
) -> None:
    await of.store(*(message(f"question {n}", n, channel) for n in range(first, first + count)))


async def told(of: AgentStores) -> Commit:
    begun = await of.turns.begin(CUSTOMER, Side.VERIFIED, "agent-0/1", None, limits)
    assert isinstance(begun, Commit)
    return begun


def many(turn_size: int) -> TurnAnswer:
    return answer(sentiments=(0.0,) * turn_size)


async def kinds(of: AgentStores) -> list[str]:
    return [kind for _, _, kind, _ in (await of.held()).outbox]


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.WHATSAPP])
async def test_ten_messages_a_minute_are_nobodys_flood(
    agent: AgentStores, channel: Channel
) -> None:
    await flood(agent, 10, channel)
    turn = await agent.begin()
    assert len(turn.batch) == 10


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.WHATSAPP])
async def test_beyond_it_the_customer_is_told_once_and_answered_together(
    agent: AgentStores, channel: Channel
) -> None:
    await flood(agent, 30, channel)
    assert await agent.due.due(10) == MINE
    commit = await told(agent)
    assert (commit.outcome, commit.settled) == ("told_to_wait", ())
    assert await kinds(agent) == [WAIT]
    assert set((await agent.held()).outcomes.values()) == {""}
    assert dict((await agent.held()).turns) == {}
    # Kept until the minute is over.
    assert await agent.due.due(10) == []
    await flood(agent, 5, channel, first=31)
    assert await agent.due.due(10) == []
    await agent.pass_time(timedelta(seconds=55))
    assert await agent.due.due(10) == []
    await agent.pass_time(timedelta(seconds=6))
    turn = await agent.begin()
    assert len(turn.batch) == 35
    committed = await agent.turns.commit_answer(fence(turn), many(35), None, limits)
    assert committed is not None
    assert await kinds(agent) == [WAIT, "OUTBOUND_KIND_ANSWER"]
    assert set((await agent.held()).outcomes.values()) == {"answered"}
    assert dict((await agent.held()).tickets) == {"in_progress": 1}
    assert dict((await agent.held()).turns) == {"committed": 1}


async def test_a_flood_that_goes_on_is_not_told_again_for_a_while(agent: AgentStores) -> None:
    await flood(agent, 11)
    await told(agent)
    for minute in range(1, 8):
        await flood(agent, 11, first=11 * minute + 1)
        assert await agent.due.due(10) == []
        await agent.pass_time(timedelta(seconds=61))
        turn = await agent.begin()
        await agent.turns.commit_answer(fence(turn), many(len(turn.batch)), None, limits)
    assert (await kinds(agent)).count(WAIT) == 1
    await agent.pass_time(timedelta(minutes=3))
    await flood(agent, 11, first=200)
    await told(agent)
    assert (await kinds(agent)).count(WAIT) == 2


async def test_a_message_that_makes_it_too_many_during_a_turn_is_told_of_after_it(
    agent: AgentStores,
) -> None:
    await flood(agent, 10)
    turn = await agent.begin()
    await flood(agent, 1, first=11)
    await agent.turns.commit_answer(fence(turn), many(10), None, limits)
    assert await agent.due.due(10) == MINE
    await told(agent)
    assert await kinds(agent) == ["OUTBOUND_KIND_ANSWER", WAIT]
    assert await agent.due.due(10) == []


async def test_while_a_person_has_the_customer_nobody_is_told_to_wait(agent: AgentStores) -> None:
    await flood(agent, 1)
    turn = await agent.begin()
    escalated = replace(
        answer(), response="", escalation=Staged(EscalationReason.REFUND_REQUEST, Urgency.NORMAL)
    )
    await agent.turns.commit_answer(fence(turn), escalated, None, limits)
    await agent.ownership.take_over(CUSTOMER, Side.VERIFIED, "Robin", None)
    await flood(agent, 30, first=2)
    assert await agent.due.due(10) == MINE
    filed = await agent.turns.begin(CUSTOMER, Side.VERIFIED, "agent-0/1", None, limits)
    assert isinstance(filed, Commit)
    assert filed.outcome == "with_human"
    assert WAIT not in await kinds(agent)


async def test_a_notice_is_in_the_language_of_the_messages(agent: AgentStores) -> None:
    await agent.store(
        *(
            message(f"Hola, ¿cómo puedo cambiar la contraseña de mi cuenta? {n}", n, Channel.EMAIL)
            for n in range(1, 12)
        )
    )
    commit = await told(agent)
    [line] = commit.state.lines
    assert "Estamos procesando sus mensajes" in line.content


async def test_the_newest_message_of_a_channel_is_found(agent: AgentStores) -> None:
    """The answer of a long past WhatsApp message goes by mail, to the mail's sender."""
    await agent.store(message("by mail", 1, Channel.EMAIL))
    first = await agent.begin()
    await agent.turns.commit_answer(fence(first), answer(), None, limits)
    old = message("by chat", 2)
    old.accept_time.FromDatetime(datetime(2001, 1, 1, tzinfo=UTC))
    await agent.store(old)
    turn = await agent.begin()
    commit = await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    assert commit is not None
    assert commit.state.lines[-1].channel is Channel.EMAIL
    assert [seq for seq, *_ in (await agent.held()).outbox] == [1, 2]


async def test_inside_the_window_the_answer_goes_where_the_question_came(
    agent: AgentStores,
) -> None:
    await agent.store(message("by mail", 1, Channel.EMAIL))
    first = await agent.begin()
    await agent.turns.commit_answer(fence(first), answer(), None, limits)
    fresh = message("by chat", 2)
    fresh.accept_time.FromDatetime(datetime.now(UTC) + timedelta(days=3650))
    await agent.store(fresh)
    turn = await agent.begin()
    commit = await agent.turns.commit_answer(fence(turn), answer(), None, limits)
    assert commit is not None
    assert commit.state.lines[-1].channel is Channel.WHATSAPP
