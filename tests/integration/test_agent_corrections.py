"""Sends that failed after all: the agent's row, its message, and a task that a person sees."""

from uuid import UUID, uuid4

import pytest

from chassis.errors import Rejected, Unavailable
from fte.agent.v1 import agent_events_pb2, agent_service_pb2, customer_actor_pb2
from services.agent.adapters.corrections import SendCorrections
from services.agent.adapters.customer_client import ActorClient
from services.agent.domain.turn import CustomerId, Side
from tests.integration.agent_world import (
    CUSTOMER,
    Agent,
    begin,
    fence,
    limits,
    message,
    outbox_rows,
    store,
)
from tests.unit.agent.turns import answer

LONG = "\n".join(
    f"{n}. Open the settings and choose the security page number {n}." for n in range(1, 9)
)


class Actors(ActorClient):
    """The way to the actors without a sidecar: an actor's Report does only this."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.calls = 0
        self.away = False

    async def report(
        self, customer_id: CustomerId, side: Side, outcomes: list[customer_actor_pb2.SendOutcome]
    ) -> None:
        self.calls += 1
        if self.away:
            raise Unavailable("no actor")
        await self._agent.outcomes.report(
            customer_id, side, customer_actor_pb2.ReportRequest(outcomes=outcomes)
        )


async def _answered(agent: Agent, response: str = "Open Settings.") -> list[UUID]:
    await store(agent, message("hello there", 1))
    staged = answer(response=response)
    commit = await agent.turns.commit_answer(fence(await begin(agent)), staged, None, limits)
    assert commit is not None
    return outbox_rows(commit)


async def _close_as_sent(agent: Agent, rows: list[UUID]) -> None:
    await agent.look.execute("UPDATE agent.outbox SET state = 'settled', outcome = 'sent'")
    await agent.outcomes.sent(rows, ["SM1"] * len(rows))


def _request(*rows: UUID, outcome: str = "rejected") -> agent_service_pb2.CorrectSendsRequest:
    return agent_service_pb2.CorrectSendsRequest(
        corrections=[
            agent_service_pb2.SendCorrection(outbox_id=str(row), outcome=outcome) for row in rows
        ]
    )


async def _seen(agent: Agent) -> tuple[str, str, str, int, int]:
    """Returns the row's outcome, the message's and the ticket's status, and the tasks and their events."""
    look = agent.look.fetchval
    events = await agent.look.fetch(
        "SELECT payload FROM agent.announcements WHERE topic = 'fte.escalations'"
    )
    reasons = [
        agent_events_pb2.ConversationEscalated.FromString(r["payload"]).reason for r in events
    ]
    return (
        await look("SELECT min(outcome) FROM agent.outbox"),
        await look("SELECT delivery_status FROM agent.messages WHERE direction = 'outbound'"),
        await look("SELECT status FROM agent.tickets"),
        await look("SELECT count(*) FROM agent.escalations WHERE reason = 'delivery_failure'"),
        reasons.count("delivery_failure"),
    )


@pytest.mark.parametrize("closed", [True, False], ids=["closed as sent", "still open"])
async def test_a_late_failure_becomes_a_visible_task_once(
    agent: Agent,
    closed: bool,  # noqa: FBT001
) -> None:
    rows = await _answered(agent)
    if closed:
        await _close_as_sent(agent, rows)
        assert (await _seen(agent))[1] == "sent"
    corrections = SendCorrections(agent.outcomes, Actors(agent))
    for _ in range(2):
        await corrections.correct(_request(*rows))
        assert await _seen(agent) == ("rejected", "failed", "escalated", 1, 1)
    failed = "SELECT count(*) FROM agent.events WHERE type = 'send_failed'"
    assert await agent.look.fetchval(failed) == 1
    status = "SELECT status || ' ' || escalated_to FROM agent.conversations"
    assert await agent.look.fetchval(status) == "escalated support team"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "reordered"])
async def test_the_parts_of_one_answer_are_one_task(agent: Agent, order: tuple[int, int]) -> None:
    rows = await _answered(agent, LONG)
    assert len(rows) > 1
    outcomes = ["rejected", "cancelled"]
    for at in order:
        report = customer_actor_pb2.ReportRequest(
            outcomes=[customer_actor_pb2.SendOutcome(outbox_id=str(rows[at]), outcome=outcomes[at])]
        )
        await agent.outcomes.report(CUSTOMER, Side.VERIFIED, report)
    assert (await _seen(agent))[1:] == ("failed", "escalated", 1, 1)


async def test_two_late_failures_of_one_answer_are_one_task(agent: Agent) -> None:
    rows = await _answered(agent, LONG)
    await _close_as_sent(agent, rows)
    corrections = SendCorrections(agent.outcomes, Actors(agent))
    for row in rows:
        await corrections.correct(_request(row))
    assert (await _seen(agent))[1:] == ("failed", "escalated", 1, 1)


async def test_a_row_that_ended_otherwise_is_not_touched(agent: Agent) -> None:
    rows = await _answered(agent)
    await agent.look.execute("UPDATE agent.outbox SET state = 'settled', outcome = 'cancelled'")
    actors = Actors(agent)
    await SendCorrections(agent.outcomes, actors).correct(_request(*rows, uuid4()))
    assert actors.calls == 0
    assert (await _seen(agent))[0] == "cancelled"


async def test_an_actor_that_is_away_makes_the_caller_call_again(agent: Agent) -> None:
    rows = await _answered(agent)
    await _close_as_sent(agent, rows)
    actors = Actors(agent)
    actors.away = True
    with pytest.raises(Unavailable):
        await SendCorrections(agent.outcomes, actors).correct(_request(*rows))
    assert (await _seen(agent))[0] == "sent"


@pytest.mark.parametrize("outcome", ["sent", "lost"])
async def test_an_outcome_that_cannot_follow_is_refused(agent: Agent, outcome: str) -> None:
    rows = await _answered(agent)
    with pytest.raises(Rejected) as caught:
        await SendCorrections(agent.outcomes, Actors(agent)).correct(
            _request(*rows, outcome=outcome)
        )
    assert [v.field for v in caught.value.violations] == ["corrections[0].outcome"]
