"""Owns bringing a database's schema forward: plain SQL files, in name order, each once.

A file runs as whoever the DSN names (a superuser), in one transaction together with the row that
records it in `public.schema_migrations`. There is no way back; a recorded file never changes.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg

from devstack.failure import StackError

FOLDER: Final = Path(__file__).resolve().parent.parent / "migrations"
# One number for all who migrate the same database at once.
_LOCK: Final = 4_711_018

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS public.schema_migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    apply_time timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """Holds one file: its name, its text and the hash of its bytes."""

    name: str
    sql: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Lists what keeps a database from being at the head: missing and changed files by name."""

    missing: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.changed)


def read_migrations(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Returns the files `NNNN_<name>.sql` of a folder in the order of their names."""
    files = sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return tuple(
        Migration(path.name, path.read_text(), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    )


async def migrate(dsn: str, folder: Path = FOLDER) -> list[str]:
    """Applies what is missing and returns the names of the files applied now.

    Raises:
        StackError: if a recorded file has changed, or a file fails; that file then left no trace.
    """
    migrations = read_migrations(folder)
    connection = await asyncpg.connect(dsn)
    try:
        # Held by the connection, not by a transaction: it spans all files.
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute("SET client_min_messages = warning")
        await connection.execute(_TABLE)
        difference = _compare(migrations, await _recorded(connection))
        if difference.changed:
            raise StackError(
                f"applied migrations were changed: {', '.join(difference.changed)}",
                "restore them and write a new migration (locally: `fte reset`)",
            )
        for migration in migrations:
            if migration.name in difference.missing:
                await _apply(connection, migration)
    finally:
        await connection.close()
    return list(difference.missing)


async def check(dsn: str, folder: Path = FOLDER) -> Difference:
    """Compares a database with the files, changing nothing."""
    connection = await asyncpg.connect(dsn)
    try:
        return _compare(read_migrations(folder), await _recorded(connection))
    finally:
        await connection.close()


async def applied(dsn: str) -> list[tuple[str, datetime]]:
    """Returns the recorded files and when each was applied, in name order."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT name, apply_time FROM public.schema_migrations ORDER BY name"
        )
    finally:
        await connection.close()
    return [(row["name"], row["apply_time"]) for row in rows]


async def _recorded(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str]:
    if await connection.fetchval("SELECT to_regclass('public.schema_migrations')") is None:
        return {}
    rows = await connection.fetch("SELECT name, sha256 FROM public.schema_migrations")
    return {row["name"]: row["sha256"] for row in rows}


def _compare(migrations: tuple[Migration, ...], recorded: dict[str, str]) -> Difference:
    present = {migration.name: migration.sha256 for migration in migrations}
    missing = tuple(name for name in present if name not in recorded)
    changed = tuple(
        name for name, sha256 in sorted(recorded.items()) if present.get(name) != sha256
    )
    return Difference(missing, changed)


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            # A file may have changed the role for its own statements.
            await connection.execute("RESET ROLE")
            await connection.execute(
                "INSERT INTO public.schema_migrations (name, sha256) VALUES ($1, $2)",
                migration.name,
                migration.sha256,
            )
    except asyncpg.PostgresError as exc:
        raise StackError(f"{migration.name}: {exc}", "correct the file and try again") from exc
