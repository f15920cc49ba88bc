"""Builds turns, answers and clocks for tests of the agent's domain."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.agent.domain.decisions import Clock
from services.agent.domain.turn import (
    Channel,
    ConversationId,
    CustomerId,
    InboundText,
    MessageId,
    Side,
    TicketId,
    Turn,
    TurnAnswer,
    TurnId,
)

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def counter(start: int = 1) -> Callable[[], UUID]:
    """Makes ids 1, 2, 3, …."""
    numbers = iter(range(start, start + 10_000))
    return lambda: UUID(int=next(numbers))


def clock(seconds: float = 0) -> Clock:
    """A clock that stands still at NOW plus some seconds."""
    return Clock(NOW + timedelta(seconds=seconds), counter(1000))


def text(content: str, channel: Channel = Channel.EMAIL, number: int = 1) -> InboundText:
    """One message of the batch."""
    subject = "" if channel is Channel.WHATSAPP else "A question"
    return InboundText(MessageId(UUID(int=500 + number)), channel, content, NOW, subject)


def form(content: str, ticket: int = 77) -> InboundText:
    """A form's message with the ticket that it was given."""
    return replace(
        text(content, Channel.WEB_FORM),
        form_ticket_id=TicketId(UUID(int=ticket)),
        form_reference="FTE-00000000",
        category="billing",
        priority="high",
        status_url="https://support.example.com/support/ticket/77?token=t",
    )


def turn(*batch: InboundText, **changes: object) -> Turn:
    """A first turn of a verified customer."""
    made = Turn(
        turn_id=TurnId(UUID(int=1)),
        version=0,
        turn_no=1,
        epoch=0,
        begin_count=1,
        customer_id=CustomerId(UUID(int=2)),
        side=Side.VERIFIED,
        conversation_id=ConversationId(UUID(int=3)),
        new_conversation=True,
        batch=batch or (text("How do I reset my password?"),),
        due_time=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def answer(**changes: object) -> TurnAnswer:
    """An answer with one sentiment."""
    made = TurnAnswer(
        ticket_subject="Reset a password",
        ticket_category="technical",
        ticket_priority="medium",
        sentiments=(0.5,),
        response="Open Settings and choose Security.",
    )
    return replace(made, **changes)  # type: ignore[arg-type]
