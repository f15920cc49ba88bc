"""The words by which people on WhatsApp say that they want no more messages, or want them again.

They are those that Twilio itself acts upon, in English and French; other languages are set up at Twilio, which then
says in `OptOutType` what a word meant. Only a message that is nothing but the word counts, as at Twilio.
"""

import unicodedata
from collections.abc import Mapping
from enum import StrEnum

_STOP = frozenset(
    {
        "stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout",
        "arret", "arrete", "arrett",
    }
)  # fmt: skip
_START = frozenset({"start", "unstop"})
# Starts again, and is as often the plain answer to a question.
_YES = frozenset({"yes"})
_PUNCTUATION = " \t\r\n.!\u00a0"


class Word(StrEnum):
    """What a keyword means; `AGREED` is an ordinary answer too, and is worked on as one."""

    STOP = "stop"
    START = "start"
    AGREED = "agreed"
    HELP = "help"


def word_of(fields: Mapping[str, str]) -> Word | None:
    """Returns what the message is as a keyword; what Twilio says of it counts before its text.

    *Help* is one only where Twilio has said so, because then it has answered it.
    """
    said = fields.get("OptOutType", "").upper()
    if said in {"STOP", "START", "HELP"}:
        return Word(said.lower())
    text = _folded(fields.get("Body", ""))
    if text in _STOP:
        return Word.STOP
    if text in _START:
        return Word.START
    return Word.AGREED if text in _YES else None


def _folded(text: str) -> str:
    stripped = text[:40].strip(_PUNCTUATION).casefold()
    decomposed = unicodedata.normalize("NFD", stripped)
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))
