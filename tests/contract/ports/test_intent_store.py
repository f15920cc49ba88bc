"""The intent ledger's port: what goes when, and what becomes of a claim. The same over memory and PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.delivery.application.ports import Receipt
from services.delivery.domain.intent import Channel, Intent, IntentId, State
from services.delivery.domain.transitions import Policy
from tests.contract.ports.intents import (
    ATTEMPT_SECONDS,
    Intents,
)
from tests.integration.delivery_world import intent

POLICY = Policy(window=timedelta(minutes=10), give_up=timedelta(hours=1))
FINAL = [State.SENT, State.REJECTED, State.CANCELLED, State.PARKED, State.NEEDS_HUMAN]
FAILED = [state for state in FINAL if state is not State.SENT]


def parts(
    count: int, channel: Channel = Channel.EMAIL, *, one_answer: bool = False
) -> list[Intent]:
    conversation, message = uuid4(), uuid4()
    return [
        intent(channel, n, conversation=conversation, message=message if one_answer else uuid4())
        for n in range(1, count + 1)
    ]


def id_of(*intents: Intent) -> set[IntentId]:
    return {one.intent_id for one in intents}


async def test_an_intent_is_taken_over_once_and_as_it_was(intents: Intents) -> None:
    mail = intent(text="Grüße, 👋")
    await asyncio.gather(*(intents.add(mail) for _ in range(5)))
    changed = replace(mail, letter=replace(mail.letter, text="other"))
    await intents.other.insert([(changed, "")])
    assert await intents.store.receipts([mail.intent_id, uuid4()]) == {
        mail.intent_id: Receipt(mail.intent_id, State.PENDING)
    }
    (attempt,) = await intents.claim()
    assert (attempt.intent, attempt.number, attempt.seconds) == (mail, 1, ATTEMPT_SECONDS)
    assert attempt.draft_id == ""


async def test_no_intents_are_none(intents: Intents) -> None:
    await intents.store.insert([])
    await intents.store.add_statuses([])
    assert await intents.store.receipts([]) == {}
    assert await intents.store.known_elsewhere(Channel.EMAIL, []) == set()
    assert await intents.claim() == ()
    assert await intents.store.doubts(8, 10) == []
    assert await intents.store.unconfirmed(8, 10) == []
    assert await intents.store.overdue(Channel.EMAIL, 0, 8) == []
    assert await intents.store.orphans("delivery-0") == []


async def test_a_place_in_the_conversation_is_taken_once(intents: Intents) -> None:
    first = intent()
    usurper = replace(intent(), conversation_id=first.conversation_id)
    elsewhere = replace(intent(Channel.WHATSAPP), conversation_id=first.conversation_id)
    await intents.add(first)
    await intents.add(usurper, elsewhere)
    assert await intents.store.receipts([usurper.intent_id]) == {}
    assert await intents.claimable() == id_of(first, elsewhere)


async def test_a_refused_intent_is_cancelled_and_keeps_its_number(intents: Intents) -> None:
    refused, follower = parts(2)
    await intents.store.insert([(refused, "own_address"), (follower, "")])
    assert await intents.state(refused) is State.CANCELLED
    assert await intents.rows.error(refused.intent_id) == "own_address"
    assert await intents.rows.facts() == 1
    await intents.store.insert([(refused, "own_address")])
    assert await intents.rows.facts() == 1
    assert await intents.claimable() == id_of(follower)


async def test_a_claim_is_made_by_one_process(intents: Intents) -> None:
    mails = [intent() for _ in range(8)]
    await intents.add(*mails)
    claims = await asyncio.gather(
        *(store.claim({Channel.EMAIL: 8}, "w", 20) for store in (intents.store, intents.other) * 3)
    )
    claimed = [attempt.intent.intent_id for claim in claims for attempt in claim.attempts]
    assert len(claimed) == len(set(claimed))
    # Two that race may leave some of them to the next look.
    claimed += await intents.claimable()
    assert sorted(claimed) == sorted(id_of(*mails))


async def test_a_claim_takes_what_has_room_and_waits_longest(intents: Intents) -> None:
    early, late = intent(), intent()
    message = intent(Channel.WHATSAPP)
    await intents.add(early)
    await intents.rows.pass_time(timedelta(seconds=5))
    await intents.add(late, message)
    for wanted in (early, late):
        claimed = await intents.store.claim({Channel.EMAIL: 1}, "w", 20)
        assert [a.intent for a in claimed.attempts] == [wanted]
    assert (await intents.store.claim({Channel.EMAIL: 1}, "w", 20)).attempts == ()
    assert await intents.state(message) is State.PENDING


@pytest.mark.parametrize("final", FINAL)
async def test_parts_wait_for_their_predecessor_to_become_final(
    intents: Intents, final: State
) -> None:
    first, second, third = parts(3)
    await intents.add(third, second)
    assert await intents.claim() == ()
    await intents.add(first)
    assert await intents.claimable() == id_of(first)
    assert await intents.claim() == ()
    await intents.end(first, final)
    assert await intents.claimable() == id_of(second)
    await intents.end(second, State.SENT)
    assert await intents.claimable() == id_of(third)


async def test_a_claim_waits_for_an_unknown_predecessor_and_nobody_elses(intents: Intents) -> None:
    first, second = parts(2)
    await intents.add(first, second)
    await intents.claim()
    await intents.end(first, State.UNKNOWN)
    other = intent()
    await intents.add(other)
    assert await intents.claimable() == id_of(other)
    await intents.rows.pass_time(timedelta(days=1))
    assert await intents.claim() == ()
    await intents.end(first, State.SENT)
    assert await intents.claimable() == id_of(second)


async def test_a_resend_keeps_its_followers_waiting(intents: Intents) -> None:
    first, second = parts(2)
    await intents.add(first, second)
    await intents.claim()
    await intents.end(first, State.UNKNOWN)
    await intents.end(first, State.PENDING, resends=1)
    (again,) = await intents.claim()
    assert (again.intent, again.number) == (first, 2)
    progress = await intents.progress(first)
    assert (progress.resends, progress.attempt) == (1, 2)


@pytest.mark.parametrize("failed", FAILED)
async def test_a_failed_part_cancels_the_rest_of_its_answer_only(
    intents: Intents, failed: State
) -> None:
    first, second = parts(2, one_answer=True)
    later = replace(intent(send_seq=3), conversation_id=first.conversation_id)
    await intents.add(first, second, later)
    await intents.claim()
    await intents.end(first, failed)
    claimed = await intents.store.claim({Channel.EMAIL: 16}, "w", 20)
    assert claimed.attempts == ()
    assert claimed.cancelled == (Receipt(second.intent_id, State.CANCELLED),)
    assert await intents.rows.error(second.intent_id) == "earlier_part_failed"
    assert await intents.rows.attempts(second.intent_id) == []
    assert await intents.claimable() == id_of(later)
    assert await intents.rows.facts() == 2


async def test_a_claim_under_a_raised_fence_cancels(intents: Intents) -> None:
    conversation = uuid4()
    raised = await intents.store.raise_fence(conversation, 3)
    assert (raised.cancelled, raised.in_flight) == ((), 0)
    below = intent(conversation=conversation, epoch=2)
    at = intent(conversation=conversation, epoch=3, send_seq=2)
    await intents.add(below, at)
    claimed = await intents.store.claim({Channel.EMAIL: 16}, "w", 20)
    assert claimed.attempts == ()
    assert claimed.cancelled == (Receipt(below.intent_id, State.CANCELLED),)
    assert await intents.rows.error(below.intent_id) == "below_fence"
    assert await intents.claimable() == id_of(at)


async def test_raising_a_fence_counts_what_is_under_way_and_cancels_what_waits(
    intents: Intents,
) -> None:
    first, second = parts(2)
    mine = intent(send_seq=3, conversation=first.conversation_id, epoch=1)
    stranger = intent()
    await intents.add(first, second, mine, stranger)
    await intents.claim()
    raised = await intents.other.raise_fence(first.conversation_id, 1)
    assert raised.cancelled == (Receipt(second.intent_id, State.CANCELLED),)
    assert raised.in_flight == 1
    assert await intents.rows.error(second.intent_id) == "below_fence"
    assert await intents.rows.facts() == 1
    assert await intents.state(mine) is State.PENDING
    assert await intents.state(stranger) is State.ATTEMPTING
    # A repeat finds the attempt until it is over; a fence never goes down.
    assert (await intents.store.raise_fence(first.conversation_id, 0)).in_flight == 1
    await intents.rows.pass_time(timedelta(seconds=ATTEMPT_SECONDS))
    raised = await intents.store.raise_fence(first.conversation_id, 1)
    assert (raised.cancelled, raised.in_flight) == ((), 0)
    late = intent(send_seq=4, conversation=first.conversation_id)
    await intents.add(late)
    raised = await intents.store.raise_fence(first.conversation_id, 0)
    assert raised.cancelled == (Receipt(late.intent_id, State.CANCELLED),)


async def test_a_cancelled_part_lets_nobody_past_the_one_before_it(intents: Intents) -> None:
    first = intent()
    second = intent(send_seq=2, conversation=first.conversation_id)
    await intents.add(first, second)
    assert await intents.claimable() == id_of(first)
    raised = await intents.store.raise_fence(first.conversation_id, 1)
    assert ([r.row_id for r in raised.cancelled], raised.in_flight) == ([second.intent_id], 1)
    reply = intent(send_seq=3, conversation=first.conversation_id, epoch=1)
    await intents.add(reply)
    assert await intents.claimable() == set()
    await intents.end(first, State.SENT)
    assert await intents.claimable() == id_of(reply)


async def test_a_doubt_below_the_fence_holds_nobody_and_is_never_resent(intents: Intents) -> None:
    first = intent()
    human = intent(send_seq=2, conversation=first.conversation_id, epoch=1)
    await intents.add(first, human)
    await intents.claim()
    await intents.end(first, State.UNKNOWN)
    raised = await intents.store.raise_fence(first.conversation_id, 1)
    assert (raised.cancelled, raised.in_flight) == ((), 0)
    assert await intents.claimable() == id_of(human)
    await intents.end(first, State.PENDING, resends=1)
    claimed = await intents.store.claim({Channel.EMAIL: 16}, "w", 20)
    assert (claimed.attempts, len(claimed.cancelled)) == ((), 1)
