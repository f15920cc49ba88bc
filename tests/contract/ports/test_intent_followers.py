"""The intent ledger's port: WhatsApp parts in order, and what waits too long. The same over memory and PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from services.delivery.application.ports import Receipt, Unconfirmed
from services.delivery.domain.intent import Channel, Intent, State
from tests.contract.ports.intents import FOLLOWER_WAIT_SECONDS, Intents
from tests.contract.ports.test_intent_store import id_of, parts
from tests.integration.delivery_world import intent

WAIT = timedelta(seconds=FOLLOWER_WAIT_SECONDS)
HOLD = 10.0


async def sent_and_waiting(intents: Intents, status: str = "") -> tuple[Intent, Intent]:
    """Gives two parts, the first of them sent with a status."""
    first, second = parts(2, Channel.WHATSAPP)
    await intents.add(first, second)
    await intents.claim()
    await intents.end(first, State.SENT, provider_id="SM1", provider_status=status)
    return first, second


@pytest.mark.parametrize("left", ["sent", "delivered", "read"])
async def test_a_whatsapp_follower_waits_until_its_predecessor_left(
    intents: Intents, left: str
) -> None:
    first, second = await sent_and_waiting(intents)
    for status in ("", "accepted", "queued", "sending"):
        await intents.end(first, State.SENT, provider_id="SM1", provider_status=status)
        await intents.rows.pass_time(timedelta(days=1))
        # No time alone lets it go: the provider may still have the first one before it, or lose it.
        assert await intents.claim() == ()
    await intents.end(first, State.SENT, provider_id="SM1", provider_status=left)
    assert await intents.claimable() == id_of(second)


async def test_a_whatsapp_follower_goes_once_its_predecessor_was_fetched(intents: Intents) -> None:
    first, second = await sent_and_waiting(intents)
    await intents.end(first, State.SENT, provider_id="SM1", provider_status="queued", fetched=True)
    # What comes later takes that answer back as little as time does.
    await intents.end(first, State.SENT, provider_id="SM1", provider_status="sending")
    await intents.rows.pass_time(WAIT * 2)
    assert await intents.store.unconfirmed(8, HOLD) == []
    assert await intents.claimable() == id_of(second)


async def test_nobody_is_asked_about_before_the_wait_is_over(intents: Intents) -> None:
    first, second = await sent_and_waiting(intents)
    await intents.rows.pass_time(WAIT / 2)
    # A status moves the row, but not the time since it was sent.
    await intents.end(first, State.SENT, provider_id="SM1", provider_status="sending")
    assert await intents.store.unconfirmed(8, HOLD) == []
    await intents.rows.pass_time(WAIT / 2)
    found = await intents.store.unconfirmed(8, HOLD)
    assert found == [Unconfirmed(first, "SM1", second.intent_id)]


async def test_a_sent_message_is_asked_about_by_one_process_at_a_time(intents: Intents) -> None:
    first, second = await sent_and_waiting(intents)
    await intents.rows.pass_time(WAIT)
    claims = await asyncio.gather(
        *(store.unconfirmed(8, HOLD) for store in (intents.store, intents.other) * 2)
    )
    held = Unconfirmed(first, "SM1", second.intent_id)
    assert [one for claim in claims for one in claim] == [held]
    await intents.rows.pass_time(timedelta(seconds=HOLD + 1))
    assert await intents.other.unconfirmed(8, HOLD) == [held]
    # An answer that proves nothing says when to ask again, a tenth either way.
    await intents.end(first, State.SENT, provider_id="SM1", wait=timedelta(seconds=100))
    await intents.rows.pass_time(timedelta(seconds=85))
    assert await intents.store.unconfirmed(8, HOLD) == []
    await intents.rows.pass_time(timedelta(seconds=26))
    assert await intents.store.unconfirmed(8, HOLD) == [held]


@pytest.mark.parametrize("status", ["sent", "delivered", "read"])
async def test_a_telling_status_makes_the_question_needless(intents: Intents, status: str) -> None:
    await sent_and_waiting(intents, status)
    await intents.rows.pass_time(WAIT * 2)
    assert await intents.store.unconfirmed(8, HOLD) == []


async def test_only_whom_somebody_waits_for_is_asked_about(intents: Intents) -> None:
    alone, follower = parts(2, Channel.WHATSAPP)
    mail, next_mail = parts(2)
    unknown, behind_unknown = parts(2, Channel.WHATSAPP)
    fourth = replace(intent(Channel.WHATSAPP, 3), conversation_id=alone.conversation_id)
    await intents.add(alone, mail, next_mail, unknown, behind_unknown, fourth)
    await intents.claim()
    await intents.end(alone, State.SENT, provider_id="SM1")
    await intents.end(mail, State.SENT, provider_id="g1")
    await intents.end(unknown, State.UNKNOWN)
    await intents.rows.pass_time(WAIT * 2)
    assert await intents.store.unconfirmed(8, HOLD) == []
    await intents.add(follower)
    found = await intents.store.unconfirmed(8, HOLD)
    assert found == [Unconfirmed(alone, "SM1", follower.intent_id)]
    await intents.end(follower, State.NEEDS_HUMAN)
    await intents.rows.pass_time(WAIT)
    assert await intents.store.unconfirmed(8, HOLD) == []


async def test_at_most_as_many_as_wanted_are_asked_about_and_the_longest_due_first(
    intents: Intents,
) -> None:
    pairs = [parts(2, Channel.WHATSAPP) for _ in range(3)]
    for number, pair in enumerate(pairs):
        await intents.add(*pair)
        await intents.claim()
        await intents.end(pair[0], State.SENT, provider_id=f"SM{number}")
        await intents.rows.pass_time(timedelta(seconds=1))
    await intents.rows.pass_time(WAIT)
    asked = [one.intent for _ in pairs for one in await intents.store.unconfirmed(1, 60)]
    assert asked == [first for first, _ in pairs]


async def test_a_fetched_failure_takes_the_message_back_and_cancels_the_rest(
    intents: Intents,
) -> None:
    first, second = parts(2, Channel.WHATSAPP, one_answer=True)
    await intents.add(first, second)
    await intents.claim()
    await intents.end(first, State.SENT, provider_id="SM1")
    receipt = await intents.end(
        first, State.REJECTED, provider_id="SM1", provider_status="failed", fetched=True
    )
    assert receipt == Receipt(first.intent_id, State.REJECTED, "SM1")
    assert await intents.rows.corrections() == [(first.intent_id, "rejected")]
    claimed = await intents.store.claim({Channel.WHATSAPP: 1}, "w", 20)
    assert claimed.cancelled == (Receipt(second.intent_id, State.CANCELLED),)


async def test_overdue_is_only_what_could_go(intents: Intents) -> None:
    first, second = parts(2, Channel.WHATSAPP)
    mail, waiting = intent(), intent()
    await intents.add(first, second, mail)
    assert await intents.store.overdue(Channel.WHATSAPP, 3600, 8) == []
    await intents.rows.pass_time(timedelta(minutes=59))
    await intents.add(waiting)
    assert await intents.store.overdue(Channel.EMAIL, 3600, 8) == []
    await intents.rows.pass_time(timedelta(minutes=1))
    assert await intents.store.overdue(Channel.WHATSAPP, 3600, 8) == [first.intent_id]
    assert await intents.store.overdue(Channel.EMAIL, 3600, 8) == [mail.intent_id]
    assert await intents.store.overdue(Channel.EMAIL, 3600, 0) == []
    # The oldest first; looking moves nothing.
    assert await intents.other.overdue(Channel.EMAIL, 30, 8) == [mail.intent_id, waiting.intent_id]
    assert await intents.claimable() == id_of(first, mail, waiting)
    # What is under way, or has to wait, is not overdue.
    await intents.end(mail, State.PENDING, wait=timedelta(hours=1))
    assert await intents.store.overdue(Channel.EMAIL, 30, 8) == []
