"""Owns what customers write: mail as Gmail stores it on arrival."""

import re
import secrets
from collections.abc import Iterable, Mapping
from email import policy
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any, Final

from simulators.database import Database
from simulators.gmail import mime
from simulators.gmail.mailbox import Mailbox
from simulators.input import BadInputError

_RECEIVER: Final = "mx.google.com"
# Long ids must not be folded: the library would encode them.
_POLICY: Final = policy.SMTP.clone(max_line_length=990)
_OWN_VERDICT: Final = re.compile(
    rb"^authentication-results:\s*mx\.google\.com\b", re.IGNORECASE | re.MULTILINE
)


class Receiving:
    """Plays customers who write to the mailbox."""

    def __init__(self, address: str, database: Database, mailbox: Mailbox) -> None:
        self._address = address
        self._database = database
        self._mailbox = mailbox

    def receive(self, raw: bytes) -> dict[str, str | None]:
        """Stores a mail in the inbox; returns its id, thread id and Message-ID.

        Puts Gmail's verdict on top (`Authentication-Results: mx.google.com`, all passed), unless
        the mail brings one of that name; adds `Message-ID`, `Date` and `Return-Path` if missing.

        Raises:
            BadInputError: if there is no `From`.
        """
        raw = mime.normalised(raw).lstrip(b"\r\n")
        mail = mime.parse(raw)
        sender = mime.facts(mail).sender
        if mail.get("From") is None:
            raise BadInputError("the mail has no From header")
        added = [("Delivered-To", self._address)]
        if mail.get("Return-Path") is None:
            added.append(("Return-Path", f"<{sender}>"))
        if _OWN_VERDICT.search(raw.partition(b"\r\n\r\n")[0]) is None:
            added.insert(0, ("Authentication-Results", _verdict(sender)))
        if mail.get("Message-ID") is None:
            added.append(("Message-ID", f"<{secrets.token_hex(16)}@{_RECEIVER}>"))
        if mail.get("Date") is None:
            added.append(("Date", formatdate()))
        raw = mime.with_headers(raw, *added)
        seen = mime.facts(mime.parse(raw))
        with self._database.transaction():
            thread_id = self._mailbox.thread_of_reply(seen)
            row = self._mailbox.add(raw, seen, ["UNREAD", "INBOX"], thread_id)
        return {
            "id": row["id"],
            "thread_id": row["thread_id"],
            "message_id": seen.message_id,
        }

    def composed(self, wanted: Mapping[str, Any]) -> bytes:
        """Returns the mail that `from`, `subject`, `text`, `html` and `headers` describe.

        `headers` is an object or a list of pairs; it may replace every header but `From`.

        Raises:
            BadInputError: if a field has the wrong form; the text says which.
        """
        sender = wanted.get("from")
        if not isinstance(sender, str) or "@" not in sender:
            raise BadInputError("from is an address")
        mail = EmailMessage(policy=_POLICY)
        domain = parseaddr(sender)[1].rpartition("@")[2] or "example.com"
        defaults = {
            "From": sender,
            "To": str(wanted.get("to") or self._address),
            "Subject": str(wanted.get("subject") or ""),
            "Message-ID": f"<{secrets.token_hex(16)}@{domain}>",
            "Date": formatdate(),
        }
        given = _pairs(wanted.get("headers"))
        replaced = {name.lower() for name, _ in given}
        kept = [(name, value) for name, value in defaults.items() if name.lower() not in replaced]
        try:
            for name, value in [*given, *kept]:
                mail[name] = value
        except ValueError as exc:
            raise BadInputError(f"a header cannot be written: {exc}") from exc
        _fill(mail, wanted.get("text"), wanted.get("html"))
        return mail.as_bytes()


def _pairs(headers: Any) -> list[tuple[str, str]]:
    items: Iterable[Any] = headers.items() if isinstance(headers, Mapping) else headers or []
    try:
        return [(str(name), str(value)) for name, value in items]
    except (TypeError, ValueError) as exc:
        raise BadInputError("headers is an object or a list of pairs") from exc


def _fill(mail: EmailMessage, text: Any, html: Any) -> None:
    if html is None or text is not None:
        mail.set_content(str(text or ""))
        if html is not None:
            mail.add_alternative(str(html), subtype="html")
    else:
        mail.set_content(str(html), subtype="html")


def _verdict(sender: str) -> str:
    domain = sender.rpartition("@")[2] or "unknown.invalid"
    return (
        f"{_RECEIVER}; dkim=pass header.i=@{domain}; spf=pass smtp.mailfrom={sender};"
        f" dmarc=pass (p=NONE sp=NONE dis=NONE) header.from={domain}"
    )
