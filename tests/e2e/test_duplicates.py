"""200 signed webhooks from 50 numbers, each delivered three times in random order."""

import asyncio
from collections import Counter

from cli.demonstration import parts_to, whatsapp_answers
from cli.outside import Outside
from drill.checker import check
from drill.evidence import conversations_per_sender, gather
from drill.writings import QUESTIONS
from tests.e2e.running import RunningStack
from tests.e2e.traffic import Traffic

NUMBERS = 50
EACH = 4
COPIES = 3
AT_ONCE = 16
SECONDS = 60.0


async def test_repeated_and_reordered_webhooks_are_one_message_each(
    stack: RunningStack, outside: Outside, traffic: Traffic
) -> None:
    numbers = [traffic.number() for _ in range(NUMBERS)]
    for number in numbers:
        await outside.open_window(number)
    forms = [
        outside.webhook_form(number, text)
        for number in numbers
        for text in traffic.random.sample(QUESTIONS, EACH)
    ]
    deliveries = forms * COPIES
    traffic.random.shuffle(deliveries)
    room = asyncio.Semaphore(AT_ONCE)

    async def deliver(form: dict[str, str]) -> None:
        async with room:
            await traffic.webhook(form)

    await asyncio.gather(*(deliver(form) for form in deliveries))
    assert not traffic.refusals, "an idle stack refuses nothing"
    verdict = await check(stack.dsn, outside, traffic.sent_in, SECONDS)
    assert not verdict.problems, verdict
    assert verdict.messages == NUMBERS * EACH

    evidence = await gather(stack.dsn, outside, traffic.sent_in)
    lines = conversations_per_sender(evidence)
    assert lines == dict.fromkeys(numbers, 1), "one conversation line per number"

    # Seen from the provider alone: as many answers to each number as it had bursts.
    turn = {row["message_id"]: row["turn_id"] for row in evidence.ledgers.messages}
    bursts = Counter(
        sender
        for sender, _ in {(row["sender"], turn[row["inbox_id"]]) for row in evidence.ledgers.inbox}
    )
    answers = {number: whatsapp_answers(parts_to(evidence.parts, number)) for number in numbers}
    assert answers == bursts
    assert sum(bursts.values()) < verdict.messages, "bursts are answered together"
