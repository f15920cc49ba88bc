"""The history that a model reads: the newest messages whole, earlier ones in a line each, within a number of tokens.

The summary is extractive and made by code when it is read: it cannot say what was not said.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.agent.domain.reading import own_words
from services.agent.domain.turn import HistoryLine

MESSAGE_TOKENS = 3000
SUMMARY_TOKENS = 600
# One message may take a third of the room; of a longer one its beginning is kept.
_LONGEST_TOKENS = MESSAGE_TOKENS // 3
_BYTES_PER_TOKEN = 3
_SUMMARY_LENGTH = 160
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is shown of the history: whole messages, newest first, and a summary of those before them."""

    lines: tuple[HistoryLine, ...]
    earlier: str = ""


def tokens_at_most(text: str) -> int:
    """Estimates tokens from above for Latin scripts: a token has about four bytes, three are assumed."""
    return math.ceil(len(text.encode()) / _BYTES_PER_TOKEN)


def recall(lines: Sequence[HistoryLine]) -> Recalled:
    """Keeps lines, newest first, while they fit, and shortens the rest to their first sentence.

    What does not fit into the summary either is counted.
    """
    kept: list[HistoryLine] = []
    room = MESSAGE_TOKENS
    for line in lines:
        shown = replace(line, content=_cut(line.content))
        room -= tokens_at_most(shown.content)
        if room < 0:
            break
        kept.append(shown)
    return Recalled(tuple(kept), _summary(lines[len(kept) :]))


def _summary(lines: Sequence[HistoryLine]) -> str:
    summed: list[str] = []
    room = SUMMARY_TOKENS
    for place, line in enumerate(lines):
        said = f"{line.create_time:%Y-%m-%d} {line.channel}, {line.role}: {_gist(line.content)}"
        room -= tokens_at_most(said)
        if room < 0:
            return "\n".join([*summed, f"… and {len(lines) - place} earlier messages"])
        summed.append(said)
    return "\n".join(summed)


def _gist(text: str) -> str:
    """The first sentence that says something, on one line."""
    sentences = (" ".join(s.split()) for s in _SENTENCE_END.split(own_words(text)))
    first = next((s for s in sentences if s), "")
    return first if len(first) <= _SUMMARY_LENGTH else f"{first[: _SUMMARY_LENGTH - 1]}…"


def _cut(text: str) -> str:
    if tokens_at_most(text) <= _LONGEST_TOKENS:
        return text
    beginning = text.encode()[: _LONGEST_TOKENS * _BYTES_PER_TOKEN].decode(errors="ignore")
    return f"{beginning}…"
