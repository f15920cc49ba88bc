"""Retrieval on questions that nothing was trained on, against what is recorded in `data/retrieval-baseline.json`.

A change may cost two questions of a set; more is a step back, to be mended or recorded on purpose with
`fte kb eval --json`.
"""

import asyncio
import json
from functools import cache
from pathlib import Path

import pytest

from cli.kb_measure import Figures, measure, read_questions
from services.agent.adapters.knowledge_folder import read_folder
from services.agent.adapters.knowledge_memory import MemoryKnowledgeBase
from tests.evals.kept_vectors import kept_embedder

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).resolve().parent / "data"
BASELINE = json.loads((DATA / "retrieval-baseline.json").read_text())
SETS = {
    "own": (ROOT / "context", DATA / "questions.jsonl", "test"),
    "foreign": (DATA / "foreign", DATA / "foreign-questions.jsonl", "test"),
}
QUESTIONS_LOST = 2


@cache
def measured(name: str) -> Figures:
    folder, questions, split = SETS[name]
    documents, problems = read_folder(folder)
    assert not problems
    sections = [section for found in documents.values() for section in found]
    asked = [q for q in read_questions(questions) if q.split == split]
    return asyncio.run(measure(MemoryKnowledgeBase(sections, kept_embedder()), asked))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(
    ("figure", "sign", "of"),
    [
        ("recall", 1, "answerable"),
        ("reciprocal_rank", 1, "answerable"),
        ("found", 1, "answerable"),
        ("lost", -1, "answerable"),
        ("held_back", 1, "unanswerable"),
        ("removed_held_back", 1, "answerable"),
    ],
)
def test_retrieval_is_no_worse_than_recorded(name: str, figure: str, sign: int, of: str) -> None:
    figures = measured(name).as_json()
    assert figures[of] == BASELINE[name][of], "the set has changed: record it anew"
    tolerance = QUESTIONS_LOST / figures[of]
    assert sign * (figures[figure] - BASELINE[name][figure]) >= -tolerance - 1e-4
