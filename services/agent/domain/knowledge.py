"""The company's documentation as sections, and how well a section answers a question."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.agent.domain.terms import terms

# Below this share of the question's weight, a section is no evidence.
EVIDENCE_FLOOR = 0.5

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_BODY_WEIGHT = 0.75


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
    """A section found for a question, with how much of the question it covers, in [0, 1]."""

    section: Section
    score: float


class DocumentError(ValueError):
    """A document cannot be read; the message names its line."""


def read_sections(document: str, text: str) -> list[Section]:
    """Cuts a Markdown document with optional front matter into sections.

    Sub-headings make sections of their own whose title names their parents below the document's title.

    Raises:
        DocumentError: if the front matter is not closed or a line of it is no `name: value`.
    """
    properties, lines = _front_matter(text)
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    body: list[str] = []
    fence = ""

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
                audience=properties.get("audience", "customer"),
                position=len(sections),
                content_hash=hashlib.sha256(f"{title}\n{content}".encode()).hexdigest(),
            )
        )

    for line in lines:
        mark = _FENCE.match(line)
        if mark:
            fence = "" if fence == mark[1] else fence or mark[1]
        heading = None if fence or mark else _HEADING.match(line)
        if heading is None:
            body.append(line)
            continue
        close()
        level = len(heading[1])
        path = [entry for entry in path if entry[0] < level]
        path.append((level, heading[2]))
    close()
    return sections


def rank(
    query: str, sections: Sequence[Section], total: int, spread: Mapping[str, int]
) -> list[Evidence]:
    """Orders sections by the weighted share of the question's terms that they hold, best first.

    Rare terms weigh more: `spread` says in how many of `total` sections a term occurs. A term that occurs
    nowhere counts against every section, because the question is then about something else.
    """
    wanted = list(dict.fromkeys(terms(query)))
    weights = {term: math.log((total + 1) / (spread.get(term, 0) + 0.5)) + 0.1 for term in wanted}
    whole = sum(weights.values())
    if not whole:
        return []
    found: list[tuple[float, float, int, Evidence]] = []
    for section in sections:
        title, body = _section_terms(section)
        covered = sum(
            weight * (1.0 if term in title else _BODY_WEIGHT if term in body else 0.0)
            for term, weight in weights.items()
        )
        # Among equals, the section whose title says least beside the question comes first.
        extra = sum(1 for term in title if term not in weights)
        density = sum(body.count(term) for term in weights) / (len(body) + 20)
        score = min(covered / whole, 1.0)
        found.append((score, density, -extra, Evidence(section, round(score, 4))))
    found.sort(key=lambda row: (-round(row[0], 2), -(row[2] * 0.02 + row[1])))
    return [evidence for *_, evidence in found]


@lru_cache(maxsize=2048)
def _section_terms(section: Section) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(terms(section.title)), tuple(terms(section.content))


def is_evidence(found: Evidence) -> bool:
    """Tells whether a section covers enough of the question to answer from it."""
    return found.score >= EVIDENCE_FLOOR


def _front_matter(text: str) -> tuple[dict[str, str], list[str]]:
    lines = text.replace("\r\n", "\n").lstrip("\ufeff").split("\n")
    if lines[0].strip() != "---":
        return {}, lines
    properties: dict[str, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if line.strip() == "---":
            return properties, lines[number:]
        name, colon, value = line.partition(":")
        if line.strip() and not colon:
            raise DocumentError(f"line {number}: front matter wants `name: value`")
        if colon:
            properties[name.strip().lower()] = value.strip().strip("\"'")
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
