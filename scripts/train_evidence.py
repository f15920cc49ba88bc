"""Trains the evidence model on several companies' questions and writes `services/agent/models/evidence.json`.

The ranking is a conditional logit: of a question's candidates, which one answers. Whether a question is answered at all is
learned from answerable and unanswerable ones, from answerable ones whose sections were taken away (with less weight: a
neighbour often still answers half), and from public requests that fit no subject (`clinc150`, no part of this repository).
Weights whose sign is known are kept to it. The floor is the probability below which a given share of the answerable questions
stays, each company's scored by models that have seen the other companies only.

    python scripts/train_evidence.py --corpora DIR [--vectors FILE] [--features] [--write]
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

from cli.kb_measure import FIRST, Question
from services.agent.adapters.embedder_bundled import (
    CENTRING,
    BundledEmbedder,
    load_centring,
)
from services.agent.adapters.evidence_file import WEIGHTS
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
from tests.evals.companies import Company, read_companies, read_requests
from tests.evals.kept_vectors import KEPT, KeptVectors

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = (
    {
        "name": "clinc150, oos_train",
        "repository": "clinc/oos-eval",
        "commit": "828f8093932c8fe6ca7936c3d2e52903b1c523de",
        "licence": "CC BY 3.0",
    },
)
# A question that is held back in vain goes to a person; one that is answered in vain misleads the customer. By words alone
# the model separates less, and it is only used while vectors are lacking: there it is more careful.
MOST_LOST = {"hybrid": 0.12, "lexical": 0.30}
RANKING = {
    "hybrid": ("title_cosine", "statement_cosine", "section_cosine", "statement_covered", "bm25"),
    "lexical": ("title_covered", "statement_covered", "bm25"),
}
# The sign says which way a measure may only count.
ANSWER = {
    "hybrid": {
        "best_statement_cosine": 1,
        "best_section_cosine": 1,
        "margin": 1,
        "missing": -1,
        "unknown_name": -1,
    },
    "lexical": {"best_bm25": 1, "missing": -1, "unknown_name": -1},
}
# Of the questions whose sections were taken away, and of the public requests, against the companies' questions' 1.
REMOVED, FAR = 0.3, 0.1
# The ridges on standardised measures, per question; chosen once on left-out questions.
RANKING_RIDGE, ANSWER_RIDGE = 0.01, 0.01
# What searches need to be made with; candidates do not depend on it.
_UNTRAINED = StagedModel({}, LogisticModel({}, 0.0, 0.0))
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One question of a company with its candidates' measures."""

    question: str
    candidates: list[Candidate]
    statistics: Statistics
    measured: dict[str, Array]
    answers: NDArray[np.bool_]
    answerable: bool
    weight: float
    company: str

    def asked(self, ranking: dict[str, float]) -> tuple[list[int], dict[str, float]]:
        """Returns the order of the candidates, and the measures of the question."""
        _, order, asked = ranked(
            self.question, self.candidates, self.statistics, self.measured, ranking
        )
        return order, asked


async def cases(
    company: Company, embedder: Embedder | None, requests: Sequence[Question]
) -> list[Case]:
    """Measures a company's questions, the answerable ones once more without their sections, and foreign requests."""
    base = MemoryKnowledgeBase(
        company.sections, embedder, model=EvidenceModel(_UNTRAINED, _UNTRAINED)
    )
    asked = [(q, frozenset[str](), 1.0) for q in company.questions]
    asked += [(q, q.sections, REMOVED) for q in company.questions if q.sections]
    asked += [(q, frozenset[str](), FAR) for q in requests]
    made: list[Case] = []
    for q, without, weight in asked:
        candidates, statistics = await base.candidates(q.text, without)
        if candidates:
            answers = np.array([c.section.section_id in q.sections for c in candidates])
            measured = measure(q.text, candidates, statistics)
            answerable = bool(q.sections) and not without
            name = company.name
            made.append(
                Case(q.text, candidates, statistics, measured, answers, answerable, weight, name)
            )
    return made


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
    given: Sequence[Case], features: Sequence[str], signs: dict[str, int], most_lost: float
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Scores every case by models that have not seen its company; returns the figures with the floor, and by company."""
    companies = np.array([case.company for case in given])
    best, places = np.zeros(len(given)), np.full(len(given), 10_000)
    for company in np.unique(companies):
        seen = [case for case in given if case.company != company]
        ranking = fit_ranking([case for case in seen if case.answerable], features)
        answer = fit_answer(seen, ranking, signs)
        for place in map(int, np.flatnonzero(companies == company)):
            order, asked = given[place].asked(ranking)
            best[place] = answer.probability(asked)
            if given[place].answers.any():
                places[place] = int(given[place].answers[order].argmax()) + 1
    answerable = np.array([case.answerable for case in given])
    kind = np.array([case.weight for case in given])
    own = kind == 1.0
    floor = float(np.quantile(best[answerable], most_lost))

    def figures(mine: NDArray[np.bool_]) -> dict[str, float]:
        return {
            "recall": float((places[mine & answerable] <= FIRST).mean()),
            "reciprocal_rank": float((1 / places[mine & answerable]).mean()),
            "separation": float(roc_auc_score(answerable[mine & own], best[mine & own])),
            "lost": float((best[mine & answerable] < floor).mean()),
            "held_back": float((best[mine & own & ~answerable] < floor).mean()),
            "removed_held_back": float((best[mine & (kind == REMOVED)] < floor).mean()),
            "far_held_back": float((best[mine & (kind == FAR)] < floor).mean()),
        }

    by_company = {str(name): figures(companies == name) for name in np.unique(companies)}
    return {**figures(np.ones(len(given), bool)), "floor": floor}, by_company


def main() -> None:
    """Trains, prints the figures, and writes the weights when told to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpora", type=Path, required=True, help="the folder of public data")
    parser.add_argument("--vectors", type=Path, default=KEPT)
    parser.add_argument("--features", action="store_true", help="print what each measure gains")
    parser.add_argument("--write", action="store_true", help="write the weights")
    options = parser.parse_args()
    companies, requests = read_companies(), read_requests(options.corpora)
    encoder = KeptVectors(options.vectors)
    embedder = BundledEmbedder(encoder, *load_centring(CENTRING))
    written: dict[str, Any] = {"data": _data(companies, requests), "vectors": embedder.model}
    for name, chosen in (("hybrid", embedder), ("lexical", None)):
        features, signs = RANKING[name], ANSWER[name]
        given = [case for one in companies for case in asyncio.run(cases(one, chosen, requests))]
        figures, by_company = left_out(given, features, signs, MOST_LOST[name])
        _print_figures({name: figures, **by_company})
        if options.features:
            _print_gains(given, name, figures)
        ranking = fit_ranking([case for case in given if case.answerable], features)
        answer = replace(fit_answer(given, ranking, signs), floor=round(figures["floor"], 4))
        written[name] = {
            "ranking": ranking,
            "answer": {
                "floor": answer.floor,
                "intercept": answer.intercept,
                "weights": dict(answer.weights),
            },
        }
    encoder.save()
    if options.write:
        WEIGHTS.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {WEIGHTS.relative_to(ROOT)}")


def _data(companies: Sequence[Company], requests: Sequence[Question]) -> dict[str, Any]:
    lines = [s.content_hash for one in companies for s in one.sections]
    lines += [repr((q.text, sorted(q.sections))) for one in companies for q in one.questions]
    lines += [q.text for q in requests]
    return {
        "questions": {one.name: len(one.questions) for one in companies},
        "outside": OUTSIDE,
        "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
    }


def _print_figures(figures: dict[str, dict[str, float]]) -> None:
    for name, found in figures.items():
        print(f"{name:<10}", json.dumps({k: round(v, 4) for k, v in found.items()}))


def _print_gains(given: Sequence[Case], name: str, figures: dict[str, float]) -> None:
    features, signs = RANKING[name], ANSWER[name]
    for feature in (*features, *signs):
        fewer, _ = left_out(
            given,
            [other for other in features if other != feature],
            {other: sign for other, sign in signs.items() if other != feature},
            MOST_LOST[name],
        )
        gains = {k: round(figures[k] - fewer[k], 4) for k in figures if k != "floor"}
        print(f"  {feature:<22} gains {json.dumps(gains)}")


if __name__ == "__main__":
    main()
