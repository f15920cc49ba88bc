"""The delivery process behind a real sidecar, a real broker and the providers' simulators; it is killed with -9."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID, uuid4

import asyncpg
import grpc
from dapr.proto import appcallback_service_v1

from chassis.database import open_pool
from chassis.events import EventReceiver
from chassis.sidecar import Sidecar
from devstack import sidecars
from devstack.ports import LOOPBACK, Port
from fte.agent.v1 import agent_service_pb2 as outbox
from fte.agent.v1 import agent_service_pb2_grpc as agent_grpc
from fte.conversation.v1 import conversation_pb2 as conversation
from fte.conversation.v1 import receipts_pb2 as receipts
from fte.delivery.v1 import delivery_service_pb2 as delivery
from fte.delivery.v1 import delivery_service_pb2_grpc as delivery_grpc
from fte.intake.v1 import intake_service_pb2 as inbox
from fte.intake.v1 import intake_service_pb2_grpc as intake_grpc
from tests.integration.mesh import Mesh, eventually, mesh
from tests.integration.postgres import Database

SETTINGS = {"FTE_GMAIL_WITNESS_WINDOW_SECONDS": "2", "FTE_TWILIO_WITNESS_WINDOW_SECONDS": "2"}
EMAIL, WHATSAPP = conversation.CHANNEL_EMAIL, conversation.CHANNEL_WHATSAPP
NAMES = {EMAIL: "email", WHATSAPP: "whatsapp"}
SENDS = {EMAIL: r".*/drafts/send$", WHATSAPP: r".*/Messages\.json$"}


@dataclass
class Agent(agent_grpc.AgentServiceServicer):
    """Stands where the agent stands: owns outbox rows and hears receipts."""

    rows: dict[str, outbox.OutboundMessage] = field(default_factory=dict)
    heard: dict[str, receipts.Receipt] = field(default_factory=dict)

    async def FetchOutbound(  # noqa: N802
        self, request: outbox.FetchOutboundRequest, _: grpc.aio.ServicerContext[Any, Any]
    ) -> outbox.FetchOutboundResponse:
        found = [self.rows[row_id] for row_id in request.outbox_ids if row_id in self.rows]
        return outbox.FetchOutboundResponse(messages=found)

    async def hear(self, event: receipts.ReceiptsIssued) -> None:
        for row in event.rows:
            known = self.heard.get(row.row_id)
            if known is None or known.state != receipts.RECEIPT_STATE_SETTLED:
                self.heard[row.row_id] = row


@dataclass
class Intake(intake_grpc.IntakeServiceServicer):
    """Stands where intake stands: owns statuses and hears that they were taken over."""

    rows: dict[str, inbox.ProviderStatus] = field(default_factory=dict)
    settled: list[str] = field(default_factory=list)

    async def FetchStatuses(  # noqa: N802
        self, request: inbox.FetchStatusesRequest, _: grpc.aio.ServicerContext[Any, Any]
    ) -> inbox.FetchStatusesResponse:
        found = [self.rows[row_id] for row_id in request.row_ids if row_id in self.rows]
        return inbox.FetchStatusesResponse(statuses=found)

    async def hear(self, event: receipts.ReceiptsIssued) -> None:
        self.settled.extend(row.row_id for row in event.rows)


@dataclass
class Around:
    """The delivery process with everything that it meets."""

    mesh: Mesh
    agent: Agent
    intake: Intake
    sidecar: Sidecar
    intake_sidecar: Sidecar

    async def start_delivery(self) -> None:
        environ = {
            **self.mesh.environment.service("delivery"),
            "FTE_DATABASE_URL": self.mesh.database.url("fte_delivery"),
            **SETTINGS,
        }
        self.mesh._run("delivery", (sys.executable, "-m", "services.delivery"), environ)
        await self.mesh._listens("delivery", self.mesh.environment.ports[Port.DELIVERY_APP])

    async def hint(self, *rows: outbox.OutboundMessage) -> None:
        for row in rows:
            self.agent.rows[row.outbox_id] = row
        topic = f"fte.channels.{NAMES[rows[0].channel]}.outbound"
        await self.publish(self.sidecar, topic, [(r.outbox_id, r.conversation_id) for r in rows])

    async def publish(self, sidecar: Sidecar, topic: str, rows: Sequence[tuple[str, str]]) -> None:
        event = receipts.RowsDriven(
            event_id=str(uuid4()),
            rows=[receipts.RowRef(row_id=row, group_id=group) for row, group in rows],
        )
        event.occur_time.GetCurrentTime()
        await sidecar.publish(topic, event.SerializeToString())

    async def settled(self, row: outbox.OutboundMessage) -> receipts.Receipt:
        async def is_settled() -> bool:
            heard = self.agent.heard.get(row.outbox_id)
            if heard is not None and heard.state == receipts.RECEIPT_STATE_SETTLED:
                return True
            # What the agent's ledger does with an open row.
            await self.hint(row)
            return False

        await eventually(is_settled, "a settled receipt")
        return self.agent.heard[row.outbox_id]

    def simulator(self, channel: conversation.Channel.ValueType) -> str:
        ports = self.mesh.environment.ports
        return ports.url(Port.GMAIL if channel == EMAIL else Port.TWILIO)

    async def fault(self, channel: conversation.Channel.ValueType, **rule: Any) -> None:
        await self._call(channel, "POST", "/_faults", {"rules": [rule]})

    async def bitten(self, channel: conversation.Channel.ValueType) -> int:
        rules = (await self._call(channel, "GET", "/_faults"))["rules"]
        return int(rules[-1]["bitten"])

    async def sent(self, channel: conversation.Channel.ValueType, text: str) -> list[str]:
        found = await self._call(channel, "GET", "/_sent")
        return [entry["provider_id"] for entry in found if text in entry["body"]]

    async def _call(
        self,
        channel: conversation.Channel.ValueType,
        method: str,
        path: str,
        body: object | None = None,
    ) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.simulator(channel)}{path}", data, method=method)

        def ask() -> Any:
            with urlopen(request, timeout=5) as answer:
                return json.loads(answer.read())

        return await asyncio.to_thread(ask)


@asynccontextmanager
async def around(database: Database) -> AsyncIterator[Around]:
    async with mesh(database, []) as running:
        ports = running.environment.ports
        pool = await open_pool(database.url("fte_agent"), 2, application="test")
        token = running.environment.secrets["DAPR_API_TOKEN"]
        made = Around(
            running,
            Agent(),  # type: ignore[abstract]  # only what delivery asks for
            Intake(),  # type: ignore[abstract]  # only what delivery asks for
            Sidecar(ports[Port.AGENT_DAPR_GRPC], token),
            Sidecar(ports[Port.INTAKE_DAPR_GRPC], token),
        )
        servers = [
            await _serve(
                ports[Port.AGENT_APP], pool, "fte.channels.delivered", made.agent, made.agent.hear
            ),
            await _serve(
                ports[Port.INTAKE_APP], pool, "fte.channels.status.settled", made.intake,
                made.intake.hear,
            ),
        ]  # fmt: skip
        try:
            for name in ("gmail", "twilio"):
                command = (sys.executable, "-m", f"simulators.{name}")
                running._run(name, command, running.environment.simulator(name))
                await running._listens(name, ports[Port[name.upper()]])
            window = {"number": "+15550100", "seconds_ago": 0}
            await made._call(WHATSAPP, "POST", "/_window", window)
            await _start_agent_sidecar(running)
            await running.start_sidecar("intake")
            await running.start_sidecar("delivery")
            await made.start_delivery()
            yield made
        finally:
            await made.sidecar.close()
            await made.intake_sidecar.close()
            for server in servers:
                await server.stop(None)
            await pool.close()


async def _start_agent_sidecar(running: Mesh) -> None:
    command = sidecars.sidecar(running.environment, running.runtime, "agent", "nats")
    # Its state store, unused here, must exist all the same.
    environ = {
        **running.environment.sidecar("agent"),
        "FTE_STATE_DATABASE_URL": running.database.url("fte_state"),
    }
    without_actors = [part for part in command if not part.startswith(("--placement", "--sched"))]
    running._run("agent-sidecar", without_actors, environ)
    await running._listens("agent-sidecar", running.environment.ports[Port.AGENT_DAPR_GRPC])


async def _serve(port: int, pool: Any, topic: str, servicer: Any, hear: Any) -> grpc.aio.Server:
    server = grpc.aio.server()
    receiver = EventReceiver(pool, "agent")
    receiver.on(topic, receipts.ReceiptsIssued, hear)

    async def ignore(_: receipts.ReceiptsIssued) -> None:
        return

    receiver.on("fte.metrics.settled", receipts.ReceiptsIssued, ignore)
    appcallback_service_v1.add_AppCallbackServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]
    if isinstance(servicer, Agent):
        agent_grpc.add_AgentServiceServicer_to_server(servicer, server)
    else:
        intake_grpc.add_IntakeServiceServicer_to_server(servicer, server)
    server.add_insecure_port(f"{LOOPBACK}:{port}")
    await server.start()
    return server


def _row(
    channel: conversation.Channel.ValueType, text: str, epoch: int = 0
) -> outbox.OutboundMessage:
    mail = channel == EMAIL
    return outbox.OutboundMessage(
        outbox_id=str(uuid4()),
        message_id=str(uuid4()),
        conversation_id=str(uuid4()),
        customer_id=str(uuid4()),
        channel=channel,
        send_seq=1,
        epoch=epoch,
        kind=outbox.OUTBOUND_KIND_ANSWER,
        recipient=conversation.Handle(
            type=conversation.HANDLE_TYPE_EMAIL if mail else conversation.HANDLE_TYPE_PHONE,
            value="ada@example.com" if mail else "+15550100",
        ),
        subject="Re: Password" if mail else "",
        text=text,
        html=f"<p>{text}</p>" if mail else "",
        last_part=True,
    )


async def test_a_kill_in_the_middle_of_a_send_neither_loses_nor_doubles(
    database: Database,
) -> None:
    async with around(database) as a:
        for channel in (EMAIL, WHATSAPP):
            for effect in ("before", "none"):
                text = f"{NAMES[channel]} {effect}"
                row = _row(channel, text)
                path = SENDS[channel]
                await a.fault(
                    channel, method="POST", path=path, action="hang", seconds=60, times=1,
                    effect=effect,
                )  # fmt: skip
                await a.hint(row)

                async def bites(channel: conversation.Channel.ValueType = channel) -> bool:
                    return await a.bitten(channel) == 1

                await eventually(bites, "the request is held")
                a.mesh.kill("delivery")
                await a.start_delivery()
                receipt = await a.settled(row)
                sent = await a.sent(channel, text)
                assert (receipt.outcome, sent) == ("sent", [receipt.provider_id])


async def test_fences_statuses_and_facts_pass_through_the_sidecars(database: Database) -> None:
    async with around(database) as a:
        row = _row(WHATSAPP, "first", epoch=1)
        await a.hint(row)
        receipt = await a.settled(row)
        stub = delivery_grpc.DeliveryServiceStub(a.sidecar.service("delivery"))
        fence = delivery.RaiseFenceRequest(conversation_id=row.conversation_id, min_epoch=2)
        raised: delivery.RaiseFenceResponse = await stub.RaiseFence(fence)
        assert (raised.cancelled, raised.in_flight) == (0, 0)
        late = _row(WHATSAPP, "late", epoch=1)
        late.conversation_id, late.send_seq = row.conversation_id, 2
        status = inbox.ProviderStatus(
            row_id=str(uuid4()),
            channel=WHATSAPP,
            provider_id=receipt.provider_id,
            intent_id=row.outbox_id,
            status="delivered",
        )
        status.accept_time.GetCurrentTime()
        a.intake.rows[status.row_id] = status
        await a.publish(
            a.intake_sidecar, "fte.channels.status", [(status.row_id, row.conversation_id)]
        )

        async def status_settled() -> bool:
            return status.row_id in a.intake.settled

        await eventually(status_settled, "the status is taken over")
        await a.hint(late)
        assert (await a.settled(late)).outcome == "cancelled"
        assert await a.sent(WHATSAPP, "late") == []
        connection = await asyncpg.connect(database.superuser)
        try:
            state = await connection.fetchrow(
                "SELECT state, provider_status FROM delivery.intents WHERE intent_id = $1",
                UUID(row.outbox_id),
            )
            assert state is not None
            assert tuple(state) == ("SENT", "delivered")
            # Nobody answers facts here, so that they must be driven and stay open.
            facts = await connection.fetch("SELECT state FROM delivery.metric_facts")
            assert {fact["state"] for fact in facts} == {"open"}
        finally:
            await connection.close()
