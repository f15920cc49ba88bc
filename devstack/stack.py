"""Owns which parts the local stack has, what each waits for, and when the whole is ready."""

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import grpc

from devstack import broker, migrations, postgres, sidecars
from devstack.environment import SUPERUSER, Environment
from devstack.failure import StackError
from devstack.parts import Action, Kind, Part, Question, Watch
from devstack.ports import SERVICES, SIMULATORS, Port
from devstack.probes import Health, grpc_health, health_channel, http_ok, tcp_open
from devstack.processes import busy_ports, end_survivors
from devstack.runtime import Runtime
from devstack.supervisor import Say, Supervisor

ROOT: Final = Path(__file__).resolve().parent.parent
BROKERS: Final = ("nats",)
READY_SECONDS: Final = 60.0
SHOWN_PORTS: Final = 5

POSTGRES: Final = "postgres"
NATS: Final = "nats"
PLACEMENT: Final = "placement"
SCHEDULER: Final = "scheduler"


def sidecar_name(service: str) -> str:
    """Returns the part name of a service's sidecar."""
    return f"{service}-sidecar"


class Stack:
    """The whole local stack, from `start` to `stop`."""

    def __init__(
        self,
        environment: Environment,
        runtime: Runtime,
        say: Say,
        choose: Callable[[Part], bool] = lambda _: True,
    ) -> None:
        self._environment = environment
        self._runtime = runtime
        self._say = say
        self._choose = choose
        self._channels: list[grpc.aio.Channel] = []
        self._supervisor: Supervisor | None = None
        self._ready = False

    @property
    def ready(self) -> bool:
        """Tells whether the whole has been ready."""
        return self._ready

    async def start(self) -> None:
        """Starts everything and returns when intake answers that the whole works.

        Raises:
            StackError: if a port is busy or a part does not come up.
        """
        environment = self._environment
        for name in end_survivors(environment.home):
            self._say(f"{name} was left over from a supervisor that was killed; ended it")
        self._refuse_busy_ports()
        parts = [part for part in self._parts() if self._choose(part)]
        self._supervisor = Supervisor(parts, environment.home, self._say)
        await self._supervisor.start()
        if any(part.name == "intake" for part in parts):
            await self._whole_ready()
        self._supervisor.mark_ready()
        self._ready = True

    async def failed(self) -> None:
        """Waits until the supervision itself fails, and raises what made it fail."""
        if self._supervisor:
            await self._supervisor.failed()

    async def stop(self) -> None:
        """Stops everything within ten seconds."""
        if self._supervisor:
            await self._supervisor.stop()
            postgres.remove_sockets(self._environment.home)
        for channel in self._channels:
            await channel.close()

    async def _whole_ready(self) -> None:
        port = self._environment.ports[Port.INTAKE_HTTP]
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await http_ok(port, "/health"):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
        except TimeoutError as exc:
            raise StackError(
                f"all parts run, but http://127.0.0.1:{port}/health did not say so "
                f"in {READY_SECONDS:.0f} s",
                f"see {self._environment.logs / 'intake.log'}",
            ) from exc

    def _refuse_busy_ports(self) -> None:
        ports = self._environment.ports
        busy = busy_ports(ports[port] for port in Port)
        if busy:
            lines = [f"  port {port} is held by {who}" for port, who in sorted(busy.items())]
            if len(lines) > SHOWN_PORTS:
                lines[SHOWN_PORTS:] = [f"  and {len(lines) - SHOWN_PORTS} more"]
            raise StackError(
                "\n".join(["ports are busy:", *lines]),
                "stop that program, or set FTE_PORT_BASE=1000",
            )

    # --- The parts ------------------------------------------------------------------------------

    def _parts(self) -> list[Part]:
        return [
            self._postgres(),
            self._nats(),
            *self._control(),
            *(self._simulator(name) for name in SIMULATORS),
            *(self._sidecar(name) for name in SERVICES),
            *(self._service(name) for name in SERVICES),
        ]

    def _postgres(self) -> Part:
        environment = self._environment
        server = postgres.prepare(environment)
        password = environment.secrets["POSTGRES_SUPERUSER"]
        return Part(
            name=POSTGRES,
            kind=Kind.DATABASE,
            command=server.command(),
            environment={**environment.passed_on, "LC_ALL": "C"},
            ready=partial(postgres.accepts, environment),
            before=lambda: asyncio.to_thread(server.initialise, password),
            then=self._bring_forward,
            stop_signal=postgres.FAST_SHUTDOWN,
            user=server.account.user,
            group=server.account.group,
            extra_groups=server.account.extra_groups,
        )

    async def _bring_forward(self) -> None:
        await postgres.provision(self._environment)
        for name in await migrations.migrate(self._environment.database_url(SUPERUSER)):
            self._say(f"postgres: applied {name}")

    def _nats(self) -> Part:
        environment = self._environment
        durables = broker.read_durables()
        provision: Action = partial(broker.provision, environment.nats_url(), durables)
        return Part(
            name=NATS,
            kind=Kind.BROKER,
            command=broker.command(environment),
            environment=environment.passed_on,
            ready=partial(http_ok, environment.ports[Port.NATS_MONITOR], "/healthz"),
            then=provision,
            watches=(
                Watch(
                    "lacks its stream or a consumer, making them again",
                    partial(broker.complete, environment, durables),
                    patience=1,
                    remedy=provision,
                ),
                Watch(
                    "says it is not healthy",
                    partial(http_ok, environment.ports[Port.NATS_MONITOR], "/healthz"),
                    patience=5,
                    restarts=NATS,
                ),
            ),
        )

    def _control(self) -> list[Part]:
        environment, runtime = self._environment, self._runtime
        commands = {
            PLACEMENT: (sidecars.placement(environment, runtime), Port.PLACEMENT_HEALTH),
            SCHEDULER: (sidecars.scheduler(environment, runtime), Port.SCHEDULER_HEALTH),
        }
        return [
            Part(
                name=name,
                kind=Kind.CONTROL,
                command=command,
                environment=environment.passed_on,
                ready=partial(http_ok, environment.ports[port], "/healthz"),
            )
            for name, (command, port) in commands.items()
        ]

    def _simulator(self, name: str) -> Part:
        environment = self._environment
        return Part(
            name=f"{name}-simulator",
            kind=Kind.SIMULATOR,
            command=(sys.executable, "-m", f"simulators.{name}"),
            environment=environment.simulator(name),
            folder=ROOT,
            ready=partial(tcp_open, environment.ports[Port[name.upper()]]),
        )

    def _sidecar(self, name: str) -> Part:
        environment = self._environment
        token = {"dapr-api-token": environment.secrets["DAPR_API_TOKEN"]}
        port = environment.ports.of(name, "DAPR_HTTP")
        app_port = environment.ports.of(name, "APP")
        works: Question = partial(http_ok, port, "/v1.0/healthz/outbound", token)
        durables = tuple(durable for durable in broker.read_durables() if durable.app == name)

        async def hears() -> bool:
            # It subscribes only while its app is there.
            return not await tcp_open(app_port) or await broker.heard(environment, durables)

        return Part(
            name=sidecar_name(name),
            kind=Kind.SIDECAR,
            command=sidecars.sidecar(environment, self._runtime, name, "nats"),
            environment=environment.sidecar(name),
            ready=works,
            # Its components connect when it starts, and would end it if they could not.
            after=(POSTGRES, NATS, PLACEMENT, SCHEDULER),
            watches=(
                Watch(
                    "has not been ready for 20 s", works, patience=10, restarts=sidecar_name(name)
                ),
                # After two minutes without the broker its subscriptions are gone for good.
                Watch("hears no events", hears, patience=8, restarts=sidecar_name(name)),
            ),
        )

    def _service(self, name: str) -> Part:
        environment = self._environment
        port = environment.ports.of(name, "APP")
        channel = health_channel(port)
        self._channels.append(channel)
        ask = partial(_asked, channel, port, environment.secrets["APP_API_TOKEN"])

        async def works() -> bool:
            return await ask("") is Health.SERVING

        async def not_refused() -> bool:
            return await ask("live") is not Health.NOT_SERVING

        async def answers() -> bool:
            return await ask("") is not Health.ABSENT

        return Part(
            name=name,
            kind=Kind.SERVICE,
            command=(sys.executable, "-m", f"services.{name}"),
            environment=environment.service(name),
            folder=ROOT,
            ready=works,
            after=(POSTGRES,),
            watches=(
                Watch(
                    f"{name} cannot use it any more",
                    not_refused,
                    patience=3,
                    restarts=sidecar_name(name),
                ),
                # A process that hangs is as good as dead, and longer than the busiest moment.
                Watch("has not answered for 20 s", answers, patience=10, restarts=name),
            ),
        )


async def _asked(channel: grpc.aio.Channel, port: int, token: str, name: str) -> Health:
    # A look first: a channel that finds nobody waits longer and longer before it tries again.
    if not await tcp_open(port):
        return Health.ABSENT
    return await grpc_health(channel, name, token)
