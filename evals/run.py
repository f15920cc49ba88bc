"""Plays a set of scenarios on a running stack, some customers at once, and grades every conversation."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from cli.outside import Outside
from devstack.environment import SUPERUSER, Environment
from devstack.failure import StackError
from drill.ground import commit
from evals.doors import Person, link
from evals.grading import grade
from evals.grounding import Documents
from evals.ledger import Ledger
from evals.play import Conversation, play
from evals.report import Outcome
from evals.scenario import Scenario
from evals.score import Graded, Trial

_NAMES: Final = (
    "Ada Example", "Bruno Keller", "Carla Gomez", "Dev Patel", "Elif Kaya", "Franz Huber", "Giulia Conti",
    "Hugo Martin", "Ines Silva", "Jonas Berg", "Kavita Rao", "Lena Vogel", "Marc Dubois", "Nora Lindt",
)  # fmt: skip
_SIMULATOR_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """What is played and how; `at_once` customers write at the same time."""

    seed: int = 1
    trials: int = 1
    only: tuple[str, ...] = ()
    quick: bool = False
    at_once: int = 12

    @property
    def command(self) -> str:
        """Returns the command that plays the same again."""
        only = "".join(f" --only {name}" for name in self.only)
        quick = " --quick" if self.quick else ""
        return f"fte eval --seed {self.seed} --trials {self.trials}{quick}{only}"


async def evaluate(
    environment: Environment, scenarios: Sequence[Scenario], options: Options, model: str
) -> Outcome:
    """Plays every scenario `options.trials` times and returns how it went.

    Raises:
        StackError: if the stack does not answer at all.
    """
    settings = environment.exported()
    documents = Documents.read(Path(settings["FTE_CONTEXT_DIR"]))
    parts = [(scenario, trial) for trial in range(options.trials) for scenario in scenarios]
    people = _people(len(parts))
    began = time.monotonic()
    try:
        ledger = await Ledger.open(environment.database_url(SUPERUSER))
    except OSError as error:
        raise StackError("the database does not answer", "start the stack with `fte up`") from error
    try:
        async with Outside(settings) as outside:
            outside.http.timeout = httpx.Timeout(_SIMULATOR_SECONDS)
            linked = [
                person
                for (scenario, _), person in zip(parts, people, strict=True)
                if scenario.linked
            ]
            await link(settings, linked)
            played = await _play_all(outside, ledger, parts, people, options)
    finally:
        await ledger.close()
    graded = [
        Graded(
            scenario,
            tuple(_trial(one, documents) for one in played if one.scenario is scenario),
        )
        for scenario in scenarios
    ]
    return Outcome(
        command=options.command,
        model=model,
        commit=commit(),
        seed=options.seed,
        trials=options.trials,
        seconds=time.monotonic() - began,
        graded=graded,
    )


async def _play_all(
    outside: Outside,
    ledger: Ledger,
    parts: Sequence[tuple[Scenario, int]],
    people: Sequence[Person],
    options: Options,
) -> list[Conversation]:
    room = asyncio.Semaphore(options.at_once)
    done = 0

    async def one(scenario: Scenario, trial: int, person: Person) -> Conversation:
        nonlocal done
        async with room:
            played = await play(outside, ledger, scenario, person, seed=options.seed, trial=trial)
        done += 1
        if done % 20 == 0:
            print(f"{done} of {len(parts)} conversations", file=sys.stderr, flush=True)
        return played

    tasks = [
        one(scenario, trial, person)
        for (scenario, trial), person in zip(parts, people, strict=True)
    ]
    return list(await asyncio.gather(*tasks))


def _people(count: int) -> list[Person]:
    """Makes customers whom no stack knows yet: the moment of the run is part of every address and number."""
    moment = time.time_ns() // 1_000_000
    return [
        Person(
            name=_NAMES[place % len(_NAMES)],
            address=f"eval{moment:x}.{place}@example.com",
            number=f"+1{moment % 1_000_000:06d}{place:04d}",
        )
        for place in range(count)
    ]


def _trial(conversation: Conversation, documents: Documents) -> Trial:
    return Trial(
        faults=tuple(grade(conversation, documents)),
        talk=tuple(_talk(conversation)),
        models=tuple(
            str(row["model"])
            for row in conversation.effects.answers
            if row["role"] == "ai" and row["model"]
        ),
    )


def _talk(conversation: Conversation) -> list[str]:
    lines: list[str] = []
    for exchange in conversation.exchanges:
        subject = f"[{exchange.subject}] " if exchange.subject else ""
        lines += [f"customer, {exchange.move.channel}: {subject}{text}" for text in exchange.said]
        lines += [f"received, {one.channel}: {one.body}" for one in exchange.received]
        lines += [
            f"escalated: {row['reason']}, {row['urgency']}" for row in exchange.effects.escalations
        ]
    return lines
