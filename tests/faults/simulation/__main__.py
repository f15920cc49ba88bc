"""Runs seeded worlds.

    python -m tests.faults.simulation --seeds 5000            seeds 0 to 4999, on all cores
    python -m tests.faults.simulation --seed 7 --history      one world, and all that happened in it
    python -m tests.faults.simulation --seeds 1000 --first    ends at the first failure

A failing seed is printed with the shortest plan that still fails and the end of its history; with --quick only
with what is wrong. Exit 1 on any failure.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.faults.simulation.crowd import CHUNK, crowd
from tests.faults.simulation.plan import Plan, plan_of
from tests.faults.simulation.trial import Counts, Trial, attempt, shortest

SHOWN_LINES = 60


def main(arguments: Sequence[str]) -> int:
    """Runs what was asked for; returns the exit code."""
    asked = _parser().parse_args(arguments)
    if asked.seed is not None:
        trial = attempt(plan_of(asked.seed), history=asked.history)
        print(*trial.history, sep="\n", end="\n" if trial.history else "")  # noqa: T201
        if not trial.problems:
            return _say(trial.counts, 0.0)
        return _tell(asked.seed, trial, quick=asked.quick)
    began, counts, failures = time.monotonic(), Counts(), 0
    # The worlds behind the first failure are not waited for.
    chunk = 1 if asked.first and asked.jobs == 1 else CHUNK
    for found, failed in crowd(range(asked.start, asked.start + asked.seeds), asked.jobs, chunk):
        counts.add(found)
        for seed in failed:
            failures += 1
            _tell(seed, attempt(plan_of(seed)), quick=asked.quick)
        if failed and asked.first:
            return 1
    seconds = time.monotonic() - began
    _say(counts, seconds)
    if asked.report:
        Path(asked.report).write_text(
            json.dumps(
                {
                    "first_seed": asked.start,
                    "seeds": asked.seeds,
                    "failures": failures,
                    "seconds": round(seconds, 1),
                    "jobs": asked.jobs,
                    "faults": counts.faults,
                    **asdict(counts),
                },
                indent=2,
            )
            + "\n"
        )
    return 1 if failures else 0


def _tell(seed: int, trial: Trial, *, quick: bool) -> int:
    print(f"seed {seed}: {trial.problems[0]}", flush=True)  # noqa: T201
    if quick:
        return 1
    small = shortest(trial)
    print(_described(small.plan))  # noqa: T201
    print(*small.problems[:5], *small.history[-SHOWN_LINES:], sep="\n  ")  # noqa: T201
    print(f"again: python -m tests.faults.simulation --seed {seed} --history", flush=True)  # noqa: T201
    return 1


def _described(plan: Plan) -> str:
    items = [*plan.says, *plan.strikes, *plan.desks]
    faults = [f"{crossing}: {fault}" for crossing, fault in (plan.scripted or {}).items()]
    return "\n  ".join(["the shortest plan that fails:", *map(str, items), *faults])


def _say(counts: Counts, seconds: float) -> int:
    named = ", ".join(f"{name} {value:,}" for name, value in asdict(counts).items() if value)
    speed = f", {counts.worlds / seconds:.0f} worlds/s" if seconds else ""
    print(f"{named}; faults {counts.faults:,}{speed}")  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.simulation")
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--history", action="store_true", help="print all that happened")
    parser.add_argument("--first", action="store_true", help="end at the first failure")
    parser.add_argument("--quick", action="store_true", help="do not shorten what fails")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--report", help="write the counts to this file as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
