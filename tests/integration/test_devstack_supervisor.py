"""The supervisor with small real processes: order, restarts, watches, stopping, survivors."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from devstack.failure import StackError
from devstack.parts import Kind, Part, Watch
from devstack.processes import busy_ports, end_survivors, only_supervisor, read_record
from devstack.supervisor import Supervisor
from tests.integration.ports import free_port

SLEEPER = "import time; time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"

Start = Callable[..., Awaitable[Supervisor]]


async def yes() -> bool:
    return True


def part(name: str, code: str = SLEEPER, kind: Kind = Kind.SERVICE, **more: object) -> Part:
    fields = {
        "name": name,
        "kind": kind,
        "command": (sys.executable, "-c", textwrap.dedent(code)),
        "environment": dict(os.environ),
        "ready": yes,
        **more,
    }
    return Part(**fields)  # type: ignore[arg-type]


def pid_of(home: Path, name: str) -> int | None:
    record = read_record(home)
    assert record
    (found,) = (one for one in record.parts if one.name == name)
    return found.process.pid if found.process else None


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.02)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    started: list[Supervisor] = []

    async def run(*parts: Part, say: Callable[[str], None] = lambda _: None) -> Supervisor:
        supervisor = Supervisor(parts, tmp_path, say)
        started.append(supervisor)
        await supervisor.start()
        return supervisor

    yield run
    for supervisor in started:
        await supervisor.stop()


async def test_a_part_waits_for_those_it_needs(tmp_path: Path, start: Start) -> None:
    order: list[str] = []

    def note(name: str) -> Callable[[], Awaitable[None]]:
        async def noted() -> None:
            order.append(name)

        return noted

    await start(
        part("app", after=("database",), before=note("app starts")),
        part("database", before=note("database starts"), then=note("database filled")),
    )
    assert order == ["database starts", "database filled", "app starts"]
    record = read_record(tmp_path)
    assert record
    assert {one.name for one in record.parts if one.healthy and one.process} == {"app", "database"}


async def test_a_killed_part_comes_back_alone(tmp_path: Path, start: Start) -> None:
    said: list[str] = []
    await start(part("one"), part("two"), say=said.append)
    first, other = pid_of(tmp_path, "one"), pid_of(tmp_path, "two")
    assert first
    os.kill(first, signal.SIGKILL)
    await until(lambda: pid_of(tmp_path, "one") not in (None, first))
    assert pid_of(tmp_path, "two") == other
    assert any("one was ended by SIGKILL" in line for line in said)
    record = read_record(tmp_path)
    assert record
    assert {one.name: one.restarts for one in record.parts} == {"one": 1, "two": 0}


def _is_another(home: Path, before: int) -> bool:
    return pid_of(home, "one") not in (None, before)


async def test_a_part_that_worked_comes_back_at_once_however_often_it_is_killed(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devstack.supervisor.WORKED_SECONDS", 0.1)
    said: list[str] = []
    await start(part("one"), say=said.append)
    for _ in range(3):
        before = pid_of(tmp_path, "one")
        assert before
        await asyncio.sleep(0.2)
        os.kill(before, signal.SIGKILL)
        await until(partial(_is_another, tmp_path, before))
    pauses = [line.rpartition(" in ")[2] for line in said if "starting it again" in line]
    assert pauses == ["0.2 s"] * 3


async def test_a_part_that_dies_young_waits_longer_each_time(tmp_path: Path, start: Start) -> None:
    said: list[str] = []
    await start(part("one"), say=said.append)
    for _ in range(3):
        before = pid_of(tmp_path, "one")
        assert before
        os.kill(before, signal.SIGKILL)
        await until(partial(_is_another, tmp_path, before))
    pauses = [line.rpartition(" in ")[2] for line in said if "starting it again" in line]
    assert pauses == ["0.2 s", "0.4 s", "0.8 s"]


async def test_what_follows_a_start_follows_every_start(tmp_path: Path, start: Start) -> None:
    times = 0

    async def follow() -> None:
        nonlocal times
        times += 1
        if times == 2:
            raise ConnectionError("not yet")

    await start(part("broker", then=follow))
    first = pid_of(tmp_path, "broker")
    assert first
    assert times == 1
    os.kill(first, signal.SIGKILL)
    await until(lambda: times == 3)


async def test_a_part_that_never_comes_up_ends_the_start_with_its_last_words(start: Start) -> None:
    async def no() -> bool:
        return False

    with pytest.raises(StackError, match="setting FTE_X is missing"):
        await start(part("bad", "raise SystemExit('setting FTE_X is missing')", ready=no))


async def test_a_watch_restarts_the_part_it_names(tmp_path: Path, start: Start) -> None:
    async def no() -> bool:
        return False

    watch = Watch("cannot be used", no, patience=2, restarts="sidecar")
    await start(part("app", watches=(watch,)), part("sidecar", kind=Kind.SIDECAR))
    app, sidecar = pid_of(tmp_path, "app"), pid_of(tmp_path, "sidecar")
    await until(lambda: pid_of(tmp_path, "sidecar") not in (None, sidecar))
    assert pid_of(tmp_path, "app") == app


async def test_all_is_stopped_in_time_even_what_ignores_it(tmp_path: Path, start: Start) -> None:
    supervisor = await start(
        part("service", STUBBORN),
        part("sidecar", STUBBORN, Kind.SIDECAR),
        part("broker", STUBBORN, Kind.BROKER),
        part("database", STUBBORN, Kind.DATABASE),
    )
    pids = [pid_of(tmp_path, name) for name in ("service", "sidecar", "broker", "database")]
    began = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - began < 10
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)
    assert read_record(tmp_path) is None


SUPERVISED = """
import asyncio, os, sys
from pathlib import Path
from devstack import supervisor
from devstack.parts import Kind, Part
supervisor._LIBC = None  # as on a system without parent-death signals
async def yes(): return True
async def main():
    part = Part("orphan", Kind.SERVICE, (sys.executable, "-c", "import time; time.sleep(600)"),
                dict(os.environ), yes)
    one = supervisor.Supervisor([part], Path(sys.argv[1]), lambda _: None)
    await one.start()
    print("up", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.parametrize("death_signal", [True, False])
async def test_a_killed_supervisor_leaves_nothing_for_long(
    tmp_path: Path,
    death_signal: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    code = SUPERVISED if not death_signal else SUPERVISED.replace("supervisor._LIBC = None", "pass")
    process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    orphan = pid_of(tmp_path, "orphan")
    assert orphan
    process.kill()
    process.wait()
    process.stdout.close()
    if death_signal:
        if sys.platform != "linux":
            pytest.skip("parent-death signals are Linux's")
        await until(lambda: not psutil.pid_exists(orphan))
    else:
        assert psutil.pid_exists(orphan)
        assert end_survivors(tmp_path) == ["orphan"]
        assert not psutil.pid_exists(orphan)
        assert end_survivors(tmp_path) == []


async def test_a_pid_that_became_anothers_is_not_touched(tmp_path: Path, start: Start) -> None:
    await start(part("mine"))
    path = tmp_path / "processes.json"
    record = read_record(tmp_path)
    assert record
    assert record.parts[0].process
    created = record.parts[0].process.created
    text = path.read_text()
    path.write_text(text.replace(str(created), str(created - 60)))
    assert end_survivors(tmp_path) == []
    assert psutil.pid_exists(record.parts[0].process.pid)


def test_a_home_has_one_supervisor(tmp_path: Path) -> None:
    with (
        only_supervisor(tmp_path),
        pytest.raises(StackError, match="running already"),
        only_supervisor(tmp_path),
    ):
        pass
    with only_supervisor(tmp_path):
        pass


def test_a_busy_port_is_reported_with_its_holder() -> None:
    with socket.socket() as listener:
        port = free_port()
        listener.bind(("127.0.0.1", port))
        listener.listen()
        busy = busy_ports([port, free_port()])
    assert list(busy) == [port]
    assert f"pid {os.getpid()}" in busy[port]
