"""Trains the evidence model on the development questions and writes `services/agent/models/evidence.json`.

The ranking is a conditional logit: of a question's candidates, which one answers. A bank's documents and questions from
public data have a small part in it, so that it fits more than one company's way of writing. Whether a question is answered at all is
learned from answerable and unanswerable ones, from answerable ones whose sections were taken away (with less weight: a
neighbour often still answers half), and from public requests that fit no subject. The public data (`clinc150`,
`tau-banking-knowledge`) are no part of this repository. Weights whose sign is known are kept to it. The floor is the probability below which a given share of the
answerable questions stays, on questions that the fold's two models had not seen.

    .venv/bin/python scripts/train_evidence.py --corpora DIR [--features] [--write]
"""

import argparse
import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from cli.kb_measure import FIRST, Question, read_questions
from services.agent.adapters.embedder_glossed import bundled_embedder
from services.agent.adapters.evidence_file import WEIGHTS
from services.agent.adapters.knowledge_folder import read_folder
from services.agent.adapters.knowledge_memory import MemoryKnowledgeBase
from services.agent.application.ports import Embedder
from services.agent.domain.evidence import (
    Candidate,
    EvidenceModel,
    LogisticModel,
    StagedModel,
    Statistics,
    measure,
    ranked,
)
from services.agent.domain.knowledge import Section
from tests.evals.bank import read_bank

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = (
    {
        "name": "clinc150, oos_train",
        "repository": "clinc/oos-eval",
        "commit": "828f8093932c8fe6ca7936c3d2e52903b1c523de",
        "licence": "CC BY 3.0",
    },
    {
        "name": "tau-banking-knowledge",
        "repository": "sierra-research/tau2-bench",
        "commit": "a2c024725189473d2d7cea3a5cfdbcc67478e41f",
        "licence": "MIT",
    },
)
# A question that is held back in vain goes to a person; one that is answered in vain misleads the customer. By words alone
# the model separates less, and it is only used while vectors are lacking: there it is more careful.
MOST_LOST = {"hybrid": 0.08, "lexical": 0.30}
RANKING = {
    "hybrid": ("title_cosine", "statement_cosine", "passage_cosine", "statement_covered", "bm25"),
    "lexical": ("title_covered", "statement_covered", "bm25"),
}
# The sign says which way a measure may only count.
ANSWER = {
    "hybrid": {
        "best_statement_cosine": 1,
        "best_passage_cosine": 1,
        "missing": -1,
        "unknown_name": -1,
    },
    "lexical": {"best_bm25": 1, "missing": -1, "unknown_name": -1},
}
# Of the questions whose sections were taken away, of the public requests, and of the bank's questions in the ranking,
# against the development questions' 1.
REMOVED, FAR, BANK = 0.2, 0.4, 0.1
# The ridges on standardised measures, per question; chosen once on left-out development questions.
RANKING_RIDGE, ANSWER_RIDGE = 0.01, 0.01
FOLDS = 10
# What searches need to be made with; candidates do not depend on it.
_UNTRAINED = StagedModel({}, LogisticModel({}, 0.0, 0.0))
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its candidates' measures; `group` is the question that it was made of, for the folds."""

    question: str
    candidates: list[Candidate]
    statistics: Statistics
    measured: dict[str, Array]
    answers: NDArray[np.bool_]
    answerable: bool
    weight: float
    group: int

    def asked(self, ranking: dict[str, float]) -> tuple[list[int], dict[str, float]]:
        """Returns the order of the candidates, and the measures of the question."""
        _, order, asked = ranked(
            self.question, self.candidates, self.statistics, self.measured, ranking
        )
        return order, asked


async def cases(
    base: MemoryKnowledgeBase, asked: Sequence[tuple[Question, frozenset[str], float]]
) -> list[Case]:
    """Measures questions, each as if the sections named with it did not exist, and with its weight."""
    groups = {text: place for place, text in enumerate(dict.fromkeys(q.text for q, *_ in asked))}
    made: list[Case] = []
    for q, without, weight in asked:
        candidates, statistics = await base.candidates(q.text, without)
        if candidates:
            answers = np.array([c.section.section_id in q.sections for c in candidates])
            measured = measure(q.text, candidates, statistics)
            answerable = bool(q.sections) and not without
            group = groups[q.text]
            made.append(
                Case(q.text, candidates, statistics, measured, answers, answerable, weight, group)
            )
    return made


def searched(sections: Sequence[Section], embedder: Embedder | None) -> MemoryKnowledgeBase:
    """Makes a knowledge base of which only the candidates are asked for."""
    return MemoryKnowledgeBase(sections, embedder, model=EvidenceModel(_UNTRAINED, _UNTRAINED))


def fit_ranking(given: Sequence[Case], features: Sequence[str]) -> dict[str, float]:
    """Fits non-negative weights by which the answering candidates come before the others of their question."""
    rows = [
        (np.stack([case.measured[name] for name in features], axis=1), case.answers, case.weight)
        for case in given
        if case.answers.any()
    ]
    scale = np.concatenate([x for x, *_ in rows]).std(axis=0) + 1e-9
    whole = sum(weight for *_, weight in rows)

    def loss(weights: Array) -> tuple[float, Array]:
        total, slope = 0.0, np.zeros(len(features))
        for x, y, weight in rows:
            scores = x / scale @ weights
            share = np.exp(scores - scores.max())
            right = share * y
            total -= weight * float(np.log(right.sum() / share.sum()))
            slope -= weight * (x / scale).T @ (right / right.sum() - share / share.sum())
        return (
            total / whole + RANKING_RIDGE * float(weights @ weights),
            slope / whole + 2 * RANKING_RIDGE * weights,
        )

    found = minimize(
        loss, np.full(len(features), 0.3), jac=True, bounds=[(0, None)] * len(features)
    )
    return {n: round(float(w), 4) for n, w in zip(features, found.x / scale, strict=True)}


def fit_answer(
    given: Sequence[Case], ranking: dict[str, float], signs: dict[str, int]
) -> LogisticModel:
    """Fits the weights by which a question counts as answered; both outcomes weigh the same."""
    measured = [case.asked(ranking)[1] for case in given]
    rows = np.array([[asked[name] for name in signs] for asked in measured])
    labels = np.array([float(case.answerable) for case in given])
    weights = np.array([case.weight for case in given])
    for outcome in (0.0, 1.0):
        weights[labels == outcome] /= 2 * weights[labels == outcome].sum()
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    rows = (rows - mean) / scale

    def loss(w: Array) -> tuple[float, Array]:
        total = w[0] + rows @ w[1:]
        wrong = weights * (1 / (1 + np.exp(-total)) - labels)
        value = float(weights @ (np.logaddexp(0, total) - labels * total))
        return (
            value + ANSWER_RIDGE * float(w[1:] @ w[1:]),
            np.concatenate([[wrong.sum()], rows.T @ wrong + 2 * ANSWER_RIDGE * w[1:]]),
        )

    bounds = [(None, None)] + [(0, None) if s > 0 else (None, 0) for s in signs.values()]
    found = minimize(loss, np.zeros(len(signs) + 1), jac=True, bounds=bounds).x
    slopes = found[1:] / scale
    named = {n: round(float(w), 4) for n, w in zip(signs, slopes, strict=True)}
    return LogisticModel(named, round(float(found[0] - slopes @ mean), 4), 0.0)


def left_out(
    given: Sequence[Case],
    bank: Sequence[Case],
    features: Sequence[str],
    signs: dict[str, int],
    most_lost: float,
) -> dict[str, float]:
    """Scores every case by models that have not seen its question; returns the figures and the floor."""
    groups = np.array([case.group for case in given])
    unique = np.unique(groups)
    best, places = np.zeros(len(given)), np.full(len(given), 10_000)
    for _, held in KFold(FOLDS, shuffle=True, random_state=7).split(unique):
        mine = np.isin(groups, unique[held])
        seen = [case for case, out in zip(given, mine, strict=True) if not out]
        ranking = fit_ranking([case for case in (*seen, *bank) if case.answerable], features)
        answer = fit_answer(seen, ranking, signs)
        for place in map(int, np.flatnonzero(mine)):
            order, asked = given[place].asked(ranking)
            best[place] = answer.probability(asked)
            if given[place].answers.any():
                places[place] = int(given[place].answers[order].argmax()) + 1
    answerable = np.array([case.answerable for case in given])
    kind = np.array([case.weight for case in given])
    own = kind == 1.0
    floor = float(np.quantile(best[answerable], most_lost))
    return {
        "recall": float((places[answerable] <= FIRST).mean()),
        "reciprocal_rank": float((1 / places[answerable]).mean()),
        "separation": float(roc_auc_score(answerable[own], best[own])),
        "held_back": float((best[own & ~answerable] < floor).mean()),
        "removed_held_back": float((best[kind == REMOVED] < floor).mean()),
        "far_held_back": float((best[kind == FAR] < floor).mean()),
        "floor": floor,
    }


def main() -> None:
    """Trains, prints the figures, and writes the weights when told to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--context", type=Path, default=ROOT / "context")
    parser.add_argument("--questions", type=Path, default=ROOT / "tests/evals/data/questions.jsonl")
    parser.add_argument("--corpora", type=Path, required=True, help="the folder of public data")
    parser.add_argument("--features", action="store_true", help="print what each measure gains")
    parser.add_argument("--write", action="store_true", help="write the weights")
    options = parser.parse_args()
    documents, problems = read_folder(options.context)
    if problems:
        parser.error(f"cannot read {problems}")
    requests = options.corpora / "clinc150" / "data_full.json"
    bank_folder = options.corpora / "tau-banking-knowledge"
    if not requests.is_file() or not bank_folder.is_dir():
        parser.error(f"training needs {requests} and {bank_folder}")
    far = [text for text, _ in json.loads(requests.read_text(encoding="utf-8"))["oos_train"]]
    bank_sections, bank_questions = read_bank(bank_folder)
    sections = [section for found in documents.values() for section in found]
    questions = [q for q in read_questions(options.questions) if q.split == "dev"]
    lines = sorted(s.content_hash for s in sections)
    lines += [repr((q.text, sorted(q.sections))) for q in (*questions, *bank_questions)]
    lines += [*far, *sorted(f"{s.title}\n{s.content}" for s in bank_sections)]
    asked = [(q, frozenset[str](), 1.0) for q in questions]
    asked += [(q, q.sections, REMOVED) for q in questions if q.sections]
    asked += [(Question(text, frozenset()), frozenset(), FAR) for text in far]
    written: dict[str, Any] = {
        "data": {
            "questions": len(questions),
            "outside": OUTSIDE,
            "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        },
        "vectors": bundled_embedder().model,
    }
    for name, embedder in (("hybrid", bundled_embedder()), ("lexical", None)):
        features, signs = RANKING[name], ANSWER[name]
        given = asyncio.run(cases(searched(sections, embedder), asked))
        bank = asyncio.run(
            cases(
                searched(bank_sections, embedder),
                [(q, frozenset(), BANK) for q in bank_questions],
            )
        )
        figures = left_out(given, bank, features, signs, MOST_LOST[name])
        print(name, json.dumps({k: round(v, 4) for k, v in figures.items()}))
        if options.features:
            _print_gains(given, bank, name, figures)
        ranking = fit_ranking([case for case in (*given, *bank) if case.answerable], features)
        answer = replace(fit_answer(given, ranking, signs), floor=round(figures["floor"], 4))
        written[name] = {
            "ranking": ranking,
            "answer": {
                "floor": answer.floor,
                "intercept": answer.intercept,
                "weights": dict(answer.weights),
            },
        }
    if options.write:
        WEIGHTS.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {WEIGHTS.relative_to(ROOT)}")


def _print_gains(
    given: Sequence[Case], bank: Sequence[Case], name: str, figures: dict[str, float]
) -> None:
    features, signs = RANKING[name], ANSWER[name]
    for feature in (*features, *signs):
        fewer = left_out(
            given,
            bank,
            [other for other in features if other != feature],
            {other: sign for other, sign in signs.items() if other != feature},
            MOST_LOST[name],
        )
        gains = {k: round(figures[k] - fewer[k], 4) for k in figures if k != "floor"}
        print(f"  {feature:<22} gains {json.dumps(gains)}")


if __name__ == "__main__":
    main()
