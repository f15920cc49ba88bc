"""What mail, chat and web share: the sentence after a switch of channels, and the channel's limits."""

from collections.abc import Sequence

from services.agent.domain.formatting.lines import bare_subject
from services.agent.domain.formatting.markdown import Unit, frame
from services.agent.domain.formatting.rendering import plain_text
from services.agent.domain.formatting.splitting import Fits
from services.agent.domain.formatting.values import FormatContext, Limits


def continuity(context: FormatContext, most: int) -> list[Unit]:
    """Says that the conversation goes on from another channel, and about what in at most `most` characters."""
    previous = context.previous_channel
    if previous is None:
        return []
    subject = bare_subject(context.ticket_subject, most)
    if not subject:
        return frame(context.phrases.continuity[previous])
    return frame(context.phrases.continuity_about[previous].format(subject=subject))


def within(limits: Limits, before: Sequence[Unit], after: Sequence[Unit]) -> Fits:
    """Tells whether an answer with what stands before and after it keeps the channel's limits."""

    def fits(units: Sequence[Unit]) -> bool:
        text = plain_text([*before, *units, *after])
        return len(text) <= limits.characters and (
            limits.words is None or len(text.split()) <= limits.words
        )

    return fits
