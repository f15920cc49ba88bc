"""The only module that knows both intake's values and the wire's."""

from datetime import datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from fte.conversation.v1 import conversation_pb2
from fte.intake.v1 import intake_service_pb2
from services.intake.application.messages import (
    Assurance,
    Channel,
    FormAction,
    Handle,
    HandleType,
    InboundMessage,
    ProviderStatus,
    StoredForm,
    WebFormFacts,
)

_CHANNELS = {
    Channel.EMAIL: conversation_pb2.CHANNEL_EMAIL,
    Channel.WHATSAPP: conversation_pb2.CHANNEL_WHATSAPP,
    Channel.WEB_FORM: conversation_pb2.CHANNEL_WEB_FORM,
}
_HANDLE_TYPES = {
    HandleType.EMAIL: conversation_pb2.HANDLE_TYPE_EMAIL,
    HandleType.PHONE: conversation_pb2.HANDLE_TYPE_PHONE,
    HandleType.WHATSAPP_USER: conversation_pb2.HANDLE_TYPE_WHATSAPP_USER,
}
_FROM_HANDLE_TYPES = {value: kind for kind, value in _HANDLE_TYPES.items()}
_FORM_ACTIONS = {
    FormAction.PERSON: intake_service_pb2.FORM_ACTION_PERSON,
    FormAction.SOLVED: intake_service_pb2.FORM_ACTION_SOLVED,
    FormAction.REOPEN: intake_service_pb2.FORM_ACTION_REOPEN,
}
_FROM_FORM_ACTIONS = {value: action for action, value in _FORM_ACTIONS.items()}
_ASSURANCES = {
    Assurance.VERIFIED: conversation_pb2.ASSURANCE_VERIFIED,
    Assurance.CLAIMED: conversation_pb2.ASSURANCE_CLAIMED,
}


def channel_to_proto(channel: Channel) -> conversation_pb2.Channel.ValueType:
    """Maps a channel to the wire."""
    return _CHANNELS[channel]


def timestamp(moment: datetime) -> Timestamp:
    """Maps a moment with a zone to the wire."""
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def message_content(message: InboundMessage) -> bytes:
    """Returns the stored form of a message: all but its ids and time, which are columns."""
    content = intake_service_pb2.InboundMessage(
        channel=_CHANNELS[message.channel],
        assurance=_ASSURANCES[message.assurance],
        sender_name=message.sender_name,
        subject=message.subject,
        body=message.body,
        unreadable=message.unreadable,
    )
    if message.handle is not None:
        content.handle.type = _HANDLE_TYPES[message.handle.type]
        content.handle.value = message.handle.value
    if message.email is not None:
        content.email.provider_message_id = message.email.provider_message_id
        content.email.thread_id = message.email.thread_id
        content.email.internet_message_id = message.email.internet_message_id
        content.email.references.extend(message.email.references)
        content.email.mailbox = message.email.mailbox
        content.email.in_reply_to.extend(message.email.in_reply_to)
        content.email.has_hidden_text = message.email.has_hidden_text
        for file in message.email.attachments:
            content.email.attachments.add(
                name=file.name, content_type=file.content_type, size_bytes=file.size
            )
    if message.whatsapp is not None:
        content.whatsapp.message_sid = message.whatsapp.message_sid
        content.whatsapp.user_id = message.whatsapp.user_id
        for media in message.whatsapp.media:
            content.whatsapp.media.add(
                url=media.url, content_type=media.content_type, problem=media.problem or ""
            )
    if message.web_form is not None:
        facts = message.web_form
        content.web_form.ticket_id = str(facts.ticket_id)
        content.web_form.reference = facts.reference
        content.web_form.category = facts.category
        content.web_form.priority = facts.priority
        content.web_form.status_url = facts.status_url
        if facts.action is not None:
            content.web_form.action = _FORM_ACTIONS[facts.action]
    return content.SerializeToString()


def message_from_row(
    content: bytes, inbox_id: UUID, handle_id: UUID, inbox_seq: int, accept_time: datetime
) -> intake_service_pb2.InboundMessage:
    """Rebuilds the wire's message from its stored form and its columns."""
    message = intake_service_pb2.InboundMessage.FromString(content)
    message.message_id = str(inbox_id)
    message.handle_id = str(handle_id)
    message.inbox_seq = inbox_seq
    message.accept_time.FromDatetime(accept_time)
    return message


def status_content(status: ProviderStatus) -> bytes:
    """Returns the stored form of a provider's status."""
    content = intake_service_pb2.ProviderStatus(
        channel=_CHANNELS[status.channel],
        provider_id=status.message_id,
        intent_id=status.intent_id,
        status=status.status,
        error_code=status.error_code,
    )
    if status.handle is not None:
        content.handle.type = _HANDLE_TYPES[status.handle.type]
        content.handle.value = status.handle.value
    return content.SerializeToString()


def status_from_row(
    content: bytes, inbox_id: UUID, accept_time: datetime
) -> intake_service_pb2.ProviderStatus:
    """Rebuilds the wire's status from its stored form and its columns."""
    status = intake_service_pb2.ProviderStatus.FromString(content)
    status.row_id = str(inbox_id)
    status.accept_time.FromDatetime(accept_time)
    return status


def form_from_row(
    content: bytes, inbox_id: UUID, request_hash: bytes, accept_time: datetime
) -> StoredForm:
    """Reads a form submission or a reply back from its stored form."""
    message = intake_service_pb2.InboundMessage.FromString(content)
    form = message.web_form
    return StoredForm(
        inbox_id=inbox_id,
        request_hash=request_hash,
        handle=Handle(_FROM_HANDLE_TYPES[message.handle.type], message.handle.value),
        sender_name=message.sender_name,
        subject=message.subject,
        body=message.body,
        facts=WebFormFacts(
            ticket_id=UUID(form.ticket_id),
            reference=form.reference,
            category=form.category,
            priority=form.priority,
            status_url=form.status_url,
            action=_FROM_FORM_ACTIONS.get(form.action),
        ),
        accept_time=accept_time,
    )
