"""The file that the judge's weights lie in, with a card that says what it holds."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.agent.adapters.embedder_e5 import MODEL
from services.agent.adapters.embedder_minilm import DamagedModelError
from services.agent.domain.classifier import Weights
from services.agent.domain.turn import EscalationReason

_MODELS = Path(__file__).resolve().parent.parent / "models"
WEIGHTS = _MODELS / "judge.npz"
CARD = _MODELS / "judge.json"
_BYTE = 127


def load_weights() -> Weights:
    """Loads the weights that come with the package.

    Raises:
        DamagedModelError: if the file is not the one that its card describes.
    """
    card = json.loads(CARD.read_text(encoding="utf-8"))
    content = WEIGHTS.read_bytes()
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise DamagedModelError(
            f"{WEIGHTS.name} has another checksum than expected: train it again"
        )
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        return Weights(
            vectors=stored["vectors"] * stored["vector_scale"],
            signals=stored["signals"].astype(np.float32),
            signal_scale=stored["signal_scale"],
            pulls=stored["pulls"].astype(np.float32),
            letters=stored["letters"].astype(np.float32),
            bias=stored["bias"],
            centre=stored["centre"],
            reasons=tuple(EscalationReason(reason) for reason in card["reasons"]),
            threshold=float(card["threshold"]),
            known=dict(zip(stored["phrases"].tolist(), stored["phrase_vectors"], strict=True)),
        )


def save_weights(weights: Weights, data_sha256: str) -> None:
    """Writes weights and card; vectors in bytes, the rest in half precision, which moves no margin by a thousandth."""
    rounded, scale = _bytes(weights.vectors)
    stored = io.BytesIO()
    np.savez_compressed(
        stored,
        vectors=rounded,
        vector_scale=scale,
        signals=weights.signals.astype(np.float16),
        signal_scale=weights.signal_scale,
        pulls=weights.pulls.astype(np.float16),
        letters=weights.letters.astype(np.float16),
        bias=weights.bias,
        centre=weights.centre,
        phrases=np.array(list(weights.known)),
        phrase_vectors=np.array(list(weights.known.values()), np.float32),
    )
    WEIGHTS.write_bytes(stored.getvalue())
    card = {
        "sha256": hashlib.sha256(stored.getvalue()).hexdigest(),
        "data_sha256": data_sha256,
        "embedding": MODEL,
        "reasons": [reason.value for reason in weights.reasons],
        "threshold": weights.threshold,
    }
    CARD.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def trained_on() -> str:
    """Returns the hash of the data that the stored weights were trained on."""
    return str(json.loads(CARD.read_text(encoding="utf-8"))["data_sha256"])


def _bytes(rows: NDArray[np.float32]) -> tuple[NDArray[np.int8], np.float32]:
    scale = np.float32(np.abs(rows).max() / _BYTE)
    return np.round(rows / scale).astype(np.int8), scale
