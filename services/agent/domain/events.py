"""What can happen to one side of a customer, in the past tense. Events are stored; all else is rebuilt from them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from services.agent.domain.turn import (
    DEFAULT_LANGUAGE,
    Channel,
    ConversationId,
    EscalationReason,
    MessageId,
    Role,
    Source,
    Statement,
    TicketId,
    ToolCall,
    Urgency,
)


class OutboundKind(StrEnum):
    """Why something is sent to a customer."""

    ANSWER = "answer"
    ESCALATION_NOTICE = "escalation_notice"
    APOLOGY = "apology"
    HUMAN_REPLY = "human_reply"
    WAIT_NOTICE = "wait_notice"


@dataclass(frozen=True, slots=True)
class ConversationStarted:
    """A new line of work began; what came before it is another conversation. The customer's language goes on."""

    conversation_id: ConversationId
    channel: Channel
    start_time: datetime
    language: str = DEFAULT_LANGUAGE
    type: Literal["conversation_started"] = "conversation_started"


@dataclass(frozen=True, slots=True)
class ChannelSwitched:
    """The customer went on by another channel."""

    from_channel: Channel
    to_channel: Channel
    switch_time: datetime
    type: Literal["channel_switched"] = "channel_switched"


@dataclass(frozen=True, slots=True)
class TicketOpened:
    """A matter got a ticket."""

    ticket_id: TicketId
    reference: str
    subject: str
    category: str
    priority: str
    channel: Channel
    type: Literal["ticket_opened"] = "ticket_opened"


@dataclass(frozen=True, slots=True)
class TakenMessage:
    """One message of a batch as it was understood."""

    message_id: MessageId
    channel: Channel
    content: str
    create_time: datetime
    sentiment: float | None


@dataclass(frozen=True, slots=True)
class MessagesTaken:
    """A batch was worked on and is over; `outcome` is answered, escalated, with_human, noted or failed.

    `language` is empty when nobody recognised it: the conversation's is what it was.
    """

    messages: tuple[TakenMessage, ...]
    ticket_id: TicketId
    outcome: str
    language: str = ""
    type: Literal["messages_taken"] = "messages_taken"


@dataclass(frozen=True, slots=True)
class OutboundPart:
    """One part of an answer, formatted for its channel."""

    outbox_id: UUID
    text: str
    html: str
    subject: str


@dataclass(frozen=True, slots=True)
class ResponseGiven:
    """The customer was given a text; `content` is it before formatting, `parts` what is sent.

    `speaker` is the person whose words these are, empty for the AI and for notices.
    """

    message_id: MessageId
    ticket_id: TicketId
    role: Role
    kind: OutboundKind
    channel: Channel
    content: str
    parts: tuple[OutboundPart, ...]
    create_time: datetime
    tool_calls: tuple[ToolCall, ...] = ()
    tokens_used: int = 0
    latency_ms: int = 0
    model: str = ""
    sources: tuple[Source, ...] = ()
    statements: tuple[Statement, ...] = ()
    speaker: str = ""
    type: Literal["response_given"] = "response_given"


@dataclass(frozen=True, slots=True)
class Escalated:
    """A person must take the ticket over."""

    escalation_id: UUID
    ticket_id: TicketId
    reason: EscalationReason
    urgency: Urgency
    channel: Channel
    type: Literal["escalated"] = "escalated"


@dataclass(frozen=True, slots=True)
class TicketResolved:
    """The customer calls the matter solved."""

    ticket_id: TicketId
    resolve_time: datetime
    type: Literal["ticket_resolved"] = "ticket_resolved"


@dataclass(frozen=True, slots=True)
class TicketReopened:
    """A matter that was called solved goes on."""

    ticket_id: TicketId
    reopen_time: datetime
    type: Literal["ticket_reopened"] = "ticket_reopened"


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """A turn returned an error; the batch is due again."""

    error: str
    failure_count: int
    type: Literal["turn_failed"] = "turn_failed"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The batch failed for good; a person has it now."""

    dead_letter_id: UUID
    ticket_id: TicketId
    message_ids: tuple[MessageId, ...]
    channel: Channel
    error: str
    attempts: int
    type: Literal["given_up"] = "given_up"


@dataclass(frozen=True, slots=True)
class SendFailed:
    """A send ended otherwise than sent; `outcome` is rejected, cancelled, parked or needs_human."""

    outbox_id: UUID
    message_id: MessageId
    outcome: str
    type: Literal["send_failed"] = "send_failed"


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A person took the customer over: nothing of an older epoch may be sent any more."""

    person: str
    epoch: int
    take_time: datetime
    type: Literal["taken_over"] = "taken_over"


@dataclass(frozen=True, slots=True)
class HandedBack:
    """The AI may speak again; `note` is for it alone, empty if the person left none."""

    person: str
    note: str
    note_id: MessageId
    epoch: int
    hand_back_time: datetime
    type: Literal["handed_back"] = "handed_back"


@dataclass(frozen=True, slots=True)
class MessagesReplayed:
    """A person let a dead letter be tried again: its messages are due, and any open turn is void."""

    dead_letter_id: UUID
    message_ids: tuple[MessageId, ...]
    type: Literal["messages_replayed"] = "messages_replayed"


Event = (
    ConversationStarted
    | ChannelSwitched
    | TicketOpened
    | MessagesTaken
    | ResponseGiven
    | Escalated
    | TicketResolved
    | TicketReopened
    | TurnFailed
    | GivenUp
    | SendFailed
    | TakenOver
    | HandedBack
    | MessagesReplayed
)
