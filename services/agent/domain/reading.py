"""What a customer's message is: nothing to answer, thanks, a greeting, or questions."""

import re
from enum import StrEnum

from services.agent.domain.terms import fold, terms, word_set

_QUOTED = re.compile(r"^\s*>.*$", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_THANK_WORDS = word_set("thank thanks thx ty gracias danke merci obrigado obrigada grazie cheers")
_THANKS = _THANK_WORDS | word_set(
    "ok okay great perfect super cool awesome many you so very much a lot that worked works "
    "helped solved it this is all good muchas vielen dank beaucoup mille for the your quick "
    "help answer now again"
)
_GREETING = word_set(
    "hi hello hey hallo hola bonjour salut ola ciao good morning afternoon evening day guten "
    "tag buenos dias there team dear support all anyone anybody here are you is"
)
_VAGUE = word_set(
    "it this that everything nothing something is does doesn't doesnt do not isn't isnt work "
    "works working broken help please me i have a an problem problems issue question need can "
    "you my the app system wrong with hi hello hey some got there i've it's urgent asap now "
    "still support again"
)
_CUE = re.compile(
    r"\?|\b(?:how|what|where|when|why|which|who|can|could|do|does|is|are|would|should|will|need|want|wish|"
    r"unable|cannot|can't|cant|doesn't|doesnt|don't|dont|won't|not|error|fails?|failed|stopped|missing|lost|forgot|"
    r"problem|issue|trouble|stuck|locked|explain|tell|show)\b"
)


_ASKING = r"(?=(?:also\s+)?(?:how|what|where|when|why|which|can|could|do|does|is)\b)"
_JOINT = re.compile(rf"[,;]?\s+(?:and|also|plus)\s+{_ASKING}", re.IGNORECASE)
_LEAD = re.compile(rf"^[^?]{{0,200}}?(?:[,:;]|\s-|^and\b)\s*{_ASKING}", re.IGNORECASE)
_CONDITION = re.compile(r"^\s*(?:if|when|after|once|before|while)\b", re.IGNORECASE)
_LONGEST_TEXT = 20_000
_TAIL = 5_000
_TELLING_TERMS = 2
_LONGEST_QUESTION = 500


class Reading(StrEnum):
    """What kind of message it is."""

    EMPTY = "empty"
    GREETING = "greeting"
    THANKS = "thanks"
    VAGUE = "vague"
    MATTER = "matter"


def considered(text: str) -> str:
    """The text, or the beginning and the end of a very long one."""
    if len(text) <= _LONGEST_TEXT:
        return text
    return f"{text[: _LONGEST_TEXT - _TAIL]}\n…\n{text[-_TAIL:]}"


def own_words(text: str) -> str:
    """The text without quoted lines of earlier mails."""
    return _QUOTED.sub("", text).strip()


def read(text: str) -> Reading:
    """Tells what kind of message a text is."""
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)?", fold(own_words(text)))
    if not any(len(word) > 1 or word.isalpha() for word in words) or _is_noise(words):
        return Reading.EMPTY
    said = set(words)
    if said <= _THANKS and said & _THANK_WORDS:
        return Reading.THANKS
    if said <= _GREETING:
        return Reading.GREETING
    if said <= _VAGUE:
        return Reading.VAGUE
    return Reading.MATTER


def questions(text: str, limit: int = 4) -> list[str]:
    """Splits a message into the sentences that ask for something; the whole text if none stands out."""
    sentences = [s.strip(" -*\t\n") for s in _SENTENCE_END.split(own_words(text))]
    sentences = [s for s in sentences if terms(s)]
    asked = [s for s in sentences if "?" in s] or [s for s in sentences if _CUE.search(fold(s))]
    parts = [part for sentence in asked for part in _joined_questions(sentence)]
    chosen: list[str] = []
    for part in parts:
        if not any(set(terms(part)) == set(terms(other)) for other in chosen):
            chosen.append(part)
    whole = " ".join(own_words(text).split())[:_LONGEST_QUESTION]
    if sum(len(set(terms(part))) for part in chosen) < _TELLING_TERMS <= len(set(terms(whole))):
        return [whole]
    return chosen[:limit] or [whole]


def _joined_questions(sentence: str) -> list[str]:
    """Cuts "how do I … and where can I …" in two; "add and remove users" stays whole."""
    parts = [_without_lead(part) for part in _JOINT.split(sentence)]
    return [part for part in parts if terms(part)] or [sentence]


def _without_lead(sentence: str) -> str:
    """Leaves out what stands before the question ("We are a law firm, how …") unless it is a condition."""
    lead = _LEAD.match(sentence)
    if lead is None or _CONDITION.match(sentence) or not terms(sentence[lead.end() :]):
        return sentence
    return sentence[lead.end() :]


def _is_noise(words: list[str]) -> bool:
    return len(words) == 1 and len(set(words[0])) <= 2 and words[0] not in ("hi", "ok")  # noqa: PLR2004
