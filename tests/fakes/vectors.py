"""The embedder port without a model: texts that share words are near."""

import hashlib
from collections.abc import Sequence

import numpy as np

from services.agent.application.ports import LookupUnavailable, Vectors
from services.agent.domain.terms import terms

_DIMENSION = 768


class WordVectors:
    """Adds up one pseudo-random vector a word; fails from the call after `fails_after` on."""

    def __init__(self, model: str = "words", *, fails_after: int | None = None) -> None:
        self.model = model
        self.dimension = _DIMENSION
        self.asked: list[list[str]] = []
        self._fails_after = fails_after

    async def embed(self, texts: Sequence[str]) -> Vectors:
        if self._fails_after is not None and len(self.asked) >= self._fails_after:
            raise LookupUnavailable("ConnectError")
        self.asked.append(list(texts))
        made = np.array([self._vector(text) for text in texts], np.float32)
        unit: Vectors = made / np.linalg.norm(made, axis=1, keepdims=True)
        return unit

    async def embed_questions(self, questions: Sequence[str]) -> Vectors:
        return await self.embed(questions)

    def _vector(self, text: str) -> Vectors:
        total = np.full(_DIMENSION, 0.01)
        for word in terms(text):
            seed = int.from_bytes(
                hashlib.sha256(f"{self.model} {word}".encode()).digest()[:8], "big"
            )
            total += np.random.default_rng(seed).standard_normal(_DIMENSION)
        return total.astype(np.float32)
