"""What the history tool reads from PostgreSQL: the newest messages whole, of the others the beginning."""

from datetime import timedelta
from uuid import UUID

from services.agent.adapters.history import TurnHistory
from services.agent.domain.history import SUMMARY_TOKENS, WHOLE_MESSAGES, recall, tokens_at_most
from tests.integration.agent_world import CUSTOMER, Agent, begin, message, store
from tests.unit.agent.turns import NOW

TOLD = 200


async def test_a_long_conversation_is_read_to_its_beginning(agent: Agent) -> None:
    await store(agent, message("How do I export a board?", 1))
    for place in range(TOLD):
        await agent.look.execute(
            "INSERT INTO agent.messages (message_id, customer_id, side, direction, role, channel, content, "
            "create_time) VALUES ($1, $2, 'verified', 'outbound', 'ai', 'email', $3, $4)",
            UUID(int=1000 + place),
            CUSTOMER,
            f"Answer {place} begins here. " + "x" * 5_000,
            NOW - timedelta(minutes=place),
        )
    turn = await begin(agent)
    lines = await TurnHistory(agent.turn_pool).messages(turn)
    assert [line.content.split()[1] for line in lines] == [str(place) for place in range(TOLD)]
    lengths = [len(line.content) for line in lines]
    assert min(lengths[:WHOLE_MESSAGES]) > 5_000
    assert max(lengths[WHOLE_MESSAGES:]) <= 2_000
    recalled = recall(lines)
    assert recalled.earlier.startswith(f"{lines[-1].create_time:%Y-%m-%d} to ")
    assert tokens_at_most(recalled.earlier) <= SUMMARY_TOKENS
