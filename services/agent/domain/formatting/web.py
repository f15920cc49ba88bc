"""Shapes an answer for the page of a web form's ticket: straight to the matter, then where help is."""

from collections.abc import Sequence

from services.agent.domain.formatting.continuity import continuity, within
from services.agent.domain.formatting.markdown import Unit, frame
from services.agent.domain.formatting.rendering import plain_text
from services.agent.domain.formatting.splitting import shortened
from services.agent.domain.formatting.values import HUMAN_REPLY, FormatContext, Part

_MOST_SUBJECT = 80


def web(units: Sequence[Unit], context: FormatContext, kind: str) -> Part:
    """Puts the links to the help portal and to the customer's own page under an answer."""
    phrases = context.phrases
    links = [
        line.format(link=link)
        for line, link in (
            (phrases.help_line, phrases.help_url),
            (phrases.status_line, context.status_url),
        )
        if link
    ]
    before, after = continuity(context, _MOST_SUBJECT), frame("\n".join(links))
    if kind != HUMAN_REPLY:
        fits = within(context.limits, before, after)
        units = shortened(units, fits, phrases, context.status_url)
    return Part(plain_text([*before, *units, *after]))
