"""Public data for retrieval: the documents of an invented bank and what its customers say.

`tau-banking-knowledge` (sierra-research/tau2-bench, MIT): each case names the documents that it needs; what the customer is
to say aloud in it is one query, which need not ask for all that these documents say.
"""

import json
import re
from pathlib import Path

from cli.kb_measure import Question
from services.agent.domain.knowledge import CUSTOMER, Section

# Lines that the scenario puts into the customer's mouth, long enough to ask for something.
_SAID = re.compile(r'(?<=[\s(])["\u201c]([A-Z][^"\u201d\n]{40,400})["\u201d]')
_ASKS = re.compile(r"\?|\b(?:want|like|need|help|how|what|which)\b", re.IGNORECASE)
_LINES_A_CASE = 3


def read_bank(folder: Path) -> tuple[list[Section], list[Question]]:
    """Reads the documents that are meant for customers, and the questions that these answer."""
    sections = [_section(path) for path in sorted((folder / "documents").glob("*.json"))]
    customers = [s for s in sections if not s.title.startswith("Internal")]
    known = {section.section_id for section in customers}
    cases = sorted((folder / "tasks").glob("*.json"))
    return customers, [question for path in cases for question in _asked(path, known)]


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
