"""The rows of a ledger in Postgres.

The table must have the columns state, outcome, attempts, next_drive_time, stored_time and settle_time, and a
partial index on next_drive_time where the state is not 'settled'.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.database import Pool
from chassis.ledger import Receipt, Row


@dataclass(frozen=True, slots=True)
class LedgerTable:
    """Where the rows are, and which SQL expressions make a `Row` of them; all are constants of the code."""

    name: str
    key: str
    topic: str
    group_id: str = "NULL::uuid"
    payload: str = "''::bytea"


class PostgresLedgerRows:
    """The rows of one table; each method is one statement."""

    def __init__(self, pool: Pool, table: LedgerTable) -> None:
        self._pool = pool
        self._name = table.name
        self._claim_sql = _claim_sql(table)
        self._receive_sql = _receive_sql(table)
        self._pull_forward_sql = _pull_forward_sql(table)

    @property
    def name(self) -> str:
        """The table's name."""
        return self._name

    async def claim(self, limit: int) -> Sequence[Row]:
        """Returns at most `limit` rows that are due, each with its next drive already moved."""
        records = await self._pool.fetch(self._claim_sql, limit)
        return [Row(r["row_id"], r["topic"], r["group_id"], r["payload"]) for r in records]

    async def receive(self, receipts: Sequence[Receipt]) -> None:
        """Takes over receipts of different rows, in the order of their ids. A settled row changes no more."""
        await self._pool.execute(
            self._receive_sql,
            [r.row_id for r in receipts],
            [r.settled for r in receipts],
            [r.outcome for r in receipts],
        )

    async def pull_forward(self) -> None:
        """Makes open rows that would wait for more than a second due within half a second."""
        await self._pool.execute(self._pull_forward_sql)


def _claim_sql(table: LedgerTable) -> str:
    # An open row is driven after 1, 2, 4, … 30 s; a stored one after 60 s growing to 10 min.
    # Materialised: inside IN the planner may run the inner query once for each row, and claim all of them.
    return f"""
        WITH due AS MATERIALIZED (
            SELECT {table.key} AS row_id FROM {table.name}
            WHERE state <> 'settled' AND next_drive_time <= now()
            ORDER BY next_drive_time LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE {table.name} AS t
        SET attempts = t.attempts + 1,
            next_drive_time = now() + (0.9 + random() * 0.2) * CASE t.state
                WHEN 'open' THEN least(interval '1 s' * power(2, least(t.attempts, 5)), interval '30 s')
                ELSE least(interval '60 s' * power(2, least(t.attempts, 4)), interval '10 min') END
        FROM due
        WHERE t.{table.key} = due.row_id
        RETURNING t.{table.key} AS row_id, {table.topic} AS topic, {table.group_id} AS group_id,
                  {table.payload} AS payload
    """  # noqa: S608 - every name is a constant of the code


def _receive_sql(table: LedgerTable) -> str:
    # Rows are locked in the order of their ids, so that two batches cannot deadlock.
    return f"""
        WITH receipt AS (
            SELECT * FROM unnest($1::uuid[], $2::boolean[], $3::text[]) AS r(row_id, settled, outcome)
        ), locked AS (
            SELECT {table.key} AS row_id FROM {table.name}
            WHERE {table.key} = ANY ($1) AND state <> 'settled' ORDER BY {table.key} FOR NO KEY UPDATE
        )
        UPDATE {table.name} AS t
        SET state = CASE WHEN r.settled THEN 'settled' ELSE 'stored' END,
            outcome = coalesce(nullif(r.outcome, ''), t.outcome),
            attempts = CASE WHEN t.state = 'open' THEN 0 ELSE t.attempts END,
            next_drive_time = CASE WHEN t.state = 'open' THEN now() + interval '60 s'
                                   ELSE t.next_drive_time END,
            stored_time = coalesce(t.stored_time, now()),
            settle_time = CASE WHEN r.settled THEN now() END
        FROM receipt r JOIN locked l ON l.row_id = r.row_id
        WHERE t.{table.key} = r.row_id
    """  # noqa: S608 - every name is a constant of the code


def _pull_forward_sql(table: LedgerTable) -> str:
    # Rows that somebody holds are on their way already; waiting for them out of order could deadlock.
    return f"""
        UPDATE {table.name} SET next_drive_time = now() + random() * interval '0.5 s'
        WHERE {table.key} IN (
            SELECT {table.key} FROM {table.name}
            WHERE state = 'open' AND next_drive_time > now() + interval '1 s'
            FOR NO KEY UPDATE SKIP LOCKED)
    """  # noqa: S608 - every name is a constant of the code
