"""Which section each sentence of a draft rests on: the draft's receipt.

A sentence is a fact, a question or a courtesy. A fact rests on the section that it repeats, or whose words it shares
most; the share is in [0, 1].
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from services.agent.domain.knowledge import Section
from services.agent.domain.skeleton import skeleton
from services.agent.domain.terms import terms
from services.agent.domain.turn import Source, Statement, StatementKind

_LINE = regex.compile(r"[^\n]+")
_MARKER = regex.compile(r"\s*(?:(?:\d{1,3}[.)]|[-*+•>])\s+|#{1,6}\s+)*")
_END = regex.compile(r"[.!?…]+[\"')\]*_`»”]*(?=\s|$)")
_WORDS = regex.compile(r"[\p{L}\p{N}]+")
_QUOTED = regex.compile(r"[\"“”„«»][^\"“”„«»\n]{1,400}[\"“”„«»]")
# A receipt names a section only for a sentence that shares at least this with it.
RESTS_ON = 0.5
_COURTESY_TERMS = 8
_ALL_BUT_REPEATED = 0.99
_COURTESY = regex.compile(
    r"\b(?:sorry|apolog\w+|thank\w*|welcome|happy to help|glad|understand\w*|frustrat\w+|annoy\w+|inconvenien\w+|hope (?:this|that)|let (?:me|us) know|"
    r"feel free|hello|hi|good (?:morning|afternoon|evening)|you contacted us|here (?:is|are) (?:how|what)|to your (?:first|second|third|other)? ?question|"
    r"(?:in|find\w*|not in|from) (?:our|the) documentation|a colleague can|ask for a person|anything else|get in touch|"
    r"siento|lament\w+|disculp\w+|gracias|entiend\w+|comprend\w+|hola|documentacion|espero|"
    r"tut (?:mir|uns) leid|entschuldig\w+|danke|vielen dank|verstehe\w*|gern\w*|hallo|dokumentation|hoffe\w*|"
    r"desole\w*|excus\w+|merci|bonjour|comprend\w*|espere|"
    r"desculp\w+|lament\w+|obrigad[oa]|ola|entend\w+|documentacao|"
    r"dispiace|scus\w+|grazie|ciao|capisc\w+|documentazione|spero|"
    r"maaf|kshama|dhanyavaad|dhanyawad|shukriya|namaste|samajh\w*|khed)\b"
)


@dataclass(frozen=True, slots=True)
class Grounded:
    """One sentence by its place in the draft, the section that carries it best, and how much of it that section holds.

    `best` is the place of the section in the given sequence, None without any section.
    """

    start: int
    end: int
    kind: StatementKind
    best: int | None
    share: float


def own_spans(draft: str, own_words: Sequence[str]) -> list["regex.Match[str]"]:
    """Finds the system's own sentences in a draft; the groups of a match are what was filled in."""
    return [match for words in own_words for match in _own(words).finditer(draft)]


def grounded(draft: str, sections: Sequence[str], own_words: Sequence[str] = ()) -> list[Grounded]:
    """Lists the sentences of a draft in their order; `sections` are titles and contents of what is cited."""
    found: list[Grounded] = []
    own = [match.span() for match in own_spans(draft, own_words)]
    for start, end in sentences(draft):
        text = draft[start:end]
        if any(first <= start and end <= last for first, last in own):
            found.append(Grounded(start, end, StatementKind.COURTESY, None, 0.0))
            continue
        shares = [share_of(text, section) for section in sections]
        best = (
            max(range(len(shares)), key=lambda place: (shares[place], -place)) if shares else None
        )
        share = shares[best] if best is not None else 0.0
        found.append(Grounded(start, end, _kind(text, share), best, share))
    return found


def receipt(
    draft: str, sections: Sequence[Section], own_words: Sequence[str] = ()
) -> tuple[Statement, ...]:
    """Ties each sentence of an answer to the section that it rests on, as that section is now.

    `own_words` are the system's own sentences with `{…}` for what is filled in: courtesies, whatever they share.
    """
    return tuple(
        Statement(one.start, one.end, one.kind, _source(sections[one.best]), round(one.share, 3))
        if one.best is not None and one.share >= RESTS_ON and one.kind is StatementKind.FACT
        else Statement(one.start, one.end, one.kind)
        for one in grounded(draft, [cited_text(section) for section in sections], own_words)
    )


def cited_text(section: Section) -> str:
    """A section as it is cited: its title and its content."""
    return f"{section.title}\n{section.content}"


def sentences(draft: str) -> Iterator[tuple[int, int]]:
    """Yields start and end of each sentence or list item, without its marker."""
    for line in _LINE.finditer(draft):
        marker = _MARKER.match(line[0])
        start = line.start() + (marker.end() if marker else 0)
        while start < line.end():
            stop = _END.search(draft, start, line.end())
            end = stop.end() if stop else line.end()
            text = draft[start:end]
            if _WORDS.search(text):
                yield start + len(text) - len(text.lstrip()), start + len(text.rstrip())
            start = end


@lru_cache(maxsize=4096)
def share_of(sentence: str, section: str) -> float:
    """How much of a sentence a section holds: 1 if it is repeated there word by word, else the share of its terms, below 1."""
    words = _worded(sentence)
    if words and f" {words} " in f" {_worded(section)} ":
        return 1.0
    said = set(terms(skeleton(sentence)))
    return min(len(said & _terms(section)) / len(said), _ALL_BUT_REPEATED) if said else 0.0


def _source(section: Section) -> Source:
    return Source(section.section_id, section.content_hash, section.version)


def _kind(text: str, share: float) -> StatementKind:
    if share == 1.0:
        return StatementKind.FACT
    # What is quoted, a customer's question for one, is nobody's statement here.
    own = _QUOTED.sub(" ", text)
    polite = _COURTESY.search(skeleton(own))
    if polite and len(set(terms(own))) <= _COURTESY_TERMS and share < RESTS_ON:
        return StatementKind.COURTESY
    if text.rstrip("*_\"')` ").endswith("?"):
        return StatementKind.QUESTION
    return StatementKind.FACT


@lru_cache(maxsize=128)
def _own(words: str) -> "regex.Pattern[str]":
    fixed = regex.split(r"\{\w+\}", words)
    # What is filled in is one line, and short: a language, or a question of the customer.
    return regex.compile(r"(.{1,200}?)".join(regex.escape(part) for part in fixed))


@lru_cache(maxsize=512)
def _worded(text: str) -> str:
    return " ".join(_WORDS.findall(skeleton(text)))


@lru_cache(maxsize=512)
def _terms(section: str) -> frozenset[str]:
    return frozenset(terms(skeleton(section)))
