"""The bodies of parts: transfer encodings undone, uuencoded files taken out, names and sizes of attachments."""

import binascii
import quopri
import re
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import Message

from services.intake.domain import charsets
from services.intake.domain.mime import (
    UNREADABLE,
    Leaf,
    content_type,
    embedded_head,
    parameter,
    transfer_encoding,
)
from services.intake.domain.plain_text import tidy

TEXT_BYTES = 1024 * 1024
NAME_CHARACTERS = 200

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_BASE64_LINES = re.compile(rb"(?:[A-Za-z0-9+/=]*+[ \t]*+\r?\n)*+[A-Za-z0-9+/=]*+")
_WORDS = re.compile(rb"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
_QUOTED_PRINTABLE = re.compile(rb"=[0-9A-F]{2}")
_SOFT_BREAK = re.compile(rb"[^\s=][^\n]{20,75}=\r?\n")
_UU = re.compile(
    r"^begin [0-7]{3,4} ([^\n]{1,200})\n((?:[!-`][ -`]{0,90}\n){1,100000})(?:`?\n)?end[ \t]*$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is attached, by name, type and size in bytes; the content stays in the original mail."""

    name: str = field(repr=False)
    content_type: str
    size: int


def decoded(leaf: Leaf, most: int = TEXT_BYTES) -> bytes:
    """Returns the decoded bytes of a part, of at most so many encoded ones; mends encodings that do not hold."""
    data = leaf.body(most)
    encoding = transfer_encoding(leaf.head)
    if encoding == "base64":
        return _base64(data)
    if encoding == "quoted-printable":
        return quopri.decodestring(data)
    if (
        not encoding.startswith(("8", "binary"))
        and _QUOTED_PRINTABLE.search(data)
        and _SOFT_BREAK.search(data)
    ):
        return quopri.decodestring(data)
    return data


def text_of(leaf: Leaf, most: int = TEXT_BYTES) -> str:
    """Returns the text of a text part, of at most so many encoded bytes."""
    declared = parameter(leaf.head, "charset")
    data = decoded(leaf, most)
    if content_type(leaf.head) == "text/html":
        return charsets.decode_html(data, declared)
    return charsets.decode(data, declared)


def without_uuencoded(text: str) -> tuple[str, list[Attachment]]:
    """Takes files out that were written into a text in the manner of old mail programs."""
    if "\nend" not in text or "begin " not in text:
        return text, []
    found: list[Attachment] = []

    def note(match: re.Match[str]) -> str:
        size = sum((ord(line[0]) - 32) & 63 for line in match[2].splitlines() if line)
        found.append(Attachment(plain_name(match[1]), "application/octet-stream", size))
        return ""

    return _UU.sub(note, text), found


def attachment(leaf: Leaf) -> Attachment:
    """Describes a part as an attachment."""
    kind = content_type(leaf.head)
    name = file_name(leaf.head)
    if not name and kind == "message/rfc822":
        name = plain_name(readable(str(embedded_head(leaf).get("subject", ""))))
    return Attachment(name, kind, leaf.size)


def file_name(head: Message) -> str:
    """Returns the name that a part gives its content, empty if none."""
    try:
        name = head.get_filename("")
    except UNREADABLE:
        name = ""
    return plain_name(readable(name or parameter(head, "name")))


def plain_name(name: str) -> str:
    """Returns a name of a file as one line without folders."""
    last = re.split(r"[/\\]", " ".join(tidy(name).split()))[-1]
    return last[:NAME_CHARACTERS]


def readable(value: str) -> str:
    """Returns a header's text: encoded words decoded, undeclared bytes read, on one line."""
    try:
        pieces = decode_header(value) if "=?" in value else [(value, None)]
    except UNREADABLE:
        pieces = [(value, None)]
    words: list[str] = []
    for piece, declared in pieces:
        data = piece if isinstance(piece, bytes) else piece.encode("utf-8", "surrogateescape")
        words.append(charsets.decode(data, declared or ""))
    return " ".join(tidy("".join(words)).split())


def _base64(data: bytes) -> bytes:
    # Behind it a list's software may have appended its foot in plain text.
    found = _BASE64_LINES.match(data)
    body = found[0] if found and b"\n" in found[0].lstrip() else data
    if body is data and _WORDS.search(data[:4096]):
        # It only says that it is encoded.
        return data
    clean = _NOT_BASE64.sub(b"", body.partition(b"=")[0])
    clean = clean[: len(clean) - (len(clean) % 4 == 1)]
    try:
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
    except binascii.Error:
        return b""
