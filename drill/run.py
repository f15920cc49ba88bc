"""Owns `fte drill`: breaks the running stack under traffic, waits for rest, judges, reports."""

import asyncio
import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from cli.outside import Outside
from devstack.environment import SUPERUSER, Environment
from devstack.failure import StackError
from drill import schedule, writings
from drill.checker import judge
from drill.evidence import gather, sent_in_of
from drill.faults import Injector, PartsLost
from drill.ground import Ground, Refused, cpu_seconds, describe, survey
from drill.quiet import wait_for_rest
from drill.recovery import handled_of, recoveries
from drill.report import Outcome, as_json, as_markdown, failures_of
from drill.traffic import Traffic

REFUSED: Final = 2
# Some strikes meet a part that is down just then.
_SPARE_KILLS: Final = 1.03
_SPARE_KILLS_LEAST: Final = 2
_LEAD_SECONDS: Final = 1.0
# How long customers' providers insist after the last message was written.
_INSIST_SECONDS: Final = 120.0
_SIMULATOR_SECONDS: Final = 120.0
_HEALTHY_SECONDS: Final = 120.0
_BITE_SECONDS: Final = 45.0
# A lost receipt comes again when its row is driven the next time, a minute later at first.
_REST_SECONDS: Final = 420.0
_WINDOWS: Final = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator asked for; `kills` 0 means as many as the time suggests."""

    seed: int
    minutes: float
    rate: float
    kills: int = 0
    report: Path | None = None
    as_json: bool = False

    @property
    def seconds(self) -> float:
        """Returns how long messages are written, in seconds."""
        return self.minutes * 60

    @property
    def wanted_kills(self) -> int:
        """Returns the least number of kills that must be seen to bite."""
        return self.kills or max(1, round(self.minutes * schedule.KILLS_PER_MINUTE))

    @property
    def command(self) -> str:
        """Returns the command that draws the same schedule and the same writings again."""
        return (
            f"fte drill --seed {self.seed} --minutes {self.minutes:g} --rate {self.rate:g} "
            f"--kills {self.wanted_kills}"
        )


async def drill(environment: Environment, environ: Mapping[str, str], options: Options) -> int:
    """Drills the running stack; returns 0 without any violation, 1 with one, 2 if it must not begin.

    Raises:
        StackError: if the stack ends under the drill.
    """
    try:
        ground = survey(environment, environ)
    except Refused as refusal:
        print(f"fte: {refusal}", file=sys.stderr)
        return REFUSED
    settings = environment.exported()
    async with Outside(settings) as outside, Outside(settings) as simulators:
        # The simulators stand for the world: they may be slow on a busy machine, but they do answer.
        simulators.http.timeout = httpx.Timeout(_SIMULATOR_SECONDS)
        try:
            outcome = await _drill(environment, ground, options, outside, simulators)
        except ExceptionGroup as group:
            if group.subgroup(PartsLost) is None:
                raise
            raise StackError(
                "the stack has ended under the drill", f"see {environment.logs}"
            ) from group
    report = as_json(outcome)
    if options.report:
        _write(options.report, report, outcome)
    print(json.dumps(report, indent=2) if options.as_json else as_markdown(report))
    return 0 if report["passed"] else 1


async def _drill(
    environment: Environment,
    ground: Ground,
    options: Options,
    outside: Outside,
    simulators: Outside,
) -> Outcome:
    wanted = options.wanted_kills
    planned = max(math.ceil(wanted * _SPARE_KILLS), wanted + _SPARE_KILLS_LEAST)
    faults = schedule.plan(options.seed, options.seconds, planned, ground.parts)
    written = writings.plan(options.seed, options.seconds, options.rate)
    described = await describe(environment, ground)
    _say(
        f"{len(faults)} faults, {len(written)} messages in {options.minutes:g} min: {options.command}"
    )

    traffic = Traffic(outside, simulators, f"{time.time_ns() // 1_000_000 % 100_000:05d}")
    injector = Injector(ground.home, ground.simulators)
    await _healthy(outside)
    await traffic.prepare(environment.exported())
    start = time.time() + _LEAD_SECONDS
    before = cpu_seconds(ground.home)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(injector.run(faults, start))
            give_up = start + options.seconds + _INSIST_SECONDS
            group.create_task(traffic.run(written, start, give_up))
            progress = group.create_task(_tell(injector, traffic, options.seconds))
            group.create_task(_at(start + options.seconds, progress))
        # What is still on its way meets the providers' last faults.
        await injector.await_bites(_BITE_SECONDS)
    finally:
        await _clear(injector)
    drilled, after = time.time() - start, cpu_seconds(ground.home)
    await _healthy(outside)
    _say("all faults are over; waiting until nothing is left to do")
    dsn = environment.database_url(SUPERUSER)
    limit = _REST_SECONDS + _WINDOWS * ground.window
    stillness = await wait_for_rest(dsn, simulators, limit)
    _say(f"the stack is {stillness}; judging")
    evidence = await gather(dsn, simulators, sent_in_of(traffic.history))
    handled = handled_of(evidence, traffic.history)
    outcome = Outcome(
        command=options.command,
        seed=options.seed,
        minutes=options.minutes,
        rate=options.rate,
        wanted_kills=wanted,
        start=start,
        drilled_seconds=drilled,
        cpu_seconds={name: after[name] - before[name] for name in after},
        described=described,
        injected=injector.injected,
        history=traffic.history,
        handled=handled,
        recoveries=recoveries(injector.injected, handled),
        stillness=stillness,
        verdict=judge(evidence),
    )
    outcome.failures.extend(failures_of(outcome))
    return outcome


async def _clear(injector: Injector) -> None:
    """Ends the providers' faults, also when the drill is stopped halfway."""
    try:
        await injector.clear()
    except httpx.HTTPError as error:
        _say(f"the providers' faults could not be cleared: {error or type(error).__name__}")
    finally:
        await injector.close()


async def _healthy(outside: Outside) -> None:
    """Waits until the whole says that it works.

    Raises:
        StackError: if it does not within two minutes.
    """
    deadline = time.monotonic() + _HEALTHY_SECONDS
    while not await outside.healthy():
        if time.monotonic() > deadline:
            raise StackError(
                f"the stack was not healthy within {_HEALTHY_SECONDS:.0f} s", "see `fte status`"
            )
        await asyncio.sleep(0.2)


async def _tell(injector: Injector, traffic: Traffic, seconds: float) -> None:
    """Says now and then how far it has come."""
    pause = min(30.0, max(5.0, seconds / 10))
    while True:
        await asyncio.sleep(pause)
        bitten = sum(one.bitten for one in injector.injected)
        accepted = sum(1 for _ in traffic.history.accepted())
        _say(
            f"{len(injector.injected)} faults, {bitten} seen to bite; "
            f"{accepted} messages accepted of {len(traffic.history.messages)}"
        )


async def _at(moment: float, task: "asyncio.Task[None]") -> None:
    await asyncio.sleep(max(0.0, moment - time.time()))
    task.cancel()


def _write(path: Path, report: Mapping[str, object], outcome: Outcome) -> None:
    """Writes the report as JSON and as a page, and the history beside them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    path.with_suffix(".md").write_text(as_markdown(report))
    outcome.history.write(path.with_suffix(".history.jsonl"))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
