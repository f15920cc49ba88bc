"""Files handles inside a transaction: first contacts, proofs of claims, and a number with the user id beside it."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from chassis.database import Connection
from chassis.ledger import Row
from services.identity.adapters.facts import TOPIC, fact_payload
from services.identity.domain.customers import Sighting
from services.identity.domain.handles import Handle

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

_FACTS = """
    INSERT INTO identity.metric_facts (payload) SELECT unnest($1::bytea[]) RETURNING fact_id, payload
"""

_OWNER = "SELECT customer_id FROM identity.customer_identifiers WHERE type = $1 AND value = $2"

_ADD = """
    INSERT INTO identity.customer_identifiers (type, value, customer_id, verified, evidence)
    VALUES ($1, $2, $3, true, $4) ON CONFLICT (type, value) DO NOTHING RETURNING customer_id
"""

_GROW = """
    UPDATE identity.customers SET generation = generation + 1, update_time = now()
    WHERE customer_id = $1
"""


async def file_alone(connection: Connection, sightings: Sequence[Sighting]) -> Sequence[Row]:
    """Makes customers of new handles and proofs of claims; returns the metric facts."""
    filed = await connection.fetch(
        _FILE,
        [s.handle.type for s in sightings],
        [s.handle.value for s in sightings],
        [s.verified for s in sightings],
        [s.evidence for s in sightings],
        [s.display_name for s in sightings],
    )
    await _rename(connection, [r for r in filed if not r["created"]])
    return await record_facts(connection, "created", sum(r["created"] for r in filed))


async def file_together(connection: Connection, sighting: Sighting) -> Sequence[Row]:
    """Files a number and the user id beside it, which one signature proved; returns the metric facts.

    Both become one customer's, unless the number was seen with another user id before: then its holder may have
    changed, and a new user id is a new customer.
    """
    user = sighting.of_user()
    number, beside = sighting.handle, user.handle
    facts: list[Row] = []
    known = await owner_of(connection, beside)
    if known is None or not await _add(connection, sighting, known, facts):
        facts += await file_alone(connection, [sighting])
    # Whoever brings another user id with this number meanwhile waits here.
    [held] = await connection.fetch(
        "SELECT customer_id, seen_with FROM identity.customer_identifiers "
        "WHERE type = $1 AND value = $2 FOR NO KEY UPDATE",
        number.type,
        number.value,
    )
    if held["seen_with"] is None:
        await _add(connection, user, held["customer_id"], facts)
    else:
        facts += await file_alone(connection, [user])
    await connection.execute(
        "UPDATE identity.customer_identifiers SET seen_with = $3 WHERE type = $1 AND value = $2",
        number.type,
        number.value,
        beside.value,
    )
    return facts


async def owner_of(connection: Connection, handle: Handle) -> UUID | None:
    """Returns the customer of a handle, None if nobody has it."""
    owner: UUID | None = await connection.fetchval(_OWNER, handle.type, handle.value)
    return owner


async def record_facts(connection: Connection, outcome: str, count: int) -> Sequence[Row]:
    """Records metric facts of one outcome and returns their ledger rows."""
    if not count:
        return ()
    records = await connection.fetch(_FACTS, [fact_payload(outcome)] * count)
    return [Row(r["fact_id"], TOPIC, None, r["payload"]) for r in records]


async def _add(
    connection: Connection, sighting: Sighting, customer_id: UUID, facts: list[Row]
) -> bool:
    """Adds a handle to a customer; false if somebody has it, whoever that is."""
    added = await connection.fetchval(
        _ADD, sighting.handle.type, sighting.handle.value, customer_id, sighting.evidence
    )
    if added is None:
        return False
    await connection.execute(_GROW, customer_id)
    facts += await record_facts(connection, "linked", 1)
    return True


async def _rename(connection: Connection, proved: Sequence[asyncpg.Record]) -> None:
    if proved:
        columns = ("type", "value", "customer_id", "display_name")
        await connection.execute(_RENAME, *([r[name] for r in proved] for name in columns))
