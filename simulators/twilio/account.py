"""Owns what belongs to the account beside messages: itself, its WhatsApp sender, templates, and who said STOP."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from simulators.database import Database
from simulators.input import BadInputError
from simulators.twilio.errors import TwilioError
from simulators.twilio.settings import Settings

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS templates (
    content_sid TEXT PRIMARY KEY, body TEXT NOT NULL, language TEXT NOT NULL, status TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stopped (number TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS media (
    sid TEXT PRIMARY KEY, content TEXT NOT NULL, content_type TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS senders (
    sender_id TEXT PRIMARY KEY, status TEXT NOT NULL, callback_url TEXT NOT NULL, method TEXT NOT NULL
) WITHOUT ROWID;
"""
APPROVED: Final = "approved"
# The words that Twilio acts upon by default, each as the whole message.
_STOP: Final = frozenset(
    [
        "STOP",
        "STOPALL",
        "UNSUBSCRIBE",
        "CANCEL",
        "END",
        "QUIT",
        "REVOKE",
        "OPTOUT",
        "ARRET",
        "ARRETE",
        "ARRETT",
    ]
)
_START: Final = frozenset(["START", "YES", "UNSTOP"])
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")
_UNFIT: Final = re.compile(r"[\n\t]| {5}")


class Account:
    """The account's own state; what it was told survives a restart."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    def shown(self) -> dict[str, Any]:
        """Returns the account as Twilio shows it."""
        sid = self._settings.account_sid
        return {
            "sid": sid,
            "friendly_name": "Simulated account",
            "status": "active",
            "type": "Full",
            "owner_account_sid": sid,
            "uri": f"/2010-04-01/Accounts/{sid}.json",
        }

    def senders(self) -> list[dict[str, Any]]:
        """Returns the WhatsApp senders: the account's own number, online, unless a test changed it."""
        rows = self._database.rows("SELECT * FROM senders ORDER BY sender_id")
        found = [dict(row) for row in rows] or [
            {
                "sender_id": self._settings.sender,
                "status": "ONLINE",
                "callback_url": self._settings.webhook_url,
                "method": "POST",
            }
        ]
        return [
            {
                "sid": "XE" + "0" * 32,
                "sender_id": sender["sender_id"],
                "status": sender["status"],
                "webhook": {
                    "callback_url": sender["callback_url"],
                    "callback_method": sender["method"],
                },
            }
            for sender in found
        ]

    def set_sender(self, wanted: Mapping[str, Any]) -> None:
        """Replaces the senders by one: `sender_id`, `status`, `callback_url`, `method`."""
        usual = {
            "sender_id": self._settings.sender,
            "status": "ONLINE",
            "callback_url": self._settings.webhook_url,
            "method": "POST",
        }
        values = {**usual, **wanted}
        if set(values) != set(usual) or not all(isinstance(v, str) for v in values.values()):
            raise BadInputError(f"a sender has the texts {', '.join(usual)}")
        with self._database.transaction():
            self._database.run("DELETE FROM senders")
            self._database.run("INSERT INTO senders VALUES (?, ?, ?, ?)", *values.values())

    def set_template(self, wanted: Mapping[str, Any]) -> None:
        """Adds or changes a template: `content_sid`, `body`, `language`, `status` (approved, pending, rejected…)."""
        usual = {"content_sid": "", "body": "{{1}} {{2}}", "language": "en", "status": APPROVED}
        values = {**usual, **wanted}
        if set(values) != set(usual) or not values["content_sid"]:
            raise BadInputError(f"a template has the texts {', '.join(usual)}")
        self._database.run("INSERT OR REPLACE INTO templates VALUES (?, ?, ?, ?)", *values.values())

    def template(self, content_sid: str) -> dict[str, Any]:
        """Returns a template as Twilio's Content API shows it.

        Raises:
            TwilioError: if there is none of that id.
        """
        row = self._database.first("SELECT * FROM templates WHERE content_sid = ?", content_sid)
        if row is None:
            text = f"The requested resource /Content/{content_sid} was not found"
            raise TwilioError(20404, 404, text)
        return {
            "sid": row["content_sid"],
            "account_sid": self._settings.account_sid,
            "friendly_name": "simulated",
            "language": row["language"],
            "variables": dict.fromkeys(_PLACE.findall(row["body"]), ""),
            "types": {"twilio/text": {"body": row["body"]}},
            "status": row["status"],
        }

    def fill(self, content_sid: str, variables: str | None) -> tuple[str, str, bool]:
        """Returns a template's text with its places filled, its status, and whether WhatsApp takes the filling.

        Raises:
            TwilioError: if the account has no such template, or the variables are no JSON object of texts.
        """
        try:
            found = self.template(content_sid)
        except TwilioError as error:
            raise TwilioError(21655) from error
        try:
            values = json.loads(variables or "{}")
        except ValueError as error:
            raise TwilioError(21656) from error
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            raise TwilioError(21656)
        body = _PLACE.sub(lambda m: values.get(m[1], m[0]), found["types"]["twilio/text"]["body"])
        fits = not any(_UNFIT.search(value) for value in values.values())
        return body, found["status"], fits

    def keep_media(self, sid: str, content: str, content_type: str) -> None:
        """Keeps an attachment that a customer sent."""
        self._database.run("INSERT INTO media VALUES (?, ?, ?)", sid, content, content_type)

    def media(self, sid: str) -> tuple[str, str] | None:
        """Returns an attachment's content and media type."""
        row = self._database.first("SELECT content, content_type FROM media WHERE sid = ?", sid)
        return None if row is None else (row["content"], row["content_type"])

    def heard(self, number: str, body: str) -> None:
        """Acts upon a customer's keyword, if the message is one; belongs into the caller's transaction."""
        word = body.strip().upper()
        if word in _STOP:
            self._database.run("INSERT OR IGNORE INTO stopped VALUES (?)", number)
        elif word in _START:
            self._database.run("DELETE FROM stopped WHERE number = ?", number)

    def is_stopped(self, number: str) -> bool:
        """Tells whether this customer has said STOP."""
        found = self._database.first("SELECT 1 FROM stopped WHERE number = ?", number)
        return found is not None
