"""Decide and evolve: tables of state and command to events, and the state rebuilt from events."""

from datetime import timedelta
from typing import TypeVar

import pytest
from pydantic import TypeAdapter

from services.agent.domain.conversation import ACTIVE_FOR, State, evolve_all
from services.agent.domain.decisions import (
    BEGINS,
    TRIES,
    decide_answer,
    decide_failure,
    reference_of,
)
from services.agent.domain.events import (
    ChannelSwitched,
    ConversationStarted,
    Escalated,
    Event,
    GivenUp,
    MessagesTaken,
    OutboundKind,
    ResponseGiven,
    TicketOpened,
    TurnFailed,
)
from services.agent.domain.formatting import DEFAULT_LIMITS
from services.agent.domain.turn import Channel, Escalation, EscalationReason, Side, Urgency
from tests.fakes.phrases import ENGLISH
from tests.unit.agent.turns import NOW, answer, clock, form, text, turn

EventT = TypeVar("EventT")
LIMITS = DEFAULT_LIMITS[Channel.EMAIL]


def of_type(events: list[Event], kind: type[EventT]) -> EventT:
    return next(event for event in events if isinstance(event, kind))


def after_mail() -> State:
    subject = turn().batch[0].subject
    events = decide_answer(
        State(), turn(), answer(ticket_subject=subject), LIMITS, ENGLISH, clock()
    )
    return evolve_all(State(), events, 1)


def test_a_first_answer_starts_a_conversation_opens_a_ticket_and_responds_last() -> None:
    events = decide_answer(State(), turn(), answer(), LIMITS, ENGLISH, clock())
    assert [type(event) for event in events] == [
        ConversationStarted,
        TicketOpened,
        MessagesTaken,
        ResponseGiven,
    ]
    response = of_type(events, ResponseGiven)
    assert "Settings" in response.parts[0].text
    assert of_type(events, TicketOpened).reference in response.parts[0].text


def test_an_escalation_marks_the_ticket_and_sends_the_notice_instead_of_an_answer() -> None:
    staged = answer(
        response="", escalation=Escalation(EscalationReason.PRICING_INQUIRY, Urgency.NORMAL)
    )
    events = decide_answer(State(), turn(), staged, LIMITS, ENGLISH, clock())
    response, escalated = of_type(events, ResponseGiven), of_type(events, Escalated)
    assert response.kind is OutboundKind.ESCALATION_NOTICE
    assert "24 hours" in response.parts[0].text
    assert escalated.ticket_id == of_type(events, TicketOpened).ticket_id
    assert of_type(events, MessagesTaken).outcome == "escalated"
    assert evolve_all(State(), events, 1).tickets[0].escalated


def test_what_a_person_has_already_is_taken_without_a_word() -> None:
    events = decide_answer(
        after_mail(), turn(new_conversation=False), answer(response=""), LIMITS, ENGLISH, clock()
    )
    assert [type(event) for event in events] == [MessagesTaken]
    assert of_type(events, MessagesTaken).outcome == "with_human"


def test_another_channel_goes_on_with_conversation_and_ticket_and_is_acknowledged_once() -> None:
    state = after_mail()
    on_whatsapp = turn(
        text("and exporting data?", Channel.WHATSAPP),
        new_conversation=False,
        previous_channel=Channel.EMAIL,
    )
    events = decide_answer(state, on_whatsapp, answer(), LIMITS, ENGLISH, clock(60))
    assert [type(event) for event in events] == [ChannelSwitched, MessagesTaken, ResponseGiven]
    first = of_type(events, ResponseGiven).parts[0].text
    assert "e-mail" in first
    state = evolve_all(state, events, 2)
    again = decide_answer(state, on_whatsapp, answer(), LIMITS, ENGLISH, clock(90))
    assert "e-mail" not in of_type(again, ResponseGiven).parts[0].text


def test_a_form_gets_the_ticket_that_it_was_given() -> None:
    claimed = turn(form("What does it cost?"), side=Side.CLAIMED)
    opened = of_type(
        decide_answer(State(), claimed, answer(), LIMITS, ENGLISH, clock()), TicketOpened
    )
    assert (opened.ticket_id, opened.reference) == (
        claimed.batch[0].form_ticket_id,
        "FTE-00000000",
    )


def test_the_link_to_the_status_page_is_sent_but_kept_in_no_conversation() -> None:
    claimed = turn(form("What does it cost?"), side=Side.CLAIMED)
    staged = answer(
        response="", escalation=Escalation(EscalationReason.PRICING_INQUIRY, Urgency.NORMAL)
    )
    response = of_type(
        decide_answer(State(), claimed, staged, LIMITS, ENGLISH, clock()), ResponseGiven
    )
    assert "token=" in response.parts[0].text
    assert "token=" not in response.content
    assert response.content


def test_a_web_answer_is_kept_as_the_page_shows_it() -> None:
    staged = answer(response="Open **Settings**.")
    page = decide_answer(State(), turn(form("How?")), staged, LIMITS, ENGLISH, clock())
    assert of_type(page, ResponseGiven).content == "Open Settings."
    mail = decide_answer(State(), turn(), staged, LIMITS, ENGLISH, clock())
    assert of_type(mail, ResponseGiven).content == "Open **Settings**."


def test_a_second_form_opens_its_own_ticket_in_the_same_conversation() -> None:
    first = turn(form("What does it cost?"), side=Side.CLAIMED)
    state = evolve_all(
        State(), decide_answer(State(), first, answer(), LIMITS, ENGLISH, clock()), 1
    )
    second = turn(form("And the other?", ticket=78), side=Side.CLAIMED, new_conversation=False)
    events = decide_answer(state, second, answer(), LIMITS, ENGLISH, clock(5))
    assert of_type(events, TicketOpened).ticket_id == second.batch[0].form_ticket_id
    assert len(evolve_all(state, events, 2).tickets) == 2


def test_a_failure_is_counted_and_changes_no_line() -> None:
    state = after_mail()
    events = decide_failure(
        state, turn(new_conversation=False), "TimeoutError", 1, LIMITS, ENGLISH, clock()
    )
    assert events == [TurnFailed("TimeoutError", 1)]
    assert evolve_all(state, events, 2).lines == state.lines


@pytest.mark.parametrize(("failures", "begins"), [(TRIES, 3), (1, BEGINS)])
def test_the_last_failure_gives_the_batch_to_a_person_with_an_apology(
    failures: int, begins: int
) -> None:
    events = decide_failure(
        State(), turn(begin_count=begins), "TimeoutError", failures, LIMITS, ENGLISH, clock()
    )
    assert of_type(events, ResponseGiven).kind is OutboundKind.APOLOGY
    assert of_type(events, Escalated).reason is EscalationReason.PROCESSING_FAILURE
    given_up = of_type(events, GivenUp)
    assert given_up.attempts == max(failures, begins)
    assert given_up.message_ids == (turn().batch[0].message_id,)


def test_a_conversation_stays_active_for_a_day_after_its_last_message() -> None:
    state = after_mail()
    assert state.active_conversation(NOW + ACTIVE_FOR) == turn().conversation_id
    assert state.active_conversation(NOW + ACTIVE_FOR + timedelta(seconds=1)) is None


def test_a_new_conversation_forgets_the_lines_and_tickets_of_the_old_one() -> None:
    events = decide_answer(after_mail(), turn(), answer(), LIMITS, ENGLISH, clock(90_000))
    state = evolve_all(after_mail(), events, 2)
    assert (len(state.lines), len(state.tickets)) == (2, 1)


def test_state_keeps_the_last_twenty_lines() -> None:
    state = after_mail()
    for number in range(15):
        events = decide_answer(
            state,
            turn(text(f"{number}?"), new_conversation=False),
            answer(),
            LIMITS,
            ENGLISH,
            clock(number),
        )
        state = evolve_all(state, events, state.version + 1)
    assert len(state.lines) == 20
    assert state.lines[-2].content == "14?"


def test_a_claim_sees_the_lines_of_its_own_ticket_only() -> None:
    first = turn(form("My secret matter"), side=Side.CLAIMED)
    state = evolve_all(
        State(), decide_answer(State(), first, answer(), LIMITS, ENGLISH, clock()), 1
    )
    other = form("Somebody else", ticket=78).form_ticket_id
    assert state.history(other, whole=False) == ()
    assert len(state.history(first.batch[0].form_ticket_id, whole=False)) == 2


def test_events_survive_storage_bit_for_bit() -> None:
    adapter: TypeAdapter[Event] = TypeAdapter(Event)
    staged = answer(escalation=Escalation(EscalationReason.PROFANITY, Urgency.HIGH), response="")
    events = [
        *decide_answer(State(), turn(), staged, LIMITS, ENGLISH, clock()),
        *decide_failure(State(), turn(), "x", TRIES, LIMITS, ENGLISH, clock()),
    ]
    stored = [adapter.validate_json(adapter.dump_json(event)) for event in events]
    assert stored == events


def test_a_reference_is_short_readable_and_stable() -> None:
    ids = {reference_of(clock().new_id()) for _ in range(3)}
    assert ids == {"FTE-" + next(iter(ids))[4:]}
    assert len(next(iter(ids))) == 12
