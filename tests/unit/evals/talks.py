"""Owns small conversations, as good as they can be, that tests spoil in one place."""

from collections.abc import Sequence
from typing import Any

from evals.doors import Person, Received
from evals.grounding import Documents
from evals.ledger import Effects, Row
from evals.play import Conversation, Exchange
from evals.scenario import Channel, Expect, Mood, Move, Scenario

PERSON = Person("Ada Example", "ada@example.com", "+15550100")
DOCUMENTS = Documents.of(
    [
        (
            "### Invoices\n\nOwners find all invoices under **Settings**, then **Billing**, then **Invoices**. "
            "The link works for 7 days. See https://help.corbel.example or write to billing@corbel.example."
        )
    ]
)
QUESTION = "Where do I find our invoices?"
ANSWER = (
    "Owners find all invoices under **Settings**, then **Billing**, then **Invoices**. "
    "The link works for 7 days."
)
NOTICE = "Thank you for your message. A person from our team will answer you here."
MAIL = (
    "Hello Ada,\n\nOwners find all invoices under Settings, then Billing, then Invoices. The link works for 7 days."
    "\n\nKind regards,\nThe assistant\n\nTicket reference: FTE-ABCD2345"
)
PARTS = (
    "Owners find all invoices under *Settings*, then *Billing*, then *Invoices*.",
    'The link works for 7 days.\n\nReply here, or write "human" to talk to a person.',
)
LINE = "You find them under Settings, then Billing. More at https://help.corbel.example"


def row(
    content: str = ANSWER,
    *,
    role: str = "ai",
    channel: str = "email",
    parts: Sequence[str] = (MAIL,),
) -> dict[str, Any]:
    """Returns an answer as the ledger has it."""
    return {
        "message_id": content,
        "role": role,
        "channel": channel,
        "content": content,
        "parts": list(parts),
        "model": "m",
    }


def talk(
    channel: Channel = Channel.EMAIL,
    *,
    expect: Expect | None = None,
    received: tuple[Received, ...] | None = None,
    answers: Sequence[Row] | None = None,
    reason: str = "",
    status: str = "",
    language: str = "en",
) -> Conversation:
    """Returns a conversation of one question and a good answer; each argument puts something in its place."""
    move = Move(channel, ((QUESTION,),), expect or Expect(facts=(("Invoices",),)))
    scenario = Scenario("invoices", "billing", language, Mood.CALM, (move,))
    good: tuple[Received, ...]
    if channel is Channel.EMAIL:
        good = (Received(channel, MAIL, "Re: Invoices", "<1@example.com>"),)
    elif channel is Channel.WHATSAPP:
        good = tuple(Received(channel, part) for part in PARTS)
    else:
        good = (Received(channel, f"Invoices: {LINE}"),)
    received = good if received is None else received
    effects = Effects(
        answers=(row(channel=channel, parts=[one.body for one in received]),) if answers is None else answers,
        tickets=({"reference": "FTE-ABCD2345", "status": status or ("escalated" if reason else "open"),
                  "category": "billing", "priority": "medium"},),
        escalations=({"reason": reason, "urgency": "normal"},) if reason else (),
    )  # fmt: skip
    exchange = Exchange(move, (QUESTION,), "Invoices", received, effects)
    return Conversation(scenario, 0, PERSON, [exchange], {"<1@example.com>"}, effects)


def mail(
    body: str = MAIL, subject: str = "Re: Invoices", in_reply_to: str = "<1@example.com>"
) -> tuple[Received, ...]:
    """Returns a good mail with something changed."""
    return (Received(Channel.EMAIL, body, subject, in_reply_to),)
