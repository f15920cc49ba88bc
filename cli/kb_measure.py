"""Owns the measures of retrieval: what is found among the first five, what is held back, what is lost."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.agent.adapters.knowledge_memory import MemoryKnowledgeBase

FIRST = 5


class QuestionsError(ValueError):
    """A file of questions cannot be read; the message names its line."""


@dataclass(frozen=True, slots=True)
class Question:
    """A customer's question, and the sections of which each answers it; none if nothing does."""

    text: str
    sections: frozenset[str]
    language: str = "en"
    split: str = "test"


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. Shares are of the number beside them, and none where that is nought.

    `recall`: answerable questions with an answering section among the first five of the ranking, whatever the floor says.
    `reciprocal_rank`: the mean of one divided by the place of the first such section. `found`: the same as recall, of what
    the search gives out. `lost`: answerable questions for which it gives out nothing. `held_back`: unanswerable questions
    for which it gives out nothing. `removed_held_back`: answerable ones whose sections were taken away.
    """

    answerable: int
    unanswerable: int
    recall: float | None
    reciprocal_rank: float | None
    found: float | None
    lost: float | None
    held_back: float | None
    removed_held_back: float | None

    def as_json(self) -> dict[str, Any]:
        """Returns the figures by name."""
        return asdict(self)


def read_questions(path: Path) -> list[Question]:
    """Reads one JSON object a line: `question`, `sections`, and optionally `language` and `split`.

    Raises:
        QuestionsError: if a line is no such object.
    """
    found: list[Question] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            found.append(
                Question(
                    str(row["question"]),
                    frozenset(map(str, row["sections"])),
                    str(row.get("language", "en")),
                    str(row.get("split", "test")),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise QuestionsError(f"{path.name}, line {number}: {error!r}") from error
    return found


async def measure(base: MemoryKnowledgeBase, questions: Sequence[Question]) -> Figures:
    """Asks every question.

    Raises:
        QuestionsError: if a question names a section that does not exist for customers.
    """
    known = {section.section_id for section in base.sections}
    unknown = sorted({s for q in questions for s in q.sections} - known)
    if unknown:
        raise QuestionsError(f"no such section: {', '.join(unknown[:3])}")
    places: list[int | None] = []
    given: list[bool] = []
    lost: list[bool] = []
    held_back: list[bool] = []
    removed: list[bool] = []
    for question in questions:
        found = [e.section.section_id for e in await base.search(question.text, FIRST)]
        if not question.sections:
            held_back.append(not found)
            continue
        ranked = [e.section.section_id for e in await base.ranked(question.text)]
        places.append(next((p for p, s in enumerate(ranked, 1) if s in question.sections), None))
        given.append(bool(question.sections & set(found)))
        lost.append(not found)
        removed.append(not await base.search(question.text, FIRST, question.sections))
    return Figures(
        answerable=len(lost),
        unanswerable=len(held_back),
        recall=_share([place is not None and place <= FIRST for place in places]),
        reciprocal_rank=_share([1 / place if place else 0.0 for place in places]),
        found=_share(given),
        lost=_share(lost),
        held_back=_share(held_back),
        removed_held_back=_share(removed),
    )


def _share(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
