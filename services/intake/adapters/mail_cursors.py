"""Where the mailbox was read up to, in Postgres, and the lease of the one replica that reads it.

A lease instead of a lock: no connection is held while the provider is asked. Two readers at once do
no harm, for the inbox takes each mail once; the lease only saves the work.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from chassis.database import Pool
from services.intake.application.ports import Cursor, Watch

LEASE = timedelta(seconds=60)

_TAKE = """
    INSERT INTO intake.mail_cursors AS c (mailbox, lease_holder, lease_time)
    VALUES ($1, $2, now() + $3)
    ON CONFLICT (mailbox) DO UPDATE
    SET lease_holder = excluded.lease_holder, lease_time = excluded.lease_time
    WHERE c.lease_time IS NULL OR c.lease_time < now() OR c.lease_holder = excluded.lease_holder
    RETURNING history_id, watch_expire_time
"""
_RENEW = """
    UPDATE intake.mail_cursors SET lease_time = now() + $3 WHERE mailbox = $1 AND lease_holder = $2
"""
_RELEASE = """
    UPDATE intake.mail_cursors SET lease_time = NULL WHERE mailbox = $1 AND lease_holder = $2
"""
_WATCHED = """
    UPDATE intake.mail_cursors
    SET watch_expire_time = $3, history_id = coalesce(history_id, $2), update_time = now()
    WHERE mailbox = $1
"""
_ADVANCE = """
    UPDATE intake.mail_cursors SET history_id = $2, update_time = now()
    WHERE mailbox = $1 AND history_id < $2
"""
_RESET = """
    UPDATE intake.mail_cursors SET history_id = $2, update_time = now() WHERE mailbox = $1
"""


class PostgresMailCursors:
    """One mailbox's cursor; `holder` names this replica."""

    def __init__(self, pool: Pool, mailbox: str, holder: str) -> None:
        self._pool = pool
        self._mailbox = mailbox
        self._holder = holder

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Cursor | None]:
        """Takes the mailbox for this replica; gives None while another one reads it."""
        row = await self._pool.fetchrow(_TAKE, self._mailbox, self._holder, LEASE)
        if row is None:
            yield None
            return
        try:
            yield Cursor(row["history_id"], row["watch_expire_time"])
        finally:
            await self._pool.execute(_RELEASE, self._mailbox, self._holder)

    async def renew(self) -> None:
        """Extends the lease while the reading goes on."""
        await self._pool.execute(_RENEW, self._mailbox, self._holder, LEASE)

    async def watched(self, watch: Watch) -> None:
        """Records a watch; its history id becomes the cursor only if there is none yet."""
        await self._pool.execute(_WATCHED, self._mailbox, watch.history_id, watch.expire_time)

    async def advance(self, history_id: int) -> None:
        """Moves the cursor forward, never back."""
        await self._pool.execute(_ADVANCE, self._mailbox, history_id)

    async def reset(self, history_id: int) -> None:
        """Puts the cursor to where the mailbox stands."""
        await self._pool.execute(_RESET, self._mailbox, history_id)
