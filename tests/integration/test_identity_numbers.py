"""Numbers with the user ids that come with them: one person's until the number has another holder."""

import asyncio

import grpc
import pytest

from chassis.database import Pool
from chassis.errors import Rejected, from_rpc_error
from fte.conversation.v1 import conversation_pb2 as nouns
from fte.identity.v1 import identity_service_pb2 as pb
from fte.identity.v1 import identity_service_pb2_grpc as rpc
from tests.integration.test_identity_customers import (
    CLAIMED,
    EMAIL,
    PHONE,
    VERIFIED,
    handle,
    hinted,
    identity,
    link_request,
    pool,
    resolve,
    sighting,
)

__all__ = ["hinted", "identity", "pool"]

USER = nouns.HANDLE_TYPE_WHATSAPP_USER
NUMBER, OTHER_NUMBER = handle(PHONE, "+15550100"), handle(PHONE, "+15550101")
FIRST, SECOND = handle(USER, "US.1"), handle(USER, "US.2")


def together(
    number: nouns.Handle, user: nouns.Handle, assurance: nouns.Assurance.ValueType = VERIFIED
) -> pb.ResolveHandle:
    return pb.ResolveHandle(handle=number, also=user, assurance=assurance, display_name="Ada")


async def test_a_number_and_its_user_id_are_one_customer(
    identity: "rpc.IdentityServiceAsyncStub", pool: Pool
) -> None:
    [both] = await resolve(identity, together(NUMBER, FIRST))
    alone = await resolve(identity, sighting(NUMBER), sighting(FIRST))
    assert [b.customer_id for b in alone] == [both.customer_id] * 2
    assert not any(b.conflicting for b in (both, *alone))
    assert await pool.fetchval("SELECT count(*) FROM identity.customers") == 1


@pytest.mark.parametrize("known", [NUMBER, FIRST])
async def test_what_was_known_alone_gets_the_other(
    identity: "rpc.IdentityServiceAsyncStub", known: nouns.Handle
) -> None:
    [before] = await resolve(identity, sighting(known))
    [after] = await resolve(identity, together(NUMBER, FIRST))
    assert (after.customer_id, after.conflicting) == (before.customer_id, False)
    assert after.generation > before.generation
    assert (await resolve(identity, together(NUMBER, FIRST))) == [after]


async def test_another_user_id_behind_a_number_is_another_person_in_doubt(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    [first] = await resolve(identity, together(NUMBER, FIRST))
    [second] = await resolve(identity, together(NUMBER, SECOND))
    assert second.conflicting
    assert second.customer_id != first.customer_id
    # The number alone is now nobody's for sure; each user id keeps its own customer.
    alone, one, other = await resolve(identity, sighting(NUMBER), sighting(FIRST), sighting(SECOND))
    assert (alone.customer_id, alone.conflicting) == (second.customer_id, True)
    assert [(b.customer_id, b.conflicting) for b in (one, other)] == [
        (first.customer_id, False),
        (second.customer_id, False),
    ]
    assert (await resolve(identity, together(NUMBER, SECOND))) == [second]


async def test_two_holders_in_one_batch_are_told_apart(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    first, second, again = await resolve(
        identity, together(NUMBER, FIRST), together(NUMBER, SECOND), together(NUMBER, FIRST)
    )
    assert first == again
    assert first.customer_id != second.customer_id
    assert (first.conflicting, second.conflicting) == (False, True)


async def test_the_first_holder_writes_on_without_doubt(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    [first] = await resolve(identity, together(NUMBER, FIRST))
    await resolve(identity, together(NUMBER, SECOND))
    assert await resolve(identity, together(NUMBER, FIRST)) == [first]


async def test_a_known_person_on_a_number_of_another_customer_is_in_doubt(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    number, user = await resolve(identity, sighting(NUMBER), sighting(FIRST))
    [both] = await resolve(identity, together(NUMBER, FIRST))
    assert (both.customer_id, both.conflicting) == (user.customer_id, True)
    assert both.customer_id != number.customer_id


async def test_two_linked_numbers_with_an_id_each_are_no_conflict(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    await resolve(identity, together(NUMBER, FIRST))
    await identity.Link(link_request(NUMBER, OTHER_NUMBER))
    one, other = await resolve(identity, together(NUMBER, FIRST), together(OTHER_NUMBER, SECOND))
    assert one.customer_id == other.customer_id
    assert not one.conflicting
    assert not other.conflicting


async def test_a_claim_joins_nothing(identity: "rpc.IdentityServiceAsyncStub") -> None:
    await resolve(identity, together(NUMBER, FIRST))
    [claim] = await resolve(identity, together(NUMBER, SECOND, CLAIMED))
    assert not claim.conflicting
    [fresh] = await resolve(identity, sighting(SECOND))
    assert fresh.customer_id != claim.customer_id


async def test_first_contacts_of_one_number_at_once_make_one_customer_for_each_user(
    identity: "rpc.IdentityServiceAsyncStub", pool: Pool
) -> None:
    answers = await asyncio.gather(
        *(resolve(identity, together(NUMBER, (FIRST, SECOND)[n % 2])) for n in range(40))
    )
    customers = [{b.customer_id for [b] in answers[n::2]} for n in (0, 1)]
    assert [len(found) for found in customers] == [1, 1]
    assert customers[0] != customers[1]
    assert await pool.fetchval("SELECT count(*) FROM identity.customers") == 2
    assert await pool.fetchval("SELECT count(*) FROM identity.customer_identifiers") == 3


@pytest.mark.parametrize(
    ("given", "also", "field"),
    [
        (handle(EMAIL, "ada@example.com"), FIRST, "handles[0].also.type"),
        (NUMBER, OTHER_NUMBER, "handles[0].also.type"),
        (NUMBER, handle(USER, "U S"), "handles[0].also.value"),
    ],
)
async def test_what_is_no_user_id_beside_a_number_is_named(
    identity: "rpc.IdentityServiceAsyncStub",
    pool: Pool,
    given: nouns.Handle,
    also: nouns.Handle,
    field: str,
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await resolve(identity, together(given, also))
    error = from_rpc_error(caught.value)
    assert isinstance(error, Rejected)
    assert [v.field for v in error.violations] == [field]
    assert await pool.fetchval("SELECT count(*) FROM identity.customers") == 0
