"""Owns the command lines of the Dapr programs: five sidecars, placement and scheduler."""

from pathlib import Path
from typing import Final

from devstack.broker import COMPONENTS
from devstack.environment import Environment
from devstack.ports import LOOPBACK, Port
from devstack.runtime import Runtime

_PLACEMENT: Final = "dapr-placement-0"
_SCHEDULER: Final = "dapr-scheduler-server-0"


def sidecar(environment: Environment, runtime: Runtime, name: str, broker: str) -> tuple[str, ...]:
    """Returns the command line of one service's sidecar with one broker's components."""
    ports = environment.ports
    return (
        runtime.program("daprd"),
        f"--app-id={name}",
        f"--app-port={ports.of(name, 'APP')}",
        "--app-protocol=grpc",
        f"--app-channel-address={LOOPBACK}",
        f"--dapr-grpc-port={ports.of(name, 'DAPR_GRPC')}",
        f"--dapr-http-port={ports.of(name, 'DAPR_HTTP')}",
        f"--dapr-internal-grpc-port={ports.of(name, 'DAPR_INTERNAL')}",
        f"--dapr-internal-grpc-listen-address={LOOPBACK}",
        f"--dapr-listen-addresses={LOOPBACK}",
        f"--metrics-port={ports.of(name, 'DAPR_METRICS')}",
        f"--metrics-listen-address={LOOPBACK}",
        f"--placement-host-address={LOOPBACK}:{ports[Port.PLACEMENT]}",
        f"--scheduler-host-address={LOOPBACK}:{ports[Port.SCHEDULER]}",
        f"--resources-path={COMPONENTS / 'shared'}",
        f"--resources-path={COMPONENTS / broker}",
        f"--config={COMPONENTS / 'shared' / 'configuration.yaml'}",
        f"--config={COMPONENTS / 'local' / 'configuration.yaml'}",
        "--dapr-graceful-shutdown-seconds=1",
        "--log-level=info",
    )


def placement(environment: Environment, runtime: Runtime) -> tuple[str, ...]:
    """Returns the command line of the placement service."""
    ports = environment.ports
    return (
        runtime.program("placement"),
        f"--id={_PLACEMENT}",
        f"--port={ports[Port.PLACEMENT]}",
        f"--listen-address={LOOPBACK}",
        f"--healthz-port={ports[Port.PLACEMENT_HEALTH]}",
        f"--healthz-listen-address={LOOPBACK}",
        f"--metrics-port={ports[Port.PLACEMENT_METRICS]}",
        f"--metrics-listen-address={LOOPBACK}",
        f"--initial-cluster={_PLACEMENT}={LOOPBACK}:{ports[Port.PLACEMENT_RAFT]}",
        "--tls-enabled=false",
    )


def scheduler(environment: Environment, runtime: Runtime) -> tuple[str, ...]:
    """Returns the command line of the scheduler, which keeps its jobs in the home."""
    ports, home = environment.ports, environment.home
    return (
        runtime.program("scheduler"),
        f"--id={_SCHEDULER}",
        f"--port={ports[Port.SCHEDULER]}",
        f"--listen-address={LOOPBACK}",
        f"--healthz-port={ports[Port.SCHEDULER_HEALTH]}",
        f"--healthz-listen-address={LOOPBACK}",
        f"--metrics-port={ports[Port.SCHEDULER_METRICS]}",
        f"--metrics-listen-address={LOOPBACK}",
        f"--etcd-data-dir={home / 'scheduler'}",
        f"--etcd-client-port={ports[Port.SCHEDULER_ETCD_CLIENT]}",
        f"--etcd-client-listen-address={LOOPBACK}",
        f"--etcd-initial-cluster={_SCHEDULER}=http://{LOOPBACK}:{ports[Port.SCHEDULER_ETCD_PEER]}",
        f"--override-broadcast-host-port={LOOPBACK}:{ports[Port.SCHEDULER]}",
        f"--identity-directory-write={_identity(home)}",
        "--tls-enabled=false",
    )


def _identity(home: Path) -> Path:
    return home / "scheduler-identity"
