"""How well a set of scenarios was played: pass^1 and pass^k by topic, channel, language and mood, and comparisons.

pass^1 is the mean over scenarios of the share of trials that passed; pass^k is the share of scenarios whose k trials
all passed, so it says how far one may rely on the answers (the measure is that of tau-bench, arXiv 2406.12045).
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evals.scenario import Scenario

ALL: Final = "all"
# Scores are shares of whole numbers: what differs by less is the same.
_SAME: Final = 1e-9


class ResultError(Exception):
    """Raised when a file of results cannot be read; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial of one scenario: what was wrong, and the talk as the customer saw it."""

    faults: tuple[str, ...]
    talk: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Tells whether nothing was wrong."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class Graded:
    """A scenario with its trials."""

    scenario: Scenario
    trials: tuple[Trial, ...]

    @property
    def share(self) -> float:
        """Returns the share of trials that passed."""
        return sum(trial.passed for trial in self.trials) / len(self.trials)


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a group of scenarios."""

    scenarios: int
    trials: int
    pass_1: float
    pass_k: float

    def as_json(self) -> dict[str, Any]:
        """Returns the score for a file; `pass^k` is named by its k."""
        found = {
            "scenarios": self.scenarios,
            "trials": self.trials,
            "pass^1": round(self.pass_1, 4),
        }
        return found | ({f"pass^{self.trials}": round(self.pass_k, 4)} if self.trials > 1 else {})


def scores(graded: Sequence[Graded]) -> dict[str, Score]:
    """Returns the score of all scenarios and of each group, named `topic billing`, `channel email` and so on."""
    groups: dict[str, list[Graded]] = defaultdict(list)
    for one in graded:
        for name in _groups(one.scenario):
            groups[name].append(one)
    order = {
        name: place for place, name in enumerate((ALL, "topic", "channel", "language", "mood"))
    }
    names = sorted(groups, key=lambda name: (order[name.split()[0]], name))
    return {name: _score(groups[name]) for name in names}


def _groups(scenario: Scenario) -> Iterator[str]:
    yield ALL
    yield f"topic {scenario.topic}"
    yield f"channel {scenario.channel}"
    yield f"language {scenario.language}"
    yield f"mood {scenario.mood}"


def _score(graded: Sequence[Graded]) -> Score:
    count = len(graded)
    return Score(
        scenarios=count,
        trials=len(graded[0].trials),
        pass_1=sum(one.share for one in graded) / count,
        pass_k=sum(all(trial.passed for trial in one.trials) for one in graded) / count,
    )


def fallen(now: Mapping[str, Score], recorded: Mapping[str, Any]) -> list[str]:
    """Lists the groups whose score lies below a recorded one (as `Score.as_json` wrote it), a sentence each.

    A group that is gone counts as fallen, so that a score cannot rise by leaving out what fails.
    """
    sentences = []
    for name, before in recorded.items():
        if name not in now:
            sentences.append(f"{name}: no such scenarios any more")
            continue
        after = now[name].as_json()
        if after["scenarios"] < before["scenarios"]:
            sentences.append(
                f"{name}: {after['scenarios']} scenarios, {before['scenarios']} were recorded"
            )
        sentences += [
            f"{name}: {measure} {after[measure]:.3f}, recorded {value:.3f}"
            for measure, value in before.items()
            if measure.startswith("pass^") and after.get(measure, value) < value - _SAME
        ]
    return sentences


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one run to another: pass^1 of both over what both played, and scenarios by name."""

    before: float
    after: float
    better: Mapping[str, tuple[float, float]]
    worse: Mapping[str, tuple[float, float]]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def fell(self) -> bool:
        """Tells whether pass^1 fell."""
        return self.after < self.before - _SAME


def compare(before: Path, after: Path) -> Comparison:
    """Compares two files that `fte eval --json` wrote.

    Raises:
        ResultError: if a file is none of these, or nothing was played in both.
    """
    old, new = _shares(before), _shares(after)
    both = sorted(old.keys() & new.keys())
    if not both:
        raise ResultError(f"no scenario stands in both {before} and {after}")
    changed = {name: (old[name], new[name]) for name in both}
    return Comparison(
        before=sum(old[name] for name in both) / len(both),
        after=sum(new[name] for name in both) / len(both),
        better={name: pair for name, pair in changed.items() if pair[1] > pair[0] + _SAME},
        worse={name: pair for name, pair in changed.items() if pair[1] < pair[0] - _SAME},
        only_before=tuple(sorted(old.keys() - new.keys())),
        only_after=tuple(sorted(new.keys() - old.keys())),
    )


def _shares(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(one["name"]): sum(not trial["faults"] for trial in one["trials"])
            / len(one["trials"])
            for one in found["scenarios"]
        }
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise ResultError(f"{path} is no result of `fte eval --json`: {error}") from error
