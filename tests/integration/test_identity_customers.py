"""Identity over real gRPC on a real Postgres: first contacts, claims, proofs and links."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID, uuid4

import asyncpg
import grpc
import pytest

from chassis.database import Pool, open_pool
from chassis.errors import Conflict, NotFound, Rejected, from_rpc_error
from chassis.ledger import Row
from fte.conversation.v1 import conversation_pb2 as nouns
from fte.identity.v1 import identity_service_pb2 as pb
from fte.identity.v1 import identity_service_pb2_grpc as rpc
from fte.metrics.v1 import metrics_events_pb2
from services.identity.adapters.servicer import IdentityServicer
from services.identity.adapters.store import CustomerStore
from tests.integration.mesh import eventually
from tests.integration.postgres import Database
from tests.serving import served

EMAIL, PHONE = nouns.HANDLE_TYPE_EMAIL, nouns.HANDLE_TYPE_PHONE
USER = nouns.HANDLE_TYPE_WHATSAPP_USER
VERIFIED, CLAIMED = nouns.ASSURANCE_VERIFIED, nouns.ASSURANCE_CLAIMED


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(database.url("fte_identity"), 8, application="test")
    yield opened
    await opened.close()


@pytest.fixture
async def another(database: Database) -> AsyncIterator[Pool]:
    """Gives connections of another process, so that calls that wait do not hold up the test."""
    opened = await open_pool(database.url("fte_identity"), 2, application="another")
    yield opened
    await opened.close()


@pytest.fixture
def hinted() -> list[Row]:
    return []


@pytest.fixture
async def identity(pool: Pool, hinted: list[Row]) -> "AsyncIterator[rpc.IdentityServiceAsyncStub]":
    servicer = IdentityServicer(CustomerStore(pool, hinted.extend))
    async with served(partial(rpc.add_IdentityServiceServicer_to_server, servicer)) as channel:
        yield rpc.IdentityServiceStub(channel)


def handle(handle_type: nouns.HandleType.ValueType, value: str) -> nouns.Handle:
    return nouns.Handle(type=handle_type, value=value)


def sighting(
    given: nouns.Handle, assurance: nouns.Assurance.ValueType = VERIFIED, name: str = ""
) -> pb.ResolveHandle:
    return pb.ResolveHandle(handle=given, assurance=assurance, display_name=name)


async def resolve(
    identity: "rpc.IdentityServiceAsyncStub", *sightings: pb.ResolveHandle
) -> list[pb.Binding]:
    return list((await identity.Resolve(pb.ResolveRequest(handles=sightings))).bindings)


def link_request(known: nouns.Handle, added: nouns.Handle, request_id: str = "") -> pb.LinkRequest:
    return pb.LinkRequest(
        known=known,
        added=added,
        evidence="asserted by the account service",
        request_id=request_id or str(uuid4()),
    )


async def one_link(
    identity: "rpc.IdentityServiceAsyncStub", request: pb.LinkRequest
) -> pb.LinkResponse:
    return await identity.Link(request)


@asynccontextmanager
async def holding(pool: Pool, held: nouns.Handle, *, verified: bool) -> AsyncIterator[None]:
    """Is another first contact that has filed a handle and not yet committed; commits at the end."""
    async with pool.acquire() as connection, connection.transaction():
        customer_id = await connection.fetchval(
            "INSERT INTO identity.customers DEFAULT VALUES RETURNING customer_id"
        )
        await connection.execute(
            "INSERT INTO identity.customer_identifiers (type, value, customer_id, verified, evidence)"
            " VALUES ($1, $2, $3, $4, 'claim')",
            "email" if held.type == EMAIL else "phone",
            held.value,
            customer_id,
            verified,
        )
        yield


async def waiting(pool: Pool) -> None:
    """Waits until several calls wait for a lock."""
    locks = "SELECT count(*) FROM pg_locks WHERE NOT granted"

    async def several() -> bool:
        return int(await pool.fetchval(locks)) >= 3

    await eventually(several, "three statements wait for locks")


ADA = handle(EMAIL, "ada@example.com")
ADA_PHONE = handle(PHONE, "+15550100")


async def test_fifty_concurrent_first_contacts_make_one_customer(
    identity: "rpc.IdentityServiceAsyncStub", pool: Pool, hinted: list[Row]
) -> None:
    answers = await asyncio.gather(
        *(resolve(identity, sighting(handle(EMAIL, "Ada@Example.com"))) for _ in range(50))
    )
    assert len({binding.customer_id for [binding] in answers}) == 1
    assert await pool.fetchval("SELECT count(*) FROM identity.customers") == 1
    assert await pool.fetchval("SELECT count(*) FROM identity.customer_identifiers") == 1
    [fact] = hinted
    assert metrics_events_pb2.Fact.FromString(fact.payload).outcome == "created"


async def test_fifty_concurrent_claims_prove_nothing(
    identity: "rpc.IdentityServiceAsyncStub", another: Pool
) -> None:
    async with holding(another, ADA, verified=False):
        calls = [asyncio.create_task(resolve(identity, sighting(ADA, CLAIMED))) for _ in range(50)]
        await waiting(another)
    bindings = [binding for call in calls for binding in await call]
    assert len({binding.customer_id for binding in bindings}) == 1
    assert not any(binding.verified for binding in bindings)


async def test_batches_in_opposite_order_do_not_deadlock(
    identity: "rpc.IdentityServiceAsyncStub", pool: Pool, another: Pool
) -> None:
    handles = [handle(PHONE, f"+1555010{n:04}") for n in range(64)]
    claims = [sighting(h, CLAIMED) for h in handles]
    proofs = [sighting(h, VERIFIED) for h in reversed(handles)]
    # With one of the middle held, each batch stops halfway while it holds what came before.
    async with holding(another, handles[32], verified=True):
        calls = [
            asyncio.create_task(resolve(identity, *(claims if n % 2 else proofs)))
            for n in range(20)
        ]
        await waiting(another)
    answers = [await call for call in calls]
    customers = [binding.customer_id for binding in answers[1]]
    assert len(set(customers)) == 64
    for n, bindings in enumerate(answers):
        by_handle = bindings if n % 2 else bindings[::-1]
        assert [b.customer_id for b in by_handle] == customers
    rows = await pool.fetch("SELECT verified FROM identity.customer_identifiers")
    assert [row["verified"] for row in rows] == [True] * 64
    orphans = (
        "SELECT count(*) FROM identity.customers "
        "NATURAL LEFT JOIN identity.customer_identifiers WHERE value IS NULL"
    )
    assert await pool.fetchval(orphans) == 0


async def test_one_handle_twice_in_a_batch_is_one_customer_and_the_proof_counts(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    first, second, third = await resolve(
        identity,
        sighting(ADA, CLAIMED, "Somebody"),
        sighting(ADA_PHONE),
        sighting(handle(EMAIL, "ADA@EXAMPLE.COM"), VERIFIED, "Ada"),
    )
    assert first == third
    assert first.verified
    assert first.customer_id != second.customer_id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("whatsapp:+5511987654321", "+551187654321"),
        ("+5215512345678", "+52 55 1234-5678"),
        ("whatsapp:+15550100", "+15550100"),
    ],
)
async def test_national_variants_are_one_customer(
    identity: "rpc.IdentityServiceAsyncStub", one: str, other: str
) -> None:
    [first] = await resolve(identity, sighting(handle(PHONE, one)))
    [second] = await resolve(identity, sighting(handle(PHONE, other)))
    assert first == second


async def test_a_claim_proves_nothing_and_takes_nothing_away(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    [claimed] = await resolve(identity, sighting(ADA, CLAIMED, "Mallory"))
    assert not claimed.verified

    [proved] = await resolve(identity, sighting(ADA, VERIFIED, "Ada"))
    assert proved.verified
    assert proved.customer_id == claimed.customer_id

    [again] = await resolve(identity, sighting(ADA, CLAIMED, "Mallory"))
    assert again == proved
    customer = (await identity.Lookup(pb.LookupRequest(handle=ADA))).customer
    assert customer.display_name == "Ada"  # the claim's name went when the proof came
    [identifier] = customer.identifiers
    assert (identifier.verified, identifier.evidence) == (True, "dmarc_pass")


async def test_a_wrong_handle_is_named_by_its_field_and_nothing_is_written(
    identity: "rpc.IdentityServiceAsyncStub", pool: Pool
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await resolve(identity, sighting(ADA), sighting(handle(PHONE, "0170 12")))
    error = from_rpc_error(caught.value)
    assert isinstance(error, Rejected)
    assert [v.field for v in error.violations] == ["handles[1].handle.value"]
    assert "0170" not in str(error.violations)
    assert await pool.fetchval("SELECT count(*) FROM identity.customers") == 0


async def test_lookup_of_a_stranger_finds_nothing_and_makes_nothing(
    identity: "rpc.IdentityServiceAsyncStub", pool: Pool
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.Lookup(pb.LookupRequest(handle=ADA))
    assert isinstance(from_rpc_error(caught.value), NotFound)
    assert await pool.fetchval("SELECT count(*) FROM identity.customers") == 0


async def test_a_link_joins_grows_the_generation_and_is_idempotent(
    identity: "rpc.IdentityServiceAsyncStub", pool: Pool, hinted: list[Row]
) -> None:
    [before] = await resolve(identity, sighting(ADA))
    request = link_request(ADA, handle(PHONE, "whatsapp:+15550100"))
    first = await identity.Link(request)
    repeats = await asyncio.gather(*(one_link(identity, request) for _ in range(10)))
    assert all(answer == first for answer in repeats)
    assert [i.handle.value for i in first.customer.identifiers] == ["ada@example.com", "+15550100"]
    assert first.customer.generation > before.generation

    [email, phone] = await resolve(identity, sighting(ADA), sighting(ADA_PHONE))
    assert email.customer_id == phone.customer_id == before.customer_id
    assert email.generation == phone.generation == first.customer.generation
    assert phone.verified
    outcomes = [metrics_events_pb2.Fact.FromString(row.payload).outcome for row in hinted]
    assert outcomes == ["created", "linked"]
    assert await pool.fetchval("SELECT count(*) FROM identity.metric_facts") == 2


async def test_concurrent_repeats_of_one_link_give_one_answer(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    await resolve(identity, sighting(ADA))
    request = link_request(ADA, ADA_PHONE)
    answers = await asyncio.gather(*(one_link(identity, request) for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)


async def test_one_request_id_with_another_body_is_refused(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    await resolve(identity, sighting(ADA))
    request_id = str(uuid4())
    await identity.Link(link_request(ADA, ADA_PHONE, request_id))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.Link(link_request(ADA, handle(PHONE, "+15550199"), request_id))
    assert caught.value.code() is grpc.StatusCode.ABORTED
    error = from_rpc_error(caught.value)
    assert error.reason == "IDEMPOTENCY_MISMATCH"
    assert error.metadata == {"request_id": request_id}


async def test_a_handle_of_another_customer_is_a_conflict_and_stays_theirs(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    [ada, other] = await resolve(identity, sighting(ADA), sighting(ADA_PHONE))
    request = link_request(ADA, ADA_PHONE)
    for _ in range(2):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await identity.Link(request)
        error = from_rpc_error(caught.value)
        assert isinstance(error, Conflict)
        assert (error.reason, error.metadata) == ("CONFLICT", {"resource": "handle"})
    assert await resolve(identity, sighting(ADA), sighting(ADA_PHONE)) == [ada, other]


async def test_links_and_contacts_of_one_person_at_once_do_not_deadlock(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    await resolve(identity, sighting(ADA))
    await identity.Link(link_request(ADA, ADA_PHONE))
    links = [link_request(ADA, ADA_PHONE), link_request(ADA_PHONE, ADA)]
    async with asyncio.TaskGroup() as calls:
        for _ in range(10):
            for link in links:
                again = pb.LinkRequest(
                    known=link.known,
                    added=link.added,
                    evidence=link.evidence,
                    request_id=str(uuid4()),
                )
                calls.create_task(one_link(identity, again))
            calls.create_task(resolve(identity, sighting(ADA_PHONE), sighting(ADA)))


async def test_a_link_to_an_unknown_handle_is_not_found(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await identity.Link(link_request(ADA, ADA_PHONE))
    assert isinstance(from_rpc_error(caught.value), NotFound)


async def test_the_database_itself_refuses_a_handle_without_a_customer(pool: Pool) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await pool.execute(
            "INSERT INTO identity.customer_identifiers (type, value, customer_id, evidence) "
            "VALUES ('email', 'ada@example.com', $1, 'claim')",
            UUID(int=1),
        )


async def resolve_with(
    identity: "rpc.IdentityServiceAsyncStub",
    phone: str,
    user: str,
    assurance: nouns.Assurance.ValueType = VERIFIED,
) -> str:
    """Resolves a number that came with WhatsApp's user id; returns the customer."""
    entry = pb.ResolveHandle(handle=handle(PHONE, phone), assurance=assurance)
    entry.also.CopyFrom(handle(USER, user))
    resolved = await identity.Resolve(pb.ResolveRequest(handles=[entry]))
    return str(resolved.bindings[0].customer_id)


async def customer_of(
    identity: "rpc.IdentityServiceAsyncStub", kind: nouns.HandleType.ValueType, value: str
) -> str:
    """Resolves a handle that came alone; returns the customer."""
    entry = pb.ResolveHandle(handle=handle(kind, value), assurance=VERIFIED)
    resolved = await identity.Resolve(pb.ResolveRequest(handles=[entry]))
    return str(resolved.bindings[0].customer_id)


async def test_a_user_id_beside_a_number_is_the_same_person_later_without_it(
    identity: "rpc.IdentityServiceAsyncStub", hinted: list[Row]
) -> None:
    both = await resolve_with(identity, "+14155550100", "US.1349")
    assert await customer_of(identity, USER, "US.1349") == both
    assert await resolve_with(identity, "+14155550100", "US.1349") == both
    found = await identity.Lookup(pb.LookupRequest(handle=handle(USER, "US.1349")))
    assert [(i.handle.value, i.verified, i.evidence) for i in found.customer.identifiers] == [
        ("+14155550100", True, "twilio_signature"),
        ("US.1349", True, "twilio_signature"),
    ]
    assert found.customer.generation == 2
    assert len(hinted) == 2


async def test_a_number_beside_a_known_user_id_joins_its_customer(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    first = await customer_of(identity, USER, "US.1349")
    assert await resolve_with(identity, "+14155550100", "US.1349") == first
    assert await customer_of(identity, PHONE, "whatsapp:+14155550100") == first


async def test_a_claim_brings_no_second_handle(identity: "rpc.IdentityServiceAsyncStub") -> None:
    claimed = await resolve_with(identity, "+14155550100", "US.1349", CLAIMED)
    assert await customer_of(identity, USER, "US.1349") != claimed


async def test_ten_first_messages_at_once_with_both_handles_make_one_customer(
    identity: "rpc.IdentityServiceAsyncStub",
) -> None:
    made = await asyncio.gather(
        *(resolve_with(identity, "+14155550100", "US.1349") for _ in range(10))
    )
    assert {*made, await customer_of(identity, USER, "US.1349")} == {made[0]}
