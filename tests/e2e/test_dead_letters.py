"""A batch that keeps killing its runner is given up on the real stack, and `fte dlq` lets it be tried again."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest

from cli.outside import Outside, Sent
from services.agent.domain.decisions import BEGINS
from tests.e2e.running import RunningStack
from tests.e2e.traffic import Traffic

SECONDS = 60.0


@pytest.mark.timeout(400)
async def test_a_dead_letter_apologises_is_listed_and_can_be_replayed(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    number = traffic.number()
    await outside.write_whatsapp(number, "How do I reset my password?")
    before = await _parts(stack, outside, number, 0)
    await _wear_out(stack, number)

    await outside.write_whatsapp(number, "And how do I export my data?")
    apology = (await _parts(stack, outside, number, len(before)))[len(before)]
    assert "sorry" in apology.body.lower()

    [letter] = [one for one in _listed(stack) if one["error"] == "runner_died"]
    shown = stack.run("dlq", "show", letter["dead_letter_id"])
    assert shown.code == 0
    assert "export my data" in shown.out
    dry = stack.run("dlq", "replay", letter["dead_letter_id"], "--dry-run")
    assert dry.code == 0, dry
    assert letter["dead_letter_id"] in {one["dead_letter_id"] for one in _listed(stack)}

    assert stack.run("dlq", "replay", letter["dead_letter_id"]).code == 0
    answered = await _parts(stack, outside, number, len(before) + 1)
    assert "export" in answered[-1].body.lower() or "export" in answered[-2].body.lower()
    assert letter["dead_letter_id"] not in {one["dead_letter_id"] for one in _listed(stack)}
    assert stack.run("dlq", "drop", letter["dead_letter_id"]).code == 1, "it is closed already"


def _listed(stack: RunningStack) -> list[dict[str, Any]]:
    answer = stack.run("dlq", "list", "--json")
    assert answer.code == 0, answer
    found: list[dict[str, Any]] = answer.json()
    return found


async def _wear_out(stack: RunningStack, number: str) -> None:
    """Makes the customer look as if the next batch had killed its runner nine times."""
    connection = await asyncpg.connect(stack.dsn)
    try:
        await connection.execute(
            "UPDATE agent.heads AS h SET begin_count = $2 FROM agent.messages AS m "
            "JOIN intake.inbox AS i ON i.inbox_id = m.message_id "
            "JOIN intake.handles AS s ON s.handle_id = i.handle_id "
            "WHERE s.value = $1 AND (m.customer_id, m.side) = (h.customer_id, h.side)",
            number,
            BEGINS,
        )
    finally:
        await connection.close()


async def _parts(stack: RunningStack, outside: Outside, number: str, known: int) -> list[Sent]:
    """Waits until more than `known` parts came, and then until nothing more comes."""
    deadline, last = time.monotonic() + SECONDS, -1
    while True:
        parts = [part for part in await outside.whatsapps_sent() if part.to == number]
        if len(parts) > known and len(parts) == last:
            return parts
        assert time.monotonic() < deadline, (parts, stack.said()[-500:])
        last = len(parts)
        await asyncio.sleep(1.0)
