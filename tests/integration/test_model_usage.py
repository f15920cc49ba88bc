"""The usage ledger in Postgres: sums by customer and for all, two runners at once, and who sees which row."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from chassis.database import open_pool
from services.agent.adapters.model_usage import ModelUsage
from services.agent.domain.turn import CustomerId, Side, Turn
from services.agent.domain.usage import DaySpent, Spent, Usage
from tests.integration.agent_world import Agent, begin, message, store
from tests.integration.postgres import Database
from tests.unit.agent.turns import turn

USED = Usage(calls=1, retries=2, input_tokens=100, cached_input_tokens=60, output_tokens=10)


async def begun(agent: Agent) -> Turn:
    await store(agent, message("How do I export?", 1))
    return await begin(agent)


async def other(agent: Agent, number: int) -> Turn:
    customer = CustomerId(UUID(int=number))
    await agent.look.execute(
        "INSERT INTO agent.heads (customer_id, side) VALUES ($1, 'verified')", customer
    )
    return turn(customer_id=customer)


async def test_calls_add_up_by_customer_and_for_all(agent: Agent) -> None:
    mine, theirs = await begun(agent), await other(agent, 43)
    usage = ModelUsage(agent.turn_pool)
    assert await usage.open(mine, "m") == DaySpent(Spent(turns=1), Spent(turns=1))
    await usage.charge(mine, "m", USED, 5)
    assert await usage.charge(mine, "n", USED, 7) == DaySpent(Spent(1, 220, 12), Spent(1, 220, 12))
    assert await usage.open(theirs, "m") == DaySpent(Spent(1, 0, 0), Spent(2, 220, 12))
    await usage.stop(theirs, "m")
    row = await agent.look.fetchrow(
        "SELECT * FROM agent.model_usage WHERE customer_id = $1 AND model = 'm'", mine.customer_id
    )
    assert row is not None
    assert tuple(row)[3:] == ("m", 1, 0, 1, 2, 100, 60, 10, 5)
    assert await agent.look.fetchval("SELECT sum(stops) FROM agent.model_usage_days") == 1


async def test_both_sides_of_a_customer_have_days_of_their_own(agent: Agent) -> None:
    mine = await begun(agent)
    await agent.look.execute(
        "INSERT INTO agent.heads (customer_id, side) VALUES ($1, 'claimed')", mine.customer_id
    )
    usage = ModelUsage(agent.turn_pool)
    await usage.charge(mine, "m", USED, 5)
    claimed = turn(customer_id=mine.customer_id, side=Side.CLAIMED)
    assert (await usage.open(claimed, "m")).customer == Spent(turns=1)


async def test_two_runners_lose_no_call_and_a_restart_forgets_none(
    agent: Agent, database: Database
) -> None:
    turns = [await begun(agent), *[await other(agent, number) for number in range(50, 54)]]
    second = await open_pool(database.url("fte_turn"), 4, application="another")
    runners = [ModelUsage(agent.turn_pool), ModelUsage(second)]
    await asyncio.gather(*(runners[n % 2].charge(turns[n % 5], "m", USED, 3) for n in range(100)))
    await second.close()
    after = await ModelUsage(agent.turn_pool).open(turns[0], "m")
    assert after == DaySpent(Spent(1, 20 * 110, 60), Spent(1, 100 * 110, 300))


async def test_yesterday_counts_no_more(agent: Agent) -> None:
    mine = await begun(agent)
    usage = ModelUsage(agent.turn_pool)
    await usage.charge(mine, "m", USED, 5)
    for table in ("model_usage", "model_usage_days"):
        await agent.look.execute(f"UPDATE agent.{table} SET day = day - 1")
    assert await usage.open(mine, "m") == DaySpent(Spent(turns=1), Spent(turns=1))
    days = await agent.look.fetch("SELECT day FROM agent.model_usage ORDER BY day")
    assert days[-1]["day"] == datetime.now(UTC).date()
    assert len(days) == 2


@pytest.mark.parametrize("named", [True, False])
async def test_the_turn_role_sees_no_other_customers_use(agent: Agent, *, named: bool) -> None:
    mine, theirs = await begun(agent), await other(agent, 43)
    usage = ModelUsage(agent.turn_pool)
    await usage.charge(mine, "m", USED, 5)
    await usage.charge(theirs, "m", USED, 5)
    async with agent.turn_pool.acquire() as connection, connection.transaction():
        if named:
            await connection.execute(
                "SELECT set_config('fte.customer_id', $1, true), set_config('fte.side', $2, true)",
                str(mine.customer_id),
                mine.side.value,
            )
        seen = await connection.fetch("SELECT customer_id FROM agent.model_usage")
        changed = await connection.execute(
            "UPDATE agent.model_usage SET cost = 0 WHERE customer_id = $1", theirs.customer_id
        )
    assert [row["customer_id"] for row in seen] == ([mine.customer_id] if named else [])
    assert changed == "UPDATE 0"
