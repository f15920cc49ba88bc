"""Unknown outcomes and dead workers: nothing is lost, nothing is sent twice that a witness can see."""

from datetime import timedelta

import pytest

from services.delivery.domain.intent import Channel, State
from services.delivery.domain.transitions import Policy
from tests.integration.delivery_world import WINDOW, grows, intent, world
from tests.integration.postgres import Database

CHANNELS = [Channel.EMAIL, Channel.WHATSAPP]


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_kill_after_the_provider_took_it_ends_sent_once(
    database: Database, channel: Channel
) -> None:
    async with world(database) as w:
        w.far[channel].actions = ["take_and_hang"]
        await w.start()
        message = intent(channel)
        await w.accept(message)
        await grows(w.far[channel].taken)
        await w.kill()
        assert await w.state(message) is State.ATTEMPTING
        await w.start()
        await w.becomes(message, State.SENT)
        assert len(w.far[channel].sends) == 1
        receipt = w.heard.last(message.intent_id)
        assert receipt is not None
        assert receipt.provider_id == w.far[channel].id_of(0)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_kill_before_the_provider_took_it_ends_sent_once(
    database: Database, channel: Channel
) -> None:
    async with world(database) as w:
        w.far[channel].actions = ["hang"]
        await w.start()
        message = intent(channel)
        await w.accept(message)
        await grows(w.far[channel].sends)
        await w.kill()
        await w.start()
        await w.becomes(message, State.SENT)
        assert len(w.far[channel].sends) == 2
        assert len(w.far[channel].taken) == 1
        assert w.far[channel].readings >= 2


async def test_a_worker_that_never_comes_back_is_noticed_at_the_deadline(
    database: Database,
) -> None:
    async with world(database) as w:
        w.far[Channel.WHATSAPP].actions = ["take_and_hang"]
        w.build("delivery-7")
        message = intent(Channel.WHATSAPP)
        await w.accept(message)
        await w.send.claim_and_start()
        await grows(w.far[Channel.WHATSAPP].taken)
        await w.kill()
        await w.start()  # another replica: only the deadline tells it
        assert await w.state(message) is State.ATTEMPTING
        await w.pool.execute("UPDATE delivery.intents SET deadline_time = now()")
        await w.becomes(message, State.SENT)
        assert len(w.far[Channel.WHATSAPP].sends) == 1


async def test_a_worker_that_died_before_its_draft_was_saved_has_not_sent(
    database: Database,
) -> None:
    async with world(database) as w:
        far = w.far[Channel.EMAIL]
        w.build()
        mail = intent()
        await w.accept(mail)
        await w.store.claim({Channel.EMAIL: 1}, "delivery-0", 20)
        await w.start()
        await w.becomes(mail, State.SENT)
        # Back at once: there was nothing to ask a witness about.
        assert far.readings == 0
        assert len(far.taken) == 1


async def test_an_attempt_that_lost_its_row_does_not_send(database: Database) -> None:
    async with world(database) as w:
        far = w.far[Channel.EMAIL]
        w.build()
        mail = intent()
        await w.accept(mail)
        far.before_prepare = lambda: w.pool.execute(
            "UPDATE delivery.intents SET deadline_time = now() - interval '1 s'"
        )
        await w.send.claim_and_start()
        await w.send.settle()
        assert far.prepared == [mail]
        assert far.sends == []


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_lost_answer_is_found_by_the_witness(database: Database, channel: Channel) -> None:
    async with world(database) as w:
        w.far[channel].actions = ["take_and_lose"]
        await w.start()
        message = intent(channel)
        await w.accept(message)
        await w.becomes(message, State.SENT)
        assert len(w.far[channel].sends) == 1


async def test_a_second_lost_send_is_a_persons_work(database: Database) -> None:
    async with world(database) as w:
        far = w.far[Channel.WHATSAPP]
        far.actions = ["lose", "lose"]
        await w.start()
        message = intent(Channel.WHATSAPP)
        await w.accept(message)
        await w.becomes(message, State.NEEDS_HUMAN)
        assert len(far.sends) == 2
        receipt = w.heard.last(message.intent_id)
        assert receipt is not None
        assert receipt.state.outcome == "needs_human"


async def test_never_resend_turns_a_doubt_into_a_persons_work(database: Database) -> None:
    policy = Policy(WINDOW, timedelta(hours=1), never_resend=True)
    async with world(database, policy) as w:
        w.far[Channel.WHATSAPP].actions = ["lose"]
        await w.start()
        message = intent(Channel.WHATSAPP)
        await w.accept(message)
        await w.becomes(message, State.NEEDS_HUMAN)
        assert len(w.far[Channel.WHATSAPP].sends) == 1


async def test_a_status_that_names_the_intent_is_the_first_witness(database: Database) -> None:
    async with world(database) as w:
        far = w.far[Channel.WHATSAPP]
        far.actions = ["take_and_hang"]
        await w.start()
        message = intent(Channel.WHATSAPP)
        await w.accept(message)
        await w.becomes(message, State.ATTEMPTING)
        await w.hear_status(Channel.WHATSAPP, "SM1", "sent", of=message)
        await w.becomes(message, State.SENT)
        receipt = w.heard.last(message.intent_id)
        assert receipt is not None
        assert receipt.provider_id == "SM1"
        assert far.readings == 0
