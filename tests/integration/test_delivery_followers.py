"""WhatsApp parts in order: a status that never comes is fetched, and only then the next part goes."""

import asyncio
import time
from datetime import timedelta
from uuid import uuid4

import pytest

from services.delivery.domain.intent import Channel, Intent, State
from services.delivery.domain.transitions import Policy
from tests.integration.delivery_world import WINDOW, World, intent, world
from tests.integration.postgres import Database

WAIT = 0.3


def _parts(count: int) -> list[Intent]:
    conversation, message = uuid4(), uuid4()
    return [
        intent(Channel.WHATSAPP, n, conversation=conversation, message=message)
        for n in range(1, count + 1)
    ]


async def _asked(w: World, times: int) -> None:
    until = time.monotonic() + 10
    while len(w.far[Channel.WHATSAPP].fetches) < times:
        assert time.monotonic() < until, "not asked often enough"
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("shown", ["queued", "accepted", "sending", "sent", "read"])
async def test_a_follower_goes_once_its_predecessor_was_fetched(
    database: Database, shown: str
) -> None:
    async with world(database, follower_wait_seconds=WAIT) as w:
        far = w.far[Channel.WHATSAPP]
        far.status_shown = shown
        await w.start()
        first, second = _parts(2)
        await w.accept(first, second)
        await w.becomes(second, State.SENT)
        assert far.fetches == ["twilio-0"]
        assert far.taken == [first, second]
        waited = await w.pool.fetchval(
            "SELECT a.start_time - p.final_time FROM delivery.intents p, delivery.attempts a "
            "WHERE p.send_seq = 1 AND a.intent_id = $1",
            second.intent_id,
        )
        assert waited >= timedelta(seconds=WAIT)


@pytest.mark.parametrize("shown", ["failed", "undelivered"])
async def test_a_fetched_failure_makes_the_rest_one_task(database: Database, shown: str) -> None:
    async with world(database, follower_wait_seconds=WAIT) as w:
        far = w.far[Channel.WHATSAPP]
        far.status_shown = shown
        await w.start()
        parts = _parts(3)
        await w.accept(*parts)
        await w.becomes(parts[2], State.CANCELLED)
        assert [await w.state(part) for part in parts] == [
            State.REJECTED, State.CANCELLED, State.CANCELLED
        ]  # fmt: skip
        assert far.taken == parts[:1]
        errors = await w.pool.fetch("SELECT error FROM delivery.intents ORDER BY send_seq")
        assert [r["error"] for r in errors] == ["63016", *["earlier_part_failed"] * 2]
        last = w.heard.last(parts[0].intent_id)
        assert last is not None
        assert last.state is State.REJECTED
        assert await w.pool.fetchval("SELECT count(*) FROM delivery.corrections") == 1


async def test_a_provider_that_stays_dark_is_asked_again_and_the_rest_becomes_a_persons(
    database: Database,
) -> None:
    policy = Policy(window=WINDOW / 4, give_up=timedelta(hours=1))
    async with world(database, policy, follower_wait_seconds=0) as w:
        far = w.far[Channel.WHATSAPP]
        await w.start()
        parts = _parts(3)
        await w.accept(*parts)
        await _asked(w, 3)
        assert await w.state(parts[1]) is State.PENDING
        await w.pool.execute(
            "UPDATE delivery.intents SET create_time = create_time - interval '1 hour', "
            "next_attempt_time = now() WHERE send_seq < 3"
        )
        await w.becomes(parts[2], State.CANCELLED)
        states = [await w.state(part) for part in parts]
        assert states == [State.SENT, State.NEEDS_HUMAN, State.CANCELLED]
        last = w.heard.last(parts[1].intent_id)
        assert last is not None
        assert last.state is State.NEEDS_HUMAN
        assert far.taken == parts[:1]
