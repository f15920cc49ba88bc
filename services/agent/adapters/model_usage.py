"""What models cost in Postgres: one row a day, customer and model, and the day's sums over all customers."""

from chassis.database import Connection, Pool
from services.agent.domain.turn import Turn
from services.agent.domain.usage import DaySpent, Spent, Usage

_COUNTS = "turns, stops, calls, retries, input_tokens, cached_input_tokens, output_tokens, cost"
_ADDED = ", ".join(f"{name} = u.{name} + excluded.{name}" for name in _COUNTS.split(", "))
_TODAY = "(now() AT TIME ZONE 'UTC')::date"
# The customer's row comes first: the day's row, which all turns share, is locked for one statement only.
_ADD_CUSTOMER = (
    f"INSERT INTO agent.model_usage AS u (day, customer_id, side, model, {_COUNTS}) "  # noqa: S608 - constants
    f"VALUES ({_TODAY}, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
    f"ON CONFLICT (day, customer_id, side, model) DO UPDATE SET {_ADDED}"
)
_SUM_CUSTOMER = (
    "SELECT coalesce(sum(turns), 0)::bigint AS turns, coalesce(sum(cost), 0)::bigint AS cost, "  # noqa: S608
    "coalesce(sum(input_tokens + output_tokens), 0)::bigint AS tokens "
    f"FROM agent.model_usage WHERE day = {_TODAY} AND customer_id = $1 AND side = $2"
)
_ADD_DAY = (
    f"INSERT INTO agent.model_usage_days AS u (day, model, {_COUNTS}) "  # noqa: S608
    f"VALUES ({_TODAY}, $1, $2, $3, $4, $5, $6, $7, $8, $9) "
    f"ON CONFLICT (day, model) DO UPDATE SET {_ADDED}"
)
_SUM_DAY = (
    "SELECT coalesce(sum(turns), 0)::bigint AS turns, coalesce(sum(cost), 0)::bigint AS cost, "  # noqa: S608
    "coalesce(sum(input_tokens + output_tokens), 0)::bigint AS tokens "
    f"FROM agent.model_usage_days WHERE day = {_TODAY}"
)


class ModelUsage:
    """The usage ledger over a pool of the turn role, which sees the turn's side of the customer only."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self, turn: Turn, model: str) -> DaySpent:
        """Counts a turn that asks a model; returns what was spent today, this turn among it."""
        return await self._add(turn, model, (1, 0), Usage(), 0)

    async def charge(self, turn: Turn, model: str, usage: Usage, cost: int) -> DaySpent:
        """Adds what one call cost, `cost` in millionths of a dollar; returns what was spent today."""
        return await self._add(turn, model, (0, 0), usage, cost)

    async def stop(self, turn: Turn, model: str) -> None:
        """Counts a turn in which the model was not asked, or not again, because a budget was spent."""
        await self._add(turn, model, (0, 1), Usage(), 0)

    async def _add(
        self, turn: Turn, model: str, turns_and_stops: tuple[int, int], usage: Usage, cost: int
    ) -> DaySpent:
        counts = (
            *turns_and_stops,
            usage.calls,
            usage.retries,
            usage.input_tokens,
            usage.cached_input_tokens,
            usage.output_tokens,
            cost,
        )
        mine = (turn.customer_id, turn.side.value)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "SELECT set_config('fte.customer_id', $1, true), set_config('fte.side', $2, true)",
                str(turn.customer_id),
                turn.side.value,
            )
            await connection.execute(_ADD_CUSTOMER, *mine, model, *counts)
            customer = await _spent(connection, _SUM_CUSTOMER, *mine)
            await connection.execute(_ADD_DAY, model, *counts)
            return DaySpent(customer, await _spent(connection, _SUM_DAY))


async def _spent(connection: Connection, query: str, *arguments: object) -> Spent:
    row = await connection.fetchrow(query, *arguments)
    return Spent(row["turns"], row["tokens"], row["cost"]) if row is not None else Spent()
