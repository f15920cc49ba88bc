"""Customers and handles in Postgres. The key of customer_identifiers makes one customer of concurrent first contacts."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from chassis.database import Connection, Pool
from chassis.ledger import Row
from services.identity.adapters.facts import TOPIC, fact_payload
from services.identity.domain.customers import (
    Binding,
    Customer,
    CustomerId,
    HandleTaken,
    Identifier,
    RequestReused,
    Sighting,
    UnknownHandle,
    strongest,
)
from services.identity.domain.handles import Handle, HandleType

_FIND = """
    SELECT i.type, i.value, i.verified, i.customer_id, c.generation
    FROM unnest($1::text[], $2::text[]) AS given(type, value)
    JOIN identity.customer_identifiers i ON i.type = given.type AND i.value = given.value
    JOIN identity.customers c ON c.customer_id = i.customer_id
"""

# Rows are inserted, and thereby locked, in the order of their keys: two batches cannot deadlock. The identifiers
# come first, because their key decides; the deferred foreign key lets their customers follow.
# A proof upgrades a claim; a claim changes nothing that exists.
_FILE = """
    WITH given AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[], $4::text[], $5::text[])
            AS g(type, value, verified, evidence, display_name)
    ), filed AS (
        INSERT INTO identity.customer_identifiers AS i (type, value, customer_id, verified, evidence)
        SELECT type, value, uuidv7(), verified, evidence FROM given ORDER BY type, value
        ON CONFLICT (type, value) DO UPDATE SET verified = true, evidence = excluded.evidence
            WHERE excluded.verified AND NOT i.verified
        RETURNING i.type, i.value, i.customer_id, old.type IS NULL AS created
    ), created AS (
        INSERT INTO identity.customers (customer_id, display_name)
        SELECT f.customer_id, g.display_name FROM filed f JOIN given g USING (type, value) WHERE f.created
    )
    SELECT f.type, f.value, f.customer_id, f.created, g.display_name
    FROM filed f JOIN given g USING (type, value)
"""

# The name that came with a claim does not outlive it: the first proof brings its own.
_RENAME = """
    WITH proved AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[])
            AS p(type, value, customer_id, display_name)
    ), locked AS (
        SELECT customer_id FROM identity.customers
        WHERE customer_id = ANY ($3) ORDER BY customer_id FOR NO KEY UPDATE
    )
    UPDATE identity.customers c SET display_name = p.display_name, update_time = now()
    FROM proved p JOIN locked USING (customer_id)
    WHERE c.customer_id = p.customer_id AND NOT EXISTS (
        SELECT FROM identity.customer_identifiers o
        WHERE o.customer_id = c.customer_id AND o.verified
            AND NOT EXISTS (SELECT FROM proved q WHERE q.type = o.type AND q.value = o.value))
"""

_CUSTOMER = """
    SELECT customer_id, display_name, generation, create_time
    FROM identity.customers WHERE customer_id = $1
"""

_BINDING = """
    SELECT i.customer_id, i.verified, c.generation
    FROM identity.customer_identifiers i JOIN identity.customers c USING (customer_id)
    WHERE i.type = $1 AND i.value = $2
"""

_IDENTIFIERS = """
    SELECT type, value, verified, evidence, create_time
    FROM identity.customer_identifiers WHERE customer_id = $1 ORDER BY create_time, type, value
"""

_OWNER = "SELECT customer_id FROM identity.customer_identifiers WHERE type = $1 AND value = $2"

_TAKE_REQUEST = """
    INSERT INTO identity.requests (request_id, request_hash) VALUES ($1, $2)
    ON CONFLICT (request_id) DO NOTHING RETURNING request_id
"""

_JOIN = """
    INSERT INTO identity.customer_identifiers AS i (type, value, customer_id, verified, evidence)
    VALUES ($1, $2, $3, true, $4)
    ON CONFLICT (type, value) DO UPDATE SET verified = true, evidence = excluded.evidence
        WHERE i.customer_id = excluded.customer_id AND NOT i.verified
    RETURNING i.customer_id
"""

_FACTS = """
    INSERT INTO identity.metric_facts (payload) SELECT unnest($1::bytea[]) RETURNING fact_id, payload
"""


@dataclass(frozen=True, slots=True)
class LinkCommand:
    """A trusted caller's word that two handles are one person's."""

    request_id: UUID
    known: Handle
    added: Handle
    evidence: str

    @property
    def body_hash(self) -> bytes:
        """What two requests of one id must have in common."""
        parts = (*self.known_and_added, self.evidence)
        return hashlib.sha256("\0".join(parts).encode()).digest()

    @property
    def known_and_added(self) -> tuple[str, str, str, str]:
        """The four texts of the two handles."""
        return (self.known.type, self.known.value, self.added.type, self.added.value)


class CustomerStore:
    """Reads and changes customers; `hint` gets the metric facts of a change after its commit."""

    def __init__(self, pool: Pool, hint: Callable[[Sequence[Row]], None]) -> None:
        self._pool = pool
        self._hint = hint

    async def resolve(self, sightings: Sequence[Sighting]) -> dict[Handle, Binding]:
        """Returns the binding of each handle, making customers of new handles and proofs of claims."""
        wanted = strongest(sightings)
        found = await self._find([s.handle for s in wanted])
        fresh = [s for s in wanted if not _is_covered(s, found.get(s.handle))]
        if not fresh:
            return found
        async with self._pool.acquire() as connection, connection.transaction():
            filed = await connection.fetch(
                _FILE,
                [s.handle.type for s in fresh],
                [s.handle.value for s in fresh],
                [s.verified for s in fresh],
                [s.evidence for s in fresh],
                [s.display_name for s in fresh],
            )
            await _rename(connection, [r for r in filed if not r["created"]])
            facts = await _record(connection, "created", sum(r["created"] for r in filed))
        self._hint(facts)
        # A statement of its own: it sees what concurrent first contacts have committed meanwhile.
        return found | await self._find([s.handle for s in fresh])

    async def lookup(self, handle: Handle) -> Customer:
        """Returns the customer of a handle; raises `UnknownHandle`."""
        async with self._pool.acquire() as connection:
            customer_id = await connection.fetchval(_OWNER, handle.type, handle.value)
            if customer_id is None:
                raise UnknownHandle
            return await _read(connection, customer_id)

    async def binding(self, handle: Handle) -> Binding:
        """Returns to whom a handle belongs now; raises `UnknownHandle`."""
        record = await self._pool.fetchrow(_BINDING, handle.type, handle.value)
        if record is None:
            raise UnknownHandle
        return Binding(CustomerId(record["customer_id"]), record["verified"], record["generation"])

    async def link(self, command: LinkCommand, encode: Callable[[Customer], bytes]) -> bytes:
        """Joins a handle to the customer of a known one and returns the encoded answer, of old for a repeat.

        Raises `UnknownHandle` if no customer has the known handle, `HandleTaken` if the added one is another
        customer's, `RequestReused` if the request id came with another body before.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            # A concurrent repeat waits here for the first one's commit.
            taken = await connection.fetchval(_TAKE_REQUEST, command.request_id, command.body_hash)
            if taken is None:
                return await _first_answer(connection, command)
            customer_id = await connection.fetchval(_OWNER, command.known.type, command.known.value)
            if customer_id is None:
                raise UnknownHandle
            facts = await _join(connection, command, customer_id)
            customer = await _read(connection, customer_id)
            answer = encode(customer)
            await connection.execute(
                "UPDATE identity.requests SET customer_id = $2, response = $3 WHERE request_id = $1",
                command.request_id,
                customer_id,
                answer,
            )
        self._hint(facts)
        return answer

    async def _find(self, handles: Sequence[Handle]) -> dict[Handle, Binding]:
        records = await self._pool.fetch(
            _FIND, [h.type for h in handles], [h.value for h in handles]
        )
        return {
            _handle(r): Binding(CustomerId(r["customer_id"]), r["verified"], r["generation"])
            for r in records
        }


def _is_covered(sighting: Sighting, binding: Binding | None) -> bool:
    return binding is not None and (binding.verified or not sighting.verified)


async def _rename(connection: Connection, proved: Sequence[asyncpg.Record]) -> None:
    if proved:
        columns = ("type", "value", "customer_id", "display_name")
        await connection.execute(_RENAME, *([r[name] for r in proved] for name in columns))


async def _first_answer(connection: Connection, command: LinkCommand) -> bytes:
    record = await connection.fetchrow(
        "SELECT request_hash, response FROM identity.requests WHERE request_id = $1",
        command.request_id,
    )
    if record is None or record["request_hash"] != command.body_hash:
        raise RequestReused
    return bytes(record["response"])


async def _join(connection: Connection, command: LinkCommand, customer_id: UUID) -> Sequence[Row]:
    changed = await connection.fetchval(
        _JOIN, command.added.type, command.added.value, customer_id, command.evidence
    )
    if changed is None:
        owner = await connection.fetchval(_OWNER, command.added.type, command.added.value)
        if owner != customer_id:
            raise HandleTaken
        return ()
    await connection.execute(
        "UPDATE identity.customers SET generation = generation + 1, update_time = now() "
        "WHERE customer_id = $1",
        customer_id,
    )
    return await _record(connection, "linked", 1)


async def _record(connection: Connection, outcome: str, count: int) -> Sequence[Row]:
    if not count:
        return ()
    records = await connection.fetch(_FACTS, [fact_payload(outcome)] * count)
    return [Row(r["fact_id"], TOPIC, None, r["payload"]) for r in records]


async def _read(connection: Connection, customer_id: UUID) -> Customer:
    # The foreign key holds: a handle's customer exists.
    [customer] = await connection.fetch(_CUSTOMER, customer_id)
    identifiers = await connection.fetch(_IDENTIFIERS, customer_id)
    return Customer(
        customer_id=CustomerId(customer["customer_id"]),
        display_name=customer["display_name"],
        generation=customer["generation"],
        create_time=customer["create_time"],
        identifiers=tuple(
            Identifier(_handle(r), r["verified"], r["evidence"], r["create_time"])
            for r in identifiers
        ),
    )


def _handle(record: asyncpg.Record) -> Handle:
    return Handle(HandleType(record["type"]), record["value"])
