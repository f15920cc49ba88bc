"""Runs a real daprd over the product's own binding and resiliency files."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from devstack.broker import COMPONENTS
from devstack.runtime import installed_runtime
from tests.contract.simulators_running import free_port

_START_SECONDS = 30.0


@dataclass(frozen=True)
class Daprd:
    """A running sidecar's ports."""

    grpc_port: int
    http_port: int


@contextmanager
def daprd(app_id: str, environment: Mapping[str, str], folder: Path) -> Iterator[Daprd]:
    """Starts a sidecar with `components/shared`; skips the test where no runtime is installed."""
    runtime = installed_runtime(os.environ)
    if runtime is None:
        pytest.skip("no Dapr runtime is installed; set DAPR_RUNTIME_DIR")
    ports = [free_port() for _ in range(4)]
    log = (folder / f"daprd-{ports[0]}.log").open("wb")
    process = subprocess.Popen(
        [
            runtime.program("daprd"),
            f"--app-id={app_id}",
            f"--dapr-grpc-port={ports[0]}",
            f"--dapr-http-port={ports[1]}",
            f"--dapr-internal-grpc-port={ports[2]}",
            f"--metrics-port={ports[3]}",
            "--dapr-listen-addresses=127.0.0.1",
            "--dapr-internal-grpc-listen-address=127.0.0.1",
            "--metrics-listen-address=127.0.0.1",
            f"--resources-path={COMPONENTS / 'shared'}",
            f"--config={COMPONENTS / 'shared' / 'configuration.yaml'}",
        ],
        env={"PATH": os.environ["PATH"], "DAPR_HOST_IP": "127.0.0.1", **environment},
        stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        until = time.monotonic() + _START_SECONDS
        while not _answers(ports[1]):
            alive = process.poll() is None and time.monotonic() < until
            assert alive, (folder / f"daprd-{ports[0]}.log").read_text()[-2000:]
            time.sleep(0.05)
        yield Daprd(ports[0], ports[1])
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/v1.0/healthz/outbound", timeout=1) as answer:
            return int(answer.status) == 204
    except OSError:
        return False
