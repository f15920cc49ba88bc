"""Writes what delivery is to send, from an answer and the message that it answers."""

from fte.agent.v1 import agent_service_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters.mapping import channel_to_proto, timestamp
from services.agent.domain.events import OutboundPart, ResponseGiven
from services.agent.domain.turn import Channel, Turn
from services.agent.domain.window import window_end


def outbound_message(
    turn: Turn,
    response: ResponseGiven,
    part: OutboundPart,
    send_seq: int,
    answered: intake_service_pb2.InboundMessage,
    reference: str,
    reply_id: str,
) -> agent_service_pb2.OutboundMessage:
    """Builds what delivery sends; the recipient is the handle of the message that is answered.

    `reply_id` stands first among a mail's References: mail programs shorten them in the middle.
    """
    email = answered.email if answered.HasField("email") else None
    ids = (reply_id, *email.references, email.internet_message_id) if email else ()
    references = list(dict.fromkeys(one for one in ids if one))
    kind = f"OUTBOUND_KIND_{response.kind.name}"
    chat = response.channel is Channel.WHATSAPP
    return agent_service_pb2.OutboundMessage(
        outbox_id=str(part.outbox_id),
        message_id=str(response.message_id),
        conversation_id=str(turn.conversation_id),
        customer_id=str(turn.customer_id),
        channel=channel_to_proto(response.channel),
        send_seq=send_seq,
        epoch=turn.epoch,
        kind=agent_service_pb2.OutboundKind.Value(kind),
        recipient=answered.handle,
        subject=part.subject,
        text=part.text,
        html=part.html,
        thread_id=email.thread_id if email else "",
        in_reply_to=email.internet_message_id if email else "",
        references=references,
        last_part=part is response.parts[-1],
        status_url=turn.answered.status_url,
        ticket_reference=reference,
        due_time=timestamp(turn.due_time),
        window_end_time=timestamp(window_end(turn.answered.accept_time)) if chat else None,
        language=turn.language,
        handle_id=answered.handle_id,
        mailbox=email.mailbox if email else "",
    )
