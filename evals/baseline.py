"""The recorded scores that a change of the employee must not fall below."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from evals.score import Score

FILE: Final = Path(__file__).with_name("baseline.json")


def recorded(name: str, seed: int, trials: int) -> Mapping[str, Any] | None:
    """Returns the groups recorded for a set of scenarios, None if that seed and number of trials is not recorded."""
    found = _read().get(name)
    if found is None or (found["seed"], found["trials"]) != (seed, trials):
        return None
    groups: Mapping[str, Any] = found["groups"]
    return groups


def record(name: str, seed: int, trials: int, groups: Mapping[str, Score], model: str) -> None:
    """Writes the scores of a set in place of those that were recorded for it."""
    found = _read()
    found[name] = {
        "model": model,
        "seed": seed,
        "trials": trials,
        "groups": {group: score.as_json() for group, score in groups.items()},
    }
    FILE.write_text(json.dumps(found, indent=2, sort_keys=False) + "\n", encoding="utf-8")


def _read() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text(encoding="utf-8"))) if FILE.exists() else {}
