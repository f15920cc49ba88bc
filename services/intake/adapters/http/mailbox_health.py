"""What the health page says of each mailbox: whether it is read, and how long Gmail goes on notifying."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.database import Pool
from services.intake.adapters.mail_cursors import MailboxState, mailbox_states
from services.intake.application.mail_reading import ALARM_BEFORE, LOOPING_RESYNCS

# A mail is promised to be found within five minutes.
READ_WITHIN = timedelta(minutes=5)
_KEPT_SECONDS = 1.0


class MailboxHealth:
    """Reads the mailboxes' states, whichever replica looks into them; many askers cost no more than one."""

    def __init__(self, pool: Pool, mailboxes: Sequence[str]) -> None:
        self._pool = pool
        self._mailboxes = mailboxes
        self._known: list[dict[str, Any]] = []
        self._asked_at = float("-inf")

    async def report(self) -> list[dict[str, Any]]:
        """Returns one entry for each mailbox: its state in a word, and the facts behind it."""
        if time.monotonic() - self._asked_at > _KEPT_SECONDS:
            states = await mailbox_states(self._pool, self._mailboxes)
            self._known = [described(state, datetime.now(UTC)) for state in states]
            self._asked_at = time.monotonic()
        return self._known


def described(state: MailboxState, now: datetime) -> dict[str, Any]:
    """Returns how a mailbox stands: not_read, history_lost, watch_ends_soon, or ok."""
    watched_for = None if state.watch_expire_time is None else state.watch_expire_time - now
    if state.look_time is None or now - state.look_time > READ_WITHIN:
        word = "not_read"
    elif state.resyncs >= LOOPING_RESYNCS:
        word = "history_lost"
    elif watched_for is None or watched_for < ALARM_BEFORE:
        word = "watch_ends_soon"
    else:
        word = "ok"
    return {
        "mailbox": state.mailbox,
        "state": word,
        "look_time": _told(state.look_time),
        "look_error": state.look_error,
        "watch_expire_time": _told(state.watch_expire_time),
        "watch_error": state.watch_error,
        "push_time": _told(state.push_time),
        "resyncs": state.resyncs,
    }


def _told(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
