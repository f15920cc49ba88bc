"""Shapes an answer for WhatsApp: short parts in order, the last of them with the hint."""

from collections.abc import Sequence

from services.agent.domain.formatting.continuity import continuity
from services.agent.domain.formatting.markdown import PART_AIM, PART_MOST, Unit, frame
from services.agent.domain.formatting.rendering import chat_units
from services.agent.domain.formatting.splitting import pack, shortened
from services.agent.domain.formatting.values import ANSWER, HUMAN_REPLY, FormatContext, Part

# An answer without steps stays below this in all its parts together.
WHOLE_MOST = 500
PARTS_MOST = 4
_MOST_SUBJECT = 60
_FEW_STEPS = 1


def chat(units: Sequence[Unit], context: FormatContext, kind: str) -> list[Part]:
    """Packs an answer into parts of `PART_AIM` characters; only a link, a table or code makes one longer."""
    phrases = context.phrases
    before = continuity(context, _MOST_SUBJECT)
    hint = phrases.chat_hint.format(keyword=phrases.human_keyword) if kind == ANSWER else ""
    after = frame(hint)
    most = min(context.limits.characters, PART_MOST * PARTS_MOST)
    words = context.limits.words
    steps = sum(unit.is_step for unit in units) > _FEW_STEPS

    def parts_of(answer: Sequence[Unit]) -> list[str]:
        return pack(chat_units([*before, *answer, *after]), PART_AIM)

    def fits(answer: Sequence[Unit]) -> bool:
        parts = parts_of(answer)
        whole = sum(len(part) for part in parts)
        return (
            len(parts) <= PARTS_MOST
            and whole <= most
            and (steps or whole < WHOLE_MOST)
            and (words is None or sum(len(part.split()) for part in parts) <= words)
        )

    if kind != HUMAN_REPLY:
        units = shortened(units, fits, phrases, context.status_url)
    return [Part(text=part) for part in parts_of(units)]
