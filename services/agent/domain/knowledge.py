"""The company's documentation as sections, which are what an answer cites."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

CUSTOMER = "customer"
INTERNAL = "internal"

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of a document with what stands beneath it, up to the next heading.

    `section_id` is the document's path and the headings as anchors: it survives edits of the text.
    """

    section_id: str
    document: str
    title: str
    content: str
    category: str
    audience: str
    position: int
    content_hash: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """A section found for a question, with the estimated probability that it answers it."""

    section: Section
    score: float


class DocumentError(ValueError):
    """A document cannot be read; the message names its line."""


def read_sections(document: str, text: str) -> list[Section]:
    """Cuts a Markdown document with optional front matter into sections.

    Sub-headings make sections of their own whose title names their parents below the document's title.

    Raises:
        DocumentError: if the front matter is not closed, a line of it is no `name: value`, the audience is unknown, or a
            code block is not closed.
    """
    properties, lines, first = _front_matter(text)
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    body: list[str] = []
    fence, fence_line = "", 0

    def close() -> None:
        content = "\n".join(body).strip()
        body.clear()
        if not content:
            return
        headings = [name for _, name in path]
        title = " - ".join(headings[1:] or headings) or document
        anchors = "/".join(_anchor(name) for name in headings[1:] or headings)
        sections.append(
            Section(
                section_id=_unique(f"{document}#{anchors}", sections),
                document=document,
                title=title,
                content=content,
                category=properties.get("category", ""),
                audience=properties.get("audience", CUSTOMER),
                position=len(sections),
                content_hash=hashlib.sha256(f"{title}\n{content}".encode()).hexdigest(),
            )
        )

    for number, line in enumerate(lines, start=first):
        mark = _FENCE.match(line)
        if mark:
            fence_line = fence_line if fence else number
            fence = "" if fence == mark[1] else fence or mark[1]
        heading = None if fence or mark else _HEADING.match(line)
        if heading is None:
            body.append(line)
            continue
        close()
        level = len(heading[1])
        path = [entry for entry in path if entry[0] < level]
        path.append((level, heading[2]))
    if fence:
        raise DocumentError(f"line {fence_line}: the code block is not closed with `{fence}`")
    close()
    return sections


def _front_matter(text: str) -> tuple[dict[str, str], list[str], int]:
    """Returns the properties, the lines beneath them, and the number of the first of these."""
    lines = text.replace("\r\n", "\n").lstrip("\ufeff").split("\n")
    if lines[0].strip() != "---":
        return {}, lines, 1
    properties: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if line.strip() == "---":
            return properties, lines[number:], number + 1
        name, colon, value = line.partition(":")
        if line.strip() and not colon:
            raise DocumentError(f"line {number}: front matter wants `name: value`")
        name, value = name.strip().lower(), value.strip().strip("\"'")
        if name == "audience" and value not in (CUSTOMER, INTERNAL):
            # A misspelt `internal` must not become a document that nobody finds, nor one that everybody does.
            raise DocumentError(f"line {number}: audience is `{CUSTOMER}` or `{INTERNAL}`")
        if colon:
            properties[name] = value
    raise DocumentError("line 1: front matter is not closed with `---`")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w]+", "-", heading.lower()).strip("-") or "section"


def _unique(section_id: str, sections: Sequence[Section]) -> str:
    taken = {section.section_id for section in sections}
    candidate, number = section_id, 1
    while candidate in taken:
        number += 1
        candidate = f"{section_id}-{number}"
    return candidate
