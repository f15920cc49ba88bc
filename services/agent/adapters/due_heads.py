"""Whose turn it is, from the heads table; leases use the database's clock."""

from collections.abc import Sequence
from datetime import timedelta

from chassis.database import Pool
from services.agent.adapters.inbound import InboundStore
from services.agent.application.runner import Head
from services.agent.application.turns import LEASE
from services.agent.domain.turn import CustomerId, Side, TurnId


class PostgresDueHeads:
    """Due heads and leases for one runner's process."""

    def __init__(self, pool: Pool, inbound: InboundStore, lease: timedelta = LEASE) -> None:
        self._pool = pool
        self._inbound = inbound
        self._lease = lease

    async def due(self, limit: int) -> Sequence[Head]:
        """Lists heads that are due and have no live lease, longest waiting first."""
        records = await self._pool.fetch(
            "SELECT customer_id, side FROM agent.heads WHERE due_time <= now() "
            "AND (lease_time IS NULL OR lease_time < now()) ORDER BY due_time LIMIT $1",
            limit,
        )
        return [Head(CustomerId(r["customer_id"]), Side(r["side"])) for r in records]

    async def renew(self, turn_ids: Sequence[TurnId]) -> None:
        """Renews leases in one statement, only of turns that are still open and never past their cap."""
        await self._pool.execute(
            "WITH live AS (SELECT h.customer_id, h.side, t.cap_time FROM agent.heads AS h "
            "JOIN agent.turns AS t USING (customer_id, side, turn_no) "
            "WHERE t.turn_id = ANY ($1) AND t.state = 'open' "
            "ORDER BY h.customer_id, h.side FOR NO KEY UPDATE OF h) "
            "UPDATE agent.heads AS h SET lease_time = least(now() + $2::interval, live.cap_time) "
            "FROM live WHERE h.customer_id = live.customer_id AND h.side = live.side",
            list(turn_ids),
            self._lease,
        )

    async def void_predecessor(self, runner: str) -> int:
        """Voids the open turns of earlier starts of this slot; the part before the slash names the slot."""
        records = await self._pool.fetch(
            "WITH voided AS (UPDATE agent.turns SET state = 'void', end_time = now() "
            "WHERE state = 'open' AND split_part(runner, '/', 1) = split_part($1, '/', 1) "
            "AND runner <> $1 RETURNING customer_id, side) "
            "UPDATE agent.heads AS h SET lease_time = NULL FROM voided AS v "
            "WHERE h.customer_id = v.customer_id AND h.side = v.side RETURNING h.customer_id",
            runner,
        )
        return len(records)

    async def revive(self) -> int:
        """Makes due whoever has waiting messages, no due time and no live lease."""
        return await self._inbound.make_due()
