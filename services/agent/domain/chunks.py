"""Cuts sections into chunks that an embedding model reads whole; the section stays what is cited."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.agent.domain.knowledge import Section

# Characters of body: a sentence or two, so that the vector stands for one thing said.
STATEMENT = 160

_FENCE = re.compile(r"^\s*(```|~~~)")
_ITEM = re.compile(r"^\s*(?:\d+[.)]|[-*+])\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[^\s\d])")
_RULE = re.compile(r"^\s*\|?[\s:|-]+\|[\s:|-]*$")


class Kind(StrEnum):
    """How much of a section a chunk holds."""

    TITLE = "title"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a section as the embedding model gets it: the title, then a few sentences, items or rows.

    `chunk_id` is made of the section and of the text: it stays while both stay, wherever the piece moves.
    """

    chunk_id: str
    section_id: str
    kind: Kind
    text: str


def cut(section: Section) -> list[Chunk]:
    """Cuts a section into its title and its statements; equal texts become one chunk, of the first kind.

    Pieces end at the end of a sentence, item, row or line of code; each piece of a table repeats the table's head. Only a
    single sentence or line that is too long is cut inside.
    """
    pieces = {section.title: Kind.TITLE}
    for body in _packed(section.content, STATEMENT):
        pieces.setdefault(f"{section.title}: {body}", Kind.STATEMENT)
    return [
        Chunk(
            f"{section.section_id}@{hashlib.sha256(text.encode()).hexdigest()[:12]}",
            section.section_id,
            kind,
            text,
        )
        for text, kind in pieces.items()
    ]


def _packed(content: str, longest: int) -> Iterator[str]:
    for head, units in _blocks(content):
        piece = head
        for unit in (part for whole in units for part in _parts(whole, longest)):
            if len(piece) > len(head) and len(piece) + len(unit) + 1 > longest:
                yield piece
                piece = head
            piece = f"{piece} {unit}" if piece else unit
        if len(piece) > len(head):
            yield piece


def _blocks(content: str) -> Iterator[tuple[str, list[str]]]:
    """Yields what each piece of a block begins with, and the block's units."""
    prose: list[str] = []
    lines = content.split("\n")
    place = 0
    while place < len(lines):
        line = lines[place]
        fence = _FENCE.match(line)
        end = place + 1
        if fence:
            while end < len(lines) and not lines[end].strip().startswith(fence[1]):
                end += 1
            yield from _prose(prose)
            yield "", [code.strip() for code in lines[place + 1 : end] if code.strip()]
            end += 1
        elif _is_table(lines, place):
            while end < len(lines) and lines[end].lstrip().startswith("|"):
                end += 1
            yield from _prose(prose)
            yield _cells(line), [_cells(row) for row in lines[place + 2 : end]]
        else:
            prose.append(line)
        place = end
    yield from _prose(prose)


def _prose(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    units: list[str] = []
    paragraph: list[str] = []

    def close() -> None:
        text = " ".join(paragraph)
        paragraph.clear()
        units.extend(part for part in _SENTENCE_END.split(text) if part)

    for line in lines:
        if not line.strip() or _ITEM.match(line):
            close()
        if line.strip():
            paragraph.append(_ITEM.sub("", line).strip())
    close()
    lines.clear()
    if units:
        yield "", units


def _is_table(lines: list[str], place: int) -> bool:
    following = lines[place + 1] if place + 1 < len(lines) else ""
    return lines[place].lstrip().startswith("|") and _RULE.match(following) is not None


def _cells(row: str) -> str:
    return " | ".join(cell.strip() for cell in row.strip().strip("|").split("|"))


def _parts(unit: str, longest: int) -> Iterator[str]:
    while len(unit) > longest:
        edge = unit.rfind(" ", 1, longest)
        edge = edge if edge > 0 else longest
        yield unit[:edge].strip()
        unit = unit[edge:].strip()
    if unit:
        yield unit
