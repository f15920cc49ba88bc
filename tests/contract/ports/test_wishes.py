"""The intent ledger's port: who wants nothing more gets nothing. The same over memory and PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.delivery.application.ports import Receipt, Wish
from services.delivery.domain.intent import Channel, Intent, Kind, State
from tests.contract.ports.intents import ROOM, Intents
from tests.integration.delivery_world import intent

# Before and after everything that a test makes, whatever its clock says.
LONG_AGO, NEVER = datetime(2001, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)
LATER = datetime(2102, 1, 1, tzinfo=UTC)


def message(kind: Kind = Kind.ANSWER, recipient: str = "+15550100") -> Intent:
    made = intent(Channel.WHATSAPP)
    return replace(made, kind=kind, letter=replace(made.letter, recipient=recipient))


def wish(time: datetime, *, stopped: bool = True, recipient: str = "+15550100") -> Wish:
    return Wish(Channel.WHATSAPP, recipient, stopped, time)


async def refused(intents: Intents) -> list[Receipt]:
    claimed = await intents.store.claim(ROOM, "delivery-0", 20)
    assert claimed.attempts == ()
    return list(claimed.cancelled)


@pytest.mark.parametrize(
    ("kind", "time", "state"),
    [
        (Kind.ANSWER, NEVER, State.CANCELLED),  # it was made before the wish
        (Kind.ANSWER, LONG_AGO, State.PARKED),
        (Kind.ESCALATION_NOTICE, NEVER, State.CANCELLED),
        (Kind.HUMAN_REPLY, NEVER, State.PARKED),
        (Kind.HUMAN_REPLY, LONG_AGO, State.PARKED),
    ],
)
async def test_nothing_goes_to_who_said_stop(
    intents: Intents, kind: Kind, time: datetime, state: State
) -> None:
    one = message(kind)
    await intents.add(one)
    await intents.other.note_wishes([wish(time)])
    assert await refused(intents) == [Receipt(one.intent_id, state)]
    assert await intents.state(one) is state
    assert await intents.rows.error(one.intent_id) == "recipient_stopped"
    assert await intents.rows.facts() == 1


async def test_the_newest_wish_counts_in_whatever_order_they_come(intents: Intents) -> None:
    await intents.store.note_wishes([wish(LATER, stopped=False), wish(NEVER)])
    await intents.store.note_wishes([wish(LONG_AGO)])
    one = message()
    await intents.add(one)
    assert await intents.claimable() == {one.intent_id}


async def test_a_wish_is_of_one_recipient_and_one_channel(intents: Intents) -> None:
    await intents.store.note_wishes([wish(NEVER)])
    other = message(recipient="+15550199")
    mail = intent(Channel.EMAIL)
    mail = replace(mail, letter=replace(mail.letter, recipient="+15550100"))
    await intents.add(other, mail)
    assert await intents.claimable() == {other.intent_id, mail.intent_id}


async def test_who_starts_again_is_written_to_again(intents: Intents) -> None:
    await intents.store.note_wishes([wish(LONG_AGO)])
    await intents.store.note_wishes([])
    await intents.store.note_wishes([wish(NEVER, stopped=False)])
    one = message()
    await intents.add(one)
    assert await intents.claimable() == {one.intent_id}
