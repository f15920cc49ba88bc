"""What an evaluation says: tables for people, one document for machines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evals.score import Comparison, Graded, Score, scores

_SHOWN_FAULTS: Final = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run: what was asked for, who answered, and how it went; `seconds` is how long it took."""

    command: str
    model: str
    commit: str
    seed: int
    trials: int
    seconds: float
    graded: Sequence[Graded]

    @property
    def answered_by(self) -> Mapping[str, int]:
        """Counts the answers by the model that the ledgers name."""
        return Counter(
            model for one in self.graded for trial in one.trials for model in trial.models
        )


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Returns the run as one document."""
    return {
        "command": outcome.command,
        "model": outcome.model,
        "answered_by": dict(sorted(outcome.answered_by.items())),
        "commit": outcome.commit,
        "seed": outcome.seed,
        "trials": outcome.trials,
        "seconds": round(outcome.seconds, 1),
        "groups": {name: score.as_json() for name, score in scores(outcome.graded).items()},
        "scenarios": [
            {
                "name": one.scenario.name,
                "topic": one.scenario.topic,
                "channel": one.scenario.channel,
                "language": one.scenario.language,
                "mood": one.scenario.mood,
                "trials": [
                    {"faults": list(trial.faults), "talk": list(trial.talk)} for trial in one.trials
                ],
            }
            for one in outcome.graded
        ],
    }


def as_text(outcome: Outcome, fallen: Sequence[str] = ()) -> str:
    """Returns the tables and what failed."""
    lines = [*_failed(outcome.graded), *_table(scores(outcome.graded), outcome.trials)]
    answered = ", ".join(f"{count} by {name}" for name, count in outcome.answered_by.items())
    lines += ["", f"{outcome.seconds:.0f} s; answers: {answered or 'none'}"]
    lines += [f"below the recorded score: {sentence}" for sentence in fallen]
    return "\n".join(lines)


def _failed(graded: Sequence[Graded]) -> list[str]:
    lines: list[str] = []
    for one in graded:
        failed = [trial for trial in one.trials if not trial.passed]
        if not failed:
            continue
        lines.append(f"{one.scenario.name}: {len(failed)} of {len(one.trials)} failed")
        faults = Counter(fault for trial in failed for fault in trial.faults)
        lines += [f"    {fault}" for fault, _ in faults.most_common(_SHOWN_FAULTS)]
        if len(faults) > _SHOWN_FAULTS:
            lines.append(f"    and {len(faults) - _SHOWN_FAULTS} more")
    return [*lines, ""] if lines else []


def _table(groups: Mapping[str, Score], trials: int) -> list[str]:
    width = max(len(name) for name in groups)
    last = f"  pass^{trials}" if trials > 1 else ""
    lines = [f"{'':<{width}}  scenarios  pass^1{last}"]
    lines += [
        f"{name:<{width}}  {score.scenarios:>9}  {score.pass_1:>6.3f}"
        + (f"  {score.pass_k:>{len(last) - 2}.3f}" if trials > 1 else "")
        for name, score in groups.items()
    ]
    return lines


def compared(comparison: Comparison) -> str:
    """Returns what changed from one run to another."""
    lines = [f"pass^1 {comparison.before:.3f} -> {comparison.after:.3f}"]
    for title, changed in (("worse", comparison.worse), ("better", comparison.better)):
        lines += [
            f"{title:<7}{name}: {old:.2f} -> {new:.2f}" for name, (old, new) in changed.items()
        ]
    lines += [f"gone   {name}" for name in comparison.only_before]
    lines += [f"new    {name}" for name in comparison.only_after]
    return "\n".join(lines)
