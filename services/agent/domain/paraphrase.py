"""A linear classifier for what no rule foresaw: the reasons of one sentence from its vector and its letters.

Weights are trained by scripts/train_judge.py. Features are the sentence's embedding and hashed character n-grams; the
model is multinomial logistic regression over the judged reasons and "none".
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.agent.domain.terms import fold
from services.agent.domain.turn import EscalationReason

BUCKETS = 4096
_NGRAMS = (3, 4, 5)
_SPACE = re.compile(r"[^a-z0-9?!']+")


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained classifier.

    `vectors` has shape (embedding + BUCKETS, classes) and `bias` (classes,); class 0 is "none", the others are
    `reasons` in order. `threshold` is the chance of a reason from which a person takes over.
    """

    vectors: NDArray[np.float32]
    bias: NDArray[np.float32]
    centre: NDArray[np.float32]
    reasons: tuple[EscalationReason, ...]
    threshold: float


def letters(sentences: Sequence[str]) -> NDArray[np.float32]:
    """Hashes character n-grams of whole words; one row of length 1 (or 0) a sentence, shape (n, BUCKETS)."""
    rows = np.zeros((len(sentences), BUCKETS), np.float32)
    for row, sentence in zip(rows, sentences, strict=True):
        text = f" {_SPACE.sub(' ', fold(sentence)).strip()} "
        for size in _NGRAMS:
            for start in range(len(text) - size + 1):
                row[zlib.crc32(text[start : start + size].encode()) % BUCKETS] += 1.0
    rows = np.log1p(rows)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(lengths, np.float32(1e-9))
    return unit


def features(
    sentences: Sequence[str], vectors: NDArray[np.float32], centre: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Joins centred embeddings, shape (n, dimension), and letters; float32, shape (n, dimension + BUCKETS)."""
    centred = vectors - centre
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    return np.hstack([centred, letters(sentences)]).astype(np.float32)


def probabilities(
    weights: Weights, sentences: Sequence[str], vectors: NDArray[np.float32]
) -> Mapping[EscalationReason, float]:
    """Returns for each reason the strongest sentence's score in [0, 1], rescaled so that 0.5 is the threshold.

    The winning reason carries the chance of "any reason", because which one it is matters less than that there is one.
    """
    if not sentences:
        return {}
    logits = features(sentences, vectors, weights.centre) @ weights.vectors + weights.bias
    logits -= logits.max(axis=1, keepdims=True)
    chances = np.exp(logits)
    chances /= chances.sum(axis=1, keepdims=True)
    found: dict[EscalationReason, float] = {}
    for row in chances:
        reason = weights.reasons[int(row[1:].argmax())]
        score = _rescaled(float(1.0 - row[0]), weights.threshold)
        found[reason] = max(score, found.get(reason, 0.0))
    return found


def _rescaled(chance: float, threshold: float) -> float:
    """Maps [0, threshold] to [0, 0.5] and [threshold, 1] to [0.5, 1], each linearly."""
    if chance < threshold:
        return 0.5 * chance / threshold
    return 0.5 + 0.5 * (chance - threshold) / max(1.0 - threshold, 1e-9)
