"""A few services with their real sidecars and a real broker, for tests that need no more of the stack.

Owns the processes: each is started and killed by name, and none outlives `mesh`.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devstack import broker, sidecars
from devstack.environment import Environment, load_environment
from devstack.ports import LOOPBACK, Port
from devstack.probes import tcp_open
from devstack.runtime import Runtime, installed_runtime
from tests.integration.ports import free_base
from tests.integration.postgres import Database

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 40.0


async def eventually(
    holds: Callable[[], Awaitable[bool]], what: str, seconds: float = START_SECONDS
) -> None:
    """Waits until something holds, or fails naming it."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.1)


@dataclass
class Mesh:
    """The running processes by name: `nats`, `<service>-sidecar` and `<service>`."""

    environment: Environment
    database: Database
    runtime: Runtime
    settings: Mapping[str, str]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def local(self, service: str) -> str:
        """Returns the address of a service's port for local callers."""
        return f"{LOOPBACK}:{self.environment.ports.of(service, 'LOCAL')}"

    @property
    def api_key(self) -> tuple[str, str]:
        """Returns the metadata entry that local callers bring."""
        return ("x-api-key", self.environment.shared["FTE_API_KEY"])

    def log(self, name: str) -> str:
        """Returns what a process has written."""
        return (self.environment.home / f"{name}.log").read_text()

    async def start_broker(self) -> None:
        """Starts NATS and makes its stream and consumers."""
        self._run("nats", broker.command(self.environment), dict(os.environ))
        await self._listens("nats", self.environment.ports[Port.NATS])
        await broker.provision(self.environment.nats_url(), broker.read_durables())

    async def start_sidecar(self, service: str) -> None:
        """Starts a service's sidecar without placement and scheduler; no actor runs here."""
        command = sidecars.sidecar(self.environment, self.runtime, service, "nats")
        environ = self.environment.sidecar(service)
        if service == "metrics":
            environ["FTE_METRICS_DATABASE_URL"] = self.database.url("fte_metrics")
        self._run(
            f"{service}-sidecar",
            [part for part in command if not part.startswith(("--placement", "--scheduler"))],
            environ,
        )
        await self._listens(f"{service}-sidecar", self.environment.ports.of(service, "DAPR_GRPC"))

    async def start_service(self, service: str, **settings: str) -> None:
        """Starts a service against the test's database."""
        environ = {
            **self.environment.service(service),
            "FTE_DATABASE_URL": self.database.url(f"fte_{service}"),
            **self.settings,
            **settings,
        }
        self._run(service, (sys.executable, "-m", f"services.{service}"), environ)
        await self._listens(service, self.environment.ports.of(service, "LOCAL"))

    def kill(self, name: str) -> None:
        """Kills a process with -9."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> int:
        """Stops a process with SIGTERM and returns its exit code."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=15)

    def _run(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        with (self.environment.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=environ, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )

    async def _listens(self, name: str, port: int) -> None:
        async def listens() -> bool:
            assert self.processes[name].poll() is None, self.log(name)[-3000:]
            return await tcp_open(port)

        await eventually(listens, f"{name} listens on {port}")


@asynccontextmanager
async def mesh(database: Database, services: Sequence[str], **settings: str) -> AsyncIterator[Mesh]:
    """Runs the broker, and services with their sidecars; skips the test if there is no Dapr runtime."""
    runtime = installed_runtime(os.environ)
    if runtime is None:
        pytest.skip("no Dapr runtime: set DAPR_RUNTIME_DIR or run `make install`")
    home = Path(tempfile.mkdtemp(prefix="fte-mesh-"))
    environment = load_environment(
        {**os.environ, "FTE_HOME": str(home), "FTE_PORT_BASE": str(free_base())}
    )
    running = Mesh(environment, database, runtime, settings)
    try:
        await running.start_broker()
        await asyncio.gather(*(running.start_sidecar(service) for service in services))
        await asyncio.gather(*(running.start_service(service) for service in services))
        yield running
    except BaseException:
        for name in running.processes:
            sys.stderr.write(f"== {name}\n{running.log(name)[-3000:]}\n")
        raise
    finally:
        for process in running.processes.values():
            process.kill()
        for process in running.processes.values():
            process.wait()
        shutil.rmtree(home)
