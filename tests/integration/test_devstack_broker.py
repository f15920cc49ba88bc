"""NATS, its provisioning, and a real sidecar that must go on receiving whatever happens to the broker."""

import asyncio
import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import nats
import nats.errors
import pytest
from dapr.proto.runtime.v1 import appcallback_pb2, appcallback_pb2_grpc
from google.protobuf import empty_pb2

from devstack import broker
from devstack.environment import Environment, load_environment
from devstack.parts import Kind, Part
from devstack.ports import Port
from devstack.processes import read_record
from devstack.runtime import Runtime, installed_runtime
from devstack.stack import NATS, Stack
from tests.integration.ports import free_base

TOPIC = "fte.metrics"


@pytest.fixture
def environment() -> Iterator[Environment]:
    # Not pytest's own folder: under root another user must reach the database's data.
    home = Path(tempfile.mkdtemp(prefix="fte-test-"))
    home.chmod(0o755)
    yield load_environment({**os.environ, "FTE_HOME": str(home), "FTE_PORT_BASE": str(free_base())})
    shutil.rmtree(home)


@pytest.fixture
async def server(environment: Environment) -> AsyncIterator[Environment]:
    log = (environment.home / "nats.log").open("wb")
    process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
        broker.command(environment), stdout=log, stderr=log
    )
    try:
        async with asyncio.timeout(10):
            while await _info(environment) is None:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        yield environment
    finally:
        process.terminate()
        process.wait(timeout=10)
        log.close()


async def _info(environment: Environment) -> object:
    try:
        client = await nats.connect(environment.nats_url(), allow_reconnect=False)
    except (OSError, nats.errors.Error):
        return None
    try:
        return await client.jetstream().account_info()
    except nats.errors.Error:
        return None
    finally:
        await client.close()


async def test_everything_is_made_once(server: Environment) -> None:
    durables = broker.read_durables()
    assert not await broker.complete(server, durables)
    made = await broker.provision(server.nats_url(), durables)
    assert set(made) == {broker.STREAM, *(durable.name for durable in durables)}
    assert await broker.complete(server, durables)
    assert await broker.provision(server.nats_url(), durables) == []


async def test_a_changed_setting_is_brought_to_the_server(server: Environment) -> None:
    durables = broker.read_durables()
    await broker.provision(server.nats_url(), durables)
    changed = (dataclasses.replace(durables[0], ack_wait_seconds=42.0), *durables[1:])
    assert await broker.provision(server.nats_url(), changed) == [durables[0].name]
    assert await broker.provision(server.nats_url(), changed) == []
    # A setting that cannot be changed in place: the consumer is made anew.
    moved = (dataclasses.replace(durables[0], topic="fte.dlq"), *durables[1:])
    assert await broker.provision(server.nats_url(), moved) == [durables[0].name]


async def test_a_lost_consumer_is_noticed(server: Environment) -> None:
    durables = broker.read_durables()
    await broker.provision(server.nats_url(), durables)
    client = await nats.connect(server.nats_url())
    try:
        await client.jetstream().delete_consumer(broker.STREAM, durables[0].name)
    finally:
        await client.close()
    assert not await broker.complete(server, durables)
    assert await broker.provision(server.nats_url(), durables) == [durables[0].name]


async def test_a_consumer_that_nobody_listens_to_is_noticed(server: Environment) -> None:
    durables = broker.read_durables()[:1]
    await broker.provision(server.nats_url(), durables)
    assert not await broker.heard(server, durables)
    client = await nats.connect(server.nats_url())
    try:
        await client.subscribe(durables[0].deliver_subject, queue=durables[0].group)
        await client.flush()
        assert await broker.heard(server, durables)
    finally:
        await client.close()


async def test_a_consumer_of_a_removed_subscription_is_removed(server: Environment) -> None:
    durables = broker.read_durables()
    await broker.provision(server.nats_url(), durables)
    assert await broker.provision(server.nats_url(), durables[1:]) == [durables[0].name]
    assert not await broker.complete(server, durables)


class Receiver(appcallback_pb2_grpc.AppCallbackServicer):
    """Takes every event and remembers its id."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def ListTopicSubscriptions(  # noqa: N802
        self, _request: Any, _context: Any
    ) -> appcallback_pb2.ListTopicSubscriptionsResponse:
        return appcallback_pb2.ListTopicSubscriptionsResponse()

    async def ListInputBindings(  # noqa: N802
        self, _request: Any, _context: Any
    ) -> appcallback_pb2.ListInputBindingsResponse:
        return appcallback_pb2.ListInputBindingsResponse()

    async def OnTopicEvent(  # noqa: N802
        self, request: Any, _context: Any
    ) -> appcallback_pb2.TopicEventResponse:
        self.ids.append(request.id)
        return appcallback_pb2.TopicEventResponse()

    async def OnInvoke(self, _request: Any, _context: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()


@pytest.fixture
async def receiver(environment: Environment) -> AsyncIterator[Receiver]:
    servicer = Receiver()
    server = grpc.aio.server()
    add = appcallback_pb2_grpc.add_AppCallbackServicer_to_server
    add(servicer, server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"127.0.0.1:{environment.ports[Port.METRICS_APP]}")
    # The stack refuses ports that are held, so it is up before this listens.
    servicer.start = server.start  # type: ignore[attr-defined]
    yield servicer
    await server.stop(1)


@pytest.fixture
def runtime() -> Runtime:
    found = installed_runtime(os.environ)
    if found is None:
        pytest.skip("no Dapr runtime on this machine: `make run` gets one")
    return found


def _wanted(part: Part) -> bool:
    infrastructure = part.kind in (Kind.DATABASE, Kind.BROKER, Kind.CONTROL)
    return infrastructure or part.name == "metrics-sidecar"


async def _publish(environment: Environment) -> str:
    event_id = str(uuid4())
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": "test",
        "type": "test",
        "topic": TOPIC,
        "pubsubname": "pubsub",
        "datacontenttype": "application/octet-stream",
        "data_base64": "AAEC",
    }
    client = await nats.connect(environment.nats_url())
    try:
        await client.jetstream().publish(TOPIC, json.dumps(event).encode())
    finally:
        await client.close()
    return event_id


async def _received(receiver: Receiver, event_id: str, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while event_id not in receiver.ids:  # noqa: ASYNC110 - written by another task
            await asyncio.sleep(0.02)


def _pid(environment: Environment, name: str) -> int | None:
    record = read_record(environment.home)
    assert record
    (part,) = (part for part in record.parts if part.name == name)
    return part.process.pid if part.process and part.healthy else None


async def test_a_sidecar_goes_on_receiving_over_a_wiped_store(
    environment: Environment, receiver: Receiver, runtime: Runtime
) -> None:
    said: list[str] = []
    stack = Stack(environment, runtime, said.append, _wanted)
    try:
        await stack.start()
        await receiver.start()  # type: ignore[attr-defined]
        await _received(receiver, await _publish(environment))
        sidecar, first = _pid(environment, "metrics-sidecar"), _pid(environment, NATS)
        assert first
        os.kill(first, 9)
        shutil.rmtree(environment.home / "nats")
        async with asyncio.timeout(20):
            while _pid(environment, NATS) in (None, first):  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.05)
        await _received(receiver, await _publish(environment))
        assert _pid(environment, "metrics-sidecar") == sidecar
    finally:
        await stack.stop()
