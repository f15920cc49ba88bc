"""What a provider takes back after it was sent reaches the agent, once, whatever is away meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from chassis.errors import Unavailable
from chassis.interceptors import violations_of
from chassis.ledger import Ledger
from chassis.ledger_rows import PostgresLedgerRows
from fte.agent.v1 import agent_service_pb2 as wire
from fte.agent.v1 import agent_service_pb2_grpc
from services.delivery.adapters.corrections import CORRECTIONS, correction_ledger
from services.delivery.domain.intent import Channel, State
from tests.integration.delivery_world import World, intent, world
from tests.integration.postgres import Database

COUNT = "SELECT count(*) FROM delivery.corrections WHERE state = 'settled'"


@dataclass
class Agent(agent_service_pb2_grpc.AgentServiceServicer):
    """The agent's end of the call; fails as often as a test says."""

    failures: int = 0
    calls: int = 0
    heard: list[tuple[str, str]] = field(default_factory=list)

    async def CorrectSends(  # noqa: N802 - the contract's name
        self, request: wire.CorrectSendsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.CorrectSendsResponse:
        self.calls += 1
        assert not violations_of(request)
        if self.calls <= self.failures:
            raise Unavailable("not now")
        self.heard += [(c.outbox_id, c.outcome) for c in request.corrections]
        return wire.CorrectSendsResponse()


def _agent(failures: int = 0) -> Agent:
    return Agent(failures)  # type: ignore[abstract]  # nothing else is called


@asynccontextmanager
async def _driving(w: World, agent: Agent) -> AsyncIterator[None]:
    server = grpc.aio.server()
    agent_service_pb2_grpc.add_AgentServiceServicer_to_server(agent, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        driving = asyncio.create_task(_ledger(w, channel).run())
        try:
            yield
        finally:
            driving.cancel()
            await asyncio.gather(driving, return_exceptions=True)
    await server.stop(None)


async def test_a_late_failure_is_called_out_until_the_agent_has_it(database: Database) -> None:
    agent = _agent(failures=2)
    async with world(database) as w, _driving(w, agent):
        await w.start()
        message = intent(Channel.WHATSAPP)
        await w.accept(message)
        await w.becomes(message, State.SENT)
        await w.hear_status(Channel.WHATSAPP, "twilio-0", "failed", error_code="63016")
        await w.becomes(message, State.REJECTED)
        await w.counts(COUNT, 1)
        assert agent.heard == [(str(message.intent_id), "rejected")]
        assert agent.calls == 3


async def test_a_second_late_failure_changes_nothing(database: Database) -> None:
    agent = _agent()
    async with world(database) as w, _driving(w, agent):
        await w.start()
        message = intent(Channel.WHATSAPP)
        await w.accept(message)
        await w.becomes(message, State.SENT)
        for status in ("failed", "undelivered", "failed", "delivered"):
            await w.hear_status(Channel.WHATSAPP, "twilio-0", status)
        await w.counts(COUNT, 1)
        await w.hear_status(Channel.WHATSAPP, "twilio-0", "undelivered")
        assert await w.pool.fetchval("SELECT count(*) FROM delivery.corrections") == 1
        assert agent.calls == 1
        assert await w.state(message) is State.REJECTED


def _ledger(w: World, channel: grpc.aio.Channel) -> Ledger:
    rows = PostgresLedgerRows(w.pool, CORRECTIONS)
    return correction_ledger(rows, agent_service_pb2_grpc.AgentServiceStub(channel))
