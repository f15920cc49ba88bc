"""Between the domain's values and the wire's; what delivery is to send is written in outbound_messages.py."""

import json
from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from fte.agent.v1 import customer_actor_pb2
from fte.conversation.v1 import conversation_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.domain.conversation import State, Ticket
from services.agent.domain.turn import (
    DEFAULT_LANGUAGE,
    Channel,
    ConversationId,
    CustomerId,
    Escalation,
    EscalationReason,
    FormAction,
    HistoryLine,
    InboundText,
    Media,
    MediaProblem,
    MessageId,
    Role,
    Side,
    Source,
    Statement,
    StatementKind,
    TicketId,
    ToolCall,
    Turn,
    TurnAnswer,
    TurnId,
    Urgency,
)

_CHANNELS: dict[Channel, conversation_pb2.Channel.ValueType] = {
    Channel.EMAIL: conversation_pb2.CHANNEL_EMAIL,
    Channel.WHATSAPP: conversation_pb2.CHANNEL_WHATSAPP,
    Channel.WEB_FORM: conversation_pb2.CHANNEL_WEB_FORM,
}
_FROM_CHANNELS = {value: channel for channel, value in _CHANNELS.items()}
_FORM_ACTIONS: dict[int, FormAction] = {
    intake_service_pb2.FORM_ACTION_PERSON: FormAction.PERSON,
    intake_service_pb2.FORM_ACTION_SOLVED: FormAction.SOLVED,
    intake_service_pb2.FORM_ACTION_REOPEN: FormAction.REOPEN,
}


def channel_to_proto(channel: Channel) -> conversation_pb2.Channel.ValueType:
    """Maps a channel to the wire."""
    return _CHANNELS[channel]


def channel_from_proto(value: int) -> Channel:
    """Maps a channel from the wire; an unknown one is a KeyError, because validation came before."""
    return _FROM_CHANNELS[conversation_pb2.Channel.ValueType(value)]


def timestamp(moment: datetime) -> Timestamp:
    """Maps a moment with a zone to the wire."""
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def moment(stamp: Timestamp) -> datetime:
    """Maps a moment from the wire, in UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def storable(text: str) -> str:
    """Returns the text without NUL characters, which Postgres can hold in no text."""
    return text.replace("\x00", "")


def inbound_text(
    message: intake_service_pb2.InboundMessage, *, conflicting: bool = False
) -> InboundText:
    """Reads what the customer wrote from intake's message, and whether identity is in doubt of the sender."""
    form = message.web_form if message.HasField("web_form") else None
    return InboundText(
        message_id=MessageId(UUID(message.message_id)),
        channel=channel_from_proto(message.channel),
        content=storable(message.body),
        accept_time=moment(message.accept_time),
        subject=storable(message.subject),
        category=form.category if form else "",
        priority=form.priority if form else "",
        form_ticket_id=TicketId(UUID(form.ticket_id)) if form else None,
        form_reference=form.reference if form else "",
        sender_name=storable(message.sender_name),
        status_url=form.status_url if form else "",
        conflicting=conflicting,
        media=tuple(_media(one.content_type, one.problem) for one in message.whatsapp.media),
        form_action=_FORM_ACTIONS.get(form.action) if form else None,
    )


def turn_to_proto(turn: Turn) -> customer_actor_pb2.Turn:
    """Maps a turn to the wire."""
    return customer_actor_pb2.Turn(
        turn_id=str(turn.turn_id),
        version=turn.version,
        turn_no=turn.turn_no,
        epoch=turn.epoch,
        begin_count=turn.begin_count,
        customer_id=str(turn.customer_id),
        side=turn.side.value,
        conversation_id=str(turn.conversation_id),
        new_conversation=turn.new_conversation,
        batch=[
            customer_actor_pb2.BatchMessage(
                message_id=str(m.message_id),
                channel=_CHANNELS[m.channel],
                subject=m.subject,
                content=m.content,
                category=m.category,
                priority=m.priority,
                accept_time=timestamp(m.accept_time),
                form_ticket_id=_text(m.form_ticket_id),
                form_reference=m.form_reference,
                sender_name=m.sender_name,
                status_url=m.status_url,
                conflicting=m.conflicting,
                media=[
                    customer_actor_pb2.BatchMedia(
                        content_type=one.content_type, problem=one.problem or ""
                    )
                    for one in m.media
                ],
                form_action=m.form_action or "",
            )
            for m in turn.batch
        ],
        history=[_line_to_proto(line) for line in turn.history],
        ticket_id=_text(turn.ticket_id),
        ticket_reference=turn.ticket_reference,
        ticket_subject=turn.ticket_subject,
        previous_channel=_CHANNELS[turn.previous_channel]
        if turn.previous_channel
        else conversation_pb2.CHANNEL_UNSPECIFIED,
        display_name=turn.display_name,
        due_time=timestamp(turn.due_time),
        escalated=turn.escalated,
        language=turn.language,
    )


def turn_from_proto(turn: customer_actor_pb2.Turn) -> Turn:
    """Maps a turn from the wire."""
    return Turn(
        turn_id=TurnId(UUID(turn.turn_id)),
        version=turn.version,
        turn_no=turn.turn_no,
        epoch=turn.epoch,
        begin_count=turn.begin_count,
        customer_id=CustomerId(UUID(turn.customer_id)),
        side=Side(turn.side),
        conversation_id=ConversationId(UUID(turn.conversation_id)),
        new_conversation=turn.new_conversation,
        batch=tuple(
            InboundText(
                message_id=MessageId(UUID(m.message_id)),
                channel=channel_from_proto(m.channel),
                content=m.content,
                accept_time=moment(m.accept_time),
                subject=m.subject,
                category=m.category,
                priority=m.priority,
                form_ticket_id=_ticket_id(m.form_ticket_id),
                form_reference=m.form_reference,
                sender_name=m.sender_name,
                status_url=m.status_url,
                conflicting=m.conflicting,
                media=tuple(_media(one.content_type, one.problem) for one in m.media),
                form_action=FormAction(m.form_action) if m.form_action else None,
            )
            for m in turn.batch
        ),
        due_time=moment(turn.due_time),
        history=tuple(_line_from_proto(line) for line in turn.history),
        ticket_id=_ticket_id(turn.ticket_id),
        ticket_reference=turn.ticket_reference,
        ticket_subject=turn.ticket_subject,
        previous_channel=_FROM_CHANNELS.get(turn.previous_channel),
        display_name=turn.display_name,
        escalated=turn.escalated,
        language=turn.language or DEFAULT_LANGUAGE,
    )


def answer_to_proto(answer: TurnAnswer) -> customer_actor_pb2.TurnAnswer:
    """Maps what a turn staged to the wire."""
    escalation = answer.escalation
    return customer_actor_pb2.TurnAnswer(
        response=answer.response,
        ticket_subject=answer.ticket_subject,
        ticket_category=answer.ticket_category,
        ticket_priority=answer.ticket_priority,
        escalation=customer_actor_pb2.StagedEscalation(
            reason=escalation.reason.value, urgency=escalation.urgency.value
        )
        if escalation
        else None,
        tool_calls=[
            customer_actor_pb2.ToolCall(
                name=call.name,
                arguments_json=json.dumps(call.arguments),
                outcome=call.outcome,
                latency_ms=call.latency_ms,
            )
            for call in answer.tool_calls
        ],
        sentiments=answer.sentiments,
        tokens_used=answer.tokens_used,
        latency_ms=answer.latency_ms,
        model=answer.model,
        sources=[_source_to_proto(source) for source in answer.sources],
        statements=[
            customer_actor_pb2.Statement(
                start=one.start,
                end=one.end,
                kind=one.kind.value,
                source=_source_to_proto(one.source) if one.source else None,
                share=one.share,
            )
            for one in answer.statements
        ],
        language=answer.language,
    )


def answer_from_proto(answer: customer_actor_pb2.TurnAnswer) -> TurnAnswer:
    """Maps what a turn staged from the wire."""
    staged = answer.escalation
    return TurnAnswer(
        ticket_subject=answer.ticket_subject,
        ticket_category=answer.ticket_category,
        ticket_priority=answer.ticket_priority,
        sentiments=tuple(answer.sentiments),
        response=answer.response,
        escalation=Escalation(EscalationReason(staged.reason), Urgency(staged.urgency))
        if answer.HasField("escalation")
        else None,
        tool_calls=tuple(
            ToolCall(call.name, json.loads(call.arguments_json), call.outcome, call.latency_ms)
            for call in answer.tool_calls
        ),
        tokens_used=answer.tokens_used,
        latency_ms=answer.latency_ms,
        model=answer.model,
        sources=tuple(_source_from_proto(source) for source in answer.sources),
        statements=tuple(
            Statement(
                one.start,
                one.end,
                StatementKind(one.kind),
                _source_from_proto(one.source) if one.HasField("source") else None,
                one.share,
            )
            for one in answer.statements
        ),
        language=answer.language or DEFAULT_LANGUAGE,
    )


def state_to_proto(state: State) -> customer_actor_pb2.Snapshot:
    """Maps the bounded state to the actor's snapshot."""
    return customer_actor_pb2.Snapshot(
        schema_version=1,
        version=state.version,
        conversation_id=_text(state.conversation_id),
        lines=[_line_to_proto(line) for line in state.lines],
        tickets=[
            customer_actor_pb2.SnapshotTicket(
                ticket_id=str(t.ticket_id),
                reference=t.reference,
                subject=t.subject,
                escalated=t.escalated,
                resolved=t.resolved,
            )
            for t in state.tickets
        ],
        channels=[_CHANNELS[c] for c in state.channels],
        mood=state.mood,
        mood_count=state.mood_count,
        last_message_time=timestamp(state.last_message_time) if state.last_message_time else None,
        language=state.language,
    )


def state_from_proto(snapshot: customer_actor_pb2.Snapshot) -> State | None:
    """Maps the actor's snapshot back; absent when it was written by another schema version."""
    if snapshot.schema_version != 1:
        return None
    conversation = snapshot.conversation_id
    return State(
        version=snapshot.version,
        conversation_id=ConversationId(UUID(conversation)) if conversation else None,
        lines=tuple(_line_from_proto(line) for line in snapshot.lines),
        tickets=tuple(
            Ticket(TicketId(UUID(t.ticket_id)), t.reference, t.subject, t.escalated, t.resolved)
            for t in snapshot.tickets
        ),
        channels=tuple(channel_from_proto(c) for c in snapshot.channels),
        mood=snapshot.mood,
        mood_count=snapshot.mood_count,
        last_message_time=moment(snapshot.last_message_time)
        if snapshot.HasField("last_message_time")
        else None,
        language=snapshot.language or DEFAULT_LANGUAGE,
    )


def _media(content_type: str, problem: str) -> Media:
    known = problem in set(MediaProblem)
    return Media(content_type, MediaProblem(problem) if known else None)


def _source_to_proto(source: Source) -> customer_actor_pb2.Source:
    return customer_actor_pb2.Source(
        section_id=source.section_id, content_hash=source.content_hash, version=source.version
    )


def _source_from_proto(source: customer_actor_pb2.Source) -> Source:
    return Source(source.section_id, source.content_hash, source.version)


def _line_to_proto(line: HistoryLine) -> customer_actor_pb2.HistoryMessage:
    return customer_actor_pb2.HistoryMessage(
        message_id=str(line.message_id),
        role=line.role.value,
        channel=_CHANNELS[line.channel],
        content=line.content,
        create_time=timestamp(line.create_time),
        ticket_id=_text(line.ticket_id),
    )


def _line_from_proto(line: customer_actor_pb2.HistoryMessage) -> HistoryLine:
    return HistoryLine(
        message_id=MessageId(UUID(line.message_id)),
        role=Role(line.role),
        channel=channel_from_proto(line.channel),
        content=line.content,
        create_time=moment(line.create_time),
        ticket_id=_ticket_id(line.ticket_id),
    )


def _text(value: UUID | None) -> str:
    return str(value) if value is not None else ""


def _ticket_id(text: str) -> TicketId | None:
    return TicketId(UUID(text)) if text else None
