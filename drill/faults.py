"""Owns breaking the stack as planned, and seeing each fault bite: a fault that did not is no evidence.

Only processes that the stack's own record names are signalled, and only while they are still those.
"""

import asyncio
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from devstack.processes import PartRecord, Process, read_record
from drill.schedule import BROKERS, KILLS, Fault, Kind

_POLL_SECONDS: Final = 0.05
# A part that is down when its turn comes is waited for: first until it works, then until it lives.
_WORKING_SECONDS: Final = 10.0
_ALIVE_SECONDS: Final = 20.0
_DEATH_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 15.0
# What is not back by then is reported as not recovered.
RECOVERY_SECONDS: Final = 120.0
_SIMULATOR_SECONDS: Final = 30.0


class PartsLost(Exception):
    """Raised when the stack under the drill has ended."""


@dataclass(slots=True)
class Injected:
    """What became of one planned fault; times in Unix seconds, None while it has not happened.

    `since` is when its effect began to pass: the strike, for a pause the waking.
    """

    fault: Fault
    struck_time: float | None = None
    since: float | None = None
    bitten: bool = False
    note: str = ""
    ready_time: float | None = None

    def as_json(self, start: float) -> dict[str, Any]:
        """Returns the fault and what became of it, times in seconds from the start."""
        times = {"struck": self.struck_time, "ready_again": self.ready_time}
        shown = {name: round(at - start, 3) for name, at in times.items() if at is not None}
        note = {"note": self.note} if self.note else {}
        return {**self.fault.as_json(), "bitten": self.bitten, **shown, **note}


class Injector:
    """Applies one schedule to the stack in a home, whose simulators have these addresses."""

    def __init__(self, home: Path, simulators: dict[str, str]) -> None:
        self.injected: list[Injected] = []
        self._home = home
        self._simulators = simulators
        self._http = httpx.AsyncClient(timeout=_SIMULATOR_SECONDS, trust_env=False)
        self._posting = asyncio.Lock()
        self._places: list[tuple[Injected, str, range]] = []
        self._seen: tuple[float, dict[str, PartRecord]] = (0.0, {})

    async def run(self, faults: Sequence[Fault], start: float) -> None:
        """Strikes at each fault's time after `start`; returns when all have bitten or failed to."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0.0, start + fault.at - time.time()))
                injected = Injected(fault)
                self.injected.append(injected)
                group.create_task(self._strike(injected))

    async def await_bites(self, seconds: float) -> None:
        """Waits at most so long until each provider's fault has met a request."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await self._note_bites()
            if all(injected.bitten for injected, _, _ in self._places):
                return
            await asyncio.sleep(1.0)

    async def clear(self) -> None:
        """Removes the providers' faults, after noting which have bitten."""
        await self._note_bites()
        for url in self._simulators.values():
            (await self._http.delete(f"{url}/_faults")).raise_for_status()
        self._places.clear()

    async def close(self) -> None:
        """Closes the connections to the simulators."""
        await self._http.aclose()

    def parts(self) -> dict[str, PartRecord]:
        """Returns the stack's parts by name, read anew only if the record has changed.

        Raises:
            PartsLost: if there is no record any more.
        """
        try:
            changed = (self._home / "processes.json").stat().st_mtime
        except OSError as exc:
            raise PartsLost("the stack has ended under the drill") from exc
        if changed != self._seen[0]:
            record = read_record(self._home)
            if record is not None:
                self._seen = changed, {part.name: part for part in record.parts}
        return self._seen[1]

    async def _strike(self, injected: Injected) -> None:
        match injected.fault.kind:
            case Kind.PAUSE_SERVICE:
                await self._pause(injected)
            case Kind.STOP_DATABASE:
                await self._end(injected, signal.SIGQUIT, _STOP_SECONDS)
            case Kind.GMAIL | Kind.TWILIO:
                await self._misbehave(injected)
            case Kind.WIPE_BROKER:
                await self._wipe(injected)
            case kind if kind in KILLS:
                await self._end(injected, signal.SIGKILL, _DEATH_SECONDS)

    async def _end(self, injected: Injected, number: signal.Signals, seconds: float) -> None:
        victim = await self._signal(injected, number)
        if victim is None:
            return
        injected.bitten = await _within(seconds, lambda: victim.find() is None)
        if not injected.bitten:
            injected.note = f"pid {victim.pid} outlived {number.name}"
            return
        await self._await_ready(injected, victim)

    async def _signal(self, injected: Injected, number: signal.Signals) -> Process | None:
        """Signals the part's living process; None, with a note, if there is none for a while."""
        began = time.monotonic()
        while True:
            part = self.parts().get(injected.fault.part)
            victim = part.process if part else None
            living = victim.find() if victim else None
            waited = time.monotonic() - began
            if part and victim and living and (part.healthy or waited > _WORKING_SECONDS):
                with suppress(psutil.NoSuchProcess):
                    living.send_signal(number)
                    injected.struck_time = injected.since = time.time()
                    return victim
            if waited > _ALIVE_SECONDS:
                injected.note = f"{injected.fault.part} was down for {_ALIVE_SECONDS:g} s"
                return None
            await asyncio.sleep(_POLL_SECONDS)

    async def _await_ready(self, injected: Injected, victim: Process) -> None:
        """Waits until the part is healthy again in a process that was started after the strike."""

        def ready() -> bool:
            part = self.parts().get(injected.fault.part)
            if part is None or part.process is None or not part.healthy:
                return False
            return part.process != victim

        if await _within(RECOVERY_SECONDS, ready):
            injected.ready_time = time.time()
        else:
            injected.note = f"not ready again within {RECOVERY_SECONDS:g} s"

    async def _wipe(self, injected: Injected) -> None:
        """Kills the broker and takes its store away before it is started again."""
        name = injected.fault.part
        store = self._home / BROKERS[name].store
        gone = store.with_name(f"{store.name}.gone-{len(self.injected)}")
        victim = await self._signal(injected, signal.SIGKILL)
        if victim is None:
            return
        if not await _within(_DEATH_SECONDS, lambda: victim.find() is None):
            injected.note = f"pid {victim.pid} outlived SIGKILL"
            return
        try:
            store.rename(gone)
        except OSError as error:
            injected.note = f"the store was not there: {error.strerror}"
            return
        # A server that was started by now may have opened the old files.
        injected.bitten = self.parts()[name].process in (None, victim)
        if not injected.bitten:
            injected.note = "it was started again before the store was gone"
        await asyncio.to_thread(shutil.rmtree, gone, ignore_errors=True)
        await self._await_ready(injected, victim)

    async def _pause(self, injected: Injected) -> None:
        victim = await self._signal(injected, signal.SIGSTOP)
        if victim is None:
            return
        try:
            injected.bitten = await _within(1.0, lambda: _is_stopped(victim))
            if not injected.bitten:
                injected.note = "it was not seen stopped"
            await asyncio.sleep(injected.fault.seconds)
        finally:
            living = victim.find()
            if living:
                with suppress(psutil.NoSuchProcess):
                    living.send_signal(signal.SIGCONT)
        injected.since = injected.ready_time = time.time()
        if not living:
            injected.note = "it was killed while it was stopped"
            await self._await_ready(injected, victim)

    async def _misbehave(self, injected: Injected) -> None:
        fault = injected.fault
        provider = fault.part
        rules = [dict(rule) for rule in fault.rules]
        async with self._posting:
            answer = await self._http.post(
                f"{self._simulators[provider]}/_faults", json={"rules": rules}
            )
            answer.raise_for_status()
            count = len(answer.json()["rules"])
        injected.struck_time = injected.since = injected.ready_time = time.time()
        # Rules keep their places until all are cleared.
        self._places.append((injected, provider, range(count - len(rules), count)))

    async def _note_bites(self) -> None:
        counts: dict[str, list[int]] = {}
        for provider, url in self._simulators.items():
            answer = await self._http.get(f"{url}/_faults")
            answer.raise_for_status()
            counts[provider] = [rule["bitten"] for rule in answer.json()["rules"]]
        for injected, provider, place in self._places:
            bites = sum(counts[provider][place.start : place.stop])
            injected.bitten = bites > 0
            injected.note = f"bitten {bites} times" if bites else "no request came its way"


def _is_stopped(victim: Process) -> bool:
    living = victim.find()
    try:
        return living is not None and living.status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


async def _within(seconds: float, question: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not question():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
