"""The company's example phrases: what its customers say when a person must take over, and what only sounds so."""

import re
from dataclasses import dataclass

from services.agent.domain.turn import EscalationReason

_TITLE = re.compile(r"^##(?!#)\s+(?P<title>.*?)\s*(?:\((?P<reasons>[^()]*)\))?\s*$")
_PART = re.compile(r"^###\s+(?P<name>.*?)\s*$")
_BULLET = re.compile(r"^\s*[-*+]\s+(?P<phrase>.*?)\s*$")
_EXAMPLES = "examples"
_COUNTER_EXAMPLES = "not an escalation"
_KNOWN = {reason.value: reason for reason in EscalationReason}
_LONGEST_PHRASE = 400
_MOST_PHRASES = 2_000


class RulesFileError(ValueError):
    """A rules file cannot be read; the message names the line."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line


@dataclass(frozen=True, slots=True)
class ExamplePhrase:
    """One phrase; `reason` is None for one that must not escalate."""

    text: str
    reason: EscalationReason | None
    line: int


def read_phrases(text: str) -> list[ExamplePhrase]:
    """Reads the bullets under `### Examples` and `### Not an escalation` of each `## Title (reason)`.

    Prose and other headings are for people and are left alone. A title may name several reasons; its examples then
    count for the first.

    Raises:
        RulesFileError: for an unknown reason, examples without a reason, an empty or over-long phrase, or too many.
    """
    phrases: list[ExamplePhrase] = []
    reason: EscalationReason | None = None
    part = ""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        if fenced:
            continue
        if title := _TITLE.match(line):
            reason, part = _reason(title["reasons"], number), ""
        elif heading := _PART.match(line):
            part = heading["name"].casefold()
            if part == _EXAMPLES and reason is None:
                raise RulesFileError(number, "examples need a reason: ## Title (reason_code)")
        elif part in (_EXAMPLES, _COUNTER_EXAMPLES) and (bullet := _BULLET.match(line)):
            phrase = _phrase(bullet["phrase"], number)
            phrases.append(ExamplePhrase(phrase, reason if part == _EXAMPLES else None, number))
            if len(phrases) > _MOST_PHRASES:
                raise RulesFileError(number, f"more than {_MOST_PHRASES} phrases")
    return phrases


def _reason(named: str | None, line: int) -> EscalationReason | None:
    if named is None:
        return None
    codes = [code.strip() for code in named.split(",")]
    unknown = [code for code in codes if code not in _KNOWN]
    if unknown:
        raise RulesFileError(line, f"{unknown[0]!r} is no reason; known are {', '.join(_KNOWN)}")
    return _KNOWN[codes[0]]


def _phrase(text: str, line: int) -> str:
    phrase = text.strip("\"'“”„«»").strip()
    if not phrase:
        raise RulesFileError(line, "an empty phrase")
    if len(phrase) > _LONGEST_PHRASE:
        raise RulesFileError(line, f"a phrase of more than {_LONGEST_PHRASE} characters")
    return phrase
