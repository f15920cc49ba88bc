"""Where the mailbox was read up to, in Postgres, and the lease of the one replica that reads it.

A lease instead of a lock: no connection is held while the provider is asked. Two readers at once do
no harm, for the inbox takes each mail once; the lease only saves the work.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.database import Pool
from services.intake.application.ports import Cursor, Watch

LEASE = timedelta(seconds=60)

_TAKE = """
    INSERT INTO intake.mail_cursors AS c (mailbox, lease_holder, lease_time)
    VALUES ($1, $2, now() + $3)
    ON CONFLICT (mailbox) DO UPDATE
    SET lease_holder = excluded.lease_holder, lease_time = excluded.lease_time
    WHERE c.lease_time IS NULL OR c.lease_time < now() OR c.lease_holder = excluded.lease_holder
    RETURNING history_id, watch_expire_time, watch_time, watch_try_time, start_time, seen_time,
              resyncs, resync_time
"""
_RENEW = """
    UPDATE intake.mail_cursors SET lease_time = now() + $3 WHERE mailbox = $1 AND lease_holder = $2
"""
_RELEASE = """
    UPDATE intake.mail_cursors SET lease_time = NULL WHERE mailbox = $1 AND lease_holder = $2
"""
_WATCHED = """
    UPDATE intake.mail_cursors
    SET watch_expire_time = $3, watch_time = $4, watch_try_time = $4, watch_error = '',
        history_id = coalesce(history_id, $2), start_time = coalesce(start_time, $4), update_time = now()
    WHERE mailbox = $1
"""
_BEGAN = """
    UPDATE intake.mail_cursors
    SET history_id = coalesce(history_id, $2), start_time = coalesce(start_time, $3), update_time = now()
    WHERE mailbox = $1
"""
_WATCH_FAILED = """
    UPDATE intake.mail_cursors SET watch_error = $2, watch_try_time = $3 WHERE mailbox = $1
"""
_ADVANCE = """
    UPDATE intake.mail_cursors
    SET history_id = greatest(history_id, $2), seen_time = greatest(seen_time, $3), update_time = now()
    WHERE mailbox = $1
"""
_CAUGHT_UP = """
    UPDATE intake.mail_cursors SET look_time = $2, look_error = '', resyncs = 0 WHERE mailbox = $1
"""
_LOOK_FAILED = """
    UPDATE intake.mail_cursors SET look_error = $2 WHERE mailbox = $1
"""
_RESET = """
    UPDATE intake.mail_cursors
    SET history_id = $2, resyncs = resyncs + 1, resync_time = $3, look_time = $3, look_error = '',
        update_time = now()
    WHERE mailbox = $1
"""
_PUSHED = """
    UPDATE intake.mail_cursors SET push_time = $2 WHERE mailbox = $1
"""
_STATES = """
    SELECT mailbox, watch_expire_time, watch_error, look_time, look_error, push_time, resyncs
    FROM intake.mail_cursors WHERE mailbox = ANY ($1)
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
            yield Cursor(**row)
        finally:
            await self._pool.execute(_RELEASE, self._mailbox, self._holder)

    async def renew(self) -> None:
        """Extends the lease while the reading goes on."""
        await self._pool.execute(_RENEW, self._mailbox, self._holder, LEASE)

    async def watched(self, watch: Watch, now: datetime) -> None:
        """Records a watch that began now; its history id becomes the cursor only if there is none yet."""
        await self._pool.execute(_WATCHED, self._mailbox, watch.history_id, watch.expire_time, now)

    async def began(self, history_id: int, now: datetime) -> None:
        """Records where we begin to read, if that is not known yet."""
        await self._pool.execute(_BEGAN, self._mailbox, history_id, now)

    async def watch_failed(self, reason: str, now: datetime) -> None:
        """Records an attempt at a watch that failed."""
        await self._pool.execute(_WATCH_FAILED, self._mailbox, reason, now)

    async def advance(self, history_id: int, seen_time: datetime | None) -> None:
        """Moves the cursor and the newest mail's time forward, never back."""
        await self._pool.execute(_ADVANCE, self._mailbox, history_id, seen_time)

    async def caught_up(self, now: datetime) -> None:
        """Records that the history was read to its end."""
        await self._pool.execute(_CAUGHT_UP, self._mailbox, now)

    async def look_failed(self, reason: str) -> None:
        """Records why the last look failed."""
        await self._pool.execute(_LOOK_FAILED, self._mailbox, reason)

    async def reset(self, history_id: int, now: datetime) -> None:
        """Puts the cursor to where the mailbox stands, and counts a lost history."""
        await self._pool.execute(_RESET, self._mailbox, history_id, now)

    async def pushed(self, now: datetime) -> None:
        """Records that Gmail's notification reached us."""
        await self._pool.execute(_PUSHED, self._mailbox, now)


@dataclass(frozen=True, slots=True)
class MailboxState:
    """How one mailbox stands; what is absent has never happened, errors are empty when all is well."""

    mailbox: str
    watch_expire_time: datetime | None = None
    watch_error: str = ""
    look_time: datetime | None = None
    look_error: str = ""
    push_time: datetime | None = None
    resyncs: int = 0


async def mailbox_states(pool: Pool, mailboxes: Sequence[str]) -> list[MailboxState]:
    """Returns the state of each mailbox in the given order, whichever replica reads it."""
    rows = await pool.fetch(_STATES, list(mailboxes))
    known = {row["mailbox"]: MailboxState(**row) for row in rows}
    return [known.get(mailbox, MailboxState(mailbox)) for mailbox in mailboxes]
