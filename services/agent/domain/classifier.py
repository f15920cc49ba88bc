"""Decides whether a message needs a person, and for which reason, by what was right for messages like it.

A kernel machine (regularised least squares; Rifkin, Yeo and Poggio 2003) that remembers the messages of its training.
How alike two messages are is the sum of three likenesses: of their multilingual vectors and of what the rules read in
them, each a Gaussian of the distance, and of their hashed letters and words, a product. Weights are trained by
scripts/train_judge.py.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.agent.domain.sentiment import is_negative
from services.agent.domain.signs import Reading
from services.agent.domain.terms import fold
from services.agent.domain.turn import EscalationReason

BUCKETS = 1 << 16
# Gravest first.
JUDGED = (
    EscalationReason.LEGAL_LANGUAGE,
    EscalationReason.PROFANITY,
    EscalationReason.REFUND_REQUEST,
    EscalationReason.PRICING_INQUIRY,
    EscalationReason.EXPLICIT_HUMAN_REQUEST,
    EscalationReason.NEGATIVE_SENTIMENT,
)
# Gaussians: exp(-VECTOR_WIDTH * distance^2) of unit vectors, and the same of scaled signals.
VECTOR_WIDTH = 1.0
SIGNAL_WIDTH = 0.05
# Cosines of e5 differ in their second decimal.
_NEARNESS_SCALE = 10.0
_ACROSS_WORDS = (3, 4, 5)
_IN_WORDS = (2, 3, 4, 5)
_SEPARATORS = re.compile(r"[^a-z0-9?!'+%€$*]+")
# How far behind the best reason one that a rule is sure of is still preferred; margins lie about in [-1, 1].
_SIGN_COUNTS_TO = 0.5


@dataclass(frozen=True, slots=True)
class Letters:
    """The non-zero hashed n-grams of a text: places below BUCKETS and values, whose squares sum to one."""

    places: NDArray[np.int64]
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """What is compared of one message: its vector (not centred), its signals and its letters."""

    vector: NDArray[np.float32]
    signals: NDArray[np.float32]
    letters: Letters


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained machine over n remembered messages.

    `vectors` has shape (n, dimension), unit rows seen from `centre`; `signals` (n, signals) is divided by
    `signal_scale`; `pulls` (n, 1 + reasons) is how much each remembered message speaks for "a reason" (column 0) and for
    each of `reasons`; `letters` has shape (BUCKETS, 1 + reasons) and `bias` (1 + reasons,). `threshold` is the margin of
    column 0 from which a person takes over. `known` are vectors of phrases that were embedded at the training, which
    saves embedding them at every start.
    """

    vectors: NDArray[np.float32]
    signals: NDArray[np.float32]
    signal_scale: NDArray[np.float32]
    pulls: NDArray[np.float32]
    letters: NDArray[np.float32]
    bias: NDArray[np.float32]
    centre: NDArray[np.float32]
    reasons: tuple[EscalationReason, ...]
    threshold: float
    known: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chance:
    """How likely a person must take over, in [0, 1] with 0.5 at the threshold, and the likeliest reason."""

    score: float
    reason: EscalationReason


def signals(reading: Reading, mood: float, *, keyword: bool, nearness: float) -> list[float]:
    """Returns what is known of a message beside its words, as numbers.

    `nearness` is the cosine to the nearest example phrase less that to the nearest counter-example, 0 without phrases.
    """
    shown = [
        float(sign)
        for reason in JUDGED
        for sign in (
            reason in reading.sure,
            reason in reading.likely,
            reason in reading.likely and not reading.workspace,
            reason in reading.declined,
        )
    ]
    return [
        *shown,
        float(bool(reading.sure)),
        float(bool(reading.likely)),
        float(len(reading.sure) > 1),
        float(bool(reading.declined) and not reading.sure),
        float(reading.workspace),
        float(keyword),
        float(is_negative(mood)),
        min(mood, 0.0),
        max(mood, 0.0),
        _NEARNESS_SCALE * nearness,
    ]


def centred(vectors: NDArray[np.float32], centre: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the vectors, shape (n, dimension), as unit vectors seen from the centre."""
    seen = vectors - centre
    seen /= np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-9)
    return np.asarray(seen, np.float32)


def vector_likeness(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the likeness of unit vectors, shapes (n, dimension) and (m, dimension), as (n, m) in [0, 1]."""
    return np.asarray(np.exp(2.0 * VECTOR_WIDTH * (some @ others.T - 1.0)), np.float32)


def signal_likeness(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the likeness of scaled signals, shapes (n, signals) and (m, signals), as (n, m) in [0, 1]."""
    distances = (
        (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None] - 2.0 * some @ others.T
    )
    return np.asarray(np.exp(-SIGNAL_WIDTH * np.maximum(distances, 0.0)), np.float32)


def letters(text: str) -> Letters:
    """Hashes words, pairs of words and character n-grams, within and across words; counts are damped."""
    counts = Counter(zlib.crc32(gram.encode()) % BUCKETS for gram in _grams(text))
    places = np.fromiter(counts.keys(), np.int64, len(counts))
    values = np.log1p(np.fromiter(counts.values(), np.float32, len(counts)))
    length = max(float(np.linalg.norm(values)), 1e-9)
    return Letters(places, (values / np.float32(length)).astype(np.float32))


def chance(
    weights: Weights, seen: Features, sure: frozenset[EscalationReason] = frozenset()
) -> Chance:
    """Judges one message.

    Of the reasons that a rule is sure of, the gravest that the machine does not find absurd is named.
    """
    alike = vector_likeness(centred(seen.vector[None], weights.centre), weights.vectors)[0]
    alike += signal_likeness((seen.signals / weights.signal_scale)[None], weights.signals)[0]
    spelt = seen.letters.values @ weights.letters[seen.letters.places]
    margins = alike @ weights.pulls + spelt + weights.bias
    reasons = dict(zip(weights.reasons, margins[1:].tolist(), strict=True))
    best = max(reasons, key=reasons.__getitem__)
    least = reasons[best] - _SIGN_COUNTS_TO
    named = next((one for one in JUDGED if one in sure and reasons[one] >= least), best)
    return Chance(_score(float(margins[0]), weights.threshold), named)


def _grams(text: str) -> Iterator[str]:
    words = _SEPARATORS.sub(" ", fold(text)).split()
    whole = f" {' '.join(words)} "
    for size in _ACROSS_WORDS:
        yield from (whole[start : start + size] for start in range(len(whole) - size + 1))
    for word in words:
        edged = f" {word} "
        for size in _IN_WORDS:
            yield from (edged[start : start + size] for start in range(len(edged) - size + 1))
    yield from (f"w:{word}" for word in words)
    yield from (f"b:{one} {other}" for one, other in pairwise(words))


def _score(margin: float, threshold: float) -> float:
    """Maps margins from -1 to the threshold to [0, 0.5], and from there to 1 to [0.5, 1], each linearly."""
    if margin < threshold:
        return max(0.5 * (margin + 1.0) / (threshold + 1.0), 0.0)
    return min(0.5 + 0.5 * (margin - threshold) / (1.0 - threshold), 1.0)
