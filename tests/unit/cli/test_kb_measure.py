"""The measures of retrieval: counted right, and files of questions that cannot be read named with their line."""

from pathlib import Path

import pytest

from cli.kb_measure import Question, QuestionsError, measure, read_questions
from services.agent.adapters.knowledge_memory import MemoryKnowledgeBase
from services.agent.domain.evidence import EvidenceModel, LogisticModel, StagedModel
from services.agent.domain.knowledge import read_sections

TEXT = "# Doc\n\n## Reset a password\n\nAsk for a link.\n\n## Export boards\n\nSelect export.\n"
RESET, EXPORT = (s.section_id for s in read_sections("a.md", TEXT))
# Answers from half of the question's weight on.
HALF = StagedModel({"title_covered": 1.0}, LogisticModel({"missing": -1.0}, 0.5, 0.5))


def base() -> MemoryKnowledgeBase:
    return MemoryKnowledgeBase(read_sections("a.md", TEXT), model=EvidenceModel(HALF, HALF))


def asked(text: str, *sections: str) -> Question:
    return Question(text, frozenset(sections))


async def test_each_share_is_of_its_own_questions() -> None:
    figures = await measure(
        base(),
        [
            asked("reset password", RESET),
            asked("reset password", EXPORT),
            asked("unheard gibberish export", EXPORT),
            asked("zebra"),
            asked("export boards"),
        ],
    )
    assert (figures.answerable, figures.unanswerable) == (3, 2)
    assert figures.recall == pytest.approx(2 / 3, abs=1e-4)
    assert figures.lost == pytest.approx(1 / 3, abs=1e-4)
    assert figures.held_back == 0.5
    assert figures.found == pytest.approx(1 / 3, abs=1e-4)


async def test_nothing_asked_is_no_share() -> None:
    figures = await measure(base(), [])
    assert (figures.recall, figures.lost, figures.held_back) == (None, None, None)


async def test_a_question_about_an_unknown_section_is_refused() -> None:
    with pytest.raises(QuestionsError, match=r"no such section: a\.md#elsewhere"):
        await measure(base(), [asked("reset", "a.md#elsewhere")])


@pytest.mark.parametrize(
    "line", ["{", '{"question": "x"}', "[]", '{"question": "x", "sections": 3}']
)
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(f'{{"question": "fine", "sections": []}}\n{line}\n')
    with pytest.raises(QuestionsError, match=r"q\.jsonl, line 2"):
        read_questions(path)
