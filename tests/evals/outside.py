"""What of a turn would reach the outside: the parts that are sent, and the ways out that they contain."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from services.agent.domain.conversation import State
from services.agent.domain.decisions import decide_answer
from services.agent.domain.events import ResponseGiven
from services.agent.domain.formatting import DEFAULT_LIMITS, reply_subject
from services.agent.domain.turn import Turn, TurnAnswer
from tests.fakes.phrases import BOOK
from tests.unit.agent.turns import clock


@dataclass(frozen=True)
class Sent:
    """The texts that leave: plain text, HTML and subjects of all parts."""

    texts: tuple[str, ...]

    def holds(self, marker: str) -> bool:
        """Tells whether a marker left, in any letter case."""
        return any(marker.casefold() in text.casefold() for text in self.texts)

    def links(self) -> set[str]:
        """Every link and image that a mail program or a chat would show, found by parsers of their own."""
        found: set[str] = set()
        for text in self.texts:
            reader = _Targets()
            reader.feed(text)
            found |= reader.found
            found |= {m[0].rstrip(".,)") for m in re.finditer(r"(?i)\bhttps?:[^\s<>\"'*]+", text)}
        return found


def sent(turn: Turn, answer: TurnAnswer, state: State | None = None) -> Sent:
    """Decides and formats an answer as the commit of the turn does, and returns what would be sent."""
    events = decide_answer(
        state or State(),
        turn,
        answer,
        DEFAULT_LIMITS[turn.channel],
        BOOK.of(answer.language),
        clock(),
    )
    texts: list[str] = []
    for event in events:
        if isinstance(event, ResponseGiven):
            for part in event.parts:
                texts += [part.text, part.html]
                # A reply repeats the subject that the customer wrote: the thread hangs on it.
                if part.subject != reply_subject(
                    turn.batch[-1].subject, BOOK.of(answer.language).untitled
                ):
                    texts.append(part.subject)
    return Sent(tuple(texts))


class _Targets(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {
            value or tag
            for name, value in attrs
            if name in ("href", "src", "srcset", "action", "data", "style", "background", "poster")
        }
        if tag in ("img", "script", "iframe", "svg", "object", "embed", "link", "form"):
            self.found.add(f"<{tag}>")
