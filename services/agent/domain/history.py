"""The history that a model reads: the newest messages whole, all earlier ones in a rolling summary, within a number of tokens.

The summary is extractive and made by code when it is read: it cannot say what was not said. The same messages give
the same summary, and a further message changes its end: lines that were written stay until there is no room for more.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.agent.domain.own_text import own_text
from services.agent.domain.reading import Reading, read
from services.agent.domain.terms import terms
from services.agent.domain.turn import Channel, HistoryLine, Role

WHOLE_MESSAGES = 20
MESSAGE_TOKENS = 3000
SUMMARY_TOKENS = 1000
# One message may take a third of the room; of a longer one its beginning is kept.
_LONGEST_TOKENS = MESSAGE_TOKENS // 3
_BYTES_PER_TOKEN = 3
_SUMMARY_LENGTH = 160
# A line for many messages repeats this much of what the customer said in them.
_SAYINGS = 2
_SAYING_LENGTH = 80
# Lines are joined until so much room is left that the next messages change nothing written.
_JOINED_TOKENS = SUMMARY_TOKENS * 6 // 10
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is shown of the history: whole messages, newest first, and a summary of those before them, oldest first."""

    lines: tuple[HistoryLine, ...]
    earlier: str = ""


@dataclass(frozen=True, slots=True)
class _Span:
    """Neighbouring messages that share one line of the summary; `sayings` are the customer's matters, oldest first."""

    first: datetime
    last: datetime
    count: int
    channels: frozenset[Channel]
    sayings: tuple[str, ...]
    alone: str = ""

    @property
    def text(self) -> str:
        if self.alone:
            return self.alone
        channels = " and ".join(sorted(self.channels))
        said = f", customer: {' | '.join(self.sayings)}" if self.sayings else ""
        days = f"{self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}"
        return f"{days} {channels}, {self.count} messages{said}"

    @property
    def tokens(self) -> int:
        # The end of the line counts too.
        return tokens_at_most(f"{self.text}\n")

    def joined(self, later: "_Span") -> "_Span":
        """One line for both, with what says most of the matters that the customer brought up."""
        sayings = tuple(dict.fromkeys((*self.sayings, *later.sayings)))
        told = sorted(range(len(sayings)), key=lambda n: (-len(set(terms(sayings[n]))), n))
        kept = sorted(told[:_SAYINGS])
        return _Span(
            self.first,
            later.last,
            self.count + later.count,
            self.channels | later.channels,
            tuple(_shortened(sayings[n], _SAYING_LENGTH) for n in kept),
        )


def tokens_at_most(text: str) -> int:
    """Estimates tokens from above for Latin scripts: a token has about four bytes, three are assumed."""
    return math.ceil(len(text.encode()) / _BYTES_PER_TOKEN)


def recall(lines: Sequence[HistoryLine]) -> Recalled:
    """Keeps lines, newest first, while they fit, and sums up all the others."""
    kept: list[HistoryLine] = []
    room = MESSAGE_TOKENS
    for line in lines[:WHOLE_MESSAGES]:
        shown = replace(line, content=_cut(line.content))
        room -= tokens_at_most(shown.content)
        if room < 0:
            break
        kept.append(shown)
    return Recalled(tuple(kept), _summary(reversed(lines[len(kept) :])))


def _summary(lines: Iterable[HistoryLine]) -> str:
    """A line for each message, oldest first; where they take too much room neighbours are joined, fewest messages first."""
    spans: list[_Span] = []
    tokens = 0
    for line in lines:
        spans.append(_span(line))
        tokens += spans[-1].tokens
        if tokens > SUMMARY_TOKENS:
            while tokens > _JOINED_TOKENS and len(spans) > 1:
                _join_smallest(spans)
                tokens = sum(span.tokens for span in spans)
    return "\n".join(span.text for span in spans)


def _join_smallest(spans: list[_Span]) -> None:
    """Joins the two neighbours with the fewest messages, the oldest of several: what is long past is joined rarely."""
    place = min(range(len(spans) - 1), key=lambda n: spans[n].count + spans[n + 1].count)
    spans[place : place + 2] = [spans[place].joined(spans[place + 1])]


def _span(line: HistoryLine) -> _Span:
    gist = _gist(line.content)
    return _Span(
        line.create_time,
        line.create_time,
        1,
        frozenset({line.channel}),
        (gist,) if line.role is Role.CUSTOMER and read(gist) is Reading.MATTER else (),
        f"{line.create_time:%Y-%m-%d} {line.channel}, {line.role}: {gist}",
    )


def _gist(text: str) -> str:
    """The first sentence that says something, on one line."""
    sentences = (" ".join(s.split()) for s in _SENTENCE_END.split(own_text(text)))
    return _shortened(next((s for s in sentences if s), ""), _SUMMARY_LENGTH)


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _cut(text: str) -> str:
    if tokens_at_most(text) <= _LONGEST_TOKENS:
        return text
    beginning = text.encode()[: _LONGEST_TOKENS * _BYTES_PER_TOKEN].decode(errors="ignore")
    return f"{beginning}…"
