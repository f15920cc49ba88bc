"""A turn: one batch of a customer's messages, and what thinking about it staged.

Nothing staged exists before the commit; a void turn leaves nothing behind.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

CustomerId = NewType("CustomerId", UUID)
ConversationId = NewType("ConversationId", UUID)
MessageId = NewType("MessageId", UUID)
TicketId = NewType("TicketId", UUID)
TurnId = NewType("TurnId", UUID)


# ISO 639-1; what is assumed of a customer whose language nobody recognised.
DEFAULT_LANGUAGE = "en"


class Channel(StrEnum):
    """The way by which customer and company exchange messages."""

    EMAIL = "email"
    WHATSAPP = "whatsapp"
    WEB_FORM = "web_form"


class Side(StrEnum):
    """Whether the sender is proved; the two sides of one customer never see each other."""

    VERIFIED = "verified"
    CLAIMED = "claimed"


class Owner(StrEnum):
    """Who may speak to a customer: the AI, or a person who took over."""

    AI = "ai"
    HUMAN = "human"


class Role(StrEnum):
    """Who speaks."""

    CUSTOMER = "customer"
    AI = "ai"
    HUMAN = "human"
    SYSTEM = "system"


class FormAction(StrEnum):
    """What a customer does on the status page beside writing."""

    PERSON = "person"
    SOLVED = "solved"
    REOPEN = "reopen"


class EscalationReason(StrEnum):
    """Why a person must take over: the closed list that events, tickets and reports use."""

    PRICING_INQUIRY = "pricing_inquiry"
    REFUND_REQUEST = "refund_request"
    LEGAL_LANGUAGE = "legal_language"
    NEGATIVE_SENTIMENT = "negative_sentiment"
    PROFANITY = "profanity"
    EXPLICIT_HUMAN_REQUEST = "explicit_human_request"
    WHATSAPP_HUMAN_KEYWORD = "whatsapp_human_keyword"
    TWO_FAILED_SEARCHES = "two_failed_searches"
    WEAK_EVIDENCE = "weak_evidence"
    MODEL_FAULT = "model_fault"
    BUDGET_SPENT = "budget_spent"
    UNSUPPORTED_CLAIM = "unsupported_claim"
    CONFLICTING_IDENTITY = "conflicting_identity"
    PROCESSING_FAILURE = "processing_failure"
    DELIVERY_FAILURE = "delivery_failure"


class Urgency(StrEnum):
    """How soon a person should look."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class MediaProblem(StrEnum):
    """Why nobody here can open an attachment."""

    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Media:
    """An attachment that stayed at the provider: its media type, and why it cannot be opened, if so."""

    content_type: str
    problem: MediaProblem | None = None


@dataclass(frozen=True, slots=True)
class MailThread:
    """The matter of the same customer and side that a mail's thread belongs to; `topic` is its subject made comparable."""

    ticket_id: TicketId
    topic: str


@dataclass(frozen=True, slots=True)
class InboundText:
    """One message of the batch: what the customer wrote, and what the form asked beside it.

    `conflicting` tells that identity does not know for sure who wrote it; `thread` is there when a mail goes on in a thread that this customer and side already have.
    """

    message_id: MessageId
    channel: Channel
    content: str
    accept_time: datetime
    subject: str = ""
    category: str = ""
    priority: str = ""
    form_ticket_id: TicketId | None = None
    form_reference: str = ""
    sender_name: str = ""
    status_url: str = ""
    conflicting: bool = False
    media: tuple[Media, ...] = ()
    thread: MailThread | None = None
    form_action: FormAction | None = None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One earlier message of the conversation."""

    message_id: MessageId
    role: Role
    channel: Channel
    content: str
    create_time: datetime
    ticket_id: TicketId | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A batch with all that thinking about it needs; `batch` is of one channel, oldest first.

    `language` is what the customer wrote in before this batch, as ISO 639-1. `reply_to` is set where the answer must
    go by another channel than the batch came: it goes to the sender of that message, as an answer to it.
    """

    turn_id: TurnId
    version: int
    turn_no: int
    epoch: int
    begin_count: int
    customer_id: CustomerId
    side: Side
    conversation_id: ConversationId
    new_conversation: bool
    batch: tuple[InboundText, ...]
    due_time: datetime
    history: tuple[HistoryLine, ...] = ()
    ticket_id: TicketId | None = None
    ticket_reference: str = ""
    ticket_subject: str = ""
    previous_channel: Channel | None = None
    display_name: str = ""
    escalated: bool = False
    language: str = DEFAULT_LANGUAGE
    reply_to: InboundText | None = None

    @property
    def channel(self) -> Channel:
        """The channel of the batch, by which the answer is thought of."""
        return self.batch[-1].channel

    @property
    def matter(self) -> tuple[HistoryLine, ...]:
        """The earlier lines of the matter that the batch goes on with; none if it begins one."""
        return tuple(line for line in self.history if line.ticket_id == self.ticket_id)

    @property
    def answered(self) -> InboundText:
        """The message whose sender and channel the answer goes to."""
        return self.reply_to or self.batch[-1]


@dataclass(frozen=True, slots=True)
class Escalation:
    """A hand-over to a person."""

    reason: EscalationReason
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call with what it cost; `outcome` is ok, refused or failed, `latency_ms` whole milliseconds."""

    name: str
    arguments: dict[str, object]
    outcome: str
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Source:
    """A knowledge section that an answer rests on, as it was at that moment."""

    section_id: str
    content_hash: str
    version: int = 0


class StatementKind(StrEnum):
    """What a sentence of an answer does."""

    FACT = "fact"
    QUESTION = "question"
    COURTESY = "courtesy"


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of an answer, from `start` to `end` in the text before formatting, and what it rests on.

    `share` is how much of the sentence the source holds, in [0, 1]; 1 is a quotation. Without a source the
    sentence is a courtesy, a question, or words that no section shares.
    """

    start: int
    end: int
    kind: StatementKind
    source: Source | None = None
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class TurnAnswer:
    """What the turn staged: a response or an escalation, and the ticket it belongs to.

    `response` is the text before formatting; it is empty when escalating, because the notice is code's.
    `sentiments` has one score in [-1, 1] for each message of the batch, in its order. `language` is what the customer
    wrote in (ISO 639-1): what we say by ourselves is said in it.
    """

    ticket_subject: str
    ticket_category: str
    ticket_priority: str
    sentiments: tuple[float, ...]
    response: str = ""
    escalation: Escalation | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tokens_used: int = 0
    latency_ms: int = 0
    model: str = "offline"
    sources: tuple[Source, ...] = field(default=())
    language: str = DEFAULT_LANGUAGE
    statements: tuple[Statement, ...] = ()
