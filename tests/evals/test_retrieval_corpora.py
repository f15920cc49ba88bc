"""Retrieval on public data: the documents of an invented bank, which nothing here was trained on.

`tau-banking-knowledge` (sierra-research/tau2-bench, MIT): each case names the documents that it needs; what the customer is
to say aloud in it is one query. `clinc150` (clinc/oos-eval, CC BY 3.0): requests that fit no intent, which the bank's
documents do not answer either.
"""

import json
import os
import re
from pathlib import Path

import pytest

from cli.kb_measure import Question, measure
from services.agent.adapters.embedder_glossed import bundled_embedder
from services.agent.adapters.knowledge_memory import MemoryKnowledgeBase
from services.agent.domain.knowledge import CUSTOMER, Section

# Lines that the scenario puts into the customer's mouth, long enough to ask for something.
_SAID = re.compile(r'(?<=[\s(])["\u201c]([A-Z][^"\u201d\n]{40,400})["\u201d]')
_ASKS = re.compile(r"\?|\b(?:want|like|need|help|how|what|which)\b", re.IGNORECASE)
_LINES_A_CASE = 3
_UNANSWERABLE = 200


@pytest.mark.corpora
@pytest.mark.timeout(900)
async def test_a_banks_customers_find_its_documents(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(os.environ["FTE_CORPORA"])
    bank = folder / "tau-banking-knowledge"
    sections = [_section(path) for path in sorted((bank / "documents").glob("*.json"))]
    customers = [s for s in sections if not s.title.startswith("Internal")]
    known = {section.section_id for section in customers}
    questions = [q for path in sorted((bank / "tasks").glob("*.json")) for q in _asked(path, known)]
    requests = json.loads((folder / "clinc150" / "data_full.json").read_text())["oos_test"]
    questions += [Question(text, frozenset()) for text, _ in requests[:_UNANSWERABLE]]
    figures = await measure(MemoryKnowledgeBase(customers, bundled_embedder()), questions)
    with capsys.disabled():
        pass
    # Printed, not gated: a case's line need not ask for what the case's documents say.
    assert (figures.answerable, figures.unanswerable) > (0, 0)


def _section(path: Path) -> Section:
    read = json.loads(path.read_text(encoding="utf-8"))
    title, content = read["title"], read["content"]
    return Section(read["id"], path.name, title, content, "", CUSTOMER, 0, read["id"])


def _asked(path: Path, known: set[str]) -> list[Question]:
    case = json.loads(path.read_text(encoding="utf-8"))
    needed = frozenset(case["required_documents"]) & known
    said = _SAID.findall(str(case["user_scenario"]["instructions"]))
    asking = [" ".join(line.split()) for line in said if _ASKS.search(line)]
    return [Question(line, needed) for line in asking[:_LINES_A_CASE] if needed]
