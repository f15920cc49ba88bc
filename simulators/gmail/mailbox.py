"""Owns the mailbox: messages, threads, labels and the history of their changes."""

import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any, Final

from simulators.database import Database
from simulators.gmail import mime, search
from simulators.gmail.errors import GmailError
from simulators.gmail.mime import Facts
from simulators.rules import ORIGIN

# History numbers begin above zero, so that a cursor in the past exists from the first message on.
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    thread_id TEXT NOT NULL,
    history_id INTEGER NOT NULL,
    labels TEXT NOT NULL,
    internal_ms INTEGER NOT NULL,
    visible_time REAL NOT NULL,
    rfc_id TEXT,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject_key TEXT NOT NULL,
    searched TEXT NOT NULL,
    snippet TEXT NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_thread ON messages (thread_id, seq);
CREATE INDEX IF NOT EXISTS messages_rfc ON messages (rfc_id);
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    message_id TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    labels TEXT NOT NULL,
    changed TEXT NOT NULL,
    made_time REAL NOT NULL,
    visible_time REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS history_visible ON history (visible_time);
CREATE TABLE IF NOT EXISTS drafts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, message_id TEXT NOT NULL
);
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'history', 1000 WHERE NOT EXISTS (SELECT * FROM sqlite_sequence WHERE name = 'history');
"""
HISTORY_SECONDS: Final = 7 * 86400.0
_ROW: Final = "id, thread_id, history_id, labels, internal_ms, snippet, raw"


@dataclass(frozen=True, slots=True)
class Page:
    """Holds one page of rows and the token of the next, if there is one."""

    rows: list[Row]
    next_token: str | None


class Mailbox:
    """Stores the mail of one address.

    `changed(history_id, labels)` is called inside the transaction of every change.
    """

    def __init__(self, database: Database, changed: Callable[[int, Sequence[str]], None]) -> None:
        self._database = database
        self._changed = changed

    def add(self, raw: bytes, seen: Facts, labels: Sequence[str], thread_id: str | None) -> Row:
        """Stores one message, in a new thread if none is given, and returns its row."""
        now = time.time()
        message_id = f"1{secrets.token_hex(8)[1:]}"
        thread = thread_id or message_id
        visible = now + ORIGIN.get().late_seconds
        history_id = self._record("messagesAdded", message_id, thread, labels, visible)
        self._database.run(
            "INSERT INTO messages (id, thread_id, history_id, labels, internal_ms, visible_time,"
            " rfc_id, sender, recipients, subject_key, searched, snippet, raw)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            message_id, thread, history_id, json.dumps(labels), int(now * 1000), visible,
            seen.message_id, seen.sender, " ".join(seen.recipients), seen.subject_key,
            seen.searched, seen.snippet, raw,
        )  # fmt: skip
        return self._row(message_id)

    def remove(self, message_id: str) -> None:
        """Deletes one message for good."""
        row = self._row(message_id)
        labels = json.loads(row["labels"])
        self._record("messagesDeleted", row["id"], row["thread_id"], labels, time.time())
        self._database.run("DELETE FROM messages WHERE id = ?", message_id)

    def relabel(self, message_id: str, add: Sequence[str], remove: Sequence[str]) -> Row:
        """Changes the labels of a visible message and returns its row."""
        with self._database.transaction():
            return self._relabel(self.get(message_id), add, remove)

    def _relabel(self, row: Row, add: Sequence[str], remove: Sequence[str]) -> Row:
        message_id = row["id"]
        old: list[str] = json.loads(row["labels"])
        new = [label for label in old if label not in remove]
        new += [label for label in dict.fromkeys(add) if label not in new]
        gained = [label for label in new if label not in old]
        lost = [label for label in old if label not in new]
        history_id = row["history_id"]
        for kind, changed in (("labelsAdded", gained), ("labelsRemoved", lost)):
            if changed:
                history_id = self._record(
                    kind, message_id, row["thread_id"], new, time.time(), changed=changed
                )
        self._database.run(
            "UPDATE messages SET labels = ?, history_id = ? WHERE id = ?",
            json.dumps(new), history_id, message_id,
        )  # fmt: skip
        return self._row(message_id)

    def get(self, message_id: str) -> Row:
        """Returns a visible message's row.

        Raises:
            GmailError: 404, if there is none.
        """
        row = self._database.first(
            f"SELECT {_ROW} FROM messages WHERE id = ? AND visible_time <= ?",  # noqa: S608
            message_id, time.time(),
        )  # fmt: skip
        if row is None:
            raise GmailError(404)
        return row

    def thread(self, thread_id: str) -> list[Row]:
        """Returns the visible messages of a thread, oldest first.

        Raises:
            GmailError: 404, if there is none.
        """
        rows = self._database.rows(
            f"SELECT {_ROW} FROM messages WHERE thread_id = ? AND visible_time <= ? ORDER BY seq",  # noqa: S608
            thread_id, time.time(),
        )  # fmt: skip
        if not rows:
            raise GmailError(404)
        return rows

    def thread_of_reply(self, seen: Facts, thread_id: str | None = None) -> str | None:
        """Returns the thread that a mail continues by references and subject, or None.

        With `thread_id` only that thread counts.
        """
        marks = ", ".join("?" * len(seen.references))
        row = self._database.first(
            f"SELECT thread_id FROM messages WHERE rfc_id IN ({marks}) AND subject_key = ?"  # noqa: S608
            " AND (? IS NULL OR thread_id = ?) ORDER BY seq DESC LIMIT 1",
            *seen.references, seen.subject_key, thread_id, thread_id,
        )  # fmt: skip
        return None if row is None else str(row["thread_id"])

    def has_thread(self, thread_id: str) -> bool:
        """Tells whether any message, seen or not, lies in this thread."""
        query = "SELECT 1 FROM messages WHERE thread_id = ? LIMIT 1"
        return self._database.first(query, thread_id) is not None

    def find(
        self, query: str, labels: Sequence[str], size: int, token: str | None
    ) -> tuple[Page, int]:
        """Returns one page of visible messages, newest first, and an estimate of all."""
        clauses = [
            ("visible_time <= ?", time.time()),
            *search.clauses(query),
            *(search.label_clause(label) for label in labels),
        ]
        if token:
            clauses.append(("seq < ?", int(token)))
        condition = " AND ".join(clause for clause, _ in clauses)
        rows = self._database.rows(
            f"SELECT seq, id, thread_id FROM messages WHERE {condition}"  # noqa: S608 - fixed texts
            " ORDER BY seq DESC LIMIT ?",
            *(value for _, value in clauses), size + 1,
        )  # fmt: skip
        more = str(rows[size - 1]["seq"]) if len(rows) > size else None
        return Page(rows[:size], more), len(rows)

    def history(
        self, start: int, kinds: Sequence[str], label: str | None, size: int, token: str | None
    ) -> Page:
        """Returns one page of changes after a history id, oldest first.

        Raises:
            GmailError: 404, if that id is too old or was never given out.
        """
        if start < self._floor() or start > self._newest():
            raise GmailError(404)
        after = int(token) if token else start
        kept = ", ".join("?" * len(kinds))
        rows = self._database.rows(
            f"SELECT * FROM history WHERE id > ? AND id <= ? AND kind IN ({kept})"  # noqa: S608
            " AND (? IS NULL OR instr(labels, ?) > 0) ORDER BY id LIMIT ?",
            after, self.newest_visible(), *kinds, label, f'"{label}"', size + 1,
        )  # fmt: skip
        more = str(rows[size - 1]["id"]) if len(rows) > size else None
        return Page(rows[:size], more)

    def newest_visible(self) -> int:
        """Returns the mailbox's history id: that of the last change before the first unseen one."""
        row = self._database.first(
            "SELECT min(id) AS first FROM history WHERE visible_time > ?", time.time()
        )
        unseen = None if row is None else row["first"]
        return self._newest() if unseen is None else int(unseen) - 1

    def expire_history(self, before: int) -> None:
        """Makes every history id below this one answer 404 from now on."""
        self._database.keep("history_floor", before)

    def totals(self) -> tuple[int, int]:
        """Returns how many messages and threads are visible."""
        row = self._database.first(
            "SELECT count(*) AS messages, count(DISTINCT thread_id) AS threads FROM messages"
            " WHERE visible_time <= ?",
            time.time(),
        )
        return (0, 0) if row is None else (row["messages"], row["threads"])

    def add_draft(self, message_id: str) -> str:
        """Makes a draft of a stored message and returns the draft's id."""
        draft_id = f"r{secrets.randbits(62)}"
        self._database.run(
            "INSERT INTO drafts (id, message_id) VALUES (?, ?)", draft_id, message_id
        )
        return draft_id

    def draft(self, draft_id: str) -> str:
        """Returns the id of a draft's message.

        Raises:
            GmailError: 404, if there is no such draft.
        """
        row = self._database.first("SELECT message_id FROM drafts WHERE id = ?", draft_id)
        if row is None:
            raise GmailError(404)
        return str(row["message_id"])

    def drafts(self, size: int, token: str | None) -> Page:
        """Returns one page of visible drafts (`id`, `message_id`, `thread_id`), newest first."""
        rows = self._database.rows(
            "SELECT drafts.seq, drafts.id, message_id, thread_id FROM drafts"
            " JOIN messages ON messages.id = message_id"
            " WHERE visible_time <= ? AND drafts.seq < ? ORDER BY drafts.seq DESC LIMIT ?",
            time.time(), int(token) if token else 2**62, size + 1,
        )  # fmt: skip
        more = str(rows[size - 1]["seq"]) if len(rows) > size else None
        return Page(rows[:size], more)

    def take_draft(self, draft_id: str) -> Row:
        """Deletes a draft with its message and returns that message's row as it was."""
        row = self._row(self.draft(draft_id))
        self._database.run("DELETE FROM drafts WHERE id = ?", draft_id)
        self.remove(row["id"])
        return row

    def _row(self, message_id: str) -> Row:
        row = self._database.first(
            f"SELECT {_ROW} FROM messages WHERE id = ?",  # noqa: S608
            message_id,
        )
        if row is None:
            raise GmailError(404)
        return row

    def _record(
        self,
        kind: str,
        message_id: str,
        thread_id: str,
        labels: Sequence[str],
        visible: float,
        *,
        changed: Sequence[str] = (),
    ) -> int:
        made = self._database.run(
            "INSERT INTO history (kind, message_id, thread_id, labels, changed, made_time,"
            " visible_time) VALUES (?, ?, ?, ?, ?, ?, ?)",
            kind, message_id, thread_id, json.dumps(labels), json.dumps(changed), time.time(),
            visible,
        )  # fmt: skip
        history_id = int(made.lastrowid or 0)
        self._changed(history_id, labels)
        return history_id

    def _newest(self) -> int:
        row = self._database.first("SELECT seq FROM sqlite_sequence WHERE name = 'history'")
        return 0 if row is None else int(row["seq"])

    def _floor(self) -> int:
        return max(self._aged(), int(self._database.kept("history_floor", 0)))

    def _aged(self) -> int:
        cutoff = time.time() - HISTORY_SECONDS
        oldest = self._database.first("SELECT made_time FROM history ORDER BY id LIMIT 1")
        if oldest is None or oldest["made_time"] >= cutoff:
            return 0
        row = self._database.first(
            "SELECT id FROM history WHERE made_time >= ? ORDER BY id LIMIT 1", cutoff
        )
        return self._newest() if row is None else int(row["id"]) - 1


def resource(row: Row, form: str, metadata_headers: list[str]) -> dict[str, Any]:
    """Returns a message in the API's form: full, metadata, raw or minimal."""
    shape: dict[str, Any] = {
        "id": row["id"],
        "threadId": row["thread_id"],
        "labelIds": json.loads(row["labels"]),
        "snippet": row["snippet"],
        "sizeEstimate": len(row["raw"]),
        "historyId": str(row["history_id"]),
        "internalDate": str(row["internal_ms"]),
    }
    match form.lower():
        case "full" | "":
            shape["payload"] = mime.payload(mime.parse(row["raw"]))
        case "metadata":
            shape["payload"] = mime.headers_only(mime.parse(row["raw"]), metadata_headers)
        case "raw":
            shape["raw"] = mime.encoded(row["raw"])
        case "minimal":
            pass
        case _:
            raise GmailError(400, f"Invalid value at 'format': {form}")
    return shape
