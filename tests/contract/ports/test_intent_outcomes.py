"""The intent ledger's port: outcomes, doubts, receipts and notices. The same over memory and PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.delivery.application.ports import AttemptEnd, Prepared, Receipt
from services.delivery.domain.breaker import Phase
from services.delivery.domain.intent import Channel, Intent, IntentId, State
from services.delivery.domain.notice import notice_of
from services.delivery.domain.outcomes import NotSent, Sent, Unknown
from services.delivery.domain.transitions import Policy, after_outcome
from tests.contract.ports.intents import ATTEMPT_SECONDS, Intents, step
from tests.integration.delivery_world import intent

POLICY = Policy(window=timedelta(minutes=10), give_up=timedelta(hours=1))


def id_of(*intents: Intent) -> set[IntentId]:
    return {one.intent_id for one in intents}


async def test_what_was_not_sent_comes_back_after_its_wait(intents: Intents) -> None:
    mail = intent()
    await intents.add(mail)
    for number in (1, 2):
        (attempt,) = await intents.claim()
        assert attempt.number == number
        outcome = NotSent("rate_limited", retry_after=timedelta(seconds=100))
        assert (
            await intents.store.change(
                mail.intent_id,
                lambda p, n=number, o=outcome: after_outcome(p, n, o, POLICY),  # type: ignore[misc]
                end=AttemptEnd(number, "not_sent", "rate_limited"),
            )
            is None
        )
        # A tenth either way.
        await intents.rows.pass_time(timedelta(seconds=85))
        assert await intents.claim() == ()
        await intents.rows.pass_time(timedelta(seconds=26))
    assert await intents.claimable() == id_of(mail)
    assert await intents.rows.error(mail.intent_id) == "rate_limited"
    assert await intents.rows.attempts(mail.intent_id) == [
        ("not_sent", "rate_limited", True),
        ("not_sent", "rate_limited", True),
        (None, None, False),
    ]


async def test_a_sent_intent_is_receipted_once(intents: Intents) -> None:
    mail = intent()
    await intents.add(mail)
    await intents.claim()
    receipts = [
        await intents.store.change(
            mail.intent_id,
            lambda p: after_outcome(p, 1, Sent("g1", "t1"), POLICY),
            end=AttemptEnd(1, "sent"),
        )
        for _ in range(2)
    ]
    assert receipts == [Receipt(mail.intent_id, State.SENT, "g1", "t1"), None]
    assert await intents.rows.attempts(mail.intent_id) == [("sent", None, True)]
    assert await intents.rows.facts() == 1
    assert await intents.store.change(IntentId(uuid4()), lambda _: step(State.SENT)) is None


async def test_a_late_sent_beats_unknown(intents: Intents) -> None:
    mail = intent()
    await intents.add(mail)
    await intents.claim()
    for outcome in (Unknown("no_answer"), Sent("g1", "t1")):
        await intents.store.change(
            mail.intent_id,
            lambda p, o=outcome: after_outcome(p, 1, o, POLICY),  # type: ignore[misc]
        )
    receipts = await intents.other.receipts([mail.intent_id])
    assert receipts[mail.intent_id] == Receipt(mail.intent_id, State.SENT, "g1", "t1")
    assert await intents.rows.error(mail.intent_id) is None
    assert (await intents.progress(mail)).unknown_for == timedelta()


async def test_a_decision_that_fails_changes_nothing(intents: Intents) -> None:
    mail = intent()
    await intents.add(mail)
    await intents.claim()

    def decide(_: object) -> None:
        raise ValueError("a fault of ours")

    with pytest.raises(ValueError, match="a fault of ours"):
        await intents.store.change(mail.intent_id, decide, end=AttemptEnd(1, "sent"))
    assert await intents.rows.attempts(mail.intent_id) == [(None, None, False)]


async def test_two_intents_cannot_have_one_provider_id(intents: Intents) -> None:
    one, two = intent(), intent()
    elsewhere = intent(Channel.WHATSAPP)
    await intents.add(one, two, elsewhere)
    await intents.claim()
    assert await intents.end(one, State.SENT, provider_id="g1") is not None
    assert await intents.end(elsewhere, State.SENT, provider_id="g1") is not None
    refused = await intents.store.change(
        two.intent_id,
        lambda _: step(State.SENT, provider_id="g1"),
        end=AttemptEnd(1, "sent"),
    )
    assert refused is None
    assert await intents.state(two) is State.ATTEMPTING
    assert await intents.rows.attempts(two.intent_id) == [(None, None, False)]
    known = await intents.store.known_elsewhere(Channel.EMAIL, ["g1", "g2", ""])
    assert known == {"g1"}
    # An id that was given up is free again; having none is no clash.
    await intents.end(one, State.SENT)
    assert await intents.end(two, State.SENT, provider_id="g1") is not None


async def test_the_saved_step_is_kept_for_the_next_attempt(intents: Intents) -> None:
    mail = intent()
    await intents.add(mail)
    (attempt,) = await intents.claim()
    assert not (await intents.progress(mail)).prepared
    assert await intents.store.save_preparation(attempt, Prepared("draft", "thread"))
    assert (await intents.progress(mail)).prepared
    await intents.end(mail, State.PENDING)
    (again,) = await intents.claim()
    assert (again.number, again.draft_id) == (2, "draft")
    # The earlier attempt has lost its row.
    assert not await intents.store.save_preparation(attempt, Prepared("late", "thread"))
    await intents.end(mail, State.UNKNOWN)
    assert not await intents.store.save_preparation(again, Prepared("late", "thread"))
    (doubt,) = await intents.store.doubts(8, 10)
    assert (doubt.draft_id, doubt.thread_id) == ("draft", "thread")


async def test_a_saved_step_is_refused_after_the_deadline(intents: Intents) -> None:
    mail = intent()
    await intents.add(mail)
    (attempt,) = await intents.claim()
    await intents.rows.pass_time(timedelta(seconds=ATTEMPT_SECONDS))
    assert not await intents.store.save_preparation(attempt, Prepared("draft", "thread"))
    assert not (await intents.progress(mail)).prepared


async def test_orphans_are_a_dead_workers_attempts_and_those_past_their_deadline(
    intents: Intents,
) -> None:
    mine, other, waiting = intent(), intent(Channel.WHATSAPP), intent(send_seq=2)
    await intents.add(mine, waiting)
    await intents.claim("delivery-0")
    await intents.add(other)
    await intents.claim("delivery-1")
    assert await intents.store.orphans(None) == []
    # ATTEMPTING is committed before a byte leaves: whoever comes back finds it.
    assert await intents.other.orphans("delivery-0") == [(mine.intent_id, Channel.EMAIL)]
    assert await intents.store.orphans("delivery-1") == [(other.intent_id, Channel.WHATSAPP)]
    await intents.rows.pass_time(timedelta(seconds=ATTEMPT_SECONDS))
    assert {found for found, _ in await intents.store.orphans(None)} == id_of(mine, other)
    await intents.end(mine, State.UNKNOWN)
    assert await intents.store.orphans("delivery-0") == [(other.intent_id, Channel.WHATSAPP)]


async def test_a_doubt_is_read_by_one_process_at_a_time(intents: Intents) -> None:
    mail = intent()
    await intents.add(mail)
    await intents.claim()
    await intents.rows.pass_time(timedelta(seconds=7))
    await intents.end(mail, State.UNKNOWN, wait=timedelta(seconds=100), provider_thread_id="thread")
    assert await intents.store.doubts(8, 10) == []
    await intents.rows.pass_time(timedelta(seconds=111))
    found = await asyncio.gather(intents.store.doubts(8, 10), intents.other.doubts(8, 10))
    (doubt,) = [doubt for doubts in found for doubt in doubts]
    assert (doubt.intent, doubt.draft_id, doubt.thread_id) == (mail, "", "thread")
    await intents.rows.pass_time(timedelta(seconds=11))
    (again,) = await intents.store.doubts(8, 10)
    progress = await intents.progress(mail)
    # How long it has been unknown counts from the end of its attempt, and only the first time.
    await intents.end(mail, State.UNKNOWN, readings=1)
    later = await intents.progress(mail)
    assert timedelta(seconds=122) <= progress.unknown_for <= later.unknown_for
    assert later.unknown_for < timedelta(seconds=129) <= later.age
    assert later.readings == 1
    (kept,) = await intents.store.doubts(8, 10)
    assert (again.intent, again.thread_id, kept.thread_id) == (mail, "thread", "thread")


async def test_a_doubt_tells_of_the_first_attempt(intents: Intents) -> None:
    mail = intent()
    await intents.add(mail)
    await intents.claim()
    await intents.end(mail, State.UNKNOWN)
    (first,) = await intents.store.doubts(8, 0)
    await intents.end(mail, State.PENDING, resends=1)
    await intents.claim()
    await intents.end(mail, State.UNKNOWN)
    (second,) = await intents.store.doubts(8, 0)
    assert second.first_attempt_time == first.first_attempt_time


async def test_doubts_come_at_most_as_many_as_asked_and_the_oldest_first(intents: Intents) -> None:
    mails = [intent() for _ in range(3)]
    await intents.add(*mails)
    await intents.claim()
    for mail in mails:
        await intents.end(mail, State.UNKNOWN)
        await intents.rows.pass_time(timedelta(seconds=1))
    read = [doubt.intent for _ in mails for doubt in await intents.store.doubts(1, 60)]
    assert read == mails


async def test_receipts_are_repeated_for_a_while(intents: Intents) -> None:
    mails = [intent() for _ in range(3)]
    await intents.add(*mails)
    await intents.claim()
    for mail, state in zip(mails, (State.SENT, State.REJECTED, State.UNKNOWN), strict=True):
        await intents.end(mail, state)
        await intents.rows.pass_time(timedelta(seconds=50))
    found = await intents.other.recent_receipts(120)
    assert found == [Receipt(mails[1].intent_id, State.REJECTED)]
    found = await intents.other.recent_receipts(300)
    assert [receipt.row_id for receipt in found] == [mails[1].intent_id, mails[0].intent_id]


async def test_an_address_has_one_notice_a_day(intents: Intents) -> None:
    first, second, shouting, elsewhere, tomorrow = (intent(Channel.WEB_FORM) for _ in range(5))
    shouting = replace(shouting, letter=replace(shouting.letter, recipient=" ADA@example.com"))
    elsewhere = replace(elsewhere, letter=replace(elsewhere.letter, recipient="bea@example.com"))
    noticed: set[UUID] = set()
    for answer in (first, second, shouting, elsewhere):
        noticed |= await _notices(intents, answer)
    assert noticed == {_notice(first).intent_id, _notice(elsewhere).intent_id}
    await intents.rows.pass_time(timedelta(days=1))
    assert await _notices(intents, tomorrow) == {_notice(tomorrow).intent_id}
    # Nobody waits for a notice's receipt.
    recent = {receipt.row_id for receipt in await intents.store.recent_receipts(86_500)}
    assert recent == id_of(first, second, shouting, elsewhere, tomorrow)


async def test_only_a_sent_answer_has_a_notice(intents: Intents) -> None:
    answer = intent(Channel.WEB_FORM)
    await intents.add(answer)
    await intents.claim()
    await intents.store.change(
        answer.intent_id, lambda _: step(State.REJECTED), notice=_notice(answer)
    )
    assert await intents.claim() == ()


async def test_a_notice_below_the_fence_is_cancelled_without_a_receipt(intents: Intents) -> None:
    answers = [intent(Channel.WEB_FORM) for _ in range(2)]
    answers[1] = replace(answers[1], letter=replace(answers[1].letter, recipient="b@example.com"))
    await intents.add(*answers)
    await intents.claim()
    for answer in answers:
        await intents.store.change(
            answer.intent_id, lambda _: step(State.SENT), notice=_notice(answer)
        )
        assert await intents.state(_notice(answer)) is State.PENDING
        raised = await intents.store.raise_fence(answer.conversation_id, 1)
        assert raised.cancelled == ()
        assert await intents.state(_notice(answer)) is State.CANCELLED


async def test_health_is_a_fact(intents: Intents) -> None:
    await intents.store.note_health(Channel.EMAIL, Phase.OPEN)
    assert await intents.rows.facts() == 1


def _notice(answer: Intent) -> Intent:
    notice = notice_of(answer)
    assert notice is not None
    return notice


async def _notices(intents: Intents, answer: Intent) -> set[IntentId]:
    await intents.add(answer)
    await intents.claim()
    receipt = await intents.store.change(
        answer.intent_id, lambda _: step(State.SENT), notice=_notice(answer)
    )
    assert receipt == Receipt(answer.intent_id, State.SENT)
    notices = await intents.claim()
    for attempt in notices:
        assert await intents.end(attempt.intent, State.SENT) is None
    return {attempt.intent.intent_id for attempt in notices}
