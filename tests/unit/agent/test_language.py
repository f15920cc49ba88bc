"""The customer's language on its way: from the answer into events, state, wire and everything said by ourselves."""

from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from services.agent.adapters.mapping import (
    answer_from_proto,
    answer_to_proto,
    state_from_proto,
    state_to_proto,
    turn_from_proto,
    turn_to_proto,
)
from services.agent.domain.conversation import State, evolve_all
from services.agent.domain.decisions import TRIES, decide_answer, decide_failure, decide_reply
from services.agent.domain.events import (
    ConversationStarted,
    Event,
    MessagesTaken,
    OutboundKind,
    ResponseGiven,
)
from services.agent.domain.formatting import DEFAULT_LIMITS
from services.agent.domain.turn import (
    Channel,
    Escalation,
    EscalationReason,
    MessageId,
    Urgency,
)
from tests.fakes.phrases import BOOK
from tests.unit.agent.turns import answer, clock, counter, text, turn

LIMITS = DEFAULT_LIMITS[Channel.EMAIL]
EVENTS: TypeAdapter[Event] = TypeAdapter(Event)


def after_an_answer_in(language: str) -> State:
    staged = answer(language=language)
    events = decide_answer(State(), turn(), staged, LIMITS, BOOK.of(language), clock())
    return evolve_all(State(), events, 1)


def said(events: list[Event]) -> ResponseGiven:
    return next(event for event in events if isinstance(event, ResponseGiven))


@pytest.mark.parametrize("language", BOOK.languages)
@pytest.mark.parametrize("channel", list(Channel))
def test_a_notice_is_in_the_customers_language(language: str, channel: Channel) -> None:
    escalation = Escalation(EscalationReason.PRICING_INQUIRY, Urgency.NORMAL)
    staged = answer(response="", escalation=escalation, language=language)
    given = turn(text("?", channel))
    phrases = BOOK.of(language)
    notice = said(
        decide_answer(State(), given, staged, DEFAULT_LIMITS[channel], phrases, clock())
    ).content
    assert phrases.escalation_notice[channel].split("\n")[0] in notice


def test_an_apology_is_in_the_language_that_the_customer_wrote_in_last() -> None:
    state = after_an_answer_in("de")
    assert state.language == "de"
    later = turn(new_conversation=False)
    events = decide_failure(
        state, later, "TimeoutError", TRIES, LIMITS, BOOK.of(state.language), clock()
    )
    assert said(events).kind is OutboundKind.APOLOGY
    assert "Es tut uns leid" in said(events).parts[0].text
    assert evolve_all(state, events, 2).language == "de"


def test_a_new_conversation_remembers_the_customers_language() -> None:
    state = after_an_answer_in("es")
    failing = decide_failure(state, turn(), "x", TRIES, LIMITS, BOOK.of(state.language), clock())
    assert isinstance(failing[0], ConversationStarted)
    # The state is rebuilt from the events since the conversation began.
    assert evolve_all(State(), failing, 2).language == "es"


def test_a_persons_reply_has_its_frame_in_the_customers_language() -> None:
    state = after_an_answer_in("fr")
    events = decide_reply(
        state, turn(new_conversation=False), "Ada", "C'est fait.", MessageId(counter(9)()), LIMITS,
        BOOK.of(state.language), clock(),
    )  # fmt: skip
    body = said(events).parts[0].text
    assert body.startswith("Bonjour,")
    assert "Votre équipe du service client" in body


def test_events_that_know_no_language_are_read_as_before() -> None:
    events = decide_answer(State(), turn(), answer(), LIMITS, BOOK.of("en"), clock())
    stored = [EVENTS.dump_python(event, mode="json") for event in events]
    for payload in stored:
        payload.pop("language", None)
    read = [EVENTS.validate_python(payload) for payload in stored]
    taken = next(event for event in read if isinstance(event, MessagesTaken))
    assert taken.language == ""
    assert evolve_all(State(), read, 1) == evolve_all(State(), events, 1)


def test_the_wire_carries_the_language_and_an_older_sender_means_english() -> None:
    staged, given = answer(language="hi"), turn(language="pt")
    state = after_an_answer_in("it")
    assert answer_from_proto(answer_to_proto(staged)) == staged
    assert turn_from_proto(turn_to_proto(given)) == given
    assert state_from_proto(state_to_proto(state)) == state
    older = answer_to_proto(staged)
    older.ClearField("language")
    assert answer_from_proto(older).language == "en"
    older_turn, snapshot = turn_to_proto(given), state_to_proto(state)
    older_turn.ClearField("language")
    snapshot.ClearField("language")
    assert turn_from_proto(older_turn) == replace(given, language="en")
    assert state_from_proto(snapshot) == replace(state, language="en")
