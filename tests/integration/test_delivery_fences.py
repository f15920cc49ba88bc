"""Epochs and commits of the intent ledger: exactly what is below a fence falls, nothing is answered too early."""

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from services.delivery.application.ports import Attempt, Doubt
from services.delivery.domain.intent import Channel, State
from services.delivery.domain.outcomes import Outcome, Seen, Sent, Sighting, Unseen
from tests.integration.delivery_world import Far, grows, intent, world
from tests.integration.postgres import Database


async def test_a_fence_cancels_exactly_what_is_below_it_and_never_goes_down(
    database: Database,
) -> None:
    async with world(database) as w:
        w.build()
        conversation = uuid4()
        waiting = [intent(send_seq=n, conversation=conversation, epoch=n) for n in (1, 2, 3)]
        elsewhere = intent()
        await w.accept(*waiting, elsewhere)
        raised = await w.store.raise_fence(conversation, 2)
        assert [r.row_id for r in raised.cancelled] == [waiting[0].intent_id]
        assert (await w.store.raise_fence(conversation, 1)).cancelled == ()
        late = intent(send_seq=4, conversation=conversation, epoch=1)
        await w.accept(late)
        assert [r.row_id for r in (await w.store.raise_fence(conversation, 0)).cancelled] == [
            late.intent_id
        ]
        states = [await w.state(one) for one in (*waiting, elsewhere)]
        assert states == [State.CANCELLED, State.PENDING, State.PENDING, State.PENDING]


async def test_while_a_send_is_under_way_its_attempt_is_committed(database: Database) -> None:
    async with world(database) as w:
        far = w.far[Channel.WHATSAPP]
        far.actions = ["hang"]
        w.build()
        message = intent(Channel.WHATSAPP)
        await w.accept(message)
        await w.send.claim_and_start()
        await grows(far.sends)
        # What another connection sees is what a crash at this moment leaves.
        assert await w.state(message) is State.ATTEMPTING
        assert await w.pool.fetchval("SELECT count(*) FROM delivery.attempts") == 1
        assert await w.send.claim_and_start() == 0
        await w.kill()


@dataclass
class Gated(Far):
    """Answers when the gate opens."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, attempt: Attempt, seconds: float) -> Outcome:
        await self.gate.wait()
        return await super().send(attempt, seconds)


async def test_an_outcome_is_answered_only_after_it_is_recorded(database: Database) -> None:
    async with world(database) as w:
        far = Gated("twilio")
        w.far[Channel.WHATSAPP] = far
        w.build()
        message = intent(Channel.WHATSAPP)
        await w.accept(message)
        w.heard.receipts.clear()
        await w.send.claim_and_start()
        async with w.pool.acquire() as other, other.transaction():
            await other.execute(
                "SELECT 1 FROM delivery.intents WHERE intent_id = $1 FOR UPDATE", message.intent_id
            )
            far.gate.set()
            await grows(far.taken)
            # Recording the outcome waits for the row; a receipt that does not would be here by now.
            await asyncio.sleep(0.1)
            assert w.heard.receipts == []
        await w.send.settle()
        assert [r.state for r in w.heard.receipts] == [State.SENT]


async def test_a_hint_is_answered_only_after_its_intent_is_stored(database: Database) -> None:
    async with world(database) as w:
        w.build()
        message = intent()
        await w.pool.execute("ALTER TABLE delivery.intents RENAME TO intents_away")
        try:
            with pytest.raises(Exception, match="intents"):
                await w.accept(message)
        finally:
            await w.pool.execute("ALTER TABLE delivery.intents_away RENAME TO intents")
        assert w.heard.receipts == []
        await w.accept(message)
        assert [r.state for r in w.heard.receipts] == [State.PENDING]


@dataclass
class Shortsighted(Far):
    """Tells messages apart by their text only, as Twilio's list does."""

    async def witness(self, doubt: Doubt) -> Sighting:
        same = [
            Sent(self.id_of(at))
            for at, taken in enumerate(self.taken)
            if taken.letter.text == doubt.intent.letter.text
        ]
        return Seen(tuple(same)) if same else Unseen()


async def test_a_message_that_another_intent_has_is_no_witness_of_this_one(
    database: Database,
) -> None:
    async with world(database) as w:
        far = w.far[Channel.WHATSAPP] = Shortsighted("twilio", actions=["take", "lose", "take"])
        await w.start()
        first, second = (intent(Channel.WHATSAPP) for _ in range(2))
        await w.accept(first)
        await w.becomes(first, State.SENT)
        await w.accept(second)
        await w.becomes(second, State.SENT)
        assert far.taken == [first, second]
        receipt = w.heard.last(second.intent_id)
        assert receipt is not None
        assert receipt.provider_id == "twilio-1"
