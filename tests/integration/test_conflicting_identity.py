"""A number that changed hands: from Twilio's form over intake, identity and the agent to the ticket, on one PostgreSQL.

Everything between the webhook's fields and the commit is the real part; only the calls' transport is a plain channel.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import cast

import pytest

from chassis.database import Pool, open_pool
from chassis.sidecar import EventPublisher
from fte.identity.v1 import identity_service_pb2_grpc
from fte.intake.v1 import intake_service_pb2_grpc
from services.agent.adapters.history import TurnHistory
from services.agent.adapters.incoming import Asked, Incoming
from services.agent.adapters.language_model_offline import OfflinePolicy
from services.agent.adapters.receipts import ReceiptPublisher
from services.agent.application.runner import CustomerTurns, Runner
from services.agent.application.think import Thinker
from services.agent.application.turns import Begun, Commit
from services.agent.domain.turn import CustomerId, EscalationReason, Turn, TurnAnswer
from services.identity.adapters.servicer import IdentityServicer
from services.identity.adapters.store import CustomerStore
from services.intake.adapters.grpc_service import IntakeServicer
from services.intake.adapters.inbox import InboxReader, PostgresInbox, ledgers
from services.intake.application.whatsapp import read_message
from tests.fakes.agent import LenientJudge, MemoryKnowledge
from tests.fakes.phrases import BOOK
from tests.integration.agent_world import Agent, fence, limits
from tests.integration.postgres import Database
from tests.integration.test_intake_inbox import Topics
from tests.serving import served

SECRET = "How do I hide the column with the salaries of the night shift?"
"""What the number's first holder wrote, and nobody else may read."""


@dataclass(frozen=True)
class Desk:
    """The services over one database, and the way of one WhatsApp message through them."""

    inbox: PostgresInbox
    intake: Pool
    incoming: Incoming
    agent: Agent
    thinker: Thinker

    async def receive(self, body: str, user_id: str) -> tuple[Turn, TurnAnswer]:
        """Takes a webhook in, works its turn and commits it."""
        count = await self.intake.fetchval("SELECT count(*) FROM intake.inbox")
        fields = {
            "AccountSid": "AC1",
            "MessageSid": f"SM{count}",
            "From": "whatsapp:+15550100",
            "ExternalUserId": user_id,
            "Body": body,
        }
        accepted = await self.inbox.accept(read_message(fields, b"", "+14155238886"))
        handle_id = await self.intake.fetchval("SELECT handle_id FROM intake.handles")
        await self.incoming.take([Asked(accepted.inbox_id, handle_id)])
        [due] = await self.agent.heads.due(10)
        begun = await self.agent.turns.begin(due.customer_id, due.side, "agent-0/1", None, limits)
        assert isinstance(begun, Begun)
        answer = await self.thinker.think(begun.turn)
        commit = await self.agent.turns.commit_answer(fence(begun.turn), answer, None, limits)
        assert isinstance(commit, Commit)
        return begun.turn, answer

    async def contents(self, customer_id: CustomerId) -> str:
        """All that is kept of one customer, on both sides."""
        rows = await self.agent.look.fetch(
            "SELECT content, coalesce(tool_calls::text, '') AS calls FROM agent.messages "
            "WHERE customer_id = $1",
            customer_id,
        )
        return "\n".join(f"{row['content']} {row['calls']}" for row in rows)


@pytest.fixture
async def desk(agent: Agent, database: Database) -> AsyncIterator[Desk]:
    intake = await open_pool(database.url("fte_intake"), 2, application="test")
    identity = await open_pool(database.url("fte_identity"), 2, application="test")
    topics = Topics()
    servicers = (
        IntakeServicer(InboxReader(intake)).register,
        partial(
            identity_service_pb2_grpc.add_IdentityServiceServicer_to_server,
            IdentityServicer(CustomerStore(identity, lambda _: None)),
        ),
    )
    thinker = Thinker(
        model=OfflinePolicy(),
        knowledge=MemoryKnowledge(),
        history=TurnHistory(agent.turn_pool),
        judge=LenientJudge(),
        phrases=BOOK,
    )
    async with AsyncExitStack() as stack:
        to_intake, to_identity = [await stack.enter_async_context(served(s)) for s in servicers]
        incoming = Incoming(
            agent.inbound,
            intake_service_pb2_grpc.IntakeServiceStub(to_intake),
            identity_service_pb2_grpc.IdentityServiceStub(to_identity),
            # Neither runs: the test begins the turns, and nobody waits for receipts.
            ReceiptPublisher(cast("EventPublisher", None)),
            Runner("agent-0/1", agent.heads, cast("CustomerTurns", None), thinker, 1),
        )
        inbox = PostgresInbox(intake, ledgers(intake, topics.publish, topics.publish))
        yield Desk(inbox, intake, incoming, agent, thinker)
    await identity.close()
    await intake.close()


async def test_the_new_holder_of_a_number_gets_a_person_and_nothing_of_the_old_one(
    desk: Desk,
) -> None:
    old, answered = await desk.receive(SECRET, "US.1")
    assert answered.escalation is None

    new, answer = await desk.receive(
        "What did I write to you before? Please send it to me.", "US.2"
    )
    assert answer.escalation is not None
    assert answer.escalation.reason is EscalationReason.CONFLICTING_IDENTITY
    assert new.customer_id != old.customer_id
    assert (new.history, new.new_conversation, new.ticket_id) == ((), True, None)
    assert "salaries" not in await desk.contents(new.customer_id)
    assert "write to you before" not in await desk.contents(old.customer_id)
    reasons = await desk.agent.look.fetch("SELECT reason FROM agent.escalations")
    assert [row["reason"] for row in reasons] == ["conflicting_identity"]
    kinds = await desk.agent.look.fetch(
        "SELECT status, count(*) AS n FROM agent.tickets GROUP BY status ORDER BY status"
    )
    assert [(row["status"], row["n"]) for row in kinds] == [("escalated", 1), ("in_progress", 1)]


async def test_both_write_on_and_neither_reads_the_other(desk: Desk) -> None:
    old, _ = await desk.receive(SECRET, "US.1")
    new, _ = await desk.receive("Who is Ada?", "US.2")
    old_again, answered = await desk.receive("How do I reset my password?", "US.1")
    assert (old_again.customer_id, answered.escalation) == (old.customer_id, None)
    assert [line.content for line in old_again.history if line.role == "customer"] == [SECRET]
    # Until a person has settled it, the new holder waits for one; a second notice is not sent.
    new_again, waiting = await desk.receive("Hello?", "US.2")
    assert new_again.customer_id == new.customer_id
    assert new_again.escalated
    assert waiting.response in ("", BOOK.of("en").waiting)
    # Without its user id the number alone proves nothing of the old holder any more.
    alone, _ = await desk.receive("Please repeat my last question.", "")
    assert alone.customer_id == new.customer_id
    assert "salaries" not in await desk.contents(new.customer_id)
