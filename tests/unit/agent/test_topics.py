"""A conversation holds several matters: mails are sorted by their subject, everything else goes on with the newest."""

from dataclasses import replace

import pytest

from services.agent.application.turns import _first_batch
from services.agent.domain.conversation import State, Ticket, evolve_all
from services.agent.domain.decisions import decide_answer
from services.agent.domain.events import (
    ConversationStarted,
    MessagesTaken,
    ResponseGiven,
    TicketOpened,
)
from services.agent.domain.formatting import DEFAULT_LIMITS
from services.agent.domain.turn import Channel, InboundText, TicketId
from tests.fakes.phrases import ENGLISH
from tests.unit.agent.turns import answer, clock, counter, form, text, turn

NEW_ID = counter(70)
EXPORT, INVOICES = (
    Ticket(TicketId(NEW_ID()), f"FTE-{number}", subject)
    for number, subject in enumerate(("Export of our data", "Re: Invoices"))
)
STATE = State(tickets=(EXPORT, INVOICES))


def mail(subject: str, number: int = 1) -> InboundText:
    return replace(text("How?", Channel.EMAIL, number), subject=subject)


@pytest.mark.parametrize(
    ("message", "ticket"),
    [
        (mail("Export of our data"), EXPORT),
        (mail("RE: export  of our DATA"), EXPORT),
        (mail("AW: Re: Invoices"), INVOICES),
        (mail("Fwd: Invoices"), INVOICES),
        (mail("Two-factor codes"), None),
        (mail("Re: something older"), INVOICES),
        (mail(""), INVOICES),
        (mail("Re:"), INVOICES),
        (text("and the invoices?", Channel.WHATSAPP), INVOICES),
        (form("Where are my invoices?", ticket=70), EXPORT),
        (form("Where are my invoices?", ticket=99), None),
        (None, INVOICES),
    ],
)
def test_a_message_goes_on_with_its_matter(
    message: InboundText | None, ticket: Ticket | None
) -> None:
    assert STATE.ticket(message) == ticket


def test_a_new_subject_opens_a_ticket_in_the_same_conversation() -> None:
    limits = DEFAULT_LIMITS[Channel.EMAIL]
    first = decide_answer(
        State(), turn(), answer(ticket_subject="A question"), limits, ENGLISH, clock()
    )
    state = evolve_all(State(), first, 1)
    again = turn(mail("A new matter"), new_conversation=False)
    events = decide_answer(
        state, again, answer(ticket_subject="A new matter"), limits, ENGLISH, clock(60)
    )
    assert [type(event) for event in events] == [TicketOpened, MessagesTaken, ResponseGiven]
    both = evolve_all(state, events, 2)
    assert both.conversation_id == state.conversation_id
    assert [ticket.subject for ticket in both.tickets] == ["A question", "A new matter"]
    assert not any(isinstance(event, ConversationStarted) for event in events)
    (taken,) = (event for event in events if isinstance(event, MessagesTaken))
    assert taken.ticket_id == both.tickets[1].ticket_id


def test_mails_of_two_matters_are_two_batches_and_a_burst_is_one() -> None:
    mails = [mail("Export", 1), mail("Re: export", 2), mail("Invoices", 3), mail("Export", 4)]
    assert list(_first_batch(mails)) == mails[:2]
    burst = [text("one", Channel.WHATSAPP, n) for n in range(5)]
    assert list(_first_batch(burst)) == burst
    forms = [form("a", 1), form("b", 1), form("c", 2)]
    assert list(_first_batch(forms)) == forms[:2]
