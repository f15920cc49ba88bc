"""The only place that shapes text for a channel: greeting, signature, parts, links, limits and notices.

`values` are what goes in and comes out; `markdown` reads an answer into units that are not torn, `inline` renders what
stands inside a line, `graphemes` cuts between characters as people see them, `splitting` shortens and packs;
`mail`, `chat` and `web` put the frame of their channel around it; `lines` makes subjects and names fit for one line.
"""

from services.agent.domain.formatting.chat import chat
from services.agent.domain.formatting.lines import is_reply, reply_subject
from services.agent.domain.formatting.mail import mail
from services.agent.domain.formatting.markdown import read
from services.agent.domain.formatting.values import (
    DEFAULT_LIMITS,
    HUMAN_REPLY,
    FormatContext,
    Limits,
    Part,
)
from services.agent.domain.formatting.web import web
from services.agent.domain.turn import Channel

__all__ = [
    "DEFAULT_LIMITS",
    "FormatContext",
    "Limits",
    "Part",
    "format_answer",
    "is_reply",
    "reply_subject",
]

# Beyond this nothing of an answer could be sent on any channel: it is dropped unread.
_LONGEST = 20_000


def format_answer(response: str, channel: Channel, context: FormatContext, kind: str) -> list[Part]:
    """Shapes a response (Markdown) into the parts that a channel sends in order.

    `kind` is answer, human_reply, escalation_notice, apology or wait_notice; the last three bring their own text. An empty
    answer gives no parts. HTML and subject are filled for mail only. A person's reply is never shortened.
    """
    notices = {
        "escalation_notice": context.phrases.escalation_notice,
        "apology": context.phrases.apology,
        "wait_notice": dict.fromkeys(Channel, context.phrases.wait_notice),
    }
    body = notices[kind][channel] if kind in notices else response.strip()
    if not body:
        return []
    units = read(body if kind == HUMAN_REPLY else body[:_LONGEST])
    # An answer of nothing but images must not leave the customer without one.
    units = units or read(context.phrases.offer_person)
    if channel is Channel.EMAIL:
        return [mail(units, context, kind)]
    if channel is Channel.WHATSAPP:
        return chat(units, context, kind)
    return [web(units, context, kind)]
