"""Delivery's loops over a real Postgres, and what only its locks can show. The port has a suite of its own."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from fte.metrics.v1 import metrics_events_pb2 as metrics
from services.delivery.adapters import statements
from services.delivery.domain.intent import Channel, State
from services.delivery.domain.transitions import Policy
from tests.integration.delivery_world import WINDOW, World, eager, intent, world
from tests.integration.postgres import Database


async def _facts(w: World) -> list[metrics.Fact]:
    rows = await w.pool.fetch("SELECT payload FROM delivery.metric_facts ORDER BY create_time")
    return [metrics.Fact.FromString(row["payload"]) for row in rows]


async def test_a_hint_becomes_one_sent_message_and_a_settled_receipt(database: Database) -> None:
    async with world(database) as w:
        await w.start()
        mail = intent()
        await w.accept(mail)
        assert not w.heard.receipts[0].state.final
        await w.becomes(mail, State.SENT)
        assert w.far[Channel.EMAIL].taken == [mail]
        receipt = w.heard.last(mail.intent_id)
        assert receipt is not None
        assert (receipt.state.outcome, receipt.provider_id) == ("sent", "gmail-0")
        (fact,) = await _facts(w)
        assert fact.outcome == "sent"
        assert fact.latency_ms > 0


async def test_a_restart_answers_again_what_became_final_just_before(database: Database) -> None:
    async with world(database) as w:
        await w.start()
        mail = intent()
        await w.accept(mail)
        await w.becomes(mail, State.SENT)
        w.heard.receipts.clear()
        await w.reconcile.repeat_receipts()
        assert [(r.row_id, r.state) for r in w.heard.receipts] == [(mail.intent_id, State.SENT)]


async def test_every_end_is_one_fact_with_its_outcome(database: Database) -> None:
    async with world(database) as w:
        w.far[Channel.EMAIL].actions = ["reject"]
        await w.start()
        conversation, message = uuid4(), uuid4()
        first, second = (
            intent(send_seq=n, conversation=conversation, message=message) for n in (1, 2)
        )
        later = intent(send_seq=3, conversation=conversation)
        await w.accept(first, second, later)
        await w.becomes(later, State.SENT)
        outcomes = {r.row_id: r.state.outcome for r in w.heard.receipts}
        assert outcomes[second.intent_id] == "cancelled"
        assert sorted(f.outcome for f in await _facts(w)) == ["cancelled", "rejected", "sent"]


async def test_duplicates_of_a_hint_make_one_intent_and_one_message(database: Database) -> None:
    async with world(database) as w:
        await w.start()
        mail = intent()
        await asyncio.gather(*(w.accept(mail) for _ in range(20)))
        await w.becomes(mail, State.SENT)
        await asyncio.gather(*(w.accept(mail) for _ in range(5)))
        assert await w.pool.fetchval("SELECT count(*) FROM delivery.intents") == 1
        assert len(w.far[Channel.EMAIL].sends) == 1
        # A repeat after the end is answered with the newest receipt.
        assert {r.state for r in w.heard.receipts[-5:]} == {State.SENT}


async def test_a_fence_waits_for_a_claim_and_then_sees_its_attempt(database: Database) -> None:
    async with world(database) as w:
        w.build()
        mail = intent()
        await w.accept(mail)
        async with w.pool.acquire() as connection:
            claim = connection.transaction()
            await claim.start()
            # What a claim does before it commits.
            await connection.execute(
                "SELECT 1 FROM delivery.fences WHERE conversation_id = $1 FOR SHARE",
                mail.conversation_id,
            )
            await connection.execute(
                "UPDATE delivery.intents SET state = 'ATTEMPTING', "
                "deadline_time = now() + interval '10 s' WHERE intent_id = $1",
                mail.intent_id,
            )
            raising = asyncio.create_task(w.store.raise_fence(mail.conversation_id, 1))
            await asyncio.sleep(0.1)
            assert not raising.done()
            await claim.commit()
        raised = await raising
        assert raised.in_flight == 1
        assert raised.cancelled == ()


async def test_a_claim_waits_for_a_fence_that_is_being_raised(database: Database) -> None:
    async with world(database) as w:
        w.build()
        mail = intent()
        await w.store.raise_fence(mail.conversation_id, 0)
        async with w.pool.acquire() as connection:
            raising = connection.transaction()
            await raising.start()
            await connection.execute(statements.RAISE_FENCE, mail.conversation_id, 1)
            assert await connection.fetch(statements.CANCEL_BELOW, mail.conversation_id) == []
            # An insert that found the fence before the raise, and commits too late to be cancelled by it.
            async with w.pool.acquire() as inserting:
                await w.store._insert(inserting, mail, State.PENDING, "")
            claiming = asyncio.create_task(w.store.claim({Channel.EMAIL: 1}, "delivery-0", 20))
            await asyncio.sleep(0.1)
            assert not claiming.done()
            await raising.commit()
        claimed = await claiming
        assert claimed.attempts == ()
        assert [r.row_id for r in claimed.cancelled] == [mail.intent_id]


async def test_a_refused_recipient_keeps_its_number_as_cancelled(database: Database) -> None:
    async with world(database) as w:
        await w.start()
        conversation = uuid4()
        wrong = intent(conversation=conversation)
        wrong = type(wrong)(
            **{
                **{name: getattr(wrong, name) for name in wrong.__dataclass_fields__},
                "letter": intent(Channel.WHATSAPP).letter,
            }
        )
        follower = intent(send_seq=2, conversation=conversation)
        await w.accept(wrong, follower)
        await w.becomes(follower, State.SENT)
        assert await w.state(wrong) is State.CANCELLED


async def test_a_rate_limit_is_waited_for_and_is_no_duplicate(database: Database) -> None:
    async with world(database) as w:
        far = w.far[Channel.WHATSAPP]
        far.actions = ["limit", "limit", "take"]
        await w.start()
        message = intent(Channel.WHATSAPP)
        await w.accept(message)
        await w.becomes(message, State.SENT)
        assert len(far.sends) == 3
        assert len(far.taken) == 1
        outcomes = await w.pool.fetch("SELECT outcome FROM delivery.attempts ORDER BY attempt")
        assert [row["outcome"] for row in outcomes] == ["not_sent", "not_sent", "sent"]


async def test_a_web_answer_is_sent_and_its_address_noticed_once_a_day(database: Database) -> None:
    async with world(database) as w:
        await w.start()
        answers = [intent(Channel.WEB_FORM) for _ in range(3)]
        await w.accept(*answers)
        for answer in answers:
            await w.becomes(answer, State.SENT)
        notice = (
            "SELECT count(*) FROM delivery.intents WHERE kind = 'web_notice' AND state = 'SENT'"
        )
        await w.counts(notice, 1)
        (mail,) = w.far[Channel.EMAIL].taken
        assert "https://support.example.com/t/1?k=secret" in mail.letter.text
        assert "password" not in mail.letter.text.lower()
        assert await w.pool.fetchval("SELECT count(*) FROM delivery.notices") == 1
        # A notice is nobody's outbox row.
        assert {r.row_id for r in w.heard.receipts} == {a.intent_id for a in answers}


async def test_three_faults_open_the_breaker_and_others_go_on(database: Database) -> None:
    patient = Policy(window=timedelta(seconds=60), give_up=timedelta(hours=1))
    async with world(database, patient) as w:
        far = w.far[Channel.WHATSAPP]
        far.actions = ["fault"] * 3
        w.patience = eager(at_once=1)
        await w.start()
        doubtful = [intent(Channel.WHATSAPP) for _ in range(3)]
        await w.accept(*doubtful)
        for one in doubtful:
            await w.becomes(one, State.UNKNOWN)
        waiting, mail = intent(Channel.WHATSAPP), intent()
        await w.accept(waiting, mail)
        await w.becomes(mail, State.SENT)
        assert await w.state(waiting) is State.PENDING
        assert len(far.sends) == 3
        assert "open" in [f.outcome for f in await _facts(w)]


async def test_many_conversations_keep_their_order_under_faults(database: Database) -> None:
    policy = Policy(window=WINDOW, give_up=timedelta(hours=1))
    async with world(database, policy) as w:
        far = w.far[Channel.EMAIL]
        # Single faults only: three in a row would open the breaker.
        far.actions = ["take", "take_and_lose", "take", "limit", "lose_first", "take"] * 4
        await w.start()
        conversations = [uuid4() for _ in range(8)]
        parts = [intent(send_seq=n, conversation=c) for c in conversations for n in (1, 2, 3)]
        await w.accept(*reversed(parts))
        for part in parts:
            await w.becomes(part, State.SENT, 30)
        for conversation in conversations:
            taken = [i.send_seq for i in far.taken if i.conversation_id == conversation]
            assert taken == [1, 2, 3]
