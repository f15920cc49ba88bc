"""Invented companies' documents and questions, for training alone: the ranking, the evidence model and the vectors' centring."""

import json
from dataclasses import dataclass
from pathlib import Path

from cli.kb_measure import Question, read_questions
from services.agent.adapters.knowledge_folder import read_folder
from services.agent.domain.knowledge import CUSTOMER, Section

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).resolve().parent / "data"
TRAINING_DOCS = DATA / "training-docs"


@dataclass(frozen=True, slots=True)
class Company:
    """What one company has written for its customers, and what these ask."""

    name: str
    sections: tuple[Section, ...]
    questions: tuple[Question, ...]


def read_companies() -> list[Company]:
    """Reads the own company with its development questions, then those of `data/training-docs`."""
    own = _company("own", ROOT / "context", DATA / "questions.jsonl")
    questions = tuple(q for q in own.questions if q.split == "dev")
    others = (_company(f.name, f, f / "questions.jsonl") for f in sorted(TRAINING_DOCS.iterdir()))
    return [Company("own", own.sections, questions), *others]


def read_requests(folder: Path) -> list[Question]:
    """Reads public requests that fit no subject (clinc150, `oos_train`)."""
    rows = json.loads((folder / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    return [Question(text, frozenset()) for text, _ in rows["oos_train"]]


def _company(name: str, folder: Path, questions: Path) -> Company:
    documents, problems = read_folder(folder)
    if problems:
        raise ValueError(f"cannot read {problems}")
    sections = tuple(s for found in documents.values() for s in found if s.audience == CUSTOMER)
    return Company(name, sections, tuple(read_questions(questions)))
