"""Owns `fte up`: finds the runtime, runs the stack in the foreground, plays the demonstration."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

from devstack.environment import Environment, load_environment
from devstack.failure import StackError
from devstack.ports import LOOPBACK, Port
from devstack.processes import only_supervisor
from devstack.runtime import Runtime, find_runtime
from devstack.stack import BROKERS, Stack

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = 130


def run_stack(environ: Mapping[str, str], *, broker: str, once: bool, demo: bool) -> int:
    """Runs the stack until a signal, or with `once` until the demonstration ends.

    Returns the exit code: the demonstration's with `once`, 0 for a stop that was asked for, 130 for
    one before the stack was ready.

    Raises:
        StackError: if it cannot start, or its supervision fails.
    """
    if broker not in BROKERS:
        raise StackError(f"broker {broker} is not there yet", f"use one of: {', '.join(BROKERS)}")
    # Until the event loop listens for signals, a stop is an exit that cleans up on its way.
    for number in _STOP_SIGNALS:
        signal.signal(number, _leave)
    environment = load_environment(environ)
    with only_supervisor(environment.home):
        runtime = find_runtime(environ, _say)
        _introduce(environment, runtime, broker)
        return asyncio.run(_run(environment, runtime, once=once, demo=demo or once))


async def _run(environment: Environment, runtime: Runtime, *, once: bool, demo: bool) -> int:
    loop = asyncio.get_running_loop()
    asked_to_stop = asyncio.Event()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, asked_to_stop.set)
    stack = Stack(environment, runtime, _say)
    stop = asyncio.create_task(asked_to_stop.wait())
    work = asyncio.create_task(_work(stack, environment, once=once, demo=demo))
    tasks: set[asyncio.Task[Any]] = {stop, work}
    ready = False
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ready = stack.ready
        return work.result() if work.done() else 0 if ready and not once else _INTERRUPTED
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError, StackError):
            await work
        if ready:
            _say("stopping")
        await stack.stop()


async def _work(stack: Stack, environment: Environment, *, once: bool, demo: bool) -> int:
    await stack.start()
    _announce(environment)
    failed = asyncio.create_task(stack.failed())
    try:
        if demo:
            code = await _unless(failed, _demonstrate(environment))
            if once:
                return code
        await failed
    finally:
        failed.cancel()
    return 1


async def _unless(failed: "asyncio.Task[None]", work: "asyncio._CoroutineLike[int]") -> int:
    playing = asyncio.get_running_loop().create_task(work)
    both: set[asyncio.Task[Any]] = {failed, playing}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
        return playing.result()
    finally:
        playing.cancel()


async def _demonstrate(environment: Environment) -> int:
    from cli.demonstration import play  # noqa: PLC0415 - only who asked for it waits for its imports

    return await play(environment.exported())


def _introduce(environment: Environment, runtime: Runtime, broker: str) -> None:
    gmail = "Gmail simulator" if environment.gmail_simulated else "Gmail"
    twilio = "Twilio simulator" if environment.twilio_simulated else "Twilio"
    names = {"nats": "NATS JetStream"}
    _say(f"runtime   Dapr {runtime.version} from {runtime.folder} ({runtime.origin})")
    _say(f"broker    {names[broker]}")
    _say(f"model     {environment.model_mode}")
    _say(f"channels  {gmail}, {twilio}, web form")
    _say(f"home      {environment.home}")


def _announce(environment: Environment) -> None:
    ports = environment.ports
    local = f"{LOOPBACK}:{{}}"
    links = {
        "web form, health": environment.shared["FTE_PUBLIC_URL"],
        "Gmail simulator": ports.url(Port.GMAIL) if environment.gmail_simulated else "",
        "Twilio simulator": ports.url(Port.TWILIO) if environment.twilio_simulated else "",
        "gRPC agent": local.format(ports[Port.AGENT_LOCAL]),
        "gRPC identity": local.format(ports[Port.IDENTITY_LOCAL]),
        "gRPC metrics": local.format(ports[Port.METRICS_LOCAL]),
        "logs": str(environment.logs),
    }
    lines = [f"  {name:<18}{link}" for name, link in links.items() if link]
    print("\n".join(["ready", *lines]), flush=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
