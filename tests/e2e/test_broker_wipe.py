"""The broker's store is wiped under traffic: hints are lost, messages are not."""

import asyncio
import shutil
from datetime import datetime
from typing import Any

import httpx

from cli.outside import Outside
from devstack.ports import Port
from tests.e2e.checker import check
from tests.e2e.running import RunningStack
from tests.e2e.test_kills import healthy
from tests.e2e.traffic import Traffic

PER_SECOND = 5.0
BEFORE_SECONDS = 3.0
AFTER_SECONDS = 4.0
SECONDS = 60.0


async def test_wiped_broker_loses_nothing(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    made_before = await _stream_made(stack)
    done = asyncio.Event()

    async def wipe() -> None:
        await asyncio.sleep(BEFORE_SECONDS)
        store, gone = stack.home / "nats", stack.home / "nats.gone"
        await stack.kill("nats")
        # One step, before the supervisor starts the server again.
        store.rename(gone)
        shutil.rmtree(gone)
        await asyncio.sleep(AFTER_SECONDS)
        done.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(wipe())
        group.create_task(traffic.mixed(PER_SECOND, done.is_set))

    await healthy(outside)
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    assert verdict.messages == len(traffic.sent_in)
    assert await _stream_made(stack) > made_before, "the store was not wiped"
    assert set(traffic.refusals) <= {503}, traffic.refusals


async def _stream_made(stack: RunningStack) -> datetime:
    """Returns when the broker's stream was made."""
    url = f"{stack.environment.ports.url(Port.NATS_MONITOR)}/jsz"
    async with httpx.AsyncClient(trust_env=False) as client:
        answer: dict[str, Any] = (await client.get(url, params={"streams": "true"})).json()
    [stream] = answer["account_details"][0]["stream_detail"]
    return datetime.fromisoformat(stream["created"])
