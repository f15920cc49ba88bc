"""Owns a simulator's state file: one sqlite connection, short transactions, what was sent.

Everything runs on the event loop's thread: a statement takes microseconds, because commits wait
for no disk. A killed process loses nothing; only a power cut could.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SHARED = """
CREATE TABLE IF NOT EXISTS sent (seq INTEGER PRIMARY KEY AUTOINCREMENT, entry TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Database:
    """Holds the connection to one state file and the tables that every simulator has."""

    def __init__(self, path: Path, schema: str, spared: frozenset[str] = frozenset()) -> None:
        """Opens the file; `spared` names the tables that `wipe` leaves alone."""
        self._spared = spared
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SHARED + schema)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits what happens inside, or undoes it when an error leaves the block."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def run(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Executes one parameterised statement."""
        return self._connection.execute(statement, values)

    def rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """Returns all rows of a query."""
        return self._connection.execute(statement, values).fetchall()

    def first(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """Returns the first row of a query, or None."""
        row: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
        return row

    def record_sent(self, entry: Mapping[str, Any]) -> None:
        """Appends one accepted message to the list that `GET /_sent` shows."""
        self.run("INSERT INTO sent (entry) VALUES (?)", json.dumps(entry))

    def sent(self, offset: int) -> list[str]:
        """Returns the accepted messages as JSON texts in order, without the first `offset`."""
        rows = self.rows("SELECT entry FROM sent ORDER BY seq LIMIT -1 OFFSET ?", offset)
        return [row["entry"] for row in rows]

    def keep(self, name: str, value: Any) -> None:
        """Stores one JSON value under a name, in place of an earlier one."""
        self.run("INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)", name, json.dumps(value))

    def kept(self, name: str, default: Any = None) -> Any:
        """Returns the JSON value stored under a name, or the default."""
        row = self.first("SELECT value FROM kept WHERE name = ?", name)
        return default if row is None else json.loads(row["value"])

    def wipe(self) -> None:
        """Empties every table that is not spared; numbers that count up go on counting."""
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        with self.transaction():
            for row in self.rows(query):
                if row["name"] not in self._spared:
                    self.run(f'DELETE FROM "{row["name"]}"')  # noqa: S608 - a schema's own name


def rfc3339(moment: float) -> str:
    """Returns a moment in Unix seconds as UTC text with microseconds and a trailing Z."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
