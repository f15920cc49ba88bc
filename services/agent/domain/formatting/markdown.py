"""Reads an answer in Markdown into units: the pieces that are shortened and packed but never torn.

A sentence, a list item, a table and a block of code is a unit, unless it is longer than a whole part.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import regex

from services.agent.domain.formatting import inline
from services.agent.domain.formatting.graphemes import (
    EXTENDING,
    SPACE,
    chunks,
    cleaned,
    clusters,
)

# A part of a chat answer aims at this length.
PART_AIM = 300
# WhatsApp takes no more in one message; the limit is Twilio's.
PART_MOST = 1600


class Kind(Enum):
    """What a unit is."""

    # Our own words around an answer: no Markdown.
    FRAME = "frame"
    TEXT = "text"
    ITEM = "item"
    CODE = "code"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of Markdown and the white space that joins it to the unit before; `rows` are a table's, head first.

    An item's text begins with its marker unless it goes on with the item before, joined by less than a line break.
    """

    kind: Kind
    text: str
    glue: str = "\n\n"
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def is_step(self) -> bool:
        """Whether this begins an item of a numbered list."""
        return self.kind is Kind.ITEM and NUMBER.match(self.text) is not None

    @property
    def leads(self) -> bool:
        """Whether this is a heading or an announcement, which is worse than nothing when nothing follows."""
        return self.kind is Kind.TEXT and (
            self.text.rstrip("*_ ").endswith((":", "\uff1a"))
            or _ALL_BOLD.fullmatch(self.text) is not None
        )


NUMBER = regex.compile(r"\s*(\d{1,9})[.)]\s+")
MARKER = regex.compile(r"(\s*)(\d{1,9}[.)]|[-*•+])\s+(?=\S)")

_FENCE = regex.compile(r"([^\S\n]*)(```+|~~~+)[^`]*")
_HEADING = regex.compile(r"[^\S\n]{0,3}#{1,6}[^\S\n]+(.*?)[^\S\n]*#*[^\S\n]*")
_RULE = regex.compile(r"[^\S\n]{0,3}([-*_])(?:[^\S\n]*\1){2,}[^\S\n]*")
_QUOTE = regex.compile(r"^[^\S\n]{0,3}>[^\S\n]?")
_CELLS = regex.compile(r"(?<!\\)\|")
_DASHES = regex.compile(
    r"[^\S\n]*\|?[^\S\n]*:?-+:?[^\S\n]*(?:\|[^\S\n]*:?-+:?[^\S\n]*)*\|?[^\S\n]*"
)
_ALL_BOLD = regex.compile(r"\*\*[^*\n]+\*\*")
# A sentence ends with its mark, closing quotes and white space; in Chinese and Japanese without white space.
_CLOSING = r"[\"'\p{Pe}\p{Pf}*_]"
_SENTENCE_END = regex.compile(
    rf"(?<=[\p{{STerm}}\u2026]){_CLOSING}*(?P<glue>[^\S\n]+)(?!{EXTENDING})"
    rf"|(?<=[\u3002\uff01\uff1f]){_CLOSING}*(?P<none>)(?!{EXTENDING}|{_CLOSING}|$)"
)
_MOST_INDENT = 8


def read(markdown: str, most: int = PART_AIM) -> list[Unit]:
    """Returns the units of an answer; only a link, a table or code may be longer than `most`."""
    return [
        unit for block in _blocks(cleaned(markdown).split("\n")) for unit in _units(block, most)
    ]


def frame(text: str, most: int = PART_AIM) -> list[Unit]:
    """Returns the units of our own words, which are no Markdown."""
    lines = cleaned(text).strip().split("\n")
    return [unit for block in _paragraphs(lines) for unit in _units(block, most)]


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Renders a table as a list: every row names its columns, so that it is read without the others."""
    head, *body = rows
    lines = []
    for row in body or [("",) * len(head)]:
        named = [
            f"{name}: {cell}" if name and cell else name or cell
            for name, cell in zip(head, row, strict=True)
        ]
        lines.append("- " + "; ".join(cell for cell in named if cell))
    return lines


def _blocks(lines: Sequence[str]) -> Iterator[Unit]:
    """Reads lines into whole blocks; a paragraph comes line by line."""
    place, glue = 0, "\n\n"
    while place < len(lines):
        line = lines[place]
        start = place
        if not line.strip() or _RULE.fullmatch(line):
            place, glue = place + 1, "\n\n"
            continue
        if fence := _FENCE.fullmatch(line):
            code, place = _code(lines, place, fence)
            block = Unit(Kind.CODE, code, glue)
        elif "|" in line and place + 1 < len(lines) and _is_table(line, lines[place + 1]):
            rows, place = _table(lines, place)
            block = Unit(Kind.TABLE, "\n".join(lines[start:place]), glue, rows)
        elif MARKER.match(line):
            item, place = _item(lines, place)
            block = Unit(Kind.ITEM, item, glue)
        else:
            block, place = Unit(Kind.TEXT, _line(line), glue), place + 1
        if block.text.strip():
            yield block
            glue = "\n"


def _paragraphs(lines: Sequence[str]) -> Iterator[Unit]:
    glue = "\n\n"
    for line in lines:
        if line.strip():
            yield Unit(Kind.FRAME, line.rstrip(), glue)
        glue = "\n" if line.strip() else "\n\n"


def _code(lines: Sequence[str], start: int, fence: "regex.Match[str]") -> tuple[str, int]:
    indent, mark = len(fence[1]), fence[2]
    place = start + 1
    inside: list[str] = []
    while place < len(lines):
        line = lines[place].strip()
        place += 1
        if line.startswith(mark) and not line.strip(mark[0]):
            break
        raw = lines[place - 1]
        inside.append(raw[min(indent, len(raw) - len(raw.lstrip())) :].rstrip())
    return "\n".join(inside).strip("\n"), place


def _is_table(head: str, dashes: str) -> bool:
    return _DASHES.fullmatch(dashes) is not None and len(_row(head)) == len(_row(dashes))


def _table(lines: Sequence[str], start: int) -> tuple[tuple[tuple[str, ...], ...], int]:
    head = _row(lines[start])
    rows, place = [head], start + 2
    while place < len(lines) and "|" in lines[place]:
        row = _row(lines[place])
        # A row with more cells than the head keeps them in its last one.
        whole = (*row[: len(head) - 1], " | ".join(row[len(head) - 1 :]))
        rows.append((*whole, *[""] * len(head))[: len(head)])
        place += 1
    return tuple(rows), place


def _row(line: str) -> tuple[str, ...]:
    bare = line.strip().removeprefix("|")
    cells = _CELLS.split(bare)
    if len(cells) > 1 and not cells[-1].strip():
        cells = cells[:-1]
    return tuple(inline.without_images(cell).strip() for cell in cells)


def _item(lines: Sequence[str], start: int) -> tuple[str, int]:
    """Returns a list item with the indented lines that go on with it."""
    marker = MARKER.match(lines[start])
    indent, mark = (marker[1], marker[2]) if marker else ("", "")
    mark = "-" if mark in ("*", "+") else mark
    indent = " " * min(len(indent.expandtabs(4)), _MOST_INDENT)
    kept = [f"{indent}{mark} {lines[start][marker.end() if marker else 0 :].rstrip()}"]
    place = start + 1
    while place < len(lines) and lines[place].strip() and lines[place][:1].isspace():
        if MARKER.match(lines[place]) or _FENCE.fullmatch(lines[place]):
            break
        kept.append(f"{indent}  {lines[place].strip()}")
        place += 1
    item = inline.without_images("\n".join(kept)).rstrip()
    return (item if item.strip() != mark else ""), place


def _line(line: str) -> str:
    if heading := _HEADING.fullmatch(line):
        title = inline.without_images(heading[1]).replace("**", "").strip()
        return f"**{title}**" if title else ""
    return inline.without_images(_QUOTE.sub("", line, count=1)).strip()


def _units(block: Unit, most: int) -> Iterator[Unit]:
    if block.kind is Kind.CODE:
        yield from _code_units(block)
    elif block.kind is Kind.TABLE:
        lines = table_lines(block.rows)
        if sum(len(line) + 1 for line in lines) <= PART_MOST:
            yield block
        else:
            for place, line in enumerate(lines):
                yield from _text_units(Unit(Kind.ITEM, line, "\n" if place else block.glue), most)
    else:
        yield from _text_units(block, most)


def _code_units(block: Unit) -> Iterator[Unit]:
    """A block of code is whole as long as any message can hold it; a longer one is cut between its lines."""
    room = PART_MOST - len("```\n\n```")
    lines = [
        piece
        for line in block.text.split("\n")
        for piece in (chunks(clusters(line), room) if len(line) > room else [line])
    ]
    joined: list[str] = []
    for line in lines:
        if joined and len(joined[-1]) + 1 + len(line) <= room:
            joined[-1] += "\n" + line
        else:
            joined.append(line)
    for place, code in enumerate(joined):
        yield replace(block, text=code, glue="\n" if place else block.glue)


def _text_units(block: Unit, most: int) -> Iterator[Unit]:
    if block.kind is Kind.ITEM and len(block.text) <= most:
        yield block
        return
    text = block.text
    if block.kind is not Kind.FRAME and _has_long_mark(text, most):
        text = inline.plain(text)
    before = block.glue
    for line in text.split("\n"):
        for sentence_glue, sentence in _sentences(line.rstrip()):
            for place, (glue, piece) in enumerate(_pieces(sentence, most)):
                yield replace(block, text=piece, glue=before or (glue if place else sentence_glue))
                before = ""
        # The lines of one item stay one item.
        before = " " if block.kind is Kind.ITEM else "\n"


def _has_long_mark(text: str, most: int) -> bool:
    return any(end - start > most and not link for start, end, link in inline.spans(text))


def _sentences(line: str) -> Iterator[tuple[str, str]]:
    """Cuts a line after its sentences, never inside a mark; each has the white space before it."""
    marker = MARKER.match(line)
    whole = inline.spans(line)
    start, glue = 0, ""
    for match in _SENTENCE_END.finditer(line, marker.end() if marker else 0):
        end = match.start("glue") if match["glue"] is not None else match.end()
        if any(first < match.end() and end < last for first, last, _ in whole):
            continue
        yield glue, line[start:end]
        start, glue = match.end(), match["glue"] or ""
    if start < len(line):
        yield glue, line[start:]


def _pieces(sentence: str, most: int) -> list[tuple[str, str]]:
    """Cuts an over-long sentence between words, an over-long word between graphemes, and no link."""
    if len(sentence) <= most:
        return [("", sentence)]
    pieces: list[tuple[str, str]] = []
    for glue, word in _words(sentence):
        if pieces and len(pieces[-1][1]) + len(glue) + len(word) <= most:
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + glue + word)
        elif len(word) <= most:
            pieces.append((glue, word))
        else:
            first, *others = chunks(_unbroken(word), most)
            pieces += [(glue, first), *[("", chunk) for chunk in others]]
    return pieces


def _words(sentence: str) -> Iterator[tuple[str, str]]:
    whole = inline.spans(sentence)
    start, glue = 0, ""
    for space in SPACE.finditer(sentence):
        if any(first < space.end() and space.start() < last for first, last, _ in whole):
            continue
        if space.start() > start:
            yield glue, sentence[start : space.start()]
            start, glue = space.end(), space[0]
    if start < len(sentence):
        yield glue, sentence[start:]


def _unbroken(word: str) -> list[str]:
    """The pieces of a word that stay whole: graphemes, marks and links, unless no message could hold the link."""
    whole = inline.spans(word)
    pieces: list[str] = []
    place = held = 0
    for cluster in clusters(word):
        end = place + len(cluster)
        if place < held:
            pieces[-1] += cluster
        else:
            pieces.append(cluster)
        held = max([held, *[last for first, last, _ in whole if first < end and place < last]])
        place = end
    return [
        part
        for piece in pieces
        for part in ([piece] if len(piece) <= PART_MOST else chunks(clusters(piece), PART_MOST))
    ]
