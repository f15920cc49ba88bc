"""What a customer's message is: nothing to answer, thanks, a greeting, or questions."""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum

from services.agent.domain.language import SMALL_WORDS
from services.agent.domain.own_text import considered, own_text
from services.agent.domain.reading_words import (
    CLOSING_SIGNS,
    CLOSING_WORDS,
    CUES,
    FURTHER,
    GREETING_WORDS,
    JOINING_WORDS,
    NO_SUBJECT,
    OPENERS,
    POLITE_WORDS,
    PRO_WORDS,
    QUESTION_WORDS,
    THANK_WORDS,
    VAGUE_WORDS,
)
from services.agent.domain.terms import fold, terms

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+|(?=¿)")
_LISTED = re.compile(r"^\s*(?:\d{1,2}[.)]|[a-h]\)|[-*•])\s+", re.MULTILINE)
# Stands for the number or the sign of an item, whose dot would end a sentence.
_PLACE = "• "
_MARKS = " -*•\t\n"
_END_MARK = re.compile(r"[.!?…]\s*$")
_THANKS = THANK_WORDS | CLOSING_WORDS | POLITE_WORDS
_CLOSING = THANK_WORDS | CLOSING_WORDS
_SMALL = frozenset().union(*SMALL_WORDS.values())
_ASKING_OR_TROUBLED = (VAGUE_WORDS - _THANKS - GREETING_WORDS - _SMALL) | set(
    " ".join(QUESTION_WORDS.values()).split()
)
_REFERRING = frozenset(
    PRO_WORDS
    | VAGUE_WORDS
    | GREETING_WORDS
    | POLITE_WORDS
    | set(" ".join(QUESTION_WORDS.values()).split())
)
_CUE = re.compile(rf"\b(?:{CUES})\b")
_FURTHER = re.compile(rf"^(?:{FURTHER})\b")
_CONDITION = re.compile(
    r"^\s*(?:if|when|after|once|before|while|si|cuando|despues|wenn|nachdem|sobald|bevor|quand|apres|lorsque|se|"
    r"quando|depois|dopo|agar|jab)\b"
)


def _words(text: str) -> str:
    return "|".join(re.escape(word) for word in sorted(text.split(), key=len, reverse=True))


_STARTS = "|".join(_words(words) for language, words in QUESTION_WORDS.items() if language != "hi")
_INSIDE = re.compile(rf"\b(?:{_words(QUESTION_WORDS['hi'])})\b")
_JOINS = "|".join(_words(words) for words in JOINING_WORDS.values())
_ASKS = re.compile(rf"^(?:(?:{_JOINS})\s+){{0,2}}(?:{_STARTS})\b|{_INSIDE.pattern}")
# "how do I … and where can I …": the joining word and the question's word are of one language.
_JOINT = re.compile(
    r"[,;]?\s+(?:"
    + "|".join(
        rf"(?:{_words(JOINING_WORDS[language])})\s+(?:{_words(JOINING_WORDS[language])}\s+)?(?=(?:{_words(words)})\b)"
        for language, words in QUESTION_WORDS.items()
    )
    + ")"
)
_JOINT_INSIDE = re.compile(rf"[,;]?\s+(?:{_words(JOINING_WORDS['hi'])})\s+")
_OPENER = re.compile(rf"\s+(?=(?:{'|'.join(OPENERS.values())}))")
_LEAD = re.compile(
    rf"^[^?]{{0,200}}?(?:[,:;]|\s-|^(?:{_JOINS})\b)\s*"
    rf"(?=(?:(?:also|auch|aussi|tambien|tambem|anche)\s+)?(?:{_STARTS})\b)"
)
_LONGEST_BATCH = 40_000
_TELLING_TERMS = 2
_LONGEST_QUESTION = 500
MOST_QUESTIONS = 12


class Reading(StrEnum):
    """What kind of message it is."""

    EMPTY = "empty"
    GREETING = "greeting"
    THANKS = "thanks"
    VAGUE = "vague"
    MATTER = "matter"


def considered_together(texts: Sequence[str]) -> list[str]:
    """The messages of a batch as a model reads them; if they are too long in all, each has the same room."""
    cut = [considered(text) for text in texts]
    if sum(len(text) for text in cut) <= _LONGEST_BATCH:
        return cut
    return [considered(text, _LONGEST_BATCH // len(texts)) for text in texts]


def said_subject(subject: str) -> str:
    """The subject, or nothing if a mail program wrote that there is none."""
    return "" if fold(subject).strip(" ()[]<>-.") in NO_SUBJECT else subject


def read(text: str) -> Reading:
    """Tells what kind of message a text is."""
    own = own_text(text)
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)?", fold(own))
    if not words and CLOSING_SIGNS & set(own):
        return Reading.THANKS
    if not any(len(word) > 1 or word.isalpha() for word in words) or _is_noise(words):
        return Reading.EMPTY
    said = set(words)
    if said & THANK_WORDS and said <= _THANKS | GREETING_WORDS:
        return Reading.THANKS
    if said & THANK_WORDS and "?" not in own and _says_nothing_else(said):
        return Reading.THANKS
    if said <= GREETING_WORDS:
        return Reading.GREETING
    if said & _CLOSING and said <= _THANKS and "?" not in own:
        return Reading.THANKS
    if said <= VAGUE_WORDS | GREETING_WORDS:
        return Reading.VAGUE
    return Reading.MATTER


def _says_nothing_else(said: set[str]) -> bool:
    """Tells whether small words are all that stands beside thanks; trouble and questions are more than that."""
    pieces = {piece for word in said for piece in word.split("'")}
    return pieces <= _THANKS | GREETING_WORDS | _SMALL and not pieces & _ASKING_OR_TROUBLED


def asked(texts: Sequence[str], subject: str = "", limit: int = MOST_QUESTIONS) -> list[str]:
    """Lists what a batch of messages asks, point by point, in its order; never empty.

    Messages that ask nothing (a greeting, thanks) are left out, and a message that is only the beginning of a
    sentence belongs to the next. The subject counts where the messages say next to nothing.
    """
    whole = _whole_messages(texts)
    chosen: list[str] = []
    for text in whole:
        _add_new(chosen, questions(text, limit))
    if _telling(chosen) < _TELLING_TERMS:
        said = " ".join(" ".join(text.split()) for text in whole or texts)
        return [f"{subject} {said}".strip()[:_LONGEST_QUESTION]]
    return chosen[:limit]


def questions(text: str, limit: int = MOST_QUESTIONS) -> list[str]:
    """Splits a message into the sentences that ask for something; the whole text if none stands out."""
    sentences = [s.strip() for s in _SENTENCE_END.split(_LISTED.sub(_PLACE, own_text(text)))]
    sentences = [s for s in _with_what_they_mean(sentences) if terms(s)]
    marked = any("?" in s for s in sentences)
    # One item of a list that asks makes all of them questions.
    listed = any("?" in s for s in sentences if s.startswith(_PLACE))
    points = [
        part
        for s in sentences
        if (listed and s.startswith(_PLACE)) or _is_asking(s.lstrip(_MARKS), marked=marked)
        for part in _joined(s.lstrip(_MARKS))
    ]
    chosen: list[str] = []
    _add_new(chosen, points)
    whole = " ".join(own_text(text).split())[:_LONGEST_QUESTION]
    if _telling(chosen) < _TELLING_TERMS <= len(set(terms(whole))):
        return [whole]
    return chosen[:limit] or [whole]


def _with_what_they_mean(sentences: Sequence[str]) -> list[str]:
    """Joins a question that only points back ("How do we do that?") with the sentence before it."""
    joined: list[str] = []
    for sentence in sentences:
        words = set(re.findall(r"[^\W_]+", fold(sentence)))
        if not words:
            continue
        refers = "?" in sentence and words <= _REFERRING
        if refers and joined and "?" not in joined[-1]:
            joined[-1] = f"{joined[-1]} {sentence}"
        else:
            joined.append(sentence)
    return joined


def _is_asking(sentence: str, *, marked: bool) -> bool:
    """Where the message has question marks, an unmarked sentence asks only if it opens a further matter."""
    if "?" in sentence:
        return True
    plain = _plain(sentence)
    further = _FURTHER.match(plain) is not None
    asking = any(pattern.search(plain) for pattern in (_ASKS, _LEAD, _CUE))
    if marked:
        return (further and asking) or _ASKS.match(plain) is not None
    return asking


def _joined(sentence: str) -> list[str]:
    """Cuts "how do I … and where can I …" in two; "add and remove users" stays whole."""
    parts = _cut(sentence, _JOINT)
    parts = [piece for part in parts for piece in _cut_inside(part)]
    parts = [piece for part in parts for piece in _cut_openers(part)]
    parts = [_without_lead(part)[:_LONGEST_QUESTION] for part in parts]
    return [part for part in parts if terms(part)] or [sentence[:_LONGEST_QUESTION]]


def _cut_inside(sentence: str) -> list[str]:
    """Cuts at a joining word if the question's word stands inside on both sides, as it does in Hindi."""
    parts = _cut(sentence, _JOINT_INSIDE)
    return parts if all(_INSIDE.search(_plain(part)) for part in parts) else [sentence]


def _cut_openers(sentence: str) -> list[str]:
    """Cuts questions that follow each other without a mark, if the first one begins the sentence."""
    parts = _cut(sentence, _OPENER)
    first = _plain(parts[0])
    return parts if _ASKS.match(first) and not _CONDITION.match(first) else [sentence]


def _cut(text: str, pattern: re.Pattern[str]) -> list[str]:
    """Splits a text where the pattern matches its plain form."""
    parts, start = [], 0
    for match in pattern.finditer(_plain(text)):
        parts.append(text[start : match.start()])
        start = match.end()
    return [part for part in (*parts, text[start:]) if part.strip()]


def _without_lead(sentence: str) -> str:
    """Leaves out what stands before the question ("We are a law firm, how …") unless it is a condition."""
    plain = _plain(sentence)
    lead = _LEAD.match(plain)
    if lead is None or _CONDITION.match(plain) or not terms(sentence[lead.end() :]):
        return sentence
    return sentence[lead.end() :]


def _whole_messages(texts: Sequence[str]) -> list[str]:
    """The messages that have a matter; one that is only the beginning of a sentence is joined with the next."""
    whole: list[str] = []
    begun = ""
    for text in texts:
        own = own_text(text)
        if read(own) in (Reading.EMPTY, Reading.GREETING, Reading.THANKS):
            continue
        begun = f"{begun} {own}".strip()
        if _is_whole(begun):
            whole.append(begun)
            begun = ""
    left = [begun] if begun else []
    return [text for text in whole + left if read(text) is Reading.MATTER]


def _is_whole(text: str) -> bool:
    telling = len(set(terms(text)))
    asks = _ASKS.search(_plain(text)) or _FURTHER.match(_plain(text))
    return bool(_END_MARK.search(text)) or telling >= _TELLING_TERMS or (telling > 0 and bool(asks))


def _add_new(chosen: list[str], parts: Sequence[str]) -> None:
    known = [set(terms(other)) for other in chosen]
    for part in parts:
        if set(terms(part)) not in known:
            known.append(set(terms(part)))
            chosen.append(part)


def _telling(parts: Sequence[str]) -> int:
    return sum(len(set(terms(part))) for part in parts)


def _plain(text: str) -> str:
    """The text in lower case without accents, as long as it was: places in it are places in the text."""
    straight = text.replace("\u2019", "'").replace("\u2018", "'")
    return "".join(unicodedata.normalize("NFKD", c)[0].lower()[:1] or c for c in straight)


def _is_noise(words: list[str]) -> bool:
    return len(words) == 1 and len(set(words[0])) <= 2 and words[0] not in (  # noqa: PLR2004
        "hi", "ok", "no", "si", "ja", "oi", "va"
    )  # fmt: skip
