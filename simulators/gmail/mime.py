"""Owns mail as bytes: reading its headers and texts, editing its header block, the API's shapes.

Edits work on the bytes, so that all the rest of a mail stays as its author wrote it.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import Any, Final

_FOLD: Final = re.compile(r"\r?\n(?=[ \t])")
_HEADER: Final = re.compile(rb"([!-9;-~]+)[ \t]*:[^\n]*\n?(?:[ \t][^\n]*\n?)*")
_PREFIX: Final = re.compile(
    r"^\s*(?:(?:re|fwd?|aw|wg|sv|antw)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE
)
_LINE_END: Final = re.compile(rb"\r?\n")
_IDS: Final = re.compile(r"<[^<>\s]+>")
_SNIPPET: Final = 200
_SEARCHED: Final = 20_000
_DEEPEST: Final = 50
_REFERENCES: Final = 100


@dataclass(frozen=True, slots=True)
class Facts:
    """Holds what is indexed of a mail; addresses are bare and in lower case."""

    message_id: str | None
    references: tuple[str, ...]
    in_reply_to: str | None
    subject: str
    sender: str
    recipients: tuple[str, ...]
    to: tuple[str, ...]
    text: str | None
    html: str | None
    attachments: tuple[str, ...]

    @property
    def subject_key(self) -> str:
        """Returns the subject without reply prefixes, for comparing."""
        return " ".join(_PREFIX.sub("", self.subject).split()).casefold()

    @property
    def snippet(self) -> str:
        """Returns the beginning of the text."""
        shown = self.text if self.text is not None else re.sub(r"<[^>]+>", " ", self.html or "")
        return " ".join(shown.split())[:_SNIPPET]

    @property
    def searched(self) -> str:
        """Returns the text that free words of a search look into."""
        parts = (self.subject, self.sender, *self.recipients, self.text or self.html or "")
        return " ".join(parts)[:_SEARCHED].casefold()


def parse(raw: bytes) -> Message:
    """Returns the mail as a tree; one nested too deep to read keeps its headers only."""
    try:
        return message_from_bytes(raw)
    except RecursionError:
        return BytesHeaderParser().parsebytes(raw)


def facts(mail: Message) -> Facts:
    """Reads what is indexed of a mail."""
    text: str | None = None
    html: str | None = None
    attachments = []
    for part in _leaves(mail):
        kind = part.get_content_type()
        if part.get_filename() or part.get_content_disposition() == "attachment":
            attachments.append(part.get_filename() or "noname")
        elif kind == "text/plain" and text is None:
            text = _decoded(part)
        elif kind == "text/html" and html is None:
            html = _decoded(part)
    reply_ids = _IDS.findall(header(mail, "In-Reply-To"))
    message_ids = _IDS.findall(header(mail, "Message-ID"))
    to = _addresses(mail, "To")
    return Facts(
        message_id=message_ids[0] if message_ids else None,
        references=(*reply_ids, *_IDS.findall(header(mail, "References")))[:_REFERENCES],
        in_reply_to=reply_ids[0] if reply_ids else None,
        subject=header(mail, "Subject"),
        sender=next(iter(_addresses(mail, "From")), ""),
        recipients=(*to, *_addresses(mail, "Cc"), *_addresses(mail, "Bcc")),
        to=to,
        text=text,
        html=html,
        attachments=tuple(attachments),
    )


def header(mail: Message, name: str) -> str:
    """Returns a header's first value, unfolded and decoded; empty if it is absent."""
    value = mail.get(name)
    return "" if value is None else _readable(str(value))


def normalised(raw: bytes) -> bytes:
    """Returns the mail with CRLF at the end of every line, as it travels."""
    return _LINE_END.sub(b"\r\n", raw)


def without_headers(raw: bytes, *names: str) -> bytes:
    """Returns the mail without any header of these names."""
    gone = {name.lower().encode() for name in names}
    kept, at = [], 0
    while (found := _HEADER.match(raw, at)) is not None:
        if found[1].lower() not in gone:
            kept.append(found[0])
        at = found.end()
    return b"".join(kept) + raw[at:]


def with_headers(raw: bytes, *headers: tuple[str, str]) -> bytes:
    """Returns the mail with these headers put on top, in this order."""
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in headers) + raw


def encoded(data: bytes) -> str:
    """Returns bytes in the API's URL-safe base64."""
    return base64.urlsafe_b64encode(data).decode()


def decoded(text: str) -> bytes:
    """Returns the bytes of URL-safe base64, padded or not.

    Raises:
        ValueError: if it is not base64.
    """
    padded = text.rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except binascii.Error as exc:
        raise ValueError("not base64") from exc


def payload(mail: Message) -> dict[str, Any]:
    """Returns the whole tree of parts in the API's form."""
    return _part(mail, "", 0)


def headers_only(mail: Message, names: list[str]) -> dict[str, Any]:
    """Returns the API's payload of format metadata: the named headers, or all if none is named."""
    wanted = {name.lower() for name in names}
    shown = [item for item in _headers(mail) if not wanted or item["name"].lower() in wanted]
    return {"mimeType": mail.get_content_type(), "headers": shown}


def attachment(mail: Message, attachment_id: str) -> bytes | None:
    """Returns the content of the part that an attachment id of the payload names, or None."""
    part: Message = mail
    for step in filter(None, attachment_id.removeprefix("part-").split(".")):
        children = part.get_payload()
        if not isinstance(children, list) or not step.isdecimal() or int(step) >= len(children):
            return None
        child = children[int(step)]
        if not isinstance(child, Message):
            return None
        part = child
    return _content(part)


def _part(part: Message, part_id: str, depth: int) -> dict[str, Any]:
    filename = part.get_filename() or ""
    shape: dict[str, Any] = {
        "partId": part_id,
        "mimeType": part.get_content_type(),
        "filename": _readable(filename),
        "headers": _headers(part),
    }
    children = part.get_payload()
    if part.get_content_maintype() == "multipart" and isinstance(children, list):
        shape["body"] = {"size": 0}
        if depth < _DEEPEST:
            prefix = f"{part_id}." if part_id else ""
            shape["parts"] = [
                _part(child, f"{prefix}{at}", depth + 1)
                for at, child in enumerate(children)
                if isinstance(child, Message)
            ]
        return shape
    data = _content(part)
    if filename or part.get_content_maintype() not in ("text", "multipart"):
        shape["body"] = {"attachmentId": f"part-{part_id}", "size": len(data)}
    else:
        shape["body"] = {"size": len(data), "data": encoded(data)}
    return shape


def _content(part: Message) -> bytes:
    children = part.get_payload()
    if isinstance(children, list):
        return b"".join(child.as_bytes() for child in children if isinstance(child, Message))
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _headers(part: Message) -> list[dict[str, str]]:
    return [{"name": name, "value": _readable(str(value))} for name, value in part.items()]


def _readable(value: str) -> str:
    flat = _FOLD.sub("", value).strip()
    if "=?" not in flat:
        return flat
    try:
        return str(make_header(decode_header(flat)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return flat


def _addresses(mail: Message, name: str) -> tuple[str, ...]:
    values = [_FOLD.sub("", str(value)) for value in mail.get_all(name, [])]
    return tuple(address.lower() for _, address in getaddresses(values) if "@" in address)


def _leaves(mail: Message) -> list[Message]:
    leaves, waiting = [], [mail]
    while waiting:
        part = waiting.pop()
        children = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(children, list):
            waiting.extend(child for child in reversed(children) if isinstance(child, Message))
        else:
            leaves.append(part)
    return leaves


def _decoded(part: Message) -> str:
    charset = part.get_content_charset() or "utf-8"
    try:
        text = _content(part).decode(charset, "replace")
    except LookupError:
        text = _content(part).decode("utf-8", "replace")
    return text.replace("\r\n", "\n")
