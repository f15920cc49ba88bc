"""The database stops at once under traffic: webhooks say 503, what was accepted is answered once."""

import asyncio
import signal

import pytest

from cli.outside import Outside
from tests.e2e.checker import check
from tests.e2e.running import RunningStack
from tests.e2e.test_kills import healthy
from tests.e2e.traffic import Traffic

PER_SECOND = 5.0
BEFORE_SECONDS = 3.0
AFTER_SECONDS = 4.0
# A send whose outcome could not be recorded is in doubt until its deadline, then asked of a witness.
SECONDS = 90.0


@pytest.mark.timeout(180)
async def test_stopped_database_loses_nothing(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    done, statuses = asyncio.Event(), set[int]()

    async def stop_database() -> None:
        await asyncio.sleep(BEFORE_SECONDS)
        # SIGQUIT is Postgres' immediate shutdown: no checkpoint, recovery at the next start.
        await stack.kill("postgres", signal.SIGQUIT)
        await asyncio.sleep(AFTER_SECONDS)
        done.set()

    async def knock() -> None:
        """Posts one message all the time, so that the outage cannot pass unseen."""
        number = traffic.number()
        await outside.open_window(number)
        form = outside.webhook_form(number, traffic.question())
        while not done.is_set():
            statuses.add((await outside.post_webhook(form)).status_code)
            await asyncio.sleep(0.02)
        await traffic.webhook(form)

    async with asyncio.TaskGroup() as group:
        group.create_task(stop_database())
        group.create_task(knock())
        group.create_task(traffic.mixed(PER_SECOND, done.is_set))

    await healthy(outside)
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    assert verdict.messages == len(traffic.sent_in)
    refused = {*statuses, *traffic.refusals} - {200}
    assert refused == {503}, f"refused with {refused}"
