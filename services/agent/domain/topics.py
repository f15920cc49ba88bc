"""Which mails are about one matter: a mail's subject says so, in the same thread or not."""

from services.agent.domain.formatting.lines import bare_subject, is_reply
from services.agent.domain.terms import fold
from services.agent.domain.turn import Channel, InboundText

_COMPARED = 200


def topic(subject: str) -> str:
    """The subject made comparable: without reply marks, accents, case and extra spaces."""
    return " ".join(fold(bare_subject(subject, _COMPARED)).split())


def mail_subject(message: InboundText) -> str:
    """The subject by which a message is sorted; empty where the channel has none or a form has its own ticket."""
    is_mail = message.channel is Channel.EMAIL and message.form_ticket_id is None
    return message.subject if is_mail else ""


def begins_anew(subject: str) -> bool:
    """Tells whether a mail that fits no earlier matter begins one: it has a subject, and answers nobody."""
    return bool(topic(subject)) and not is_reply(subject)
