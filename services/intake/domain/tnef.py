"""What lies in a winmail.dat: Outlook's own envelope (MS-OXTNEF), read under limits and without its rich text.

A stream is a signature, a key and attributes: level (1 byte), id (4), length (4), data, checksum (2), little-endian.
Texts and names that matter also come as MAPI properties (MS-OXCMSG) inside two of the attributes.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.intake.domain.charsets import decode

_SIGNATURE = 0x223E9F78
_ATTRIBUTES = 500
_PROPERTIES = 500
_TEXT_BYTES = 1024 * 1024
_ATTACHMENTS = 100

_BODY = 0x0002800C
_MAPI = 0x00069003
_NEW_ATTACHMENT = 0x00069002
_ATTACHMENT_TITLE = 0x00018010
_ATTACHMENT_DATA = 0x0006800F
_ATTACHMENT_MAPI = 0x00069005
_CODE_PAGE = 0x00069007

_PLAIN = 0x1000
_HTML = 0x1013
_LONG_NAME = 0x3707
_MIME_TYPE = 0x370E
_FIXED = {
    0x02: 4,
    0x03: 4,
    0x04: 4,
    0x0A: 4,
    0x0B: 4,
    0x05: 8,
    0x06: 8,
    0x07: 8,
    0x14: 8,
    0x40: 8,
    0x48: 16,
}
_MANY = 0x1000


@dataclass(slots=True)
class Enclosed:
    """One file inside."""

    name: str = ""
    content_type: str = ""
    size: int = 0


@dataclass(slots=True)
class Winmail:
    """The texts and files of a winmail.dat; all are empty if it cannot be read."""

    plain: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    files: list[Enclosed] = field(default_factory=list)


def read_tnef(data: bytes) -> Winmail:
    """Reads as much as is well formed."""
    mail = Winmail()
    charset = "cp1252"
    for number, value in _attributes(data):
        if number == _CODE_PAGE and len(value) >= 4:  # noqa: PLR2004 - a 32-bit number
            charset = f"cp{struct.unpack_from('<I', value)[0]}"
        elif number == _BODY:
            mail.plain = mail.plain or _text(value, charset)
        elif number == _MAPI:
            properties = _properties(value, charset)
            mail.plain = properties.get(_PLAIN, mail.plain)
            mail.html = properties.get(_HTML, mail.html)
        elif number == _NEW_ATTACHMENT and len(mail.files) < _ATTACHMENTS:
            mail.files.append(Enclosed())
        elif mail.files:
            _describe(mail.files[-1], number, value, charset)
    return mail


def _describe(file: Enclosed, number: int, value: memoryview, charset: str) -> None:
    if number == _ATTACHMENT_TITLE:
        file.name = file.name or _text(value, charset)
    elif number == _ATTACHMENT_DATA:
        file.size = len(value)
    elif number == _ATTACHMENT_MAPI:
        properties = _properties(value, charset)
        file.name = properties.get(_LONG_NAME, file.name)
        file.content_type = properties.get(_MIME_TYPE, "").lower()


def _attributes(data: bytes) -> Iterator[tuple[int, memoryview]]:
    if len(data) < 6 or struct.unpack_from("<I", data)[0] != _SIGNATURE:  # noqa: PLR2004 - signature, key
        return
    view, at = memoryview(data), 6
    for _ in range(_ATTRIBUTES):
        if at + 9 > len(data):
            return
        number, length = struct.unpack_from("<II", data, at + 1)
        yield number, view[at + 9 : at + 9 + length]
        at += 9 + length + 2


def _properties(data: memoryview, charset: str) -> dict[int, str]:
    """Reads the texts among MAPI properties; stops at the first that is not well formed."""
    found: dict[int, str] = {}
    try:
        (count,) = struct.unpack_from("<I", data)
        at = 4
        for _ in range(min(count, _PROPERTIES)):
            kind, name = struct.unpack_from("<HH", data, at)
            at += 4
            if name >= 0x8000:  # noqa: PLR2004 - named properties carry a GUID and a name
                at = _past_name(data, at)
            value, at = _value(data, at, kind)
            if value is not None and name in (_PLAIN, _HTML, _LONG_NAME, _MIME_TYPE):
                found[name] = _text(value, "utf-16-le" if kind & 0xFFF == 0x1F else charset)  # noqa: PLR2004
    except struct.error:
        pass
    return found


def _past_name(data: memoryview, at: int) -> int:
    (by_name,) = struct.unpack_from("<I", data, at + 16)
    if not by_name:
        return at + 24
    (length,) = struct.unpack_from("<I", data, at + 20)
    return at + 24 + _padded(length)


def _value(data: memoryview, at: int, kind: int) -> tuple[memoryview | None, int]:
    base = kind & ~_MANY
    if base in _FIXED and not kind & _MANY:
        return None, at + _FIXED[base]
    (count,) = struct.unpack_from("<I", data, at)
    at += 4
    if base in _FIXED:
        return None, at + count * _FIXED[base]
    value: memoryview | None = None
    for _ in range(min(count, _PROPERTIES)):
        (length,) = struct.unpack_from("<I", data, at)
        value = data[at + 4 : at + 4 + length]
        at += 4 + _padded(length)
    return value, at


def _padded(length: int) -> int:
    return length + -length % 4


def _text(value: memoryview, charset: str) -> str:
    data = bytes(value[:_TEXT_BYTES])
    text = data.decode("utf-16-le", "replace") if charset == "utf-16-le" else decode(data, charset)
    return text.rstrip("\0")
