"""Owns `fte bench quick`: open-loop load on the running stack, and what one message costs.

Prints figures only if the gate found every message answered exactly once.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cli.bench_counters import Counters, read_counters
from cli.bench_gate import Times, drained, judge
from cli.bench_load import Load, Sending, plan
from cli.outside import Outside
from cli.status import read_status
from devstack.environment import SUPERUSER, Environment

PER_SECOND: Final = 10.0
LOAD_SECONDS: Final = 20.0
SEED: Final = 20261124
_IDLE_SECONDS: Final = 4.0
# WhatsApp waits for a quiet moment; what is not answered by then is lost.
_DRAIN_SECONDS: Final = 25.0
# Postgres' counters reach the views about a second late.
_LAG_SECONDS: Final = 1.5
_PERCENTILES: Final = (50, 95, 99)
_NOT_RUNNING: Final = 3


@dataclass(frozen=True, slots=True)
class Run:
    """Holds one run's raw results: `idle` was counted before the load, `load` until all was sent."""

    seed: int
    per_second: float
    sending: Sending
    times: Sequence[Times]
    idle: Counters
    load: Counters
    load_seconds: float


async def quick(
    environment: Environment,
    *,
    per_second: float = PER_SECOND,
    seconds: float = LOAD_SECONDS,
    seed: int = SEED,
    as_json: bool = False,
) -> int:
    """Loads the running stack for `seconds` and prints the figures; returns the exit code.

    Takes at most a minute with the defaults. 1 and no figures if a message was lost or doubled, 3 if
    no stack runs in this home.
    """
    if not (await read_status(environment)).running:
        print("the stack is not running; start it with `fte up`", file=sys.stderr)
        return _NOT_RUNNING
    async with Outside(environment.exported()) as outside:
        arrivals = plan(seconds, per_second, seed)
        load = Load(outside, tag=f"{time.time_ns() // 1_000_000 % 100_000:05d}")
        await load.prepare(arrivals)
        resting = await read_counters(environment)
        await asyncio.sleep(_IDLE_SECONDS)
        before = await read_counters(environment)
        began = time.monotonic()
        await load.run(arrivals)
        rows = await drained(environment.database_url(SUPERUSER), load.sending, _DRAIN_SECONDS)
        took = time.monotonic() - began
        await asyncio.sleep(_LAG_SECONDS)
        after = await read_counters(environment)
        outcome = await judge(outside, load.sending, rows)
    if outcome.problems:
        print("\n".join(outcome.problems[:20]))
        print(
            f"no figures: {len(outcome.problems)} faults in {len(load.sending.intended)} messages"
        )
        return 1
    run = Run(
        seed,
        per_second,
        load.sending,
        outcome.times,
        before.since(resting),
        after.since(before),
        took,
    )
    figures = figures_of(run)
    print(json.dumps(figures, indent=2) if as_json else shown(figures))
    return 0


def figures_of(run: Run) -> dict[str, Any]:
    """Returns every figure with its unit in its name, as `--json` prints them."""
    count = len(run.times)
    last = max(one.handed_over.timestamp() for one in run.times)
    first = min(one.intended for one in run.times)
    whole = {one: (one.handed_over - one.due).total_seconds() for one in run.times}
    channels = sorted({one.channel for one in run.times})
    return {
        "seed": run.seed,
        "offered_messages_per_s": run.per_second,
        "messages": {
            "all": count,
            **{name: sum(one.channel == name for one in run.times) for name in channels},
        },
        "messages_per_s": round(count / (last - first), 2),
        "latency_ms": {
            "intended send to acknowledgement (webhook, form)": _spread(run.sending.acknowledged),
            "due to hand-over": _spread(whole.values()),
            "of that thinking (begin to commit, model and tools)": _spread(
                one.think_seconds for one in run.times
            ),
            "of that platform (the rest)": _spread(
                max(0.0, whole[one] - one.think_seconds) for one in run.times
            ),
            **{
                f"intended send to hand-over, {name}": _spread(
                    one.handed_over.timestamp() - one.intended
                    for one in run.times
                    if one.channel == name
                )
                for name in channels
            },
        },
        "per_message": _costs(run.load, count),
        "idle_per_s": _costs(run.idle, _IDLE_SECONDS),
        "measured_s": round(run.load_seconds, 1),
    }


def _costs(counters: Counters, by: float) -> dict[str, Any]:
    stack = {n: s for n, s in counters.cpu_seconds.items() if n != "load generator"}
    return {
        "cpu_ms": {
            "all": round(sum(stack.values()) / by * 1000, 3),
            **_shares(counters.cpu_seconds, by / 1000),
        },
        "sql_statements": {
            "all": round(counters.statements.total() / by, 3),
            **_shares(counters.statements, by),
        },
        "fsyncs": round(counters.fsyncs / by, 3),
        "wal_bytes": round(counters.wal_bytes / by),
        "sidecar_crossings": {
            "all": round(counters.crossings.total() / by, 3),
            **_shares(counters.crossings, by),
        },
    }


def _shares(counts: Mapping[str, float], by: float) -> dict[str, float]:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return {name: round(value / by, 3) for name, value in ordered if value}


def _spread(values: Iterable[float]) -> dict[str, float]:
    """Returns the percentiles of some seconds, in milliseconds, by nearest rank."""
    ordered = sorted(values)
    if not ordered:
        return {}
    ranks = {p: max(0, -(-p * len(ordered) // 100) - 1) for p in _PERCENTILES}
    return {f"p{p}": round(ordered[rank] * 1000, 1) for p, rank in ranks.items()}


def shown(figures: Mapping[str, Any]) -> str:
    """Returns the figures as text: one line each, the parts of a sum indented below it."""
    counts = figures["messages"]
    mix = ", ".join(f"{value} {name}" for name, value in counts.items() if name != "all")
    lines = [
        f"{counts['all']} messages ({mix}), each answered exactly once",
        f"offered {figures['offered_messages_per_s']:g}/s (Poisson, seed {figures['seed']})",
        f"done {figures['messages_per_s']:g}/s until the last hand-over",
        "",
        f"{'milliseconds':<56}{'p50':>9}{'p95':>9}{'p99':>9}",
    ]
    for name, spread in figures["latency_ms"].items():
        cells = "".join(f"{value:>9.1f}" for value in spread.values())
        lines.append(f"{name:<56}{cells}")
    lines += ["", f"{'cost':<56}{'message':>9}{'idle/s':>9}"]
    per_message, idle = figures["per_message"], figures["idle_per_s"]
    for name, value in per_message.items():
        if not isinstance(value, dict):
            lines.append(f"{name:<56}{value:>9}{idle[name]:>9}")
            continue
        for part, share in value.items():
            label = name if part == "all" else f"  {part}"
            lines.append(f"{label:<56}{share:>9}{idle[name].get(part, 0):>9}")
    lines += [
        "",
        "load generator, Postgres, broker, sidecars and simulators share this machine's cores;",
        "background work (sweepers, health) is inside the figures: idle/s shows it alone",
    ]
    return "\n".join(lines)
