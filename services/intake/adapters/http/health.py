"""The health page: 200 only when all services, their sidecars, the broker and the database work.

Beside these parts it shows each channel's way out. A provider that is dark, or a channel that the company switched
off, is shown and is no reason for a 503: the system works, and what is to be sent waits.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from typing import Any

import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.sidecar import Sidecar
from fte.delivery.v1 import delivery_service_pb2 as delivery
from services.intake.adapters.http.rest import channel_name

SERVICES = ("agent", "identity", "delivery", "metrics")
_SECONDS = 2.0
# Anybody may ask, so that many askers cost no more than one.
_KEPT_SECONDS = 0.5

Check = Callable[[], Awaitable[bool]]
Channels = Callable[[], Awaitable[delivery.ListChannelsResponse]]
Note = Callable[[], Awaitable[Any]]

log = structlog.get_logger(__name__)


class HealthPage:
    """Asks every part at once and tells which fail; `channels` asks delivery how each channel is.

    What `notes` add is told and decides nothing: it does not make the whole unhealthy.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        channels: Channels,
        notes: Mapping[str, Note] | None = None,
    ) -> None:
        self._checks = dict(checks)
        self._ask_channels = channels
        self._notes = dict(notes or {})
        self._lock = asyncio.Lock()
        self._parts: dict[str, str] = {}
        self._channels: dict[str, Any] = {}
        self._asked_at = float("-inf")

    def routes(self) -> list[Route]:
        """Returns the route of the health page."""
        return [Route("/health", self.health)]

    async def health(self, _: Request) -> Response:
        """Shows the parts: 200 when all work, else 503."""
        async with self._lock:
            if time.monotonic() - self._asked_at > _KEPT_SECONDS:
                self._parts, self._channels = await asyncio.gather(self._ask(), self._states())
                self._asked_at = time.monotonic()
            parts, channels = self._parts, self._channels
        failing = [name for name, state in parts.items() if state != "ok"]
        notes = {name: await _noted(name, note) for name, note in self._notes.items()}
        answer = {
            "status": "failing" if failing else "ok",
            "parts": parts,
            "channels": channels,
            **notes,
        }
        headers = {"cache-control": "no-store"}
        return JSONResponse(answer, 503 if failing else 200, headers)

    async def _ask(self) -> dict[str, str]:
        states = await asyncio.gather(*(_state(n, check) for n, check in self._checks.items()))
        return dict(zip(self._checks, states, strict=True))

    async def _states(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_SECONDS + 1):
                answer = await self._ask_channels()
        except Exception as error:  # noqa: BLE001 - delivery is a part: that it does not answer stands there
            log.warning("channels not known", error=type(error).__name__)
            return {}
        return {channel_name(state.channel): _channel(state) for state in answer.channels}


def _channel(state: delivery.ChannelState) -> dict[str, Any]:
    asked = state.HasField("check_time")
    works = state.breaker == "closed" and (state.answers or not asked)
    status = ("ok" if works else "degraded") if state.enabled else "disabled"
    oldest = state.oldest_waiting_seconds
    return {
        "status": status,
        "enabled": state.enabled,
        "provider": state.provider,
        "breaker": state.breaker,
        "faults": state.faults,
        "openings": state.openings,
        "waiting": state.waiting,
        "oldest_waiting_seconds": round(oldest, 1) if state.waiting else None,
        "provider_answers": state.answers if asked else None,
        "check_time": state.check_time.ToDatetime(UTC).isoformat() if asked else None,
    }


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
