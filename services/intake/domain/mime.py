"""The parts of a mail under hard limits: every step is linear in the mail's size and nothing recurses.

The standard library's `email` reads the headers and undoes the transfer encodings. Its own splitting of nested parts
takes time with the depth and keeps several copies of the whole mail, so the parts are found here by their boundaries.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from email.errors import MessageError
from email.message import Message
from email.parser import BytesHeaderParser

MAIL_BYTES = 64 * 1024 * 1024
DEPTH = 20
PARTS = 200
FIELDS = 500
FIELD_BYTES = 16 * 1024
_HEAD_BYTES = 512 * 1024
_BOUNDARY_BYTES = 200
# How often something may look like a boundary before the rest of a part is left whole.
_LOOKS = 5_000

# What the standard library raises on headers and parts that break every rule.
UNREADABLE = (
    MessageError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    RecursionError,
)
_FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")
# Where a field ends that goes over several lines, and where the header ends.
_UNFOLDED = re.compile(rb"\n(?![ \t])")
_HEAD_END = re.compile(rb"\n\r?\n")
_PARSER = BytesHeaderParser(policy=policy.compat32)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part without parts of its own: its headers, and where its undecoded body lies in the mail."""

    head: Message = field(repr=False)
    raw: bytes = field(repr=False)
    start: int
    end: int
    # Which multipart/alternative it belongs to; 0 for none. Of one a person sees a single version.
    choice: int

    def body(self, most: int) -> bytes:
        """Returns the undecoded body, at most so many bytes of it."""
        return self.raw[self.start : min(self.end, self.start + most)]

    @property
    def size(self) -> int:
        """The number of bytes of the decoded body; a base64 body is measured, not decoded."""
        length = self.end - self.start
        if transfer_encoding(self.head) != "base64":
            return length
        ends = self.raw.count(b"\n", self.start, self.end) + self.raw.count(
            b"\r", self.start, self.end
        )
        padding = self.raw[max(self.start, self.end - 8) : self.end].count(b"=")
        return max(0, (length - ends) * 3 // 4 - padding)


@dataclass(slots=True)
class Structure:
    """The mail's own headers and its leaves in order; `limits` names each limit that was reached."""

    head: Message = field(repr=False)
    leaves: list[Leaf]
    types: list[str]
    limits: set[str]


def transfer_encoding(head: Message) -> str:
    """Returns the lower-case transfer encoding of a part, empty if there is none."""
    return str(head.get("content-transfer-encoding", "")).strip().lower()


def content_type(head: Message) -> str:
    """Returns the lower-case media type of a part; text/plain where there is none that can be read."""
    try:
        return head.get_content_type()
    except UNREADABLE:
        return "text/plain"


def parameter(head: Message, name: str) -> str:
    """Returns a parameter of the content type, empty if there is none that can be read."""
    try:
        value = head.get_param(name, "", unquote=True)
    except UNREADABLE:
        return ""
    return str(value[2] or "") if isinstance(value, tuple) else str(value or "")


def structure(raw: bytes) -> Structure:
    """Finds the parts of a mail, whatever it looks like."""
    limits: set[str] = set()
    if len(raw) > MAIL_BYTES:
        raw = raw[:MAIL_BYTES]
        limits.add("size")
    if b"\n" not in raw[:_HEAD_BYTES] and b"\r" in raw[:_HEAD_BYTES]:
        raw = raw.replace(b"\r", b"\n")
    head, body = _read_head(raw, 0, len(raw), limits)
    found = Structure(head, [], [], limits)
    # What waits: a part's head, where its body lies, how deep it is, in which choice. The last one is taken first.
    waiting = [(head, body, len(raw), 0, 0)]
    while waiting:
        head, start, end, depth, choice = waiting.pop()
        kind = content_type(head)
        found.types.append(kind)
        spans = _spans(raw, start, end, head, limits) if kind.startswith("multipart/") else []
        if not spans or depth >= DEPTH:
            if spans:
                limits.add("depth")
            found.leaves.append(Leaf(head, raw, start, end, choice))
            continue
        if kind == "multipart/alternative":
            choice = len(found.types)
        room = PARTS - len(found.types) - len(waiting)
        if len(spans) > room:
            limits.add("parts")
            spans = spans[: max(0, room)]
        for first, last in reversed(spans):
            inner, inner_body = _read_head(raw, first, last, limits)
            if kind == "multipart/digest" and "content-type" not in inner:
                inner["Content-Type"] = "message/rfc822"
            waiting.append((inner, inner_body, last, depth + 1, choice))
    return found


def embedded_head(leaf: Leaf) -> Message:
    """Returns the headers of a mail that is enclosed as a part."""
    return _read_head(leaf.raw, leaf.start, leaf.end, set())[0]


def _read_head(raw: bytes, start: int, end: int, limits: set[str]) -> tuple[Message, int]:
    """Reads the header fields from `start` on; returns them and where the body begins."""
    kept: list[bytes] = []
    at, fields, room = start, 0, 0
    while at < end:
        stop = raw.find(b"\n", at, end)
        stop = end if stop < 0 else stop + 1
        line = raw[at : min(stop, at + FIELD_BYTES)]
        if not line.strip(b"\r\n"):
            at = stop
            break
        if line[:1] in b" \t" and kept:
            room -= len(line)
            if room > 0:
                kept.append(line)
            else:
                limits.add("header")
                stop = _next(_UNFOLDED, raw, at, end)
        elif _FIELD.match(line):
            fields += 1
            room = FIELD_BYTES - len(line)
            if fields > FIELDS:
                limits.add("header")
                at = _next(_HEAD_END, raw, at, end)
                break
            kept.append(line if line.endswith(b"\n") else line + b"\n")
            if stop - at > FIELD_BYTES:
                limits.add("header")
        elif at == start and line.startswith((b"From ", b">From ")):
            # The first line of a mail in an mbox file.
            pass
        else:
            break
        at = stop
    try:
        return _PARSER.parsebytes(b"".join(kept)), at
    except UNREADABLE:
        return Message(), at


def _next(pattern: re.Pattern[bytes], raw: bytes, start: int, end: int) -> int:
    found = pattern.search(raw, start, end)
    return found.end() if found else end


def _spans(
    raw: bytes, start: int, end: int, head: Message, limits: set[str]
) -> list[tuple[int, int]]:
    try:
        boundary = head.get_boundary("")
    except UNREADABLE:
        boundary = ""
    delimiter = b"--" + str(boundary).encode("utf-8", "surrogateescape")
    if not boundary or len(delimiter) > _BOUNDARY_BYTES:
        return []
    spans: list[tuple[int, int]] = []
    opened: int | None = None
    for at, after, closes in _delimiters(raw, start, end, delimiter, limits):
        if opened is not None:
            spans.append((opened, max(opened, at)))
        opened = None if closes else after
        if closes or len(spans) >= PARTS:
            break
    if opened is not None and len(spans) < PARTS:
        spans.append((opened, end))
    return spans


def _delimiters(
    raw: bytes, start: int, end: int, delimiter: bytes, limits: set[str]
) -> Iterator[tuple[int, int, bool]]:
    """Gives each boundary line: where the text before it ends, where the text after it starts, whether it is the last."""
    at, looks = start, 0
    while (at := raw.find(delimiter, at, end)) >= 0:
        looks += 1
        if looks > _LOOKS:
            limits.add("parts")
            return
        stop = raw.find(b"\n", at, end)
        stop = end if stop < 0 else stop
        rest = raw[at + len(delimiter) : min(stop, at + len(delimiter) + 80)].strip()
        if (at == start or raw[at - 1 : at] == b"\n") and rest in (b"", b"--"):
            before = at - 1 if at > start else at
            if before > start and raw[before - 1 : before] == b"\r":
                before -= 1
            yield before, min(stop + 1, end), rest == b"--"
        at = max(at + len(delimiter), 0)
