"""What a simulated customer wants, says and expects: the data of one scenario."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

LANGUAGES: Final = ("en", "es", "de", "fr", "pt", "it", "hi")
# The closed list of reasons why a person takes over, as tickets and events name them.
REASONS: Final = (
    "pricing_inquiry", "refund_request", "legal_language", "negative_sentiment", "profanity",
    "explicit_human_request", "whatsapp_human_keyword", "two_failed_searches", "weak_evidence",
    "model_fault", "unsupported_claim", "conflicting_identity",
)  # fmt: skip
# An honest hand-over of what the documentation does not carry.
UNANSWERED: Final = frozenset({"two_failed_searches", "weak_evidence", "unsupported_claim"})


class Channel(StrEnum):
    """Where a customer writes."""

    EMAIL = "email"
    WHATSAPP = "whatsapp"
    WEB_FORM = "web_form"


class Mood(StrEnum):
    """How a customer feels while writing."""

    CALM = "calm"
    HURRIED = "hurried"
    ANNOYED = "annoyed"
    FURIOUS = "furious"
    CONFUSED = "confused"
    CHATTY = "chatty"


@dataclass(frozen=True, slots=True)
class Expect:
    """What must come of one move.

    `answers` is the least and the most number of answers. `escalation` names the reasons of which one must be
    given; with `may_answer` none is fine too; empty means that nothing may be handed over. Each of `facts` must
    stand in the answer in one of its wordings, none of `absent` may. `asks` wants a clarifying question,
    `empathy` a word of understanding unless a person takes over, `continues` a sentence that takes up the talk
    from that channel, `most` at most so many characters. `or_person` lets the facts be missing where the
    customer is honestly offered a person. `urgency` names what the escalation may carry; empty is any.
    """

    answers: tuple[int, int] = (1, 1)
    escalation: frozenset[str] = frozenset()
    may_answer: bool = True
    facts: tuple[tuple[str, ...], ...] = ()
    absent: tuple[str, ...] = ()
    asks: bool = False
    empathy: bool = False
    continues: Channel | None = None
    most: int = 0
    or_person: bool = False
    urgency: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that the customer does: a burst of messages on a channel, in one of several wordings.

    `subjects` open a new mail thread or a new form; without them a later move replies where the last one was.
    """

    channel: Channel
    wordings: tuple[tuple[str, ...], ...]
    expect: Expect = field(default_factory=Expect)
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TicketEffect:
    """What the last ticket must be; an empty set is anything."""

    status: frozenset[str] = frozenset()
    category: frozenset[str] = frozenset()
    priority: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One customer's errand; `quick` marks the small set that every test run plays."""

    name: str
    topic: str
    language: str
    mood: Mood
    moves: tuple[Move, ...]
    ticket: TicketEffect = field(default_factory=TicketEffect)
    quick: bool = False
    form_category: str = "general"
    form_priority: str = "medium"

    @property
    def channel(self) -> Channel:
        """Returns the channel of the first move."""
        return self.moves[0].channel

    @property
    def linked(self) -> bool:
        """Tells whether the customer is known to own both a mail address and a number."""
        return {Channel.EMAIL, Channel.WHATSAPP} <= {move.channel for move in self.moves}
