"""Retrieval on public data: a bank's documents, whose questions have a small part in the ranking's training.

`clinc150` (clinc/oos-eval, CC BY 3.0): requests that fit no intent, which the bank's documents do not answer either; those
asked here took no part in any training.
"""

import json
import os
from pathlib import Path

import pytest

from cli.kb_measure import Question, measure
from services.agent.adapters.knowledge_memory import MemoryKnowledgeBase
from tests.evals.bank import read_bank
from tests.evals.kept_vectors import kept_embedder

_UNANSWERABLE = 200


@pytest.mark.corpora
@pytest.mark.timeout(900)
async def test_a_banks_customers_find_its_documents(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(os.environ["FTE_CORPORA"])
    sections, questions = read_bank(folder / "tau-banking-knowledge")
    requests = json.loads((folder / "clinc150" / "data_full.json").read_text())["oos_test"]
    questions += [Question(text, frozenset()) for text, _ in requests[:_UNANSWERABLE]]
    figures = await measure(MemoryKnowledgeBase(sections, kept_embedder()), questions)
    with capsys.disabled():
        print(json.dumps(figures.as_json()))
    # Printed, not gated: a case's line need not ask for what the case's documents say.
    assert (figures.answerable, figures.unanswerable) > (0, 0)
