"""One process: gRPC listeners, health, reflection, background work and a graceful stop, on one event loop."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from chassis import tracing
from chassis.interceptors import CallInterceptor
from chassis.settings import ServiceSettings

CHECK_SECONDS = 2.0
GRACE_SECONDS = 4.0
# A process that was told to stop must stop: libraries' threads and tasks may hold it.
STOP_SECONDS = 8.0
# Health name that says whether a restart would help; the empty name says whether work is taken.
LIVE = "live"

Check = Callable[[], Awaitable[bool]]
Register = Callable[[grpc.aio.Server], None]

log = structlog.get_logger(__name__)


class Process:
    """Serves the registered servicers until SIGTERM or SIGINT, or until a background task ends.

    A background task never ends by itself: one that does is a fault, and the process exits with 1 so that
    whoever supervises it starts a fresh one.
    """

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self._name = name
        self._settings = settings
        self._registrations: list[Register] = []
        self._service_names: list[str] = []
        self._tasks: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        self._ready_checks: dict[str, Check] = {}
        self._live_checks: dict[str, Check] = {}
        self._part_checks: dict[str, Check] = {}
        self._failing: dict[str, list[str]] = {}
        self._closers: list[Callable[[], Awaitable[object]]] = []
        self._health = health.aio.HealthServicer()
        self._stop = asyncio.Event()

    def serve(self, register: Register, *full_names: str) -> None:
        """Adds servicers to every listener; the full names appear in reflection and health."""
        self._registrations.append(register)
        self._service_names.extend(full_names)

    def background(self, name: str, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Adds work that runs as long as the process."""
        self._tasks[name] = task

    def check(
        self,
        *,
        ready: Mapping[str, Check] | None = None,
        live: Mapping[str, Check] | None = None,
        parts: Mapping[str, Check] | None = None,
    ) -> None:
        """Adds checks by the name of what they ask.

        Each of `parts` has a health name of its own: the process takes work without it, but worse.
        """
        self._ready_checks.update(ready or {})
        self._live_checks.update(live or {})
        self._part_checks.update(parts or {})

    def on_stop(self, close: Callable[[], Awaitable[object]]) -> None:
        """Adds something to close at the end, last added first."""
        self._closers.append(close)

    async def run(self) -> int:
        """Runs the process and returns its exit code."""
        self.on_stop(tracing.configure(self._name, self._settings.otlp_endpoint))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        servers = [await self._listen(port, *credential) for port, *credential in self._listeners()]
        tasks = {
            asyncio.create_task(work(), name=name)
            for name, work in {**self._tasks, "health": self._watch_health}.items()
        }
        log.info("serving", app_port=self._settings.app_port)
        stopped = asyncio.create_task(self._stop.wait(), name="stop")
        ended, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        code = 0 if stopped in ended else 1
        for task in ended - {stopped}:
            log.error("background task ended", task=task.get_name(), exc_info=task.exception())
        await self._shut_down(servers, {*tasks, stopped})
        return code

    def _listeners(self) -> list[tuple[int, str, str]]:
        settings = self._settings
        listeners = [
            (settings.app_port, "dapr-api-token", settings.app_api_token.get_secret_value())
        ]
        if settings.local_grpc_port:
            listeners.append(
                (settings.local_grpc_port, "x-api-key", settings.api_key.get_secret_value())
            )
        return listeners

    async def _listen(self, port: int, header: str, secret: str) -> grpc.aio.Server:
        server = grpc.aio.server(
            interceptors=[CallInterceptor(header, secret, self._settings.default_deadline_seconds)],
            options=[("grpc.so_reuseport", 0)],
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        for register in self._registrations:
            register(server)
        if self._settings.reflection:
            names = (*self._service_names, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, server)
        server.add_insecure_port(f"{self._settings.bind_address}:{port}")
        await server.start()
        return server

    async def _watch_health(self) -> None:
        while True:
            await self._set_health(self._ready_checks, "", *self._service_names)
            await self._set_health(self._live_checks, LIVE)
            for part, check in self._part_checks.items():
                await self._set_health({part: check}, part)
            await asyncio.sleep(CHECK_SECONDS)

    async def _set_health(self, checks: Mapping[str, Check], *names: str) -> None:
        failing = [what for what, check in checks.items() if not await _passes(check)]
        if failing != self._failing.get(names[0], []):
            self._failing[names[0]] = failing
            tell = log.warning if failing else log.info
            tell(
                "not healthy" if failing else "healthy again",
                failing=failing,
                health=names[0] or "ready",
            )
        serving = health_pb2.HealthCheckResponse.ServingStatus
        status = serving.NOT_SERVING if failing else serving.SERVING
        for name in names:
            await self._health.set(name, status)

    async def _shut_down(
        self, servers: list[grpc.aio.Server], tasks: set["asyncio.Task[Any]"]
    ) -> None:
        log.info("stopping")
        force = threading.Timer(STOP_SECONDS, os._exit, args=[1])
        force.daemon = True
        force.start()
        await self._health.enter_graceful_shutdown()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(server.stop(GRACE_SECONDS) for server in servers))
        for close in reversed(self._closers):
            try:
                async with asyncio.timeout(2):
                    await close()
            except Exception as error:  # noqa: BLE001 - the process ends anyway; the rest must close too
                log.warning("close failed", error=str(error))


async def _passes(check: Check) -> bool:
    try:
        # Not wait_for: before Python 3.12 it can swallow a cancellation.
        async with asyncio.timeout(3):
            return await check()
    except Exception as error:  # noqa: BLE001 - a health check answers no, whatever the reason
        log.warning("health check failed", error=str(error))
        return False
