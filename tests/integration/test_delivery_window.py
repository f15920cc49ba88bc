"""The window and the recipient's wish, from the claim in Postgres to the provider."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.delivery.domain.intent import Channel, Intent, Kind, State
from services.delivery.domain.window import Templates
from tests.integration.delivery_world import World, intent, world
from tests.integration.postgres import Database

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
AHEAD = datetime(2101, 1, 1, tzinfo=UTC)
SID = "HX" + "0" * 32


def message(seq: int = 1, *, end: datetime = LONG_AGO, like: Intent | None = None) -> Intent:
    made = intent(Channel.WHATSAPP, seq)
    if like is not None:
        made = intent(
            Channel.WHATSAPP, seq, conversation=like.conversation_id, message=like.message_id
        )
    letter = replace(made.letter, window_end_time=end, ticket_reference="FTE-1")
    return replace(made, letter=letter)


async def run(w: World) -> None:
    while await w.send.claim_and_start():
        await w.send.settle()


async def test_outside_the_window_nothing_is_requested_and_a_person_gets_it(
    database: Database,
) -> None:
    async with world(database) as w:
        w.build()
        w.owner.window = LONG_AGO
        first = message()
        second = message(2, like=first)
        await w.accept(first, second)
        await run(w)
        assert (await w.state(first), await w.state(second)) == (State.PARKED, State.CANCELLED)
        assert w.far[Channel.WHATSAPP].sends == []
        receipt = w.heard.last(first.intent_id)
        assert receipt is not None
        assert "answer by another channel" in receipt.detail


async def test_an_approved_template_goes_instead(database: Database) -> None:
    async with world(database) as w:
        w.templates = Templates({"en": SID})
        w.build()
        w.owner.window = LONG_AGO
        one = message()
        await w.accept(one)
        await run(w)
        assert await w.state(one) is State.SENT
        [template] = w.far[Channel.WHATSAPP].templates
        assert template is not None
        assert template.content_sid == SID


async def test_the_window_is_asked_for_again_until_somebody_can_tell(database: Database) -> None:
    async with world(database) as w:
        w.build()
        one = message()
        await w.accept(one)
        await run(w)
        assert await w.state(one) is State.PENDING
        w.owner.window = AHEAD
        await w.pool.execute("UPDATE delivery.intents SET next_attempt_time = now()")
        await run(w)
        assert await w.state(one) is State.SENT


@pytest.mark.parametrize("kind", [Kind.ANSWER, Kind.HUMAN_REPLY])
async def test_after_stop_nothing_is_requested_until_start(database: Database, kind: Kind) -> None:
    async with world(database) as w:
        w.build()
        one = replace(message(end=AHEAD), kind=kind)
        await w.hear_wish(one.letter.recipient, LONG_AGO, stopped=True)
        await w.accept(one)
        await run(w)
        assert await w.state(one) is State.PARKED
        assert w.far[Channel.WHATSAPP].sends == []
        assert len(w.heard.settled_statuses) == 1
        await w.hear_wish(one.letter.recipient, LONG_AGO + timedelta(days=1), stopped=False)
        another = replace(message(end=AHEAD), kind=kind)
        await w.accept(another)
        await run(w)
        assert await w.state(another) is State.SENT
