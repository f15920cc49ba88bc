"""What goes into formatting and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from services.agent.domain.phrases import Phrases
from services.agent.domain.turn import Channel

# The kinds of text that differ in more than their words.
ANSWER = "answer"
HUMAN_REPLY = "human_reply"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may be, all its parts together; the smaller one holds. None is no limit."""

    characters: int
    words: int | None = None


DEFAULT_LIMITS: Mapping[Channel, Limits] = MappingProxyType(
    {
        Channel.EMAIL: Limits(characters=2000, words=500),
        Channel.WHATSAPP: Limits(characters=1600),
        Channel.WEB_FORM: Limits(characters=1000, words=300),
    }
)


@dataclass(frozen=True, slots=True)
class FormatContext:
    """What surrounds an answer, in the customer's language; an empty text leaves its piece out.

    `previous_channel` is set only when the conversation came over from there with this message.
    """

    phrases: Phrases
    display_name: str = ""
    reference: str = ""
    ticket_subject: str = ""
    message_subject: str = ""
    previous_channel: Channel | None = None
    status_url: str = ""
    limits: Limits = field(default_factory=lambda: Limits(characters=2000))


@dataclass(frozen=True, slots=True)
class Part:
    """One message to send: plain text, and for mail the same as HTML and a subject."""

    text: str
    html: str = ""
    subject: str = ""
