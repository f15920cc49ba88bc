"""Owns a real stack that tests start, look at and stop, through the `fte` command alone."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from cli.outside import Outside
from devstack.environment import SUPERUSER, load_environment
from devstack.ports import Port, Ports
from devstack.processes import busy_ports
from devstack.runtime import installed_runtime

FTE = (sys.executable, "-m", "cli")
ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90.0
STOP_SECONDS = 10.0


class RunningStack:
    """One `fte up` in a home and on ports of its own."""

    def __init__(self) -> None:
        # Readable for the unprivileged user that Postgres runs as; the secrets have their own mode.
        self.home = Path(tempfile.mkdtemp(prefix="fte-e2e-"))
        self.home.chmod(0o755)
        self.environ = {
            **os.environ,
            "FTE_HOME": str(self.home),
            "FTE_PORT_BASE": str(free_base()),
        }
        self.environment = load_environment(self.environ)
        self.output = self.home / "up.txt"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """The database's address for its superuser."""
        return self.environment.database_url(SUPERUSER)

    @property
    def supervisor(self) -> subprocess.Popen[bytes]:
        """The process of `fte up`."""
        assert self._process is not None, "the stack was never started"
        return self._process

    def outside(self) -> Outside:
        """Returns the outside world of this stack; close it after use."""
        return Outside(self.environment.exported())

    def start(self) -> None:
        """Starts `fte up` and returns when it says that it is ready."""
        # Making the runtime takes minutes and is no test's business.
        assert installed_runtime(self.environ), "no Dapr runtime yet; run `make run` once"
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [*FTE, "up"], cwd=ROOT, env=self.environ, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + READY_SECONDS
        while not any(line == "ready" for line in self.said().splitlines()):
            assert self._process.poll() is None, f"`fte up` ended:\n{self.said()}"
            assert time.monotonic() < deadline, f"`fte up` is not ready:\n{self.said()}"
            time.sleep(0.1)

    def said(self) -> str:
        """Returns what `fte up` has printed so far."""
        return self.output.read_text(errors="replace")

    def run(
        self, *arguments: str, environ: Mapping[str, str] | None = None, seconds: float = 60.0
    ) -> "Answer":
        """Runs another `fte` command in this home to its end, which must come within `seconds`."""
        done = subprocess.run(
            [*FTE, *arguments],
            cwd=ROOT,
            env={**self.environ, **(environ or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        return Answer(done)

    def parts(self) -> dict[str, dict[str, Any]]:
        """Returns the parts of `fte status --json` by name."""
        report = json.loads(self.run("status", "--json").out)
        return {part["name"]: part for part in report["parts"]}

    async def kill(self, name: str, with_signal: signal.Signals = signal.SIGKILL) -> int:
        """Signals a part's process and returns its pid; waits for one that is just starting again."""
        while True:
            pid: int | None = (await asyncio.to_thread(self.parts))[name]["pid"]
            if pid is not None:
                os.kill(pid, with_signal)
                return pid
            await asyncio.sleep(0.1)

    def processes(self) -> list[psutil.Process]:
        """Returns the supervisor and every process of its parts, their children included."""
        pids = [part["pid"] for part in self.parts().values() if part["pid"]]
        parts = [psutil.Process(pid) for pid in pids]
        children = [child for part in parts for child in part.children(recursive=True)]
        return [psutil.Process(self.supervisor.pid), *parts, *children]

    def stop(self) -> float:
        """Asks the stack to stop and returns how many seconds that took; kills what is left."""
        if self._process is None or self._process.poll() is not None:
            return 0.0
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=3 * STOP_SECONDS)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        return time.monotonic() - began

    def remove(self) -> None:
        """Stops the stack and removes its home; logs of a failed run are read before."""
        self.stop()
        self.run("reset", "--yes")
        shutil.rmtree(self.home, ignore_errors=True)


def free_base() -> int:
    """Returns a shift whose ports nobody holds, so that tests run beside other stacks."""
    for base in range(5000, 24000, 200):
        if not busy_ports(Ports(base)[port] for port in Port):
            return base
    raise AssertionError("no free ports on this machine")


class Answer:
    """What a finished `fte` command said."""

    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def json(self) -> Any:
        """Returns stdout as JSON."""
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"
