"""kill -9 of every service and every sidecar in the middle of traffic loses and doubles nothing."""

import asyncio

import pytest

from cli.outside import Outside
from devstack.ports import SERVICES
from devstack.stack import sidecar_name
from tests.e2e.checker import check
from tests.e2e.running import RunningStack
from tests.e2e.traffic import Traffic

PER_SECOND = 4.0
PAUSE_SECONDS = (1.5, 3.0)
HEAL_SECONDS = 40.0
SECONDS = 90.0
LEAST_MESSAGES = 50


@pytest.mark.timeout(200)
async def test_kills_lose_and_double_nothing(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    before = stack.parts()
    victims = [name for service in SERVICES for name in (service, sidecar_name(service))]
    traffic.random.shuffle(victims)
    done = asyncio.Event()

    async def kill_all() -> None:
        for victim in victims:
            await asyncio.sleep(traffic.random.uniform(*PAUSE_SECONDS))
            await stack.kill(victim)
        await asyncio.sleep(1.0)
        done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(kill_all())
        group.create_task(traffic.mixed(PER_SECOND, done.is_set))

    await healthy(outside)
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, f"killed in this order: {victims}\n{verdict}"
    assert verdict.messages == len(traffic.sent_in) > LEAST_MESSAGES

    after = stack.parts()
    for victim in victims:
        assert after[victim]["pid"] != before[victim]["pid"], f"{victim} was never killed"
        assert after[victim]["restarts"] > before[victim]["restarts"]
        assert after[victim]["healthy"]


async def healthy(outside: Outside, seconds: float = HEAL_SECONDS) -> None:
    """Waits until the whole says that it works again."""
    async with asyncio.timeout(seconds):
        while True:
            if await outside.healthy():
                return
            await asyncio.sleep(0.2)
