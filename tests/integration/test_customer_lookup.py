"""A kept lookup over the real identity service: a link or a merge ends it at once, whoever made it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

import pytest

from chassis.database import Pool, open_pool
from chassis.errors import NotFound, from_rpc_error
from fte.agent.v1 import agent_service_pb2 as agent
from fte.conversation.v1.conversation_pb2 import Handle
from fte.identity.v1 import identity_service_pb2 as pb
from fte.identity.v1 import identity_service_pb2_grpc as rpc
from services.identity.adapters.servicer import IdentityServicer
from services.identity.adapters.store import CustomerStore
from services.intake.adapters.customer_lookup import CustomerLookup
from tests.integration.postgres import Database
from tests.integration.test_identity_customers import (
    EMAIL,
    PHONE,
    handle,
    link_request,
    resolve,
    sighting,
)
from tests.serving import served

ADA, NUMBER = handle(EMAIL, "ada@example.com"), handle(PHONE, "+15550100")


@dataclass
class Sources:
    """The real identity; an agent that counts one conversation."""

    identity: "rpc.IdentityServiceAsyncStub"
    asked: list[str] = field(default_factory=list)

    async def binding(self, given: Handle) -> pb.Binding | None:
        self.asked.append("binding")
        try:
            return (await self.identity.GetBinding(pb.GetBindingRequest(handle=given))).binding
        except Exception as error:
            if isinstance(from_rpc_error(error), NotFound):  # type: ignore[arg-type]
                return None
            raise

    async def customer(self, given: Handle) -> pb.Customer | None:
        self.asked.append("customer")
        return (await self.identity.Lookup(pb.LookupRequest(handle=given))).customer

    async def conversation_counts(self, customer_id: str) -> agent.CountConversationsResponse:
        return agent.CountConversationsResponse(total=1, open=1)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(database.url("fte_identity"), 4, application="test")
    yield opened
    await opened.close()


@pytest.fixture
async def sources(pool: Pool) -> AsyncIterator[Sources]:
    servicer = IdentityServicer(CustomerStore(pool, lambda _: None))
    async with served(partial(rpc.add_IdentityServiceServicer_to_server, servicer)) as channel:
        yield Sources(rpc.IdentityServiceStub(channel))


async def test_a_link_is_seen_by_every_lookup_that_was_kept(sources: Sources) -> None:
    await resolve(sources.identity, sighting(ADA))
    replicas = [CustomerLookup(sources, lambda: 0.0) for _ in range(2)]
    for replica in replicas:
        found = await replica.find(ADA)
        assert found is not None
        assert len(found.customer.identifiers) == 1
        await replica.find(ADA)
    assert sources.asked == ["customer", "binding"] * 2
    await sources.identity.Link(link_request(ADA, NUMBER))
    for replica in replicas:
        for asked in (ADA, NUMBER):
            found = await replica.find(asked)
            assert found is not None
            assert [i.handle.value for i in found.customer.identifiers] == [
                "ada@example.com", "+15550100",
            ]  # fmt: skip


async def test_a_merge_is_seen_too(sources: Sources, pool: Pool) -> None:
    first, second = await resolve(sources.identity, sighting(ADA), sighting(NUMBER))
    lookup = CustomerLookup(sources, lambda: 0.0)
    before = await lookup.find(NUMBER)
    assert before is not None
    assert before.customer.customer_id == second.customer_id
    # What a merge does to its handles and customers.
    await pool.execute(
        "UPDATE identity.customer_identifiers SET customer_id = $1 WHERE customer_id = $2",
        first.customer_id,
        second.customer_id,
    )
    await pool.execute("UPDATE identity.customers SET generation = generation + 1")
    after = await lookup.find(NUMBER)
    assert after is not None
    assert after.customer.customer_id == first.customer_id
    assert len(after.customer.identifiers) == 2


async def test_a_handle_of_nobody_has_no_binding(sources: Sources) -> None:
    assert await sources.binding(ADA) is None
    assert await sources.binding(NUMBER) is None
