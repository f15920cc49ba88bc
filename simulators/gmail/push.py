"""Owns the watch on the mailbox and the Pub/Sub pushes that announce its changes."""

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from simulators.database import Database, rfc3339
from simulators.gmail.errors import GmailError
from simulators.gmail.keys import Keys
from simulators.gmail.settings import Settings
from simulators.outgoing import Outgoing, Policy, Wire

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS watches (
    one INTEGER PRIMARY KEY CHECK (one = 1), until_time REAL NOT NULL, labels TEXT NOT NULL,
    excluding INTEGER NOT NULL
);
"""
WATCH_SECONDS: Final = 7 * 86400.0
# Pub/Sub waits ten seconds for an answer and goes on for seven days.
ANSWER_SECONDS: Final = 10.0
_GAP_SECONDS: Final = 0.05
_TOPIC: Final = re.compile(r"projects/[^/]+/topics/[^/]+")
_ACCEPTED: Final = frozenset({102, 200, 201, 202, 204})
POLICIES: Final = {
    "push": Policy(
        accepted=_ACCEPTED.__contains__,
        retried=lambda _status: True,
        first_seconds=0.2,
        longest_seconds=10.0,
        within_seconds=WATCH_SECONDS,
    )
}


class PushWriter:
    """Encodes pushes and signs them as the subscription's service account."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._settings = settings
        self._keys = keys

    def write(self, _kind: str, _url: str, content: Mapping[str, Any]) -> Wire:
        """Returns a push with a bearer token, as a subscription with authentication sends it."""
        token = self._keys.token(
            {
                "aud": self._settings.audience,
                "azp": "local-push",
                "email": self._settings.service_account,
                "email_verified": True,
                "iss": self._settings.issuer,
                "sub": "local-push",
            }
        )
        change = {"emailAddress": content["mailbox"], "historyId": content["history_id"]}
        published, number = content["publish_time"], content["message_id"]
        body = {
            "message": {
                "data": base64.b64encode(json.dumps(change).encode()).decode(),
                "messageId": number,
                "message_id": number,
                "publishTime": published,
                "publish_time": published,
            },
            "subscription": self._settings.subscription,
        }
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        return Wire(headers, json.dumps(body).encode())


class Watch:
    """Announces one mailbox's changes while a watch is active; `allowed` tells whether Gmail may publish."""

    def __init__(
        self,
        settings: Settings,
        mailbox: str,
        database: Database,
        outgoing: Outgoing,
        allowed: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._mailbox = mailbox
        # The first mailbox's pushes keep the name that fault rules know.
        self._kind = "push" if mailbox == settings.addresses[0] else f"push:{mailbox}"
        self._allowed = allowed
        self._database = database
        self._outgoing = outgoing
        self._next_time = 0.0

    def start(self, wanted: Mapping[str, Any], history_id: int) -> dict[str, str]:
        """Begins or renews the watch for seven days and announces the mailbox's present state.

        Raises:
            GmailError: 400 without a topic's name, 404 for a topic that is not ours, 403 if Gmail may not publish.
        """
        topic = str(wanted.get("topicName") or "")
        if not topic:
            raise GmailError(400, "topicName required")
        if not _TOPIC.fullmatch(topic):
            raise GmailError(400, "Invalid topicName does not match projects/*/topics/*")
        if topic != self._settings.topic:
            raise GmailError(404, f"Resource not found (resource={topic})")
        if not self._allowed():
            said = f"Error sending test message to Cloud PubSub {topic}"
            raise GmailError(403, f"{said} : User not authorized to perform this action.")
        until = time.time() + WATCH_SECONDS
        behaviour = wanted.get("labelFilterBehavior") or wanted.get("labelFilterAction") or ""
        excluding = str(behaviour).lower() == "exclude"
        with self._database.transaction():
            self._database.run(
                "INSERT OR REPLACE INTO watches VALUES (1, ?, ?, ?)",
                until, json.dumps(wanted.get("labelIds") or []), excluding,
            )  # fmt: skip
            self._announce(history_id)
        return {"historyId": str(history_id), "expiration": str(int(until * 1000))}

    def stop(self) -> None:
        """Ends the watch."""
        self._database.run("DELETE FROM watches")

    def changed(self, history_id: int, labels: Sequence[str]) -> None:
        """Announces one change to the mailbox, if the watch covers its labels."""
        row = self._database.first("SELECT * FROM watches")
        if row is None or row["until_time"] <= time.time():
            return
        watched = set(json.loads(row["labels"]))
        if watched and watched.isdisjoint(labels) != bool(row["excluding"]):
            return
        self._announce(history_id)

    def _announce(self, history_id: int) -> None:
        now = time.time()
        content = {
            "mailbox": self._mailbox,
            "history_id": history_id,
            "message_id": str(secrets.randbits(53)),
            "publish_time": rfc3339(now),
        }
        # A burst is announced by few pushes: one that still waits takes the newest number along.
        if self._outgoing.amend(self._kind, content, now + _GAP_SECONDS):
            return
        due = max(now, self._next_time)
        self._next_time = due + _GAP_SECONDS
        self._outgoing.enqueue(self._kind, self._settings.push_url, content, due)
