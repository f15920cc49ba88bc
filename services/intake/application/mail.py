"""Reading one mail: sender, subject, text, ids and what its headers say of its sender and kind.

Any bytes give a result; what cannot be read is left empty, and what was left out is named. The original is kept
elsewhere.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from email.message import Message
from email.utils import getaddresses

from services.intake.domain.bodies import (
    TEXT_BYTES,
    Attachment,
    attachment,
    decoded,
    file_name,
    plain_name,
    readable,
    text_of,
    without_uuencoded,
)
from services.intake.domain.html_text import read_html
from services.intake.domain.mime import (
    UNREADABLE,
    Leaf,
    Structure,
    content_type,
    embedded_head,
    parameter,
    structure,
)
from services.intake.domain.plain_text import CUT, hidden_in, tidy, unflowed
from services.intake.domain.quotation import cut
from services.intake.domain.tnef import read_tnef
from services.intake.domain.versions import Version, seen_version

BODY_CHARACTERS = 100_000
SUBJECT_CHARACTERS = 1000
NAME_CHARACTERS = 200
REFERENCES = 50
IN_REPLY_TO = 10
ATTACHMENTS = 50
HIDDEN_CHARACTERS = 2_000
_TEXT_CHARACTERS = 150_000
_ID_CHARACTERS = 1000
_ADDRESS_CHARACTERS = 320
_HEAD_BYTES = 64 * 1024
_COMMENT_DEPTH = 10
_TNEF_BYTES = 32 * 1024 * 1024
# The only author of Authentication-Results that we believe, and only at the very top.
_OUR_RECEIVER = "mx.google.com"

_FOLD = re.compile(r"\r?\n[ \t]*")
_ID = re.compile(r"<[^<>\s]{1,998}>")
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\[\]\\]{1,64}@[^\s@<>\"(),:;\[\]\\]{1,255}")
_QUOTED_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"\([^()]*\)")
_TEXTS = frozenset(("text/plain", "text/html", "text/enriched", "text/richtext"))
_REPORTS = frozenset(
    ("message/delivery-status", "message/disposition-notification", "message/feedback-report")
)
_TNEF = frozenset(("application/ms-tnef", "application/vnd.ms-tnef"))


@dataclass(frozen=True, slots=True)
class Mail:
    """What one mail says. `headers` has lower-case names; `sender` is empty if there is no usable one.

    `text` is what the sender wrote anew, `quoted` what their program repeated, `hidden` what a person does not see.
    `dmarc` is the receiver's verdict, `pass`, another of its words, or empty. `types` are the media types of all
    parts, `enclosed` the headers of an enclosed mail, `method` what a calendar part asks for in lower case, and
    `limits` names the limits that were reached.
    """

    sender: str = field(repr=False)
    sender_name: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    quoted: str = field(repr=False)
    signature: str = field(repr=False)
    hidden: str = field(repr=False)
    attachments: tuple[Attachment, ...]
    message_id: str = field(repr=False)
    references: tuple[str, ...] = field(repr=False)
    in_reply_to: tuple[str, ...] = field(repr=False)
    reply_to: str = field(repr=False)
    dmarc: str
    headers: dict[str, tuple[str, ...]] = field(repr=False)
    enclosed: dict[str, tuple[str, ...]] = field(repr=False)
    types: tuple[str, ...]
    method: str
    limits: tuple[str, ...]

    def header(self, name: str) -> str:
        """Returns the first value of a header, empty if there is none."""
        return self.headers.get(name.lower(), ("",))[0]

    @property
    def content_type(self) -> str:
        """The media type of the whole mail."""
        return self.types[0] if self.types else "text/plain"

    @property
    def dmarc_passed(self) -> bool:
        """Whether our own receiver proved the sender's domain."""
        return self.dmarc == "pass"

    @property
    def has_delivery_report(self) -> bool:
        """Whether one of its parts is a report for machines."""
        return not _REPORTS.isdisjoint(self.types)


def read_mail(raw: bytes) -> Mail:
    """Reads a mail, whatever it looks like."""
    found = structure(raw)
    headers = _headers(found.head)
    senders = _addresses(headers, "from")
    name, sender = senders[0] if len(senders) == 1 else ("", "")
    body = _body(found)
    parts = cut(body.text[:_TEXT_CHARACTERS])
    if len(body.text) > _TEXT_CHARACTERS or len(parts.own) > BODY_CHARACTERS:
        found.limits.add("text")
    enclosed = next((leaf for leaf in found.leaves if _encloses(leaf)), None)
    replies = _addresses(headers, "reply-to")
    return Mail(
        sender=sender,
        sender_name=name[:NAME_CHARACTERS],
        subject=readable(_first(headers, "subject"))[:SUBJECT_CHARACTERS],
        text=parts.own[:BODY_CHARACTERS],
        quoted=parts.quoted[:BODY_CHARACTERS],
        signature=parts.signature[:BODY_CHARACTERS],
        hidden=body.hidden[:HIDDEN_CHARACTERS],
        attachments=tuple(body.attachments[:ATTACHMENTS]),
        message_id=next(iter(_ids(_first(headers, "message-id"))), ""),
        references=_ids(" ".join(headers.get("references", ())))[-REFERENCES:],
        in_reply_to=_ids(" ".join(headers.get("in-reply-to", ())))[:IN_REPLY_TO],
        reply_to=replies[0][1] if replies else "",
        dmarc=_dmarc(headers, sender),
        headers=headers,
        enclosed=_headers(embedded_head(enclosed)) if enclosed else {},
        types=tuple(found.types),
        method=next((method for leaf in found.leaves if (method := _method(leaf.head))), ""),
        limits=tuple(sorted(found.limits)),
    )


def read_head(raw: bytes, limit: str) -> Mail:
    """Reads the headers alone of a mail whose whole could not be read for the named limit."""
    head, _, _ = raw[:_HEAD_BYTES].partition(b"\r\n\r\n" if b"\r\n" in raw[:1000] else b"\n\n")
    mail = read_mail(head + b"\n\n")
    return replace(mail, limits=tuple(sorted({*mail.limits, limit})))


def _headers(head: Message) -> dict[str, tuple[str, ...]]:
    collected: dict[str, list[str]] = {}
    # Unlike `items`, this keeps bytes that came undeclared, as half characters.
    for name, value in head.raw_items():
        flat = _FOLD.sub(" ", str(value)).strip()
        collected.setdefault(name.lower(), []).append(_storable(flat))
    return {name: tuple(values) for name, values in collected.items()}


def _storable(value: str) -> str:
    """Turns half characters back into the bytes that they stand for, and reads those."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return value


def _first(headers: dict[str, tuple[str, ...]], name: str) -> str:
    return headers.get(name, ("",))[0]


def _addresses(headers: dict[str, tuple[str, ...]], name: str) -> list[tuple[str, str]]:
    try:
        pairs = getaddresses(list(headers.get(name, ())))
    except UNREADABLE:
        return []
    return [
        (readable(shown), address.lower())
        for shown, address in pairs
        if len(address) <= _ADDRESS_CHARACTERS
        and address.isprintable()
        and _ADDRESS.fullmatch(address)
    ]


def _ids(value: str) -> tuple[str, ...]:
    safe = value.encode("ascii", "ignore").decode()
    return tuple(found for found in _ID.findall(safe) if len(found) <= _ID_CHARACTERS)


def _method(head: Message) -> str:
    if content_type(head) != "text/calendar":
        return ""
    return parameter(head, "method").lower()[:40]


def _encloses(leaf: Leaf) -> bool:
    return content_type(leaf.head) in (
        "message/rfc822",
        "text/rfc822-headers",
        "message/rfc822-headers",
    )


@dataclass(slots=True)
class _Body:
    text: str
    hidden: str
    attachments: list[Attachment]


def _body(found: Structure) -> _Body:
    """Puts the texts together in their order; of versions of one text only what a person sees is taken."""
    versions: dict[int, list[Version]] = {}
    attachments: list[Attachment] = []
    winmail: list[Leaf] = []
    room = TEXT_BYTES
    for number, leaf in enumerate(found.leaves):
        kind = content_type(leaf.head)
        if kind in _TNEF or file_name(leaf.head).lower() == "winmail.dat":
            winmail.append(leaf)
        elif kind in _TEXTS and not _is_attachment(leaf.head, first=not versions):
            if leaf.end - leaf.start > room:
                found.limits.add("text")
            text = text_of(leaf, max(0, room))
            room -= leaf.end - leaf.start
            # Outside of a choice every part is a text of its own.
            key = leaf.choice or -number - 1
            versions.setdefault(key, []).append(
                _version(leaf.head, kind, text, attachments, found.limits)
            )
        elif kind not in _REPORTS and not kind.startswith("multipart/"):
            attachments.append(attachment(leaf))
    seen = [seen_version(options) for options in versions.values()]
    for leaf in winmail:
        seen += _unpacked(leaf, attachments, has_text=any(one.text for one in seen))
    return _Body(
        "\n\n".join(one.text for one in seen if one.text),
        " ".join(one.hidden for one in seen if one.hidden),
        attachments,
    )


def _version(
    head: Message, kind: str, text: str, attachments: list[Attachment], limits: set[str]
) -> Version:
    if kind != "text/plain":
        shown = read_html(text)
        if shown.is_cut:
            limits.add("html")
        return Version(shown.text, shown.hidden, is_html=True)
    if len(text) > _TEXT_CHARACTERS:
        limits.add("text")
        text = text[:_TEXT_CHARACTERS]
    if parameter(head, "format").lower() == "flowed":
        text = unflowed(text, delete_space=parameter(head, "delsp").lower() == "yes")
    text, files = without_uuencoded(text.replace(CUT, "").replace("\r\n", "\n"))
    attachments += files
    return Version(tidy(text), hidden_in(text), is_html=False)


def _unpacked(leaf: Leaf, attachments: list[Attachment], *, has_text: bool) -> list[Version]:
    mail = read_tnef(decoded(leaf, _TNEF_BYTES))
    attachments += [
        Attachment(
            plain_name(file.name), file.content_type or "application/octet-stream", file.size
        )
        for file in mail.files
    ]
    if has_text or not (mail.plain or mail.html):
        return []
    if mail.plain:
        plain = mail.plain[:_TEXT_CHARACTERS]
        return [Version(tidy(plain.replace(CUT, "")), "", is_html=False)]
    shown = read_html(mail.html)
    return [Version(shown.text, shown.hidden, is_html=True)]


def _is_attachment(head: Message, *, first: bool) -> bool:
    disposition = str(head.get("content-disposition", "")).strip().lower()
    return disposition.startswith("attachment") or (not first and bool(file_name(head)))


def _dmarc(headers: dict[str, tuple[str, ...]], sender: str) -> str:
    """Returns our own receiver's verdict on the sender's domain, empty if there is none to believe."""
    results = headers.get("authentication-results", ())
    if not sender or not results or len(headers.get("from", ())) != 1:
        return ""
    # Quoted texts and comments hold what the sender chose.
    verdict = _QUOTED_TEXT.sub("", results[0])
    for _ in range(_COMMENT_DEPTH):
        verdict = _COMMENT.sub("", verdict)
    author, *methods = (part.strip().lower() for part in verdict.split(";"))
    if author.split(" ")[0] != _OUR_RECEIVER or "(" in verdict:
        return ""
    verdicts = list(_verdicts(methods, sender.rpartition("@")[2]))
    return verdicts[0] if len(verdicts) == 1 else ""


def _verdicts(methods: Iterable[str], domain: str) -> Iterable[str]:
    for words in (method.split() for method in methods):
        if words and words[0].startswith("dmarc="):
            result = words[0].removeprefix("dmarc=")
            # A pass counts for the domain that it names and for no other.
            yield result if result != "pass" or f"header.from={domain}" in words[1:] else "other"
