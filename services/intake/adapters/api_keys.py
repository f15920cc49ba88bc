"""API keys in Postgres: looked up by their hash, made and withdrawn by the `fte keys` command."""

import hmac
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg

from chassis.database import Connection, Pool
from services.intake.application.api_keys import (
    LONGEST,
    ApiKey,
    Holder,
    NewKey,
    Scope,
    key_hash,
    new_key,
)

_FIND = """
    SELECT key_id, key_hash, scopes,
           last_used_time IS NULL OR last_used_time < now() - interval '1 minute' AS unnoted
    FROM intake.api_keys
    WHERE key_hash = $1 AND revoke_time IS NULL AND (expire_time IS NULL OR expire_time > now())
"""

_NOTE_USE = "UPDATE intake.api_keys SET last_used_time = now() WHERE key_id = $1"

_COLUMNS = "key_id, name, hint, scopes, create_time, expire_time, revoke_time, last_used_time"

_INSERT = f"""
    INSERT INTO intake.api_keys (name, key_hash, hint, scopes, expire_time)
    VALUES ($1, $2, $3, $4, now() + $5::interval) RETURNING {_COLUMNS}
"""  # noqa: S608 - the parts are constants of this module

# What is revoked or already ends sooner stays as it is.
_END_LATER = """
    UPDATE intake.api_keys SET expire_time = now() + $2::interval
    WHERE key_id = $1 AND revoke_time IS NULL AND (expire_time IS NULL OR expire_time > now() + $2::interval)
"""

_ENSURE = """
    WITH others AS (DELETE FROM intake.api_keys WHERE name = $1 AND key_hash <> $2)
    INSERT INTO intake.api_keys (name, key_hash, hint, scopes) VALUES ($1, $2, $3, $4)
    ON CONFLICT (key_hash) DO NOTHING
"""


class PostgresApiKeys:
    """Keeps keys; works over a pool of intake's role or over any connection that may write its tables."""

    def __init__(self, executor: "Pool | asyncpg.Connection[asyncpg.Record] | Connection") -> None:
        self._executor = executor

    async def holder(self, key: str) -> Holder | None:
        """Returns whose key this is, or None if it is nobody's, revoked or past its time."""
        wanted = key_hash(key[:LONGEST])
        row = await self._executor.fetchrow(_FIND, wanted)
        # An index compares hashes, of which a caller chooses no bit; whole keys meet in constant time only.
        found = row["key_hash"] if row is not None else bytes(len(wanted))
        if not hmac.compare_digest(found, wanted) or row is None:
            return None
        if row["unnoted"]:
            await self._executor.execute(_NOTE_USE, row["key_id"])
        return Holder(row["key_id"], frozenset(row["scopes"]))

    async def create(
        self, name: str, scopes: Sequence[Scope], lifetime: timedelta | None = None
    ) -> tuple[ApiKey, NewKey]:
        """Makes a key; its text is not kept."""
        fresh = new_key()
        [row] = await self._executor.fetch(
            _INSERT, name, key_hash(fresh.text), fresh.hint, sorted(scopes), lifetime
        )
        return _key(row), fresh

    async def ensure(self, name: str, key: str, scopes: Sequence[Scope]) -> None:
        """Makes a given key the only one of its name."""
        hint = NewKey(key).hint
        await self._executor.execute(_ENSURE, name, key_hash(key), hint, sorted(scopes))

    async def list(self) -> list[ApiKey]:
        """Returns all keys, oldest first."""
        rows = await self._executor.fetch(
            f"SELECT {_COLUMNS} FROM intake.api_keys ORDER BY key_id"  # noqa: S608 - a constant
        )
        return [_key(row) for row in rows]

    async def get(self, key_id: UUID) -> ApiKey | None:
        """Returns one key."""
        row = await self._executor.fetchrow(
            f"SELECT {_COLUMNS} FROM intake.api_keys WHERE key_id = $1",  # noqa: S608 - a constant
            key_id,
        )
        return _key(row) if row is not None else None

    async def revoke(self, key_id: UUID) -> bool:
        """Ends a key at once; false if it was not there or had ended before."""
        done = await self._executor.fetchval(
            "UPDATE intake.api_keys SET revoke_time = now() WHERE key_id = $1 "
            "AND revoke_time IS NULL RETURNING key_id",
            key_id,
        )
        return done is not None

    async def end_later(self, key_id: UUID, grace: timedelta) -> None:
        """Lets a key live no longer than `grace` from now."""
        await self._executor.execute(_END_LATER, key_id, grace)


def _key(row: asyncpg.Record) -> ApiKey:
    known = {scope.value for scope in Scope}
    return ApiKey(
        key_id=row["key_id"],
        name=row["name"],
        hint=row["hint"],
        scopes=frozenset(Scope(scope) for scope in row["scopes"] if scope in known),
        create_time=row["create_time"],
        expire_time=row["expire_time"],
        revoke_time=row["revoke_time"],
        last_used_time=row["last_used_time"],
    )
