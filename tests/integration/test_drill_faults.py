"""The injector strikes real processes, and believes only what it saw: a fault that did not bite is told."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from devstack.processes import PartRecord, Process, Record, ourselves
from drill.faults import Injected, Injector
from drill.schedule import Fault, Kind

PROGRAM = "import time\ntime.sleep(60)"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGQUIT, signal.SIG_IGN)\nprint(flush=True)\n"
    "time.sleep(60)"
)


class Stack:
    """One part named nats that is started again whenever it ends, as a supervisor does."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.pause = 0.2
        self.program = PROGRAM
        self.process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        while True:
            (self.home / "nats").mkdir(exist_ok=True)
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", self.program, stdout=asyncio.subprocess.PIPE
            )
            identity = Process.of(self.process.pid, sys.executable)
            self.record(identity, healthy=False)
            if self.program == STUBBORN:
                assert self.process.stdout
                await self.process.stdout.readline()
            self.record(identity, healthy=True)
            await self.process.wait()
            self.record(None, healthy=False)
            await asyncio.sleep(self.pause)

    def record(self, process: Process | None, *, healthy: bool) -> None:
        part = PartRecord("nats", "broker", process, 0, healthy)
        Record(ourselves(), ready=True, parts=(part,)).write(self.home)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    running = Stack(tmp_path)
    task = asyncio.create_task(running.run())
    while not (tmp_path / "processes.json").exists():  # noqa: ASYNC110 - written by the task
        await asyncio.sleep(0.01)
    yield running
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert running.process
    with contextlib.suppress(ProcessLookupError):
        running.process.kill()
    await running.process.wait()


async def _strike(stack: Stack, kind: Kind, seconds: float = 0.0) -> Injected:
    injector = Injector(stack.home, {})
    try:
        await injector.run([Fault(0.0, kind, "nats", seconds)], time.time())
    finally:
        await injector.close()
    [injected] = injector.injected
    return injected


async def test_a_kill_bites_and_is_over_when_another_process_is_healthy(stack: Stack) -> None:
    assert stack.process
    before = stack.process
    injected = await _strike(stack, Kind.KILL_BROKER)
    assert injected.bitten, injected
    assert before.returncode == -signal.SIGKILL
    assert injected.struck_time
    assert injected.ready_time
    assert injected.ready_time - injected.struck_time >= stack.pause


async def test_a_part_that_stays_down_is_no_bite(stack: Stack) -> None:
    stack.record(None, healthy=False)
    injected = await _strike(stack, Kind.KILL_BROKER)
    assert not injected.bitten
    assert "was down" in injected.note


async def test_a_process_that_outlives_its_signal_is_no_bite(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drill.faults._STOP_SECONDS", 0.5)
    stack.program = STUBBORN
    assert stack.process
    stack.process.kill()
    await asyncio.sleep(2 * stack.pause)
    injected = await _strike(stack, Kind.STOP_DATABASE)
    assert not injected.bitten
    assert "outlived SIGQUIT" in injected.note


async def test_a_paused_process_is_seen_stopped_and_goes_on(stack: Stack) -> None:
    assert stack.process
    victim = psutil.Process(stack.process.pid)
    striking = asyncio.create_task(_strike(stack, Kind.PAUSE_SERVICE, 0.5))
    await asyncio.sleep(0.25)
    assert victim.status() == psutil.STATUS_STOPPED
    injected = await striking
    assert injected.bitten, injected
    assert victim.status() != psutil.STATUS_STOPPED


async def test_a_drill_that_is_stopped_leaves_nothing_paused(stack: Stack) -> None:
    assert stack.process
    victim = psutil.Process(stack.process.pid)
    striking = asyncio.create_task(_strike(stack, Kind.PAUSE_SERVICE, 30.0))
    await asyncio.sleep(0.25)
    striking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await striking
    assert victim.status() != psutil.STATUS_STOPPED


async def test_a_wiped_store_is_gone_before_the_broker_starts_again(stack: Stack) -> None:
    (stack.home / "nats" / "stream").touch()
    injected = await _strike(stack, Kind.WIPE_BROKER)
    assert injected.bitten, injected
    assert [path.name for path in stack.home.glob("nats*")] == ["nats"]
    assert not list((stack.home / "nats").iterdir())


async def test_a_store_that_is_wiped_too_late_is_no_bite(stack: Stack) -> None:
    stack.pause = 0.0
    # Who comes first is chance; the server wins soon.
    for _ in range(100):
        injected = await _strike(stack, Kind.WIPE_BROKER)
        if not injected.bitten:
            break
    assert "before the store was gone" in injected.note
