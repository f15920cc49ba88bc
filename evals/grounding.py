"""Whether what an answer states stands in the company's own texts: figures, links, addresses, names of menus."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from evals.speech import fold

_INTERNAL: Final = "\naudience: internal\n"
# Front matter stands at the beginning.
_HEAD: Final = 500
_LINK: Final = re.compile(r"https?://[^\s<>\"'()\[\]]+")
_ADDRESS: Final = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBER: Final = re.compile(r"(?<![\w#-])\d+(?:[.,]\d+)*")
_MARKER: Final = re.compile(r"^\s*(?:>\s*)?\d{1,2}[.)]\s+", re.MULTILINE)
_REFERENCE: Final = re.compile(r"\bFTE-[0-9A-Z]{8}\b")
_MENU: Final = re.compile(r"\*\*(.{1,60}?)\*\*")
_PATH: Final = re.compile(r"\s(?:→|➜|»|>)\s")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?:])\s+|\n+")
_CODE: Final = re.compile(r"(`{1,3})[^`].*?\1", re.DOTALL)
_WORDS: Final = re.compile(r"[^\W_]+")
_UNIT: Final = re.compile(
    r"\s*-?\s*(minutes?|hours?|days?|weeks?|months?|years?|seconds?|characters?|digits?|codes?|items?|rows?|"
    r"boards?|rules?|guests?|seats?|percent|attempts?|requests?|addresses|members?|mb|gb|tb)\b",
    re.IGNORECASE,
)
# A quotation of so many words is one; shorter ones happen by themselves.
_QUOTED_WORDS: Final = 6
_LONG_QUOTE: Final = 9


@dataclass(frozen=True, slots=True)
class Documents:
    """The company's texts, ready to be looked up; `words` is all of them as one line of folded words."""

    links: frozenset[str]
    numbers: frozenset[str]
    sentences: tuple[frozenset[str], ...]
    words: str

    @classmethod
    def read(cls, folder: Path) -> "Documents":
        """Reads what the company tells its customers; what is marked for its staff is left out.

        Of other files than Markdown, such as phrases, only the links count: they are no documentation.
        """
        documents = cls.of(
            [
                text
                for path in sorted(folder.rglob("*.md"))
                if _INTERNAL not in (text := path.read_text(encoding="utf-8"))[:_HEAD]
            ]
        )
        others = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.yaml"))]
        return replace(documents, links=documents.links | frozenset(_links("\n".join(others))))

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Documents":
        """Makes documents of texts."""
        whole = "\n".join(texts)
        return cls(
            links=frozenset(_links(whole)),
            numbers=frozenset(_numbers(whole)),
            sentences=tuple(_said(sentence) for sentence in _SENTENCE_END.split(whole)),
            words=_line(whole),
        )

    def invented(self, answer: str, known: str = "") -> list[str]:
        """Lists what an answer (Markdown) states without ground, in words; `known` are the customer's own words."""
        bare = _REFERENCE.sub(" ", answer)
        faults = [
            f"the link {link} stands nowhere in the documents"
            for link in _links(bare)
            if link not in self.links and link not in known
        ]
        bare = _ADDRESS.sub(" ", _LINK.sub(" ", bare))
        said = frozenset(_numbers(known))
        faults += [
            f"the figure {figure} stands nowhere in the documents"
            for figure in self._unknown_figures(bare)
            if figure.split()[0] not in said
        ]
        faults += [
            f"the menu {name!r} stands nowhere in the documents"
            for name in _menus(bare)
            if _line(name) not in self.words and _line(name) not in _line(known)
        ]
        return faults

    def own_words(self, answer: str) -> str:
        """Returns the sentences of an answer that are no quotations of the documents."""
        return " ".join(
            sentence
            for sentence in _SENTENCE_END.split(_CODE.sub(" ", _MARKER.sub("", answer)))
            if not self._stands(sentence, _QUOTED_WORDS // 2)
        )

    def quotes(self, answer: str) -> bool:
        """Tells whether an answer has a long run of words in common with the documents."""
        words = _line(answer).split()
        return any(
            f" {' '.join(words[at : at + _LONG_QUOTE])} " in self.words
            for at in range(len(words) - _LONG_QUOTE + 1)
        )

    def _stands(self, sentence: str, least: int) -> bool:
        words = _line(sentence)
        return len(words.split()) >= least and words in self.words

    def _unknown_figures(self, text: str) -> Iterable[str]:
        for found in _NUMBER.finditer(_MARKER.sub(" ", text)):
            number = _normal(found[0])
            unit = _UNIT.match(found.string, found.end())
            if number not in self.numbers:
                yield number
            elif unit and not any(
                {number, _singular(fold(unit[1]))} <= sentence for sentence in self.sentences
            ):
                yield f"{number} {unit[1]}"


def _said(sentence: str) -> frozenset[str]:
    words = (_singular(word) for word in _WORDS.findall(fold(sentence)))
    return frozenset([*words, *_numbers(sentence)])


def _links(text: str) -> list[str]:
    links = [link.rstrip(".,;:!?*_`»\u201d\u2019") for link in _LINK.findall(text)]
    return [*(link.rstrip("/") for link in links), *_ADDRESS.findall(_LINK.sub(" ", text))]


def _numbers(text: str) -> list[str]:
    return [_normal(number) for number in _NUMBER.findall(text)]


def _normal(number: str) -> str:
    """Writes 20,000 and 20.000 as 20000, and leaves 2.0 as it is."""
    return re.sub(r"[.,](?=\d{3}(?:\D|$))", "", number)


def _menus(text: str) -> list[str]:
    names = [name for bold in _MENU.findall(text) for name in _PATH.split(bold)]
    return [name.strip(" :.?!") for name in names if _WORDS.search(name)]


def _singular(word: str) -> str:
    return word.removesuffix("s")


def _line(text: str) -> str:
    return f" {' '.join(_WORDS.findall(fold(text)))} "
