"""Customers and handles in Postgres. The key of customer_identifiers makes one customer of concurrent first contacts."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import asyncpg

from chassis.database import Connection, Pool
from chassis.ledger import Row
from services.identity.adapters.filing import file_alone, file_together, owner_of, record_facts
from services.identity.domain.customers import (
    Binding,
    Customer,
    CustomerId,
    Filed,
    HandleTaken,
    Identifier,
    RequestReused,
    Sighting,
    UnknownHandle,
    bind,
    strongest,
)
from services.identity.domain.handles import Handle, HandleType

_FIND = """
    SELECT i.type, i.value, i.verified, i.customer_id, c.generation, i.seen_with
    FROM unnest($1::text[], $2::text[]) AS given(type, value)
    JOIN identity.customer_identifiers i ON i.type = given.type AND i.value = given.value
    JOIN identity.customers c ON c.customer_id = i.customer_id
"""

_CUSTOMER = """
    SELECT customer_id, display_name, generation, create_time
    FROM identity.customers WHERE customer_id = $1
"""

_IDENTIFIERS = """
    SELECT type, value, verified, evidence, create_time
    FROM identity.customer_identifiers WHERE customer_id = $1 ORDER BY create_time, type, value
"""

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

    async def resolve(self, sightings: Sequence[Sighting]) -> list[Binding]:
        """Returns the binding of each sighting in order, making customers of new handles and proofs of claims."""
        wanted = {s.handle for s in sightings} | {s.user for s in sightings if s.user}
        filed = await self._find(wanted)
        together = dict.fromkeys(s for s in sightings if s.user and not _is_seen(s, filed))
        alone = [s for s in strongest(sightings) if not s.user and not _is_covered(s, filed)]
        for sighting in together:
            await self._write(partial(file_together, sighting=sighting))
        if alone:
            await self._write(partial(file_alone, sightings=alone))
        if together or alone:
            # A statement of its own: it sees what concurrent first contacts have committed meanwhile.
            filed = await self._find(wanted)
        # A number that is seen alone is whose the user id last seen with it is.
        users = {user for f in filed.values() if (user := f.seen_with) and user not in filed}
        filed |= await self._find(users)
        return [_bound(sighting, filed) for sighting in sightings]

    async def lookup(self, handle: Handle) -> Customer:
        """Returns the customer of a handle; raises `UnknownHandle`."""
        async with self._pool.acquire() as connection:
            customer_id = await owner_of(connection, handle)
            if customer_id is None:
                raise UnknownHandle
            return await _read(connection, customer_id)

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
            customer_id = await owner_of(connection, command.known)
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

    async def _find(self, handles: Iterable[Handle]) -> dict[Handle, Filed]:
        given = sorted(handles)
        if not given:
            return {}
        records = await self._pool.fetch(_FIND, [h.type for h in given], [h.value for h in given])
        return {
            _handle(r): Filed(
                CustomerId(r["customer_id"]),
                r["verified"],
                r["generation"],
                Handle(HandleType.WHATSAPP_USER, r["seen_with"]) if r["seen_with"] else None,
            )
            for r in records
        }

    async def _write(self, write: Callable[[Connection], Awaitable[Sequence[Row]]]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            facts = await write(connection)
        self._hint(facts)


def _is_covered(sighting: Sighting, filed: Mapping[Handle, Filed]) -> bool:
    known = filed.get(sighting.handle)
    return known is not None and (known.verified or not sighting.verified)


def _is_seen(sighting: Sighting, filed: Mapping[Handle, Filed]) -> bool:
    known = filed.get(sighting.handle)
    return known is not None and known.verified and known.seen_with == sighting.user


def _bound(sighting: Sighting, filed: Mapping[Handle, Filed]) -> Binding:
    known = filed[sighting.handle]
    user = sighting.user or (known.seen_with if sighting.verified else None)
    return bind(known, filed[user] if user else None)


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
        owner = await owner_of(connection, command.added)
        if owner != customer_id:
            raise HandleTaken
        return ()
    await connection.execute(
        "UPDATE identity.customers SET generation = generation + 1, update_time = now() "
        "WHERE customer_id = $1",
        customer_id,
    )
    return await record_facts(connection, "linked", 1)


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
