"""While the database is away a webhook says 503, and 200 again as soon as it is back."""

import asyncio
import signal

import pytest

from cli.outside import Outside
from drill.checker import check
from tests.e2e.running import RunningStack
from tests.e2e.traffic import Traffic

AFTER_SECONDS = 4.0
SECONDS = 90.0


@pytest.mark.timeout(180)
async def test_a_webhook_is_refused_while_the_database_is_away(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    number = traffic.number()
    await outside.open_window(number)
    form = outside.webhook_form(number, traffic.question())
    statuses, done = set[int](), asyncio.Event()

    async def knock() -> None:
        """Posts one message all the time, so that the outage cannot pass unseen."""
        while not done.is_set():
            statuses.add((await outside.post_webhook(form)).status_code)
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        group.create_task(knock())
        # SIGQUIT is Postgres' immediate shutdown: no checkpoint, recovery at the next start.
        await stack.kill("postgres", signal.SIGQUIT)
        await asyncio.sleep(AFTER_SECONDS)
        done.set()
    await traffic.webhook(form)
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    assert verdict.messages == 1
    assert statuses == {200, 503}
