"""The only module that knows both the contracts and the domain."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from chassis.interceptors import violations_of
from fte.agent.v1 import agent_service_pb2 as agent
from fte.conversation.v1 import conversation_pb2 as conversation
from fte.intake.v1 import intake_service_pb2 as intake
from fte.metrics.v1 import metrics_events_pb2 as metrics
from services.delivery.application.ports import Reported, Status, Wish
from services.delivery.domain.breaker import Phase
from services.delivery.domain.intent import (
    Channel,
    HandleType,
    Intent,
    IntentId,
    Kind,
    Letter,
    State,
)

CHANNELS = {
    conversation.CHANNEL_EMAIL: Channel.EMAIL,
    conversation.CHANNEL_WHATSAPP: Channel.WHATSAPP,
    conversation.CHANNEL_WEB_FORM: Channel.WEB_FORM,
}
_CHANNEL_NUMBERS = {channel: number for number, channel in CHANNELS.items()}
_KINDS = {
    agent.OUTBOUND_KIND_ANSWER: Kind.ANSWER,
    agent.OUTBOUND_KIND_ESCALATION_NOTICE: Kind.ESCALATION_NOTICE,
    agent.OUTBOUND_KIND_APOLOGY: Kind.APOLOGY,
    agent.OUTBOUND_KIND_HUMAN_REPLY: Kind.HUMAN_REPLY,
    agent.OUTBOUND_KIND_WAIT_NOTICE: Kind.WAIT_NOTICE,
}
_KIND_NUMBERS = {kind: number for number, kind in _KINDS.items()}
_HANDLES = {
    conversation.HANDLE_TYPE_EMAIL: HandleType.EMAIL,
    conversation.HANDLE_TYPE_PHONE: HandleType.PHONE,
    conversation.HANDLE_TYPE_WHATSAPP_USER: HandleType.WHATSAPP_USER,
}
_HANDLE_NUMBERS = {handle: number for number, handle in _HANDLES.items()}


def unusable(message: agent.OutboundMessage) -> bool:
    """Tells whether the message breaks a rule that its row cannot be stored without."""
    fields = {violation.field for violation in violations_of(message)}
    stored = {
        "outbox_id", "message_id", "conversation_id", "customer_id", "channel", "send_seq", "epoch",
        "kind", "recipient", "recipient.type",
    }  # fmt: skip
    return bool(fields & stored)


def intent_of(message: agent.OutboundMessage, kind: Kind | None = None) -> Intent:
    """Returns the intent of an outbox row's content; `kind` is given for what the agent did not write."""
    return Intent(
        intent_id=IntentId(UUID(message.outbox_id)),
        kind=kind or _KINDS[message.kind],
        message_id=UUID(message.message_id),
        conversation_id=UUID(message.conversation_id),
        customer_id=UUID(message.customer_id),
        channel=CHANNELS[message.channel],
        send_seq=message.send_seq or None,
        epoch=message.epoch,
        last_part=message.last_part,
        letter=Letter(
            recipient_type=_HANDLES[message.recipient.type],
            recipient=message.recipient.value,
            text=message.text,
            subject=message.subject,
            html=message.html,
            thread_id=message.thread_id,
            in_reply_to=message.in_reply_to,
            references=tuple(message.references),
            status_url=message.status_url,
            ticket_reference=message.ticket_reference,
            due_time=message.due_time.ToDatetime(UTC) if message.HasField("due_time") else None,
            window_end_time=window_end(message),
            language=message.language,
            mailbox=message.mailbox,
        ),
    )


def window_end(message: agent.OutboundMessage) -> datetime | None:
    """Returns until when free text may go to the recipient, None where there is no such rule."""
    if not message.HasField("window_end_time"):
        return None
    return message.window_end_time.ToDatetime(UTC)


def content_of(intent: Intent) -> bytes:
    """Returns the frozen content of an intent as it is stored."""
    letter = intent.letter
    message = agent.OutboundMessage(
        outbox_id=str(intent.intent_id),
        message_id=str(intent.message_id),
        conversation_id=str(intent.conversation_id),
        customer_id=str(intent.customer_id),
        channel=_CHANNEL_NUMBERS[intent.channel],
        send_seq=intent.send_seq or 0,
        epoch=intent.epoch,
        kind=_KIND_NUMBERS.get(intent.kind, agent.OUTBOUND_KIND_UNSPECIFIED),
        recipient=conversation.Handle(
            type=_HANDLE_NUMBERS[letter.recipient_type], value=letter.recipient
        ),
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        thread_id=letter.thread_id,
        in_reply_to=letter.in_reply_to,
        references=letter.references,
        last_part=intent.last_part,
        status_url=letter.status_url,
        ticket_reference=letter.ticket_reference,
        language=letter.language,
        mailbox=letter.mailbox,
    )
    if letter.due_time is not None:
        message.due_time.FromDatetime(letter.due_time)
    if letter.window_end_time is not None:
        message.window_end_time.FromDatetime(letter.window_end_time)
    return message.SerializeToString()


def stored_intent(content: bytes, kind: str) -> Intent:
    """Returns the intent of a stored row."""
    return intent_of(agent.OutboundMessage.FromString(content), Kind(kind))


_WISHES = {"opted_out": True, "opted_in": False}


def reported(found: Sequence[intake.ProviderStatus]) -> Reported:
    """Returns the statuses and wishes of an answer; an intent id that is none of ours is dropped."""
    return Reported(
        row_ids=tuple(UUID(status.row_id) for status in found),
        statuses=tuple(
            Status(
                row_id=UUID(status.row_id),
                channel=CHANNELS[status.channel],
                provider_id=status.provider_id,
                status=status.status,
                error_code=status.error_code,
                intent_id=_uuid(status.intent_id),
            )
            for status in found
            if not status.HasField("handle")
        ),
        wishes=tuple(
            Wish(
                CHANNELS[status.channel],
                status.handle.value,
                _WISHES[status.status],
                status.accept_time.ToDatetime(UTC),
            )
            for status in found
            if status.HasField("handle") and status.status in _WISHES
        ),
    )


def delivery_fact(channel: Channel, state: State, latency_ms: float | None) -> metrics.Fact:
    """Returns the metric fact of a final intent."""
    fact = _fact(metrics.FACT_TYPE_DELIVERY, channel, state.outcome)
    if latency_ms is not None:
        fact.latency_ms = max(latency_ms, 0.0)
    return fact


def undelivered_fact(channel: Channel) -> metrics.Fact:
    """Returns the metric fact of a message that its provider took and then could not deliver."""
    return _fact(metrics.FACT_TYPE_ERROR, channel, "undelivered")


def health_fact(channel: Channel, phase: Phase) -> metrics.Fact:
    """Returns the metric fact of a breaker that moved."""
    return _fact(metrics.FACT_TYPE_PROVIDER_HEALTH, channel, phase.value)


def _fact(kind: metrics.FactType.ValueType, channel: Channel, outcome: str) -> metrics.Fact:
    fact = metrics.Fact(
        fact_id=str(uuid4()),
        service="delivery",
        type=kind,
        channel=_CHANNEL_NUMBERS[channel],
        outcome=outcome,
    )
    fact.occur_time.GetCurrentTime()
    return fact


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
