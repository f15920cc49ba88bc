"""Reading one mail: sender, subject, text, ids and what its headers say of its sender and kind.

Any bytes give a result; what cannot be read is left empty. The original is kept elsewhere.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser, HeaderParser
from email.utils import getaddresses

from services.intake.application.mail_text import from_html, tidy, without_quotation

BODY_CHARACTERS = 100_000
SUBJECT_CHARACTERS = 1000
NAME_CHARACTERS = 200
REFERENCES = 50
IN_REPLY_TO = 10
_ID_CHARACTERS = 1000
_ADDRESS_CHARACTERS = 320
_PARTS = 200
# The only author of Authentication-Results that we believe, and only at the very top.
_OUR_RECEIVER = "mx.google.com"

_FOLD = re.compile(r"\r?\n[ \t]*")
_ID = re.compile(r"<[^<>\s]{1,998}>")
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\[\]\\]{1,64}@[^\s@<>\"(),:;\[\]\\]{1,255}")
_QUOTED_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"\([^()]*\)")
# Parsers of the standard library raise these on headers and parts that break every rule.
_UNREADABLE = (
    MessageError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class Mail:
    """What one mail says. `headers` has lower-case names; `sender` is empty if there is no usable one."""

    sender: str = field(repr=False)
    sender_name: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    message_id: str = field(repr=False)
    references: tuple[str, ...] = field(repr=False)
    in_reply_to: tuple[str, ...] = field(repr=False)
    dmarc_passed: bool
    headers: dict[str, tuple[str, ...]] = field(repr=False)
    content_type: str
    has_delivery_report: bool

    def header(self, name: str) -> str:
        """Returns the first value of a header, empty if there is none."""
        return self.headers.get(name.lower(), ("",))[0]


def read_mail(raw: bytes) -> Mail:
    """Reads a mail, whatever it looks like."""
    message = _parsed(raw)
    headers = _headers(message)
    senders = _senders(headers)
    name, sender = senders[0] if len(senders) == 1 else ("", "")
    plain, html, reports = _texts(message)
    return Mail(
        sender=sender,
        sender_name=name[:NAME_CHARACTERS],
        subject=_readable(_first(headers, "subject"))[:SUBJECT_CHARACTERS],
        text=_visible(plain, html)[:BODY_CHARACTERS],
        message_id=next(iter(_ids(_first(headers, "message-id"))), ""),
        references=_ids(" ".join(headers.get("references", ())))[-REFERENCES:],
        in_reply_to=_ids(" ".join(headers.get("in-reply-to", ())))[:IN_REPLY_TO],
        dmarc_passed=_dmarc_passed(headers, sender),
        headers=headers,
        content_type=message.get_content_type(),
        has_delivery_report=reports,
    )


def _parsed(raw: bytes) -> Message:
    try:
        # compat32 never interprets a header while parsing; `_readable` does it where it is wanted.
        return BytesParser(policy=policy.compat32).parsebytes(raw)
    except _UNREADABLE:
        head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
        return HeaderParser(policy=policy.compat32).parsestr(head.decode("latin-1"))


def _headers(message: Message) -> dict[str, tuple[str, ...]]:
    collected: dict[str, list[str]] = {}
    # Unlike `items`, this keeps bytes that came undeclared, as half characters.
    for name, value in message.raw_items():
        flat = _FOLD.sub(" ", str(value)).strip()
        collected.setdefault(name.lower(), []).append(flat)
    return {name: tuple(values) for name, values in collected.items()}


def _first(headers: dict[str, tuple[str, ...]], name: str) -> str:
    return headers.get(name, ("",))[0]


def _senders(headers: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    try:
        pairs = getaddresses(list(headers.get("from", ())))
    except _UNREADABLE:
        return []
    return [
        (tidy(_readable(name)), address.lower())
        for name, address in pairs
        if len(address) <= _ADDRESS_CHARACTERS
        and address.isprintable()
        and _ADDRESS.fullmatch(address)
    ]


def _readable(value: str) -> str:
    try:
        text = str(make_header(decode_header(value))) if "=?" in value else value
    except _UNREADABLE:
        text = value
    try:
        # Bytes outside ASCII that came undeclared are nearly always UTF-8.
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return " ".join(tidy(text).split())


def _ids(value: str) -> tuple[str, ...]:
    safe = value.encode("ascii", "ignore").decode()
    return tuple(found for found in _ID.findall(safe) if len(found) <= _ID_CHARACTERS)


def _texts(message: Message) -> tuple[str, str, bool]:
    plain: list[str] = []
    html: list[str] = []
    reports = False
    for part in _leaves(message):
        kind = part.get_content_type()
        reports = reports or kind in (
            "message/delivery-status",
            "message/disposition-notification",
            "message/feedback-report",
        )
        if kind not in ("text/plain", "text/html") or _is_attachment(part):
            continue
        (plain if kind == "text/plain" else html).append(_decoded(part))
    return "\n".join(plain), "\n".join(html), reports


def _leaves(message: Message) -> Iterable[Message]:
    waiting, seen = [message], 0
    while waiting and seen < _PARTS:
        part = waiting.pop()
        seen += 1
        children = part.get_payload() if part.is_multipart() else None
        if part.get_content_maintype() == "multipart" and isinstance(children, list):
            waiting.extend(child for child in reversed(children) if isinstance(child, Message))
        else:
            yield part


def _is_attachment(part: Message) -> bool:
    disposition = str(part.get("Content-Disposition", "")).strip().lower()
    return disposition.startswith("attachment")


def _decoded(part: Message) -> str:
    try:
        data = part.get_payload(decode=True)
    except _UNREADABLE:
        return ""
    if not isinstance(data, bytes):
        return ""
    try:
        charset = part.get_content_charset() or "utf-8"
        return data.decode(charset, "replace")
    except _UNREADABLE:
        return data.decode("utf-8", "replace")


def _visible(plain: str, html: str) -> str:
    text = tidy(plain)
    if not text and html:
        text = from_html(html)
    return without_quotation(text)


def _dmarc_passed(headers: dict[str, tuple[str, ...]], sender: str) -> bool:
    results = headers.get("authentication-results", ())
    if not sender or not results or len(headers.get("from", ())) != 1:
        return False
    # Quoted texts and comments hold what the sender chose.
    verdict = _QUOTED_TEXT.sub("", results[0])
    while (stripped := _COMMENT.sub("", verdict)) != verdict:
        verdict = stripped
    author, *methods = (part.strip().lower() for part in verdict.split(";"))
    if author.split(" ")[0] != _OUR_RECEIVER:
        return False
    # Gmail tells one result of each method's kind; a second one would be of the sender's making.
    found = [method.split() for method in methods if method.startswith("dmarc=")]
    domain = sender.rpartition("@")[2]
    return (
        len(found) == 1 and found[0][0] == "dmarc=pass" and f"header.from={domain}" in found[0][1:]
    )
