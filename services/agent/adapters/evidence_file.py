"""Reads the weights of the evidence model, which `scripts/train_evidence.py` writes."""

import json
from functools import cache
from pathlib import Path

from services.agent.domain.evidence import EvidenceModel, LogisticModel

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
        return EvidenceModel(
            **{
                name: LogisticModel(
                    {str(k): float(v) for k, v in content[name]["weights"].items()},
                    float(content[name]["intercept"]),
                    float(content[name]["floor"]),
                )
                for name in ("hybrid", "lexical")
            }
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path.name} holds no evidence model: {error}") from error
