"""Owns `fte eval`: which stack is used, what is printed and written, and the exit code."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.environment import Environment, load_environment
from evals import baseline
from evals.ground import Refused, own_stack, running_model
from evals.report import Outcome, as_json, as_text, compared
from evals.run import Options, evaluate
from evals.scenario_files import ScenarioError, load_scenarios
from evals.score import ResultError, compare, fallen, scores

WRONG: Final = 2
_OFFLINE: Final = "offline"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator asked for beside what is played."""

    own: bool = False
    json_file: Path | None = None
    gate: bool = False
    record: bool = False


def run_eval(options: Options, wishes: Wishes) -> int:
    """Plays and grades; returns 1 if the gate is asked for and a score lies below the record, 2 if it cannot begin."""
    try:
        return asyncio.run(_run(options, wishes))
    except (Refused, ScenarioError) as error:
        print(f"fte: {error}", file=sys.stderr)
        return WRONG


async def _run(options: Options, wishes: Wishes) -> int:
    scenarios = load_scenarios(only=options.only, quick=options.quick)
    async with _ground(own=wishes.own) as (environment, model):
        real = not model.startswith(_OFFLINE)
        said = f"the real model {model} is graded" if real else f"the {model} is graded"
        print(
            f"{said}: {len(scenarios)} scenarios, {options.trials} trials each; {options.command}"
        )
        outcome = await evaluate(environment, scenarios, options, model)
    if wishes.json_file:
        wishes.json_file.write_text(
            json.dumps(as_json(outcome), indent=2, ensure_ascii=False) + "\n"
        )
    below = _below(options, outcome) if wishes.gate else []
    print(as_text(outcome, below))
    if wishes.record:
        name = _set(options)
        baseline.record(name, options.seed, options.trials, scores(outcome.graded), model)
    return 1 if below else 0


@asynccontextmanager
async def _ground(*, own: bool) -> AsyncIterator[tuple[Environment, str]]:
    if own:
        async with own_stack(os.environ) as environment:
            yield environment, environment.model_mode
    else:
        environment = load_environment()
        yield environment, running_model(environment)


def _below(options: Options, outcome: Outcome) -> list[str]:
    """Lists what fell; a real model is scored, but measured against no record."""
    if not outcome.model.startswith(_OFFLINE):
        print("a real model has no recorded score: nothing is gated")
        return []
    known = baseline.recorded(_set(options), options.seed, options.trials)
    if known is None or options.only:
        return [f"nothing is recorded for {options.command}"]
    return fallen(scores(outcome.graded), known)


def _set(options: Options) -> str:
    return "quick" if options.quick else "all"


def show_comparison(before: Path, after: Path) -> int:
    """Prints what changed from one result to another; returns 1 if pass^1 fell, 2 if they cannot be compared."""
    try:
        comparison = compare(before, after)
    except ResultError as error:
        print(f"fte: {error}", file=sys.stderr)
        return WRONG
    print(compared(comparison))
    return 1 if comparison.fell else 0
