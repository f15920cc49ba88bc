"""Lets time pass: a clock of the test's own, and for a database rows that grow older."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from tests.integration.postgres import Database

_TIME_COLUMNS = """
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = $1 AND data_type IN ('timestamp with time zone', 'date')
"""


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    moment: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Returns its time."""
        return self.moment

    def move(self, by: timedelta) -> None:
        """Moves it on."""
        self.moment += by


async def age(database: Database, schema: str, by: timedelta) -> None:
    """Makes every row of a schema older: its moments by all of `by`, its dates by the whole days of it."""
    connection = await asyncpg.connect(database.superuser)
    try:
        columns = await connection.fetch(_TIME_COLUMNS, schema)
        async with connection.transaction():
            for table, column, kind in columns:
                value, of = (by.days, "integer") if kind == "date" else (by, "interval")
                await connection.execute(
                    f"UPDATE {schema}.{table} SET {column} = {column} - $1::{of}", value
                )
    finally:
        await connection.close()
