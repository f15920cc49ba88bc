"""What one side of a customer may see, and messages that cannot be read."""

from uuid import UUID

from fte.conversation.v1 import conversation_pb2
from services.agent.adapters.inbound import Owned
from services.agent.application.turns import Commit
from services.agent.domain.turn import (
    Channel,
    Side,
)
from tests.integration.agent_world import (
    CUSTOMER,
    Agent,
    begin,
    fence,
    limits,
    message,
    store,
)
from tests.unit.agent.turns import answer


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
