"""Quotes a section as the answer to a question: its steps, or the sentences that say most, shortened for the channel."""

import re
from dataclasses import dataclass

from services.agent.domain.terms import terms
from services.agent.domain.turn import Channel

# Characters for the quotation alone; greeting, signature, links and hints come on top.
ROOM = {Channel.EMAIL: 1400, Channel.WHATSAPP: 330, Channel.WEB_FORM: 700}
_STEP = re.compile(r"^\s*\d+[.)]\s+")
_ITEM = re.compile(r"^\s*(?:\d+[.)]|[-*])\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_NAMED_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)")
_HEAD_ROOM = 60


@dataclass(frozen=True, slots=True)
class Found:
    """A section as a search returned it."""

    section_id: str
    title: str
    content: str


def quote(found: Found, question: str, channel: Channel, questions: int) -> str:
    """Shortens a section to what answers the question; with several questions each gets a heading and its share."""
    room = ROOM[channel] // questions
    head = ""
    if questions > 1:
        head = f"**{found.title.rsplit(' - ', 1)[-1]}**\n"
        room = max(room - len(head), _HEAD_ROOM)
    return head + _shortened(_clean(found.content), question, channel, room)


def as_sentence(question: str) -> str:
    """The customer's question in quotation marks, on one line."""
    line = " ".join(question.split())
    return f'"{line[:150]}"' if line.endswith(("?", ".", "!")) else f'"{line[:150]}".'


def _shortened(content: str, question: str, channel: Channel, room: int) -> str:
    if len(content) <= room and channel is not Channel.WHATSAPP:
        return content
    blocks = [block for block in re.split(r"\n\s*\n", content) if block.strip()]
    steps = next((block for block in blocks if _STEP.match(block)), "")
    if steps:
        place = blocks.index(steps)
        return _with_steps(steps, blocks[:place], blocks[place + 1 :], room)
    return _sentences(content, question, room)


def _with_steps(steps: str, before: list[str], after: list[str], room: int) -> str:
    # The lead-in of the steps is their heading; a shorter lead-in than the documentation's would be invention.
    lead = before[-1] if before else ""
    text = f"{lead}\n{steps}" if lead else steps
    if len(text) > room:
        text = steps
    for block in after:
        for sentence in _SENTENCE_END.split(block):
            if _ITEM.match(sentence) or len(text) + len(sentence) + 2 > room:
                return text
            glue = " " if text.split("\n")[-1].startswith(_first(block)) else "\n\n"
            text += glue + sentence
    return text


def _first(block: str) -> str:
    return _SENTENCE_END.split(block)[0]


def _sentences(content: str, question: str, room: int) -> str:
    """The sentences that share most with the question, in the section's order, at least the best one."""
    wanted = set(terms(question))
    sentences = [
        s for line in content.splitlines() if line.strip() for s in _SENTENCE_END.split(line)
    ]
    ranked = sorted(
        range(len(sentences)), key=lambda i: (-len(wanted & set(terms(sentences[i]))), i)
    )
    chosen: list[int] = []
    size = 0
    for place in ranked:
        if chosen and size + len(sentences[place]) + 1 > room:
            continue
        chosen.append(place)
        size += len(sentences[place]) + 1
    kept = [sentences[place] for place in sorted(chosen)]
    joined = kept[0]
    for sentence in kept[1:]:
        joined += ("\n" if _ITEM.match(sentence) else " ") + sentence
    return joined


def _clean(content: str) -> str:
    return _NAMED_LINK.sub(r"\1 (\2)", _IMAGE.sub("", content)).strip()
