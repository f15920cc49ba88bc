"""Intents for unit tests."""

from datetime import UTC, datetime
from uuid import UUID

from services.delivery.domain.intent import (
    Channel,
    HandleType,
    Intent,
    IntentId,
    Kind,
    Letter,
)

LETTER = Letter(
    HandleType.EMAIL,
    "ada@example.com",
    "Héllo Ada,\n\npress *Forgot password*.",
    subject="Re: Password",
    html="<p>Héllo Ada</p>",
    thread_id="thread-1",
    in_reply_to="<one@mail.example.com>",
    references=("<zero@mail.example.com>", "<one@mail.example.com>"),
    status_url="https://support.example.com/t/1?k=secret",
    ticket_reference="FTE-ABCD1234",
    due_time=datetime(2026, 5, 1, 12, tzinfo=UTC),
)


def intent(channel: Channel = Channel.EMAIL, letter: Letter = LETTER) -> Intent:
    return Intent(
        intent_id=IntentId(UUID(int=1)),
        kind=Kind.ANSWER,
        message_id=UUID(int=2),
        conversation_id=UUID(int=3),
        customer_id=UUID(int=4),
        channel=channel,
        send_seq=5,
        epoch=6,
        last_part=True,
        letter=letter,
    )
