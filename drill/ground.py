"""Owns what a drill stands on: a running local stack without real providers, its parts and patience."""

import os
import platform
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil

from devstack.environment import SUPERUSER, Environment
from devstack.ports import Port
from devstack.processes import Record, read_record
from devstack.runtime import installed_runtime
from drill.schedule import BROKERS

ROOT: Final = Path(__file__).resolve().parent.parent
# What delivery waits for by default, in seconds; docs/settings.md lists them.
_DEFAULTS: Final[Mapping[str, float]] = {
    "FTE_GMAIL_WITNESS_WINDOW_SECONDS": 120.0,
    "FTE_TWILIO_WITNESS_WINDOW_SECONDS": 300.0,
    "FTE_ATTEMPT_SECONDS": 30.0,
}
_LOCAL_MODEL: Final = "http://127.0.0.1:"
_GIBIBYTE: Final = 1024**3


class Refused(Exception):
    """Raised when a drill must not begin; the text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Holds what was found: part names by kind, simulators by name, delivery's patience in seconds."""

    home: Path
    parts: Mapping[str, tuple[str, ...]]
    simulators: dict[str, str]
    waits: Mapping[str, float]

    @property
    def broker(self) -> str:
        """Returns the name of the broker's part."""
        return ", ".join(self.parts.get("broker", ()))

    @property
    def window(self) -> float:
        """Returns the longest time in seconds that an unknown outcome may stay so before a resend."""
        return max(value for name, value in self.waits.items() if "WINDOW" in name)


def survey(environment: Environment, environ: Mapping[str, str]) -> Ground:
    """Looks whether a drill may begin here.

    Raises:
        Refused: if no stack runs or is ready, or if any of it would reach a real provider.
    """
    if not (environment.gmail_simulated and environment.twilio_simulated):
        raise Refused(
            "real provider credentials are in the environment: a drill would write to real people"
        )
    record = read_record(environment.home)
    if record is None or record.supervisor.find() is None:
        raise Refused("the stack is not running; start it with `fte up`")
    if not record.ready:
        raise Refused("the stack is still starting; wait until `fte up` says that it is ready")
    simulators = {
        "gmail": environment.ports.url(Port.GMAIL),
        "twilio": environment.ports.url(Port.TWILIO),
    }
    running = _running_environments(record)
    _refuse_real(simulators, running, environ)
    parts: dict[str, list[str]] = defaultdict(list)
    for part in record.parts:
        parts[part.kind].append(part.name)
    for name in parts["broker"]:
        if name not in BROKERS:
            raise Refused(f"a drill cannot wipe broker {name} yet: drill/schedule.py has no entry")
    waits = {
        name: float(next((one[name] for one in running if name in one), default))
        for name, default in _DEFAULTS.items()
    }
    names = {kind: tuple(sorted(found)) for kind, found in parts.items()}
    return Ground(environment.home, names, simulators, waits)


def _running_environments(record: Record) -> list[dict[str, str]]:
    """Returns the environments that the services were really started with."""
    found = []
    for part in record.parts:
        process = part.process.find() if part.process and part.kind == "service" else None
        if process:
            try:
                found.append(process.environ())
            except psutil.Error:
                continue
    return found


def _refuse_real(
    simulators: Mapping[str, str], running: list[dict[str, str]], environ: Mapping[str, str]
) -> None:
    for name, url in simulators.items():
        variable = f"FTE_{name.upper()}_API_URL"
        if any(one.get(variable, url) != url for one in running):
            raise Refused(f"the running stack talks to the real {name}: a drill would reach people")
    for one in (environ, *running):
        key, url = one.get("FTE_OPENAI_API_KEY"), one.get("FTE_OPENAI_BASE_URL", "")
        if key and not url.startswith(_LOCAL_MODEL):
            raise Refused(
                "a real model's key is in use: a drill would pay for thousands of answers"
            )


def cpu_seconds(home: Path) -> dict[str, float]:
    """Returns the processor time of the stack since its start, and of this process, in seconds.

    Processes that have ended count: their time is in their parents' account of children.
    """
    record = read_record(home)
    supervisor = record.supervisor.find() if record else None
    stack = 0.0
    if supervisor:
        for process in (supervisor, *supervisor.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                stack += _spent(process, ended_children=True)
    return {"stack": stack, "drill": _spent(psutil.Process(), ended_children=False)}


def _spent(process: psutil.Process, *, ended_children: bool) -> float:
    times = process.cpu_times()
    own = float(times.user + times.system)
    return own + float(times.children_user + times.children_system) * ended_children


async def describe(environment: Environment, ground: Ground) -> dict[str, Any]:
    """Returns commit, machine and versions, as far as they can be found out."""
    connection = await asyncpg.connect(environment.database_url(SUPERUSER), timeout=10)
    try:
        postgres = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    runtime = installed_runtime(os.environ)
    return {
        "commit": commit(),
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            "postgres": str(postgres),
            "dapr": str(runtime.version) if runtime else "unknown",
            "broker": ground.broker,
        },
        "waits_s": dict(ground.waits),
    }


def machine() -> dict[str, Any]:
    """Returns what the machine is."""
    return {
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / _GIBIBYTE),
        "system": f"{platform.system()} {platform.machine()}",
    }


def commit() -> str:
    """Returns the commit of the code, marked if it was changed since, or "unknown" without git."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} with changes" if changed else commit


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
