"""The embedder port over the two models that come with the package, which together are better than each alone.

multilingual-e5-small knows seven languages and more, all-MiniLM-L6-v2 is sharper in English; a text of another language is
turned into English words for it. A vector is both models' side by side, so that the cosine of two is the weighted mean of the
models' cosines.

All vectors of multilingual-e5-small lie close together, and those of one language closer still, so that a raw cosine says as
much about the language as about the meaning. Taken away are the mean vector, of questions and of passages apart, and the
directions in which the languages' means differ: "all but the top" (Mu, Viswanath 2018) with directions that are known.
"""

import asyncio
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import numpy as np

from services.agent.adapters.embedder_e5 import multilingual_e5
from services.agent.adapters.embedder_minilm import DamagedModelError, minilm
from services.agent.application.ports import Embedder, Vectors
from services.agent.domain.glossary import english

# Components of each model's vectors, and of both side by side.
HALF = 384
DIMENSION = 2 * HALF
# The English model's share of the cosine, chosen of 0, 0.3, 0.5 and 1 on companies left out.
ENGLISH_SHARE = 0.3
# Written by `scripts/train_centring.py`.
CENTRING = Path(__file__).resolve().parent.parent / "models" / "e5-centring.npz"
_NO_LENGTH = 1e-9


@dataclass(frozen=True, slots=True)
class Centring:
    """What is taken away from vectors: two means, of `HALF` components, and orthonormal rows of directions."""

    questions: Vectors
    passages: Vectors
    languages: Vectors

    def apply(self, vectors: Vectors, mean: Vectors) -> Vectors:
        """Returns the vectors without the mean and without the languages' directions, of unit length again."""
        centred = vectors - mean
        centred = centred - (centred @ self.languages.T) @ self.languages
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        unit: Vectors = (centred / np.maximum(lengths, _NO_LENGTH)).astype(np.float32)
        return unit


class Encoder(Protocol):
    """The models themselves: one unit vector of `HALF` components a text, nothing taken away."""

    def questions(self, texts: Sequence[str]) -> Vectors:
        """Returns the multilingual model's vectors of questions."""

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Returns the multilingual model's vectors of texts that may answer."""

    def glosses(self, texts: Sequence[str]) -> Vectors:
        """Returns the English model's vectors of the texts' English words."""


class BundledModels:
    """The two models of this process; the multilingual one is shared with the judge."""

    def __init__(self) -> None:
        self._multilingual, self._english = multilingual_e5(), minilm()

    def questions(self, texts: Sequence[str]) -> Vectors:
        """Returns the multilingual model's vectors of questions."""
        return self._multilingual.encode(texts)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Returns the multilingual model's vectors of texts that may answer."""
        return self._multilingual.encode_passages(texts)

    def glosses(self, texts: Sequence[str]) -> Vectors:
        """Returns the English model's vectors of the texts' English words."""
        return self._english.encode([english(text) for text in texts])


class BundledEmbedder:
    """Turns texts into unit vectors, in a thread; about a millisecond of processor a character of documentation."""

    def __init__(self, models: Encoder, centring: Centring, version: str) -> None:
        self._models = models
        self._centring = centring
        self._version = version

    @property
    def model(self) -> str:
        """The id that is kept beside every vector; what is taken away is part of the model."""
        return f"e5-small-q4+minilm-int8/{self._version}"

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return DIMENSION

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns one unit vector a text of the documentation, in their order."""
        return await asyncio.to_thread(
            self._made, self._models.passages, texts, self._centring.passages
        )

    async def embed_questions(self, questions: Sequence[str]) -> Vectors:
        """Returns one unit vector a question, in their order."""
        return await asyncio.to_thread(
            self._made, self._models.questions, questions, self._centring.questions
        )

    def _made(
        self, encode: Callable[[Sequence[str]], Vectors], texts: Sequence[str], mean: Vectors
    ) -> Vectors:
        # A lone surrogate is no text for a tokenizer.
        read = [text.encode("utf-8", "replace").decode() for text in texts]
        multilingual = self._centring.apply(encode(read), mean)
        glossed = self._models.glosses(read)
        joined: Vectors = np.hstack(
            [
                np.float32(np.sqrt(1 - ENGLISH_SHARE)) * multilingual,
                np.float32(np.sqrt(ENGLISH_SHARE)) * glossed,
            ]
        )
        return joined


@cache
def bundled_embedder() -> Embedder:
    """Returns the embedder that needs no network, its models loaded.

    Raises:
        DamagedModelError: if an engine, weights or the centring cannot be loaded.
    """
    centring, version = load_centring(CENTRING)
    return BundledEmbedder(BundledModels(), centring, version)


def load_centring(path: Path) -> tuple[Centring, str]:
    """Reads a centring and the first eight digits of its file's SHA-256.

    Raises:
        DamagedModelError: if the file is missing or holds other arrays.
    """
    try:
        content = path.read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            read = Centring(*(arrays[name] for name in ("questions", "passages", "languages")))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DamagedModelError(f"{path.name} holds no centring: {error}") from error
    shapes = (read.questions.shape, read.passages.shape, read.languages.shape[1:])
    if set(shapes) != {(HALF,)}:
        raise DamagedModelError(f"{path.name} is of another model: {shapes}")
    return read, hashlib.sha256(content).hexdigest()[:8]
