"""One linear model that decides whether a message needs a person, and for which reason.

Features are the message's multilingual vector, what the rules read in it, how near it is to the company's example
phrases, and hashed letters and words. Both parts are logistic regressions: one column for "a reason", and a softmax over
the reasons. Weights are trained by scripts/train_judge.py.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
# Logistic regression is not indifferent to scale: vectors and letters get the same weight against the rules.
_VECTOR_SCALE = 3.0
_LETTERS_SCALE = 3.0
# Cosines of e5 differ in their second decimal.
_NEARNESS_SCALE = 10.0
_ACROSS_WORDS = (3, 4, 5)
_IN_WORDS = (2, 3, 4, 5)
_SEPARATORS = re.compile(r"[^a-z0-9?!'+%€$*]+")
# The share of the best reason from which a reason that a rule is sure of is preferred.
_SIGN_COUNTS_FROM = 0.25


@dataclass(frozen=True, slots=True)
class Letters:
    """The non-zero hashed n-grams of a text: places below BUCKETS and values, whose squares sum to a constant."""

    places: NDArray[np.int64]
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained model.

    `dense` has shape (dimension + signals, 1 + reasons), `letters` (BUCKETS, 1 + reasons) and `bias` (1 + reasons,);
    column 0 is the log odds of any reason, the others are the logits of `reasons` in order. `centre` is the mean vector
    of the training. `threshold` is the chance of a reason from which a person takes over. `known` are vectors of phrases
    that were embedded at the training, which saves embedding them at every start.
    """

    dense: NDArray[np.float32]
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
    """Returns the vectors, shape (n, dimension), seen from the centre and of one length."""
    seen = vectors - centre
    seen /= np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-9)
    return np.asarray(seen * _VECTOR_SCALE, np.float32)


def letters(text: str) -> Letters:
    """Hashes words, pairs of words and character n-grams, within and across words; counts are damped."""
    counts = Counter(zlib.crc32(gram.encode()) % BUCKETS for gram in _grams(text))
    places = np.fromiter(counts.keys(), np.int64, len(counts))
    values = np.log1p(np.fromiter(counts.values(), np.float32, len(counts)))
    length = max(float(np.linalg.norm(values)), 1e-9)
    return Letters(places, (values * np.float32(_LETTERS_SCALE / length)).astype(np.float32))


def chance(
    weights: Weights,
    vector: NDArray[np.float32],
    known: Sequence[float],
    spelt: Letters,
    sure: frozenset[EscalationReason] = frozenset(),
) -> Chance:
    """Judges one message by its vector (not centred), its signals and its letters.

    Of the reasons that a rule is sure of, the gravest that the model does not find absurd is named.
    """
    dense = np.concatenate(
        [centred(vector[None], weights.centre)[0], np.asarray(known, np.float32)]
    )
    logits = dense @ weights.dense + spelt.values @ weights.letters[spelt.places] + weights.bias
    odds = 1.0 / (1.0 + float(np.exp(-np.clip(logits[0], -30.0, 30.0))))
    shares = np.exp(logits[1:] - logits[1:].max())
    signed = [
        reason
        for reason, share in zip(weights.reasons, shares, strict=True)
        if reason in sure and share >= _SIGN_COUNTS_FROM
    ]
    named = next((reason for reason in JUDGED if reason in signed), None)
    return Chance(
        _rescaled(odds, weights.threshold), named or weights.reasons[int(shares.argmax())]
    )


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


def _rescaled(odds: float, threshold: float) -> float:
    """Maps [0, threshold] to [0, 0.5] and [threshold, 1] to [0.5, 1], each linearly."""
    if odds < threshold:
        return 0.5 * odds / threshold
    return 0.5 + 0.5 * (odds - threshold) / max(1.0 - threshold, 1e-9)
