"""The health page: 200 only when all services, their sidecars, the broker and the database work."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.sidecar import Sidecar

SERVICES = ("agent", "identity", "delivery", "metrics")
_SECONDS = 2.0
# Anybody may ask, so that many askers cost no more than one.
_KEPT_SECONDS = 0.5

Check = Callable[[], Awaitable[bool]]
Note = Callable[[], Awaitable[Any]]

log = structlog.get_logger(__name__)


class HealthPage:
    """Asks every part at once and tells which fail.

    What `notes` add is told and decides nothing: it does not make the whole unhealthy.
    """

    def __init__(
        self, checks: Mapping[str, Check], notes: Mapping[str, Note] | None = None
    ) -> None:
        self._checks = dict(checks)
        self._notes = dict(notes or {})
        self._lock = asyncio.Lock()
        self._parts: dict[str, str] = {}
        self._asked_at = float("-inf")

    def routes(self) -> list[Route]:
        """Returns the route of the health page."""
        return [Route("/health", self.health)]

    async def health(self, _: Request) -> Response:
        """Shows the parts: 200 when all work, else 503."""
        async with self._lock:
            if time.monotonic() - self._asked_at > _KEPT_SECONDS:
                self._parts = await self._ask()
                self._asked_at = time.monotonic()
            parts = self._parts
        failing = [name for name, state in parts.items() if state != "ok"]
        notes = {name: await _noted(name, note) for name, note in self._notes.items()}
        answer = {"status": "failing" if failing else "ok", "parts": parts, **notes}
        headers = {"cache-control": "no-store"}
        return JSONResponse(answer, 503 if failing else 200, headers)

    async def _ask(self) -> dict[str, str]:
        states = await asyncio.gather(*(_state(n, check) for n, check in self._checks.items()))
        return dict(zip(self._checks, states, strict=True))


def service_checks(sidecar: Sidecar) -> dict[str, Check]:
    """Returns a check of each other service: its health through both sidecars."""
    return {name: _service_check(sidecar, name) for name in SERVICES}


def _service_check(sidecar: Sidecar, name: str) -> Check:
    stub = health_pb2_grpc.HealthStub(sidecar.service(name))

    async def check() -> bool:
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=_SECONDS)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return check


async def _state(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(_SECONDS + 1):
            return "ok" if await check() else "failing"
    except Exception as error:  # noqa: BLE001 - whatever it was, the part does not work
        log.warning("part does not answer", part=name, error=type(error).__name__)
        return "unreachable"


async def _noted(name: str, note: Note) -> Any:
    try:
        async with asyncio.timeout(_SECONDS + 1):
            return await note()
    except Exception as error:  # noqa: BLE001 - what cannot be told is left out
        log.warning("health note missing", note=name, error=type(error).__name__)
        return None
