"""Trains the evidence model on the development questions and writes `services/agent/models/evidence.json`.

Each answerable question is used twice: as it is, and with its answering sections taken away, when the same words have no
answer and the nearest sections are wrong ones. The floor is the probability below which the best section stays for a given
share of the answerable questions, measured on questions that the fold's model had not seen.

    .venv/bin/python scripts/train_evidence.py [--features] [--write]
"""

import argparse
import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from cli.kb_measure import FIRST, Question, read_questions
from services.agent.adapters.embedder_glossed import bundled_embedder
from services.agent.adapters.evidence_file import WEIGHTS
from services.agent.adapters.knowledge_folder import read_folder
from services.agent.adapters.knowledge_memory import MemoryKnowledgeBase
from services.agent.domain.evidence import EvidenceModel, LogisticModel, measure

ROOT = Path(__file__).resolve().parent.parent
# A question that is held back in vain goes to a person; one that is answered in vain misleads the customer. By words alone
# the model separates less, and it is only used while vectors are lacking: there it is more careful.
MOST_LOST = {"hybrid": 0.10, "lexical": 0.30}
LEXICAL = ("title_covered", "statement_covered", "title_agreement", "bm25", "bm25_lead")
HYBRID = (
    "title_covered", "statement_covered", "title_agreement", "bm25",
    "title_cosine", "statement_cosine", "passage_cosine", "cosine_lead",
)  # fmt: skip
# scikit-learn's default strength; it was not tuned.
RIDGE = 1.0
FOLDS = 5
_NONE = LogisticModel({}, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Case:
    """One question: the measures of its candidates, and which of them answer it."""

    measured: dict[str, NDArray[np.float64]]
    answers: NDArray[np.bool_]
    question: int

    @property
    def answerable(self) -> bool:
        """Tells whether any section answers, found or not."""
        return self.question >= 0


async def cases(base: MemoryKnowledgeBase, questions: Sequence[Question]) -> list[Case]:
    """Measures every question with and without its sections; negative numbers mark those without an answer."""
    made: list[Case] = []
    for number, question in enumerate(questions):
        for without in (frozenset[str](), question.sections)[: 1 + bool(question.sections)]:
            candidates, statistics = await base.candidates(question.text, without)
            if not candidates:
                continue
            answers = np.array([c.section.section_id in question.sections for c in candidates])
            answered = bool(question.sections) and not without
            made.append(
                Case(
                    measure(question.text, candidates, statistics),
                    answers,
                    number if answered else -1 - number,
                )
            )
    return made


def fit(given: Sequence[Case], features: Sequence[str]) -> LogisticModel:
    """Fits the weights, with features brought to one scale and back."""
    rows = np.concatenate(
        [np.stack([case.measured[name] for name in features], axis=1) for case in given]
    )
    labels = np.concatenate([case.answers for case in given])
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    model = LogisticRegression(C=RIDGE, max_iter=5000).fit((rows - mean) / scale, labels)
    weights = model.coef_[0] / scale
    intercept = float(model.intercept_[0] - (weights * mean).sum())
    named = dict(zip(features, (float(w) for w in weights), strict=True))
    return LogisticModel(named, intercept, 0.0)


def left_out(given: Sequence[Case], features: Sequence[str], most_lost: float) -> dict[str, Any]:
    """Scores every case by a model that has not seen its question; returns the figures and the floor."""
    numbers = np.array([case.question if case.answerable else -1 - case.question for case in given])
    unique = np.unique(numbers)
    best = np.zeros(len(given))
    places = np.full(len(given), 10_000)
    for _, held in KFold(FOLDS, shuffle=True, random_state=7).split(unique):
        mine = np.isin(numbers, unique[held])
        model = fit([c for c, out in zip(given, mine, strict=True) if not out], features)
        for place in map(int, np.flatnonzero(mine)):
            found = model.probabilities(given[place].measured)
            best[place] = found.max()
            order = given[place].answers[np.argsort(-found, kind="stable")]
            if order.any():
                places[place] = int(order.argmax()) + 1
    answerable = np.array([case.answerable for case in given])
    floor = float(np.quantile(best[answerable], most_lost))
    return {
        "recall": float((places[answerable] <= FIRST).mean()),
        "reciprocal_rank": float((1 / places[answerable]).mean()),
        "separation": float(roc_auc_score(answerable, best)),
        "held_back": float((best[~answerable] < floor).mean()),
        "floor": floor,
    }


def main() -> None:
    """Trains, prints the figures, and writes the weights when told to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--context", type=Path, default=ROOT / "context")
    parser.add_argument("--questions", type=Path, default=ROOT / "tests/evals/data/questions.jsonl")
    parser.add_argument("--features", action="store_true", help="print what each feature gains")
    parser.add_argument("--write", action="store_true", help="write the weights")
    options = parser.parse_args()
    documents, problems = read_folder(options.context)
    if problems:
        parser.error(f"cannot read {problems}")
    sections = [section for found in documents.values() for section in found]
    questions = [q for q in read_questions(options.questions) if q.split == "dev"]
    written: dict[str, Any] = {
        "data": {
            "questions": len(questions),
            "sha256": hashlib.sha256(
                "\n".join(
                    sorted(s.content_hash for s in sections)
                    + [repr((q.text, sorted(q.sections))) for q in questions]
                ).encode()
            ).hexdigest(),
        },
        "vectors": bundled_embedder().model,
    }
    empty = EvidenceModel(_NONE, _NONE)
    for name, features, embedder in (
        ("hybrid", HYBRID, bundled_embedder()),
        ("lexical", LEXICAL, None),
    ):
        base = MemoryKnowledgeBase(sections, embedder, model=empty)
        given = asyncio.run(cases(base, questions))
        figures = left_out(given, features, MOST_LOST[name])
        print(name, json.dumps({k: round(v, 4) for k, v in figures.items()}))
        if options.features:
            for feature in features:
                others = [other for other in features if other != feature]
                fewer = left_out(given, others, MOST_LOST[name])
                gains = {k: round(figures[k] - fewer[k], 4) for k in figures if k != "floor"}
                print(f"  {feature:<18} gains {json.dumps(gains)}")
        model = fit(given, features)
        written[name] = {
            "floor": round(figures["floor"], 4),
            "intercept": round(model.intercept, 4),
            "weights": {k: round(v, 4) for k, v in model.weights.items()},
        }
    if options.write:
        WEIGHTS.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {WEIGHTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
