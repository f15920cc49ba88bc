"""Reads the weights of the evidence model, which `scripts/train_evidence.py` writes."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from services.agent.domain.evidence import EvidenceModel, LogisticModel, StagedModel

WEIGHTS = Path(__file__).resolve().parent.parent / "models" / "evidence.json"


@cache
def evidence_model() -> EvidenceModel:
    """Returns the model that comes with the package."""
    return load_evidence_model(WEIGHTS)


def load_evidence_model(path: Path) -> EvidenceModel:
    """Reads a file of weights.

    Raises:
        ValueError: if it is no such file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return EvidenceModel(_staged(content["hybrid"]), _staged(content["lexical"]))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path.name} holds no evidence model: {error}") from error


def _staged(content: dict[str, Any]) -> StagedModel:
    answer = content["answer"]
    return StagedModel(
        _weights(content["ranking"]),
        LogisticModel(
            _weights(answer["weights"]), float(answer["intercept"]), float(answer["floor"])
        ),
    )


def _weights(content: dict[str, Any]) -> dict[str, float]:
    return {str(name): float(weight) for name, weight in content.items()}
