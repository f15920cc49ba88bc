"""Owns the local port numbers: one frozen definition, shifted as a whole by `FTE_PORT_BASE`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from devstack.failure import StackError

LOOPBACK: Final = "127.0.0.1"
LOWEST: Final = 1024
# Ports from 32768 up belong to the kernel's outgoing connections and collide at random.
HIGHEST: Final = 32767

SERVICES: Final = ("intake", "agent", "identity", "delivery", "metrics")
SIMULATORS: Final = ("gmail", "twilio", "openai")


class Port(IntEnum):
    """Names each local port; the value is its number when `FTE_PORT_BASE` is 0."""

    AGENT_LOCAL = 8071
    IDENTITY_LOCAL = 8072
    METRICS_LOCAL = 8074
    INTAKE_HTTP = 8080
    INTAKE_APP = 8081
    AGENT_APP = 8082
    IDENTITY_APP = 8083
    DELIVERY_APP = 8084
    METRICS_APP = 8085
    INTAKE_PROMETHEUS = 8086
    AGENT_PROMETHEUS = 8087
    IDENTITY_PROMETHEUS = 8088
    DELIVERY_PROMETHEUS = 8089
    METRICS_PROMETHEUS = 8090
    TWILIO = 8091
    GMAIL = 8092
    OPENAI = 8093
    INTAKE_DAPR_GRPC = 8101
    AGENT_DAPR_GRPC = 8102
    IDENTITY_DAPR_GRPC = 8103
    DELIVERY_DAPR_GRPC = 8104
    METRICS_DAPR_GRPC = 8105
    INTAKE_DAPR_HTTP = 8111
    AGENT_DAPR_HTTP = 8112
    IDENTITY_DAPR_HTTP = 8113
    DELIVERY_DAPR_HTTP = 8114
    METRICS_DAPR_HTTP = 8115
    INTAKE_DAPR_INTERNAL = 8121
    AGENT_DAPR_INTERNAL = 8122
    IDENTITY_DAPR_INTERNAL = 8123
    DELIVERY_DAPR_INTERNAL = 8124
    METRICS_DAPR_INTERNAL = 8125
    INTAKE_DAPR_METRICS = 8131
    AGENT_DAPR_METRICS = 8132
    IDENTITY_DAPR_METRICS = 8133
    DELIVERY_DAPR_METRICS = 8134
    METRICS_DAPR_METRICS = 8135
    PLACEMENT = 8141
    PLACEMENT_HEALTH = 8142
    PLACEMENT_METRICS = 8143
    PLACEMENT_RAFT = 8144
    SCHEDULER = 8151
    SCHEDULER_HEALTH = 8152
    SCHEDULER_METRICS = 8153
    SCHEDULER_ETCD_CLIENT = 8154
    SCHEDULER_ETCD_PEER = 8155
    POSTGRES = 8160
    NATS = 8161
    NATS_MONITOR = 8162


@dataclass(frozen=True, slots=True)
class Ports:
    """Maps every named port to its number under one shift.

    Raises:
        StackError: if the shift pushes any port out of 1024 to 32767.
    """

    base: int = 0

    def __post_init__(self) -> None:
        lowest, highest = min(Port) + self.base, max(Port) + self.base
        if lowest < LOWEST or highest > HIGHEST:
            raise StackError(
                f"FTE_PORT_BASE={self.base} puts the ports at {lowest} to {highest}; "
                f"they must lie within {LOWEST} to {HIGHEST}",
                f"choose a value from {LOWEST - min(Port)} to {HIGHEST - max(Port)}",
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Ports":
        """Reads `FTE_PORT_BASE` (an integer, default 0)."""
        text = environment.get("FTE_PORT_BASE", "") or "0"
        try:
            return cls(int(text))
        except ValueError as exc:
            raise StackError(
                f"FTE_PORT_BASE={text} is not a whole number", "unset it or give an integer"
            ) from exc

    def __getitem__(self, port: Port) -> int:
        return int(port) + self.base

    def of(self, service: str, what: str) -> int:
        """Returns a service's port by purpose: APP, LOCAL, DAPR_GRPC, DAPR_HTTP and so on."""
        return self[Port[f"{service.upper()}_{what}"]]

    def url(self, port: Port) -> str:
        """Returns the plain HTTP address of a port on this host."""
        return f"http://{LOOPBACK}:{self[port]}"
