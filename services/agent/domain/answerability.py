"""Whether anything in the documentation answers a question: measures of the question as a whole, not of one section."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from services.agent.domain.glossary import english
from services.agent.domain.terms import terms

# Sections that together may carry a question.
_TOGETHER = 3
# Sections that may share a subject: the nearest one behind them tells how near the documentation is anyway.
_CROWD = 5
_WORD = re.compile(r"[^\W\d_][\w/&.-]*")
_SENTENCE_END = re.compile(r"(?:^|[.?!:\n])\W*$")


def measure_question(
    question: str,
    weights: Mapping[str, float],
    spread: Mapping[str, int],
    held: Sequence[frozenset[str]],
    measured: Mapping[str, NDArray[np.float64]],
) -> dict[str, float]:
    """Measures a question by its ranked candidates, all in the order of the ranking, best first; none is an error.

    - `best_<measure>`: the highest value of each measure of the candidates.
    - `margin`: by how much the nearest statement is nearer than that of the sixth section, if there are vectors: where an
      answer stands, few sections stand out; where none does, many are about equally near.
    - `missing`: the share of the question's weight that stands in none of the first three sections.
    - `unknown_name`: 1 if the question names what no section names, else 0.

    `weights` are of the question's terms, `spread` says in how many sections each stands, and `held` the
    terms of each candidate.
    """
    whole = sum(weights.values()) or 1.0
    together = frozenset[str]().union(*held[:_TOGETHER])
    return {
        **{f"best_{name}": float(values.max()) for name, values in measured.items()},
        "margin": _margin(measured.get("statement_cosine")),
        "missing": sum(w for term, w in weights.items() if term not in together) / whole,
        "unknown_name": float(_names_unknown(question, weights, spread)),
    }


def _margin(cosines: NDArray[np.float64] | None) -> float:
    if cosines is None:
        return 0.0
    falling = np.sort(cosines)[::-1]
    return float(falling[0] - falling[min(_CROWD, len(falling) - 1)])


def _names_unknown(question: str, weights: Mapping[str, float], spread: Mapping[str, int]) -> bool:
    words = list(_WORD.finditer(question))
    if sum(word[0].isupper() for word in words) * 2 > len(words):
        return False  # written in capitals throughout
    # Where the glossary found words of another language, a capital alone says nothing: German gives it to every noun.
    by_capital = english(question) == question
    for word in words:
        inner = word[0][1:] != word[0][1:].lower()
        first = word[0][0].isupper() and not _SENTENCE_END.search(question, 0, word.start())
        if inner or (by_capital and first):
            named = terms(english(word[0]))
            if named and all(term in weights and not spread.get(term) for term in named):
                return True
    return False
