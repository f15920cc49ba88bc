"""The event log: what happened to one side of one customer, by version and ordinal."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from chassis.database import Connection
from services.agent.domain.events import Event

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


async def append_events(
    connection: Connection,
    customer_id: UUID,
    side: str,
    version: int,
    events: Sequence[Event],
    occur_time: datetime,
) -> None:
    """Appends events to a version, after those that it has; the caller holds the head's lock."""
    await connection.execute(
        "INSERT INTO agent.events (customer_id, side, version, ordinal, type, payload, occur_time) "
        "SELECT $1, $2, $3, e.ordinal + (SELECT count(*) FROM agent.events WHERE customer_id = $1 "
        "AND side = $2 AND version = $3), e.type, e.payload, $7 "
        "FROM unnest($4::integer[], $5::text[], $6::jsonb[]) AS e(ordinal, type, payload)",
        customer_id,
        side,
        version,
        list(range(len(events))),
        [event.type for event in events],
        [_EVENT.dump_json(event).decode() for event in events],
        occur_time,
    )


async def read_events(
    connection: Connection, customer_id: UUID, side: str, from_version: int
) -> list[Event]:
    """Reads the events from a version on, in order."""
    records = await connection.fetch(
        "SELECT payload FROM agent.events WHERE customer_id = $1 AND side = $2 AND version >= $3 "
        "ORDER BY version, ordinal",
        customer_id,
        side,
        from_version,
    )
    return [_EVENT.validate_json(record["payload"]) for record in records]
