"""Owns what the mailbox's client writes: sent messages and drafts."""

import secrets
from collections.abc import Callable
from email.utils import formatdate
from sqlite3 import Row

from simulators.database import Database, rfc3339
from simulators.gmail import mime
from simulators.gmail.errors import GmailError
from simulators.gmail.mailbox import Mailbox
from simulators.gmail.mime import Facts
from simulators.gmail.upload import Submitted


class Sending:
    """Sends mail and keeps drafts."""

    def __init__(
        self,
        address: str,
        database: Database,
        mailbox: Mailbox,
        log: Database,
        arrive: Callable[[str, bytes], None],
    ) -> None:
        """Takes the database that lists what was sent, and `arrive(address, raw)` for the recipients' mailboxes."""
        self._address = address
        self._database = database
        self._mailbox = mailbox
        self._log = log
        self._arrive = arrive

    def send(self, wanted: Submitted) -> Row:
        """Sends one mail and returns the new message's row.

        Raises:
            GmailError: 400 for a mail without recipient, 404 for an unknown thread.
        """
        with self._database.transaction():
            raw, seen, thread_id = self._accept(wanted)
            row = self._dispatch(raw, seen, thread_id)
        self._deliver(raw, seen)
        return row

    def create_draft(self, wanted: Submitted) -> tuple[str, Row]:
        """Keeps a draft; returns its id and its message's row.

        Raises:
            GmailError: 404 for an unknown thread.
        """
        with self._database.transaction():
            raw, seen, thread_id = self._accept(wanted)
            row = self._mailbox.add(raw, seen, ["DRAFT"], thread_id)
            return self._mailbox.add_draft(row["id"]), row

    def send_draft(self, wanted: Submitted) -> Row:
        """Deletes a draft and sends its mail as a new message, whose row is returned.

        A mail in the request takes the place of the draft's own.

        Raises:
            GmailError: 404 for an unknown draft, 400 for a mail without recipient.
        """
        if not wanted.draft_id:
            raise GmailError(400, "Missing draft id")
        with self._database.transaction():
            old = self._mailbox.take_draft(wanted.draft_id)
            if wanted.raw is not None:
                raw, seen, thread_id = self._accept(wanted)
            else:
                raw, thread_id = _renamed(old["raw"]), None
                seen = mime.facts(mime.parse(raw))
            row = self._dispatch(raw, seen, thread_id or old["thread_id"])
        self._deliver(raw, seen)
        return row

    def delete_draft(self, draft_id: str) -> None:
        """Deletes a draft for good.

        Raises:
            GmailError: 404 for an unknown draft.
        """
        with self._database.transaction():
            self._mailbox.take_draft(draft_id)

    def _accept(self, wanted: Submitted) -> tuple[bytes, Facts, str | None]:
        if wanted.raw is None:
            text = "'raw' RFC822 payload message string or uploading message via /upload/* URL"
            raise GmailError(400, f"{text} required")
        raw = _renamed(mime.normalised(wanted.raw))
        mail = mime.parse(raw)
        seen = mime.facts(mail)
        missing = []
        if mail.get("Date") is None:
            missing.append(("Date", formatdate()))
        if seen.sender != self._address.lower():
            # Only the mailbox itself may be the author.
            raw = mime.without_headers(raw, "From")
            missing.append(("From", self._address))
        if missing:
            raw = mime.with_headers(raw, *missing)
            seen = mime.facts(mime.parse(raw))
        if wanted.thread_id is not None and not self._mailbox.has_thread(wanted.thread_id):
            raise GmailError(404)
        # Gmail joins a thread only if references and subject agree with it; else it begins one.
        fitting = wanted.thread_id and self._mailbox.thread_of_reply(seen, wanted.thread_id)
        return raw, seen, fitting or None

    def _deliver(self, raw: bytes, seen: Facts) -> None:
        for address in dict.fromkeys(seen.recipients):
            if address != self._address.lower():
                self._arrive(address, raw)

    def _dispatch(self, raw: bytes, seen: Facts, thread_id: str | None) -> Row:
        if not seen.recipients:
            raise GmailError(400, "Recipient address required")
        own = self._address.lower() in seen.recipients
        labels = ["UNREAD", "SENT", "INBOX"] if own else ["SENT"]
        row = self._mailbox.add(raw, seen, labels, thread_id)
        self._log.record_sent(
            {
                "time": rfc3339(row["internal_ms"] / 1000),
                "provider_id": row["id"],
                "to": ", ".join(seen.to or seen.recipients),
                "from": seen.sender,
                "subject": seen.subject,
                "body": seen.text,
                "html": seen.html,
                "thread_id": row["thread_id"],
                "in_reply_to": seen.in_reply_to,
                "media": list(seen.attachments),
                "message_id": seen.message_id,
            }
        )
        return row


def _renamed(raw: bytes) -> bytes:
    # Gmail gives every mail a Message-ID of its own, whatever the client wrote.
    name = f"<CA+{secrets.token_urlsafe(32)}@mail.gmail.com>"
    return mime.with_headers(mime.without_headers(raw, "Message-ID"), ("Message-ID", name))
