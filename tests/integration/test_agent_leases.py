"""Leases on real Postgres: what was voided is kept from nobody."""

from services.agent.application.runner import Head
from services.agent.domain.turn import Side
from tests.integration.agent_world import CUSTOMER, Agent, begin, message, store


async def test_a_turn_that_a_restart_has_voided_is_not_renewed(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    stale = await begin(agent, runner="agent-0/first")
    assert await agent.heads.void_predecessor("agent-0/second") == 1
    await agent.heads.renew([stale.turn_id])
    assert await agent.heads.due(10) == [Head(CUSTOMER, Side.VERIFIED)]
