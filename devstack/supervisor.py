"""Owns keeping parts running: starts them in order, restarts what dies, stops all in order.

It knows nothing of what the parts are for.
"""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from devstack.failure import StackError
from devstack.parts import Action, Kind, Part, Watch
from devstack.processes import PartRecord, Process, Record, ourselves, remove_record

POLL_SECONDS: Final = 0.05
WATCH_SECONDS: Final = 2.0
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 5.0
# A part that ran this long has recovered: its next restart is quick again.
STEADY_SECONDS: Final = 10.0
# So has one that was ready this long: who struck it then is no fault of its own.
WORKED_SECONDS: Final = 3.0
START_SECONDS: Final = 90.0
# A part that never was ready and dies so often will not come up by itself.
HOPELESS_DEATHS: Final = 4
# A restarted part gets this long before its watches count again.
HOLD_SECONDS: Final = 15.0
RESTART_GRACE_SECONDS: Final = 3.0

# Who stops first, and how long it may take; all together less than the ten seconds promised.
STOP_ORDER: Final[tuple[tuple[frozenset[Kind], float], ...]] = (
    (frozenset({Kind.SERVICE}), 3.0),
    (frozenset({Kind.SIDECAR}), 2.0),
    (frozenset({Kind.CONTROL, Kind.SIMULATOR, Kind.BROKER}), 1.5),
    (frozenset({Kind.DATABASE}), 2.5),
)

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None

Say = Callable[[str], None]


@dataclass(slots=True)
class _Running:
    """What is known about one part while the supervisor runs."""

    part: Part
    process: asyncio.subprocess.Process | None = None
    identity: Process | None = None
    restarts: int = 0
    deaths: int = 0
    ready: bool = False
    ready_time: float = 0.0
    healthy: bool = False
    was_ready: asyncio.Event = field(default_factory=asyncio.Event)
    hold_until: float = 0.0
    noes: dict[str, int] = field(default_factory=dict)


class Supervisor:
    """Keeps a set of parts running from `start` to `stop` and records them in the home."""

    def __init__(self, parts: Iterable[Part], home: Path, say: Say) -> None:
        self._running = {part.name: _Running(part) for part in parts}
        self._home = home
        self._say = say
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stopping = False
        self._stack_ready = False
        self._begun = time.monotonic()
        self._us = ourselves()

    async def start(self) -> None:
        """Starts all parts and returns when each has been ready once.

        Raises:
            StackError: if a part does not come up; the others are left to `stop`.
        """
        _keep_last_logs(self._home / "logs")
        self._record()
        for running in self._running.values():
            self._spawn_task(self._keep(running), f"keep {running.part.name}")
        self._spawn_task(self._watch(), "watch")
        waiting = asyncio.gather(*(one.was_ready.wait() for one in self._running.values()))
        either: set[asyncio.Future[Any]] = {waiting, self._failed}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._failed.done():
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            self._failed.result()

    def mark_ready(self) -> None:
        """Records that the whole is ready, for those who ask from outside."""
        self._stack_ready = True
        self._record()

    async def failed(self) -> None:
        """Waits until something of the supervisor itself fails, and raises it."""
        await asyncio.shield(self._failed)

    async def stop(self) -> None:
        """Stops all parts in order, within ten seconds, and forgets the record."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for kinds, seconds in STOP_ORDER:
            group = [one for one in self._running.values() if one.part.kind in kinds]
            await asyncio.gather(*(self._end(running, seconds) for running in group))
        if not self._failed.done():
            self._failed.cancel()
        remove_record(self._home)

    async def restart(self, name: str, reason: str) -> None:
        """Ends a part's process so that it is started afresh."""
        running = self._running[name]
        self._say(f"{name}: {reason}, restarting it")
        running.hold_until = time.monotonic() + HOLD_SECONDS
        await self._end(running, RESTART_GRACE_SECONDS)

    def _spawn_task(self, work: "asyncio._CoroutineLike[None]", name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) and not self._failed.done():
            self._failed.set_exception(error)

    # --- One part -------------------------------------------------------------------------------

    async def _keep(self, running: _Running) -> None:
        part = running.part
        for name in part.after:
            await self._running[name].was_ready.wait()
        while True:
            started = time.monotonic()
            ended = await self._run_once(running, started)
            now = time.monotonic()
            worked = running.ready and now - running.ready_time > WORKED_SECONDS
            recovered = worked or now - started > STEADY_SECONDS
            running.ready = running.healthy = False
            running.process = running.identity = None
            running.deaths = 1 if recovered else running.deaths + 1
            self._record()
            if not running.was_ready.is_set() and running.deaths >= HOPELESS_DEATHS:
                raise StackError(
                    f"{part.name} {ended}, {running.deaths} times; its last lines:\n"
                    f"{self._last_lines(part)}",
                    f"see {self._log(part)}",
                )
            pause = FIRST_PAUSE_SECONDS * 2 ** (running.deaths - 1)
            pause = min(pause, LONGEST_PAUSE_SECONDS)
            self._say(f"{part.name} {ended}; starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)
            running.restarts += 1

    async def _run_once(self, running: _Running, started: float) -> str:
        """Runs the process once, to its end; returns how it ended."""
        part = running.part
        if part.before:
            await part.before()
        process = await self._launch(running)
        end = asyncio.ensure_future(process.wait())
        coming_up = asyncio.ensure_future(self._come_up(running, started))
        try:
            await asyncio.wait({end, coming_up}, return_when=asyncio.FIRST_COMPLETED)
            if not end.done():
                coming_up.result()
            code = await end
        finally:
            end.cancel()
            coming_up.cancel()
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    async def _launch(self, running: _Running) -> asyncio.subprocess.Process:
        part = running.part
        supervisor = os.getpid()

        def die_with_us() -> None:
            if _LIBC is not None:
                _LIBC.prctl(_PR_SET_PDEATHSIG, _death_signal(part))
                if os.getppid() != supervisor:
                    os.kill(os.getpid(), signal.SIGKILL)

        with self._log(part).open("ab") as log:
            running.process = await asyncio.create_subprocess_exec(
                *part.command,
                env=dict(part.environment),
                cwd=part.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=part.user,
                group=part.group,
                extra_groups=part.extra_groups,
                # Not in the terminal's group: an interrupt there reaches us, and we stop in order.
                start_new_session=True,
                preexec_fn=die_with_us,
            )
        running.identity = Process.of(running.process.pid, part.command[0])
        self._record()
        return running.process

    async def _come_up(self, running: _Running, started: float) -> None:
        part = running.part
        first = not running.was_ready.is_set()
        while not await part.ready():
            late = time.monotonic() - started > START_SECONDS
            if late and not first:
                self._say(f"{part.name}: not ready after {START_SECONDS:.0f} s, restarting it")
                await self._end(running, RESTART_GRACE_SECONDS)
            elif late:
                raise StackError(
                    f"{part.name} was not ready after {START_SECONDS:.0f} s; its last lines:\n"
                    f"{self._last_lines(part)}",
                    f"see {self._log(part)}",
                )
            await asyncio.sleep(POLL_SECONDS)
        if part.then:
            await self._follow_up(part, part.then, fatal=first)
        running.ready = running.healthy = True
        now = running.ready_time = time.monotonic()
        running.was_ready.set()
        self._record()
        again = "" if first else " again"
        self._say(
            f"{part.kind:<9} {part.name:<17} ready{again} in {now - started:5.2f} s"
            + (f"  (at {now - self._begun:5.2f} s)" if first else "")
        )

    async def _follow_up(self, part: Part, then: Action, *, fatal: bool) -> None:
        while True:
            try:
                await then()
            except StackError:
                if fatal:
                    raise
                self._say(f"{part.name}: what follows its start failed; trying again")
            except Exception as error:  # noqa: BLE001 - whatever a driver raises; said and tried again
                # It was just starting, or died meanwhile; then this task is cancelled.
                self._say(f"{part.name}: {error or type(error).__name__}; trying again")
            else:
                return
            await asyncio.sleep(LONGEST_PAUSE_SECONDS / 10)

    async def _end(self, running: _Running, seconds: float) -> None:
        process = running.process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(running.part.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            _kill_tree(process.pid)
            await process.wait()

    # --- All parts ------------------------------------------------------------------------------

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await asyncio.gather(*(self._look_at(one) for one in self._running.values()))

    async def _look_at(self, running: _Running) -> None:
        if not running.ready:
            running.noes.clear()
            return
        healthy = await running.part.ready()
        if running.ready and healthy != running.healthy:
            running.healthy = healthy
            self._record()
        for watch in running.part.watches:
            await self._ask(running, watch)

    async def _ask(self, running: _Running, watch: Watch) -> None:
        fine = await watch.fine()
        running.noes[watch.what] = 0 if fine else running.noes.get(watch.what, 0) + 1
        target = self._running[watch.restarts] if watch.restarts else running
        held = target.hold_until > time.monotonic() or not target.ready
        if running.noes[watch.what] < watch.patience or held:
            return
        running.noes[watch.what] = 0
        if watch.restarts:
            await self.restart(watch.restarts, watch.what)
        elif watch.remedy:
            self._say(f"{running.part.name}: {watch.what}")
            try:
                await watch.remedy()
            except Exception as error:  # noqa: BLE001 - asked again in two seconds, and said
                self._say(f"{running.part.name}: that failed: {error}")

    def _record(self) -> None:
        if self._stopping:
            return
        parts = tuple(
            PartRecord(
                name=running.part.name,
                kind=running.part.kind.value,
                process=running.identity,
                restarts=running.restarts,
                healthy=running.healthy,
                stop_signal=int(running.part.stop_signal),
            )
            for running in self._running.values()
        )
        Record(self._us, self._stack_ready, parts).write(self._home)

    def _log(self, part: Part) -> Path:
        return self._home / "logs" / f"{part.name}.log"

    def _last_lines(self, part: Part) -> str:
        lines = self._log(part).read_text(errors="replace").splitlines()[-8:]
        return "\n".join(f"    {line[:400]}" for line in lines)


def _death_signal(part: Part) -> int:
    # The database must not be killed: a fast shutdown keeps the next start short.
    return int(part.stop_signal if part.kind is Kind.DATABASE else signal.SIGKILL)


def _kill_tree(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (*process.children(recursive=True), process):
            with suppress(psutil.NoSuchProcess):
                one.kill()


def _keep_last_logs(folder: Path) -> None:
    """Makes room for new logs; those of the last run stay beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.log"):
        path.replace(path.with_suffix(".log.1"))
