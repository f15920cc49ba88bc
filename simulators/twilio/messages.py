"""Owns the account's messages: how they are accepted, stored, dated, listed and shown."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from sqlite3 import Row
from typing import Any, Final

from simulators.database import Database

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    sid TEXT NOT NULL UNIQUE,
    direction TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    body TEXT NOT NULL,
    media INTEGER NOT NULL,
    service_sid TEXT,
    error_code INTEGER,
    made_time REAL NOT NULL,
    sent_time REAL,
    delivered_time REAL,
    read_time REAL,
    failed_time REAL,
    visible_time REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_recipient ON messages (recipient, seq);
CREATE INDEX IF NOT EXISTS messages_sender ON messages (sender, seq);
CREATE TABLE IF NOT EXISTS windows (
    number TEXT PRIMARY KEY, last_inbound_time REAL
) WITHOUT ROWID;
"""
WINDOW_SECONDS: Final = 24 * 3600.0
_SEGMENT: Final = 160


@dataclass(frozen=True, slots=True)
class Schedule:
    """Holds when an outbound message reaches its states, in Unix seconds; None is never."""

    sent: float | None = None
    delivered: float | None = None
    read: float | None = None
    failed: float | None = None
    error_code: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """Holds a message to be stored."""

    sid: str
    direction: str
    sender: str
    recipient: str
    body: str
    media: int
    made: float
    visible: float
    schedule: Schedule
    service_sid: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Narrows a list: exact addresses, and dates sent from (inclusive) and before (exclusive)."""

    recipient: str | None = None
    sender: str | None = None
    from_time: float | None = None
    before_time: float | None = None


class Messages:
    """Stores the account's messages and the customers' 24-hour windows."""

    def __init__(self, database: Database, account_sid: str) -> None:
        self._database = database
        self._account = account_sid

    def add(self, message: Message) -> None:
        """Stores one message; belongs into the caller's transaction."""
        at = message.schedule
        self._database.run(
            "INSERT INTO messages (sid, direction, sender, recipient, body, media, service_sid,"
            " error_code, made_time, sent_time, delivered_time, read_time, failed_time,"
            " visible_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            message.sid, message.direction, message.sender, message.recipient, message.body,
            message.media, message.service_sid, at.error_code, message.made, at.sent,
            at.delivered, at.read, at.failed, message.visible,
        )  # fmt: skip

    def accepted(self, message: Message) -> dict[str, Any]:
        """Returns a message as Twilio shows it at the moment of its acceptance, seen or not.

        Raises:
            LookupError: if it is not stored.
        """
        row = self._database.first("SELECT * FROM messages WHERE sid = ?", message.sid)
        if row is None:
            raise LookupError(message.sid)
        return self._shown(row, message.made)

    def window_open(self, address: str) -> bool:
        """Tells whether this customer wrote within the last 24 hours.

        A number that this simulator never heard of counts as one that just wrote: whoever plays Twilio's
        webhooks in person, signed and all, does so behind its back.
        """
        row = self._database.first(
            "SELECT last_inbound_time AS time FROM windows WHERE number = ?", address
        )
        if row is None:
            return True
        return row["time"] is not None and time.time() - row["time"] < WINDOW_SECONDS

    def set_window(self, address: str, last_inbound_time: float | None) -> None:
        """Records when this customer last wrote; None: never."""
        self._database.run(
            "INSERT OR REPLACE INTO windows VALUES (?, ?)", address, last_inbound_time
        )

    def fetch(self, sid: str) -> dict[str, Any] | None:
        """Returns one visible message as Twilio shows it, or None."""
        row = self._database.first(
            "SELECT * FROM messages WHERE sid = ? AND visible_time <= ?", sid, time.time()
        )
        return None if row is None else self._shown(row, time.time())

    def page(self, wanted: Filter, size: int, before_seq: int | None) -> tuple[list[Row], bool]:
        """Returns one page, newest first, and whether more follow."""
        now = time.time()
        clauses: list[tuple[str, Any]] = [("visible_time <= ?", now)]
        if wanted.recipient is not None:
            clauses.append(("recipient = ?", wanted.recipient))
        if wanted.sender is not None:
            clauses.append(("sender = ?", wanted.sender))
        if wanted.from_time is not None:
            clauses.append(("coalesce(sent_time, made_time) >= ?", wanted.from_time))
        if wanted.before_time is not None:
            clauses.append(("coalesce(sent_time, made_time) < ?", wanted.before_time))
        if before_seq is not None:
            clauses.append(("seq < ?", before_seq))
        condition = " AND ".join(clause for clause, _ in clauses)
        query = f"SELECT * FROM messages WHERE {condition} ORDER BY seq DESC LIMIT ?"  # noqa: S608 - fixed texts
        rows = self._database.rows(query, *(value for _, value in clauses), size + 1)
        return rows[:size], len(rows) > size

    def shown(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Returns messages in the JSON form of Twilio's API."""
        now = time.time()
        return [self._shown(row, now) for row in rows]

    def _shown(self, row: Row, now: float) -> dict[str, Any]:
        status, changed = _status(row, now)
        uri = f"/2010-04-01/Accounts/{self._account}/Messages/{row['sid']}"
        sent = row["sent_time"]
        return {
            "account_sid": self._account,
            "api_version": "2010-04-01",
            "body": row["body"],
            "date_created": _rfc2822(row["made_time"]),
            "date_sent": _rfc2822(sent) if sent is not None and sent <= now else None,
            "date_updated": _rfc2822(changed),
            "direction": row["direction"],
            "error_code": row["error_code"] if status == "failed" else None,
            "error_message": None,
            "from": row["sender"],
            "messaging_service_sid": row["service_sid"],
            "num_media": str(row["media"]),
            "num_segments": str(max(1, -(-len(row["body"]) // _SEGMENT))),
            "price": None,
            "price_unit": "USD",
            "sid": row["sid"],
            "status": status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "tags": None,
            "to": row["recipient"],
            "uri": f"{uri}.json",
        }


def _status(row: Row, now: float) -> tuple[str, float]:
    if row["direction"] == "inbound":
        return "received", row["made_time"]
    states: Sequence[str] = ("failed", "read", "delivered", "sent")
    for state in states:
        moment = row[f"{state}_time"]
        if moment is not None and moment <= now:
            return state, moment
    return "queued", row["made_time"]


def _rfc2822(moment: float) -> str:
    return format_datetime(datetime.fromtimestamp(moment, UTC))
