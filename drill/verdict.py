"""Owns the words of a verdict: what is wrong, what was in doubt and how it was settled."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

_SHOWN: Final = 40


class Fault(StrEnum):
    """The kinds of violations."""

    LOST = "lost"
    DOUBLED = "doubled"
    ORDER = "order"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Problem:
    """One violation, in words."""

    fault: Fault
    text: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.text}"


class Settled(StrEnum):
    """How a send whose outcome was unknown was settled."""

    WITNESS = "witness"
    RESEND = "resend"
    NEEDS_HUMAN = "needs_human"
    NOT_SENT = "not_sent"
    OTHERWISE = "otherwise"


@dataclass(slots=True)
class Doubt:
    """One intent with an attempt whose outcome was unknown: why, how it was settled, extra copies seen."""

    intent_id: str
    channel: str
    to: str
    reasons: tuple[str, ...]
    settled: Settled
    attempts: int
    resends: int
    extra_copies: int = 0

    def as_json(self) -> dict[str, Any]:
        """Returns the doubt as the report lists it; without the recipient, who may be a person."""
        return {
            "intent_id": self.intent_id,
            "channel": self.channel,
            "reasons": list(self.reasons),
            "settled": self.settled.value,
            "attempts": self.attempts,
            "resends": self.resends,
            "extra_copies": self.extra_copies,
        }


@dataclass(slots=True)
class Verdict:
    """Holds what is wrong, and how much was looked at."""

    problems: list[Problem]
    messages: int
    turns: int
    answers: int
    parts: int
    outcomes: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    doubts: list[Doubt] = field(default_factory=list)

    def count(self, fault: Fault) -> int:
        """Returns how many problems are of one kind."""
        return sum(problem.fault is fault for problem in self.problems)

    def __str__(self) -> str:
        counted = (
            f"{self.messages} messages, {self.turns} turns, "
            f"{self.answers} answers in {self.parts} parts"
        )
        shown = [str(problem) for problem in self.problems[:_SHOWN]]
        if len(self.problems) > len(shown):
            shown.append(f"... and {len(self.problems) - len(shown)} more")
        return "\n".join([counted, *shown])
