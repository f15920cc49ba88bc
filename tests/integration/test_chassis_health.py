"""Health as a caller sees it: readiness, liveness, and parts without which a process works worse."""

import asyncio
from functools import partial

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from chassis import serve
from chassis.settings import ServiceSettings
from tests.integration.mesh import eventually
from tests.serving import served

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def test_a_part_that_fails_has_a_name_of_its_own_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serve, "CHECK_SECONDS", 0.01)
    settings = ServiceSettings.model_validate(
        {"database_url": "postgresql://nobody", "APP_PORT": 1, "DAPR_GRPC_PORT": 2}
    )
    process = serve.Process("test", settings)
    works = [False]

    async def judged() -> bool:
        return works[0]

    process.check(
        ready={"database": lambda: asyncio.sleep(0, result=True)}, parts={"judge": judged}
    )

    async with served(
        lambda server: health_pb2_grpc.add_HealthServicer_to_server(process._health, server)
    ) as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        async def status(name: str) -> health_pb2.HealthCheckResponse.ServingStatus.ValueType:
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            except grpc.aio.AioRpcError:  # before the first look nothing is known of a part
                return health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            return answer.status

        async def part_is(wanted: int) -> bool:
            return bool(await status("judge") == wanted)

        with capture_logs() as logs:
            watching = asyncio.create_task(process._watch_health())
            await eventually(partial(part_is, NOT_SERVING), "the part is down")
            assert await status("") == SERVING
            assert await status(serve.LIVE) == SERVING
            works[0] = True
            await eventually(partial(part_is, SERVING), "the part works")
            watching.cancel()
    # Told when it changes, not with every look.
    assert [(line["event"], line["health"]) for line in logs] == [
        ("not healthy", "judge"),
        ("healthy again", "judge"),
    ]
