"""Which sections answer a question, and whether any does: a ranking, then a logistic model with its measured floor.

The measures know no company and no scale of a collection: shares of the question's weight, and cosines.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.agent.domain.answerability import measure_question
from services.agent.domain.chunks import cut
from services.agent.domain.glossary import english
from services.agent.domain.knowledge import Evidence, Section
from services.agent.domain.terms import terms

# Where reciprocal rank fusion takes the edge off the first places (Cormack, Clarke, Büttcher 2009).
FUSION = 60
# Words beyond these say nothing new, and each costs a look into the index.
LONGEST_QUESTION_TERMS = 32
# BM25's usual saturation and length weight (Robertson, Zaragoza 2009).
_SATURATION, _LENGTH = 1.2, 0.75

Measures: TypeAlias = NDArray[np.float64]  # one row a candidate, one column a feature


class Nearness(StrEnum):
    """Which vector of a section a question's is compared with: the title's, the nearest statement's, all statements' mean."""

    TITLE = "title"
    STATEMENT = "statement"
    SECTION = "section"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A section that may answer, with its cosines to the question; none while it has no vectors."""

    section: Section
    cosines: Mapping[Nearness, float] | None = None


@dataclass(frozen=True, slots=True)
class Statistics:
    """How many sections there are, and in how many of them each of the question's terms stands."""

    total: int
    spread: Mapping[str, int]

    def weights(self, wanted: Sequence[str]) -> dict[str, float]:
        """Weighs terms by their rarity; one that stands nowhere weighs most."""
        return {
            term: math.log((self.total + 1) / (self.spread.get(term, 0) + 0.5)) + 0.1
            for term in wanted
        }


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """Weights by name of a question's measure, and the probability from which on a question counts as answered."""

    weights: Mapping[str, float]
    intercept: float
    floor: float

    def probability(self, measured: Mapping[str, float]) -> float:
        """Returns the probability that the question is answered."""
        total = self.intercept + sum(w * measured[name] for name, w in self.weights.items())
        return 1.0 / (1.0 + math.exp(-total))


@dataclass(frozen=True, slots=True)
class StagedModel:
    """First the order of the sections, by a weighted sum of their measures; then whether the question is answered."""

    ranking: Mapping[str, float]
    answer: LogisticModel


@dataclass(frozen=True, slots=True)
class EvidenceModel:
    """The two models: with vectors, and by words alone while vectors are lacking."""

    hybrid: StagedModel
    lexical: StagedModel

    def chosen(self, candidates: Sequence[Candidate]) -> StagedModel:
        """With one candidate that has no vectors all are judged by words: two kinds of measure do not compare."""
        return self.hybrid if all(c.cosines is not None for c in candidates) else self.lexical


def question_terms(question: str) -> list[str]:
    """Lists the different terms of a question that are searched for."""
    return list(dict.fromkeys(terms(english(question))))[:LONGEST_QUESTION_TERMS]


def section_terms(section: Section) -> frozenset[str]:
    """Returns the terms by which full text finds a section."""
    title, body, _ = _words(section)
    return title | frozenset(body)


def fuse(orders: Sequence[Sequence[str]], most: int) -> list[str]:
    """Joins rankings of section ids into one by reciprocal ranks; ties go by id."""
    scores: dict[str, float] = {}
    for order in orders:
        for place, section_id in enumerate(order, start=1):
            scores[section_id] = scores.get(section_id, 0.0) + 1.0 / (FUSION + place)
    return sorted(scores, key=lambda section_id: (-scores[section_id], section_id))[:most]


def judge(
    question: str, candidates: Sequence[Candidate], statistics: Statistics, model: EvidenceModel
) -> list[Evidence]:
    """Orders candidates, best first, each with the probability that it answers.

    The first one's is the probability that the question is answered at all; the others' fall behind it by the odds of the
    ranking.
    """
    if not candidates:
        return []
    staged = model.chosen(candidates)
    measured = measure(question, candidates, statistics)
    scores, order, asked = ranked(question, candidates, statistics, measured, staged.ranking)
    answered = staged.answer.probability(asked)
    return [
        Evidence(candidates[p].section, round(answered * math.exp(scores[p] - scores[order[0]]), 4))
        for p in order
    ]


def ranked(
    question: str,
    candidates: Sequence[Candidate],
    statistics: Statistics,
    measured: Mapping[str, Measures],
    ranking: Mapping[str, float],
) -> tuple[Measures, list[int], dict[str, float]]:
    """Returns the candidates' scores, their places best first, and the measures of the question as a whole.

    A difference of scores is the logarithm of the odds that one candidate answers and not the other.
    """
    scores = np.sum([weight * measured[name] for name, weight in ranking.items()], axis=0)
    order = sorted(
        range(len(candidates)), key=lambda p: (-scores[p], candidates[p].section.section_id)
    )
    asked = measure_question(
        question,
        statistics.weights(question_terms(question)),
        statistics.spread,
        [section_terms(candidates[p].section) for p in order],
        measured,
    )
    return scores, order, asked


def answering(
    judged: Sequence[Evidence], candidates: Sequence[Candidate], model: EvidenceModel
) -> list[Evidence]:
    """Returns all that was judged if the question counts as answered, and else nothing.

    Once it does, the next best sections stay with the best: where two are near, the one that answers is among them more
    often than it is the first.
    """
    floor = model.chosen(candidates).answer.floor
    return list(judged) if judged and judged[0].score >= floor else []


def measure(
    question: str, candidates: Sequence[Candidate], statistics: Statistics
) -> dict[str, Measures]:
    """Measures each candidate; the features of vectors are there when all candidates have vectors.

    - `title_covered`, `statement_covered`: the share of the question's weight that stands in the section's title, and in the
      one chunk that has most of it.
    - `bm25`: as usual, divided by the question's weight; the mean length is that of the candidates.
    - `title_cosine`, `statement_cosine`, `section_cosine`: as `Nearness` says.
    """
    weights = statistics.weights(question_terms(question))
    whole = sum(weights.values()) or 1.0
    words = [_words(c.section) for c in candidates]
    mean = float(np.mean([len(body) for _, body, _ in words])) or 1.0

    def share(held: frozenset[str]) -> float:
        return sum(weight for term, weight in weights.items() if term in held) / whole

    measured = {
        "title_covered": np.array([share(title) for title, _, _ in words]),
        "statement_covered": np.array([max(map(share, chunks)) for _, _, chunks in words]),
        "bm25": np.array([_bm25(weights, t, b, mean) / whole for t, b, _ in words]),
    }
    if all(c.cosines is not None for c in candidates):
        for near in Nearness:
            measured[f"{near}_cosine"] = np.array([(c.cosines or {})[near] for c in candidates])
    return measured


def _bm25(
    weights: Mapping[str, float], title: frozenset[str], body: Sequence[str], mean: float
) -> float:
    pull = _SATURATION * (1 - _LENGTH + _LENGTH * len(body) / mean)
    # A word of the title counts as often as two of the text.
    counts = {term: body.count(term) + 2 * (term in title) for term in weights}
    return sum(
        weight * counts[term] * (_SATURATION + 1) / (counts[term] + pull)
        for term, weight in weights.items()
        if counts[term]
    )


@lru_cache(maxsize=4096)
def _words(section: Section) -> tuple[frozenset[str], tuple[str, ...], tuple[frozenset[str], ...]]:
    """Returns the terms of the title, those of the text in order, and those of each chunk."""
    return (
        frozenset(terms(english(section.title))),
        tuple(terms(english(section.content))),
        tuple(frozenset(terms(english(chunk.text))) for chunk in cut(section)),
    )
