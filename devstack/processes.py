"""Owns the record of a home's running processes, and what is done with those of a dead supervisor.

The record outlives a supervisor that was killed. A process in it is only ever signalled if its pid
still belongs to the process that was started: same start time, same program.
"""

import fcntl
import json
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import psutil

from devstack.failure import StackError
from devstack.ports import LOOPBACK

_SAME_START_SECONDS: Final = 1.0
_GRACE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Process:
    """Identifies one process beyond its pid: start time in Unix seconds, and its program."""

    pid: int
    created: float
    program: str

    @classmethod
    def of(cls, pid: int, program: str) -> "Process":
        """Returns the identity of a process that was just started."""
        try:
            created = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            created = 0.0  # already gone; nothing will ever match
        return cls(pid, created, Path(program).name)

    def find(self) -> psutil.Process | None:
        """Returns the living process, None if it ended or the pid is another's now."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) > _SAME_START_SECONDS:
                return None
            command = process.cmdline()
            ours = bool(command) and Path(command[0]).name == self.program
            return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


@dataclass(frozen=True, slots=True)
class PartRecord:
    """Says how one part is: `process` is None while it is down."""

    name: str
    kind: str
    process: Process | None
    restarts: int
    healthy: bool
    stop_signal: int = int(signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Record:
    """Says which supervisor runs which parts in a home."""

    supervisor: Process
    ready: bool
    parts: tuple[PartRecord, ...] = field(default=())

    def write(self, home: Path) -> None:
        """Replaces the home's record in one step."""
        path = _path(home)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(path)


def read_record(home: Path) -> Record | None:
    """Returns the home's record, None if there is none (or a damaged one)."""
    try:
        data = json.loads(_path(home).read_text())
        parts = tuple(
            PartRecord(
                **{**part, "process": Process(**part["process"]) if part["process"] else None}
            )
            for part in data["parts"]
        )
        return Record(Process(**data["supervisor"]), data["ready"], parts)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_record(home: Path) -> None:
    """Forgets the home's record, when nothing of it runs any more."""
    _path(home).unlink(missing_ok=True)


@contextmanager
def only_supervisor(home: Path) -> Iterator[None]:
    """Holds the home for one supervisor; the lock ends with the process, however it ends.

    Raises:
        StackError: if another one holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            record = read_record(home)
            who = f" (pid {record.supervisor.pid})" if record else ""
            raise StackError(
                f"the stack in {home} is running already{who}",
                "stop that one, or set FTE_HOME and FTE_PORT_BASE for a second stack",
            ) from exc
        yield


def end_survivors(home: Path) -> list[str]:
    """Ends what a killed supervisor left behind; returns the names of those parts."""
    record = read_record(home)
    if record is None:
        return []
    alive: dict[str, psutil.Process] = {}
    for part in record.parts:
        process = part.process.find() if part.process else None
        if process:
            alive[part.name] = process
            with suppress(psutil.NoSuchProcess):
                process.send_signal(part.stop_signal)
    _, stubborn = psutil.wait_procs(alive.values(), timeout=_GRACE_SECONDS)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=_GRACE_SECONDS)
    remove_record(home)
    return list(alive)


def busy_ports(ports: Iterable[int]) -> dict[int, str]:
    """Returns who listens on which of these ports, as pid and command where that may be known."""
    wanted = set(ports)
    found: dict[int, str] = {}
    for connection in _listening():
        if not connection.laddr:
            continue
        address, port = connection.laddr
        if port in wanted and address in (LOOPBACK, "0.0.0.0", "::", "::1"):
            found.setdefault(port, _describe(connection.pid))
    return found


def _listening() -> list["psutil._ntuples.sconn"]:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS shows other users' sockets to root only
        connections = []
    return [one for one in connections if one.status == psutil.CONN_LISTEN]


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        command = " ".join(psutil.Process(pid).cmdline())[:120]
    except psutil.Error:
        command = "command unknown"
    return f"pid {pid}: {command}"


def _path(home: Path) -> Path:
    return home / "processes.json"


def ourselves() -> Process:
    """Returns the identity of this process."""
    process = psutil.Process(os.getpid())
    return Process(process.pid, process.create_time(), Path(process.cmdline()[0]).name)
