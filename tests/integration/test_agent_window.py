"""What the agent tells delivery of WhatsApp's window, and what a person reads of a message that did not arrive."""

from datetime import UTC, datetime, timedelta
from typing import cast

from chassis.database import open_pool
from fte.agent.v1 import agent_service_pb2 as wire
from fte.agent.v1 import customer_actor_pb2
from services.agent.adapters.corrections import SendCorrections
from services.agent.adapters.grpc_service import AgentService
from services.agent.application.takeover import Owners, TakeOvers
from services.agent.domain.turn import Channel, Side
from tests.integration.agent_world import (
    CUSTOMER,
    Agent,
    agent,
    begin,
    fence,
    limits,
    message,
    outbox_rows,
    store,
)
from tests.integration.postgres import Database
from tests.unit.agent.turns import answer

__all__ = ["agent"]

DAY = timedelta(hours=24)


async def fetched(database: Database, row: object) -> wire.OutboundMessage:
    pool = await open_pool(database.url("fte_agent"), 2, application="test")
    try:
        service = AgentService(
            pool,
            cast("Owners", None),
            cast("TakeOvers", None),
            cast("SendCorrections", None),
        )
        request = wire.FetchOutboundRequest(outbox_ids=[str(row)])
        [found] = (await service.FetchOutbound(request, cast("object", None))).messages  # type: ignore[arg-type]
        return found
    finally:
        await pool.close()


async def test_the_window_is_told_as_it_is_when_delivery_asks(
    agent: Agent, database: Database
) -> None:
    first = message("hello there", 1)
    await store(agent, first)
    commit = await agent.turns.commit_answer(fence(await begin(agent)), answer(), None, limits)
    assert commit is not None
    [row] = outbox_rows(commit)
    planned = await fetched(database, row)
    assert planned.window_end_time.ToDatetime(UTC) == first.accept_time.ToDatetime(UTC) + DAY
    second = message("and another thing", 2)
    second.accept_time.FromDatetime(datetime.now(UTC) + timedelta(hours=3))
    await store(agent, second)
    now = await fetched(database, row)
    assert now.window_end_time.ToDatetime(UTC) == second.accept_time.ToDatetime(UTC) + DAY
    assert now.handle_id == first.handle_id


async def test_a_mail_opens_no_window(agent: Agent, database: Database) -> None:
    await store(agent, message("by mail", 1, Channel.EMAIL))
    commit = await agent.turns.commit_answer(fence(await begin(agent)), answer(), None, limits)
    assert commit is not None
    assert not (await fetched(database, outbox_rows(commit)[0])).HasField("window_end_time")


async def test_a_person_reads_in_plain_words_why_it_did_not_arrive(agent: Agent) -> None:
    await store(agent, message("hello there", 1))
    commit = await agent.turns.commit_answer(fence(await begin(agent)), answer(), None, limits)
    assert commit is not None
    [row] = outbox_rows(commit)
    words = "the customer asked for no more messages on this channel"
    outcome = customer_actor_pb2.SendOutcome(outbox_id=str(row), outcome="parked", detail=words)
    request = customer_actor_pb2.ReportRequest(outcomes=[outcome])
    for _ in range(2):
        await agent.outcomes.report(CUSTOMER, Side.VERIFIED, request)
    tasks = await agent.look.fetch("SELECT reason, note FROM agent.escalations")
    assert [tuple(task) for task in tasks] == [("delivery_failure", words)]
    ticket = await agent.look.fetchval("SELECT status FROM agent.tickets")
    message_status = await agent.look.fetchval(
        "SELECT delivery_status FROM agent.messages WHERE direction = 'outbound'"
    )
    assert (ticket, message_status) == ("escalated", "parked")
