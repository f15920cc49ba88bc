"""The intent ledger's port: what providers say later. The same over memory and PostgreSQL."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.delivery.application.ports import Applied, Receipt, Status
from services.delivery.domain.intent import Channel, Intent, Progress, State, Step
from services.delivery.domain.transitions import after_status
from tests.contract.ports.intents import Intents
from tests.integration.delivery_world import intent


def status(
    word: str, provider_id: str = "SM1", *, of: Intent | None = None, error_code: str = ""
) -> Status:
    intent_id: UUID | None = of.intent_id if of else None
    return Status(uuid4(), Channel.WHATSAPP, provider_id, word, error_code, intent_id)


def decide(progress: Progress, found: Status) -> Step | None:
    return after_status(
        progress,
        found.provider_id,
        found.status,
        found.error_code,
        named=found.intent_id is not None,
    )


async def hear(intents: Intents, *statuses: Status) -> Applied:
    await intents.store.add_statuses(statuses)
    return await intents.store.apply_statuses(decide, 64)


async def attempting(intents: Intents) -> Intent:
    message = intent(Channel.WHATSAPP)
    await intents.add(message)
    await intents.claim()
    return message


async def sent(intents: Intents, provider_id: str = "SM1") -> Intent:
    message = await attempting(intents)
    await intents.end(message, State.SENT, provider_id=provider_id)
    return message


async def test_a_status_waits_for_its_provider_id(intents: Intents) -> None:
    assert await hear(intents, status("delivered")) == Applied()
    message = await attempting(intents)
    assert await intents.store.apply_statuses(decide, 64) == Applied()
    await intents.end(message, State.SENT, provider_id="SM1")
    assert await intents.store.apply_statuses(decide, 64) == Applied(1)
    assert (await intents.progress(message)).provider_status == "delivered"


async def test_a_status_that_names_an_unknown_intent_waits_and_is_applied_later(
    intents: Intents,
) -> None:
    message = intent(Channel.WHATSAPP)
    assert await hear(intents, status("delivered", of=message)) == Applied()
    await intents.add(message)
    applied = await intents.other.apply_statuses(decide, 64)
    receipt = Receipt(message.intent_id, State.SENT, "SM1")
    assert applied == Applied(1, (receipt,))
    assert (await intents.progress(message)).provider_status == "delivered"


@pytest.mark.parametrize("before", [State.ATTEMPTING, State.UNKNOWN])
async def test_a_status_that_names_the_intent_settles_it(intents: Intents, before: State) -> None:
    message = await attempting(intents)
    await intents.end(message, before)
    applied = await hear(intents, status("sent", of=message))
    assert applied == Applied(1, (Receipt(message.intent_id, State.SENT, "SM1"),))
    progress = await intents.progress(message)
    assert (progress.state, progress.provider_status) == (State.SENT, "sent")
    assert await intents.store.orphans("delivery-0") == []


async def test_a_status_is_applied_once(intents: Intents) -> None:
    await sent(intents)
    found = status("delivered")
    await asyncio.gather(*(intents.store.add_statuses([found, found]) for _ in range(3)))
    counts = await asyncio.gather(
        *(s.apply_statuses(decide, 64) for s in (intents.store, intents.other))
    )
    assert sum(applied.count for applied in counts) == 1
    assert await hear(intents, found) == Applied()


async def test_statuses_of_an_intent_never_go_back(intents: Intents) -> None:
    message = await sent(intents)
    for word in ("read", "sent", "failed", "delivered", "queued", "read"):
        assert (await hear(intents, status(word, of=message))).count == 1
    progress = await intents.progress(message)
    assert (progress.state, progress.provider_status) == (State.SENT, "read")
    assert await intents.rows.facts() == 1


async def test_a_failure_after_sent_takes_it_back_and_cancels_the_rest(intents: Intents) -> None:
    conversation, answer = uuid4(), uuid4()
    first, second = (
        intent(Channel.WHATSAPP, n, conversation=conversation, message=answer) for n in (1, 2)
    )
    other = intent(Channel.WHATSAPP, 3, conversation=conversation)
    await intents.add(first, second, other)
    await intents.claim()
    await intents.end(first, State.SENT, provider_id="SM1")
    applied = await hear(intents, status("undelivered", error_code="63016"))
    assert applied == Applied(1, (Receipt(first.intent_id, State.REJECTED, "SM1"),))
    assert await intents.rows.error(first.intent_id) == "63016"
    claimed = await intents.store.claim({Channel.WHATSAPP: 1}, "w", 20)
    assert claimed.cancelled == (Receipt(second.intent_id, State.CANCELLED),)
    assert await intents.claimable() == {other.intent_id}
    # One of each: sent, taken back, cancelled.
    assert await intents.rows.facts() == 3


async def test_what_is_taken_back_is_to_be_told_once(intents: Intents) -> None:
    message = await sent(intents)
    for word in ("failed", "undelivered", "failed", "delivered"):
        await hear(intents, status(word))
    assert await intents.rows.corrections() == [(message.intent_id, "rejected")]
    await hear(intents, status("undelivered", of=message))
    assert await intents.rows.corrections() == [(message.intent_id, "rejected")]
    assert await intents.state(message) is State.REJECTED


async def test_what_is_taken_back_twice_is_told_once(intents: Intents) -> None:
    message = await sent(intents)
    for state in (State.REJECTED, State.UNKNOWN, State.SENT, State.REJECTED):
        await intents.end(message, state)
        assert await intents.state(message) is state
    assert await intents.rows.corrections() == [(message.intent_id, "rejected")]


async def test_only_what_was_sent_is_taken_back(intents: Intents) -> None:
    rejected, doubtful = await attempting(intents), await attempting(intents)
    await intents.end(rejected, State.REJECTED)
    await intents.end(doubtful, State.UNKNOWN)
    # It was never told as sent: its own receipt says it.
    applied = await hear(intents, status("failed", "SM2", of=doubtful))
    assert applied.receipts == (Receipt(doubtful.intent_id, State.REJECTED, "SM2"),)
    await sent(intents, "SM3")
    await hear(intents, status("delivered", "SM3"))
    await hear(intents, status("failed", "SM3"))
    assert await intents.rows.corrections() == []


async def test_a_second_copy_is_told_and_changes_nothing(intents: Intents) -> None:
    message = await sent(intents, "SM1")
    applied = await hear(intents, status("delivered", "SM2", of=message))
    assert applied == Applied(1, (), ((message.intent_id, "SM2"),))
    progress = await intents.progress(message)
    assert (progress.provider_id, progress.provider_status) == ("SM1", "")
    assert (await intents.store.apply_statuses(decide, 64)).count == 0


async def test_a_status_of_a_message_that_another_intent_has_stops_nobody(
    intents: Intents,
) -> None:
    taken = await sent(intents, "SM1")
    doubtful, other = await attempting(intents), await attempting(intents)
    applied = await hear(
        intents, status("sent", "SM1", of=doubtful), status("sent", "SM3", of=other)
    )
    assert applied == Applied(2, (Receipt(other.intent_id, State.SENT, "SM3"),))
    assert await intents.state(doubtful) is State.ATTEMPTING
    assert (await intents.progress(taken)).provider_id == "SM1"
    assert await intents.store.apply_statuses(decide, 64) == Applied()


async def test_the_statuses_of_an_intent_come_in_the_order_of_their_coming(
    intents: Intents,
) -> None:
    await sent(intents)
    words = ["sent", "delivered", "read"]
    for word in words:
        await intents.store.add_statuses([status(word)])
        await intents.rows.pass_time(timedelta(seconds=1))
    seen: list[str] = []
    for _ in words:
        applied = await intents.store.apply_statuses(lambda _, found: seen.append(found.status), 1)
        assert applied.count == 1
    assert seen == words


async def test_a_status_waits_a_week_at_most(intents: Intents) -> None:
    await intents.store.add_statuses([status("sent"), status("sent", "SM2")])
    await sent(intents, "SM2")
    await intents.rows.pass_time(timedelta(days=6))
    assert (await intents.store.apply_statuses(decide, 64)).count == 1
    await sent(intents, "SM1")
    await intents.rows.pass_time(timedelta(days=1))
    assert (await intents.store.apply_statuses(decide, 64)).count == 0
