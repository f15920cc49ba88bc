"""Shapes an answer as a mail: greeting, closing, signature, reference; text and HTML say the same."""

from collections.abc import Sequence

from services.agent.domain.formatting.continuity import continuity, within
from services.agent.domain.formatting.lines import greeting_name, reply_subject
from services.agent.domain.formatting.markdown import Unit, frame
from services.agent.domain.formatting.rendering import html, plain_text
from services.agent.domain.formatting.splitting import shortened
from services.agent.domain.formatting.values import ANSWER, HUMAN_REPLY, FormatContext, Part

_MOST_SUBJECT = 120


def mail(units: Sequence[Unit], context: FormatContext, kind: str) -> Part:
    """Puts greeting, closing, signature and reference around an answer."""
    phrases = context.phrases
    name = greeting_name(context.display_name)
    greeting = phrases.mail_greeting.format(name=name) if name else phrases.mail_greeting_nameless
    before = [*frame(greeting), *continuity(context, _MOST_SUBJECT)]
    after = frame(phrases.mail_closing) if kind == ANSWER else []
    after += frame(phrases.team_signature if kind == HUMAN_REPLY else phrases.signature)
    if context.reference:
        after += frame(phrases.mail_reference.format(reference=context.reference))
    if kind != HUMAN_REPLY:
        fits = within(context.limits, before, after)
        units = shortened(units, fits, phrases, context.status_url)
    whole = [*before, *units, *after]
    subject = context.message_subject or context.ticket_subject
    return Part(plain_text(whole), html(whole), reply_subject(subject, phrases.untitled))
