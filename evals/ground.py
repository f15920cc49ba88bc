"""What an evaluation stands on: a running stack of simulators, or one of its own, and the model that answers there."""

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil

from devstack.environment import Environment, load_environment
from devstack.failure import StackError
from devstack.ports import Port, Ports
from devstack.processes import Record, busy_ports, only_supervisor, read_record
from devstack.runtime import find_runtime
from devstack.stack import Stack

_BASES: Final = range(6000, 24000, 200)


class Refused(Exception):
    """Raised when an evaluation must not begin; the text is a sentence for the operator."""


def running_model(environment: Environment) -> str:
    """Returns the model that the running stack answers with, in words, after a look whether it may be used.

    Raises:
        Refused: if no stack runs or is ready, or if it would reach real people.
    """
    refuse_real(environment)
    record = read_record(environment.home)
    if record is None or record.supervisor.find() is None:
        raise Refused("the stack is not running; start it with `fte up`, or use --own")
    if not record.ready:
        raise Refused("the stack is still starting; wait until `fte up` says that it is ready")
    delivery = _environ_of(record, "delivery")
    for name in ("FTE_GMAIL_API_URL", "FTE_TWILIO_API_URL"):
        if delivery.get(name, "") != environment.shared[name]:
            raise Refused("the running stack talks to a real provider: it would reach people")
    agent = _environ_of(record, "agent")
    model = {name: value for name, value in agent.items() if name.startswith("FTE_OPENAI_")}
    return load_environment({**os.environ, **model}).model_mode


def refuse_real(environment: Environment) -> None:
    """Looks whether this environment leads to simulators alone.

    Raises:
        Refused: if it leads to a real provider.
    """
    if not (environment.gmail_simulated and environment.twilio_simulated):
        raise Refused(
            "real provider credentials are in the environment: an evaluation would write to real people"
        )


def _environ_of(record: Record, name: str) -> Mapping[str, str]:
    """Returns what a service was really started with; empty while it is down."""
    part = next((part for part in record.parts if part.name == name), None)
    process = part.process.find() if part and part.process else None
    try:
        return process.environ() if process else {}
    except psutil.Error:
        return {}


@asynccontextmanager
async def own_stack(environ: Mapping[str, str]) -> AsyncIterator[Environment]:
    """Runs a whole stack in a home and on ports of its own, and removes it in the end.

    Raises:
        Refused: if the environment leads to real providers.
        StackError: if the stack cannot start.
    """
    home = Path(tempfile.mkdtemp(prefix="fte-eval-"))
    # Readable for the unprivileged user that Postgres runs as; the secrets have their own mode.
    os.chmod(home, 0o755)  # noqa: PTH101, S103 - no data lie in it yet
    try:
        environment = load_environment(
            {**environ, "FTE_HOME": str(home), "FTE_PORT_BASE": str(_free_base())}
        )
        refuse_real(environment)
        with only_supervisor(home):
            stack = Stack(environment, find_runtime(environ, _say), _quiet)
            try:
                await stack.start()
                yield environment
            finally:
                await stack.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _free_base() -> int:
    for base in _BASES:
        if not busy_ports(Ports(base)[port] for port in Port):
            return base
    raise StackError("no ports are free for a stack of its own", "end another stack")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _quiet(line: str) -> None:
    """Keeps what the parts of an own stack report out of the results; their logs have it."""
