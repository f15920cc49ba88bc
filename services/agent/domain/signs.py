"""Reads the signs that the rules of all languages know in a message.

Look-alikes are blanked first, and a sign that the customer rejects ("I do not want a refund") is none. The rules of
every language that a message may be in are applied: people mix languages, and recognising one of a few words is unsure.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from services.agent.domain.example_phrases import ExamplePhrase
from services.agent.domain.rules import ALL, LANGUAGES, LanguageRules, Signs
from services.agent.domain.terms import fold, word_set
from services.agent.domain.turn import EscalationReason

_REACH = 70
_BLANK = " _ "
# "But" ends what a negation reaches.
_TURN = re.compile(
    r"[,;:()]|\b(?:but|just|pero|sino|solo|mas|mais|aber|sondern|nur|ma|solo|lekin|bas|par|e|and|und)\b"
)
_LONGEST_KEYWORD = 60
# Cosine of multilingual-e5-small from which two texts say the same; paraphrases of one question have 0.97 and more.
_SAME_MEANING = 0.96
# Whoever writes one of these alone on a phone may miss a letter.
_MISSPELT = word_set(
    "human humano humana humain umano mensch person persona personne pessoa agent agente operator operador operatore "
    "mitarbeiter berater conseiller atendente representative insaan aadmi"
)
_NEVER_DECLINED = frozenset({EscalationReason.PROFANITY})


@dataclass(frozen=True, slots=True)
class Reading:
    """The reasons that a message shows signs of, those that it rejects, and whether it speaks of what customers build."""

    sure: frozenset[EscalationReason]
    likely: frozenset[EscalationReason]
    workspace: bool
    declined: frozenset[EscalationReason] = frozenset()


@dataclass(frozen=True, slots=True)
class _Compiled:
    language: str
    look_alikes: re.Pattern[str]
    declined_before: re.Pattern[str]
    declined_after: re.Pattern[str]
    workspace: re.Pattern[str]
    sure: tuple[tuple[EscalationReason, re.Pattern[str]], ...]
    likely: tuple[tuple[EscalationReason, re.Pattern[str]], ...]


def read_signs(sentences: Sequence[str], languages: Collection[str] = LANGUAGES) -> Reading:
    """Reads a message's sentences with the rules of the languages that it may be in.

    Each sentence is judged by itself; workspace words count in the whole message.
    """
    spoken = [rules for rules in _compiled() if rules.language in languages]
    sure: set[EscalationReason] = set()
    likely: set[EscalationReason] = set()
    declined: set[EscalationReason] = set()
    workspace = False
    for sentence in sentences:
        folded = _even(fold(sentence))
        blanked = folded
        for rules in spoken:
            blanked = rules.look_alikes.sub(_BLANK, blanked)
        for rules in spoken:
            workspace = workspace or rules.workspace.search(folded) is not None
            for signs, shown in ((rules.sure, sure), (rules.likely, likely)):
                for reason, pattern in signs:
                    found = _shows(reason, pattern, rules, blanked)
                    if found is not None:
                        (shown if found else declined).add(reason)
    return Reading(frozenset(sure), frozenset(likely), workspace, frozenset(declined))


def repeated_phrase(sentence: str, phrases: Sequence[ExamplePhrase]) -> ExamplePhrase | None:
    """Returns the company's phrase that a sentence says in the same words."""
    said = _spoken_words(sentence)
    return next((phrase for phrase in phrases if _spoken_words(phrase.text) == said), None)


def same_meaning(
    phrases: Sequence[ExamplePhrase], cosines: NDArray[np.float32]
) -> ExamplePhrase | None:
    """Returns the nearest phrase if a text with these cosines to the phrases says the same in other words."""
    best = int(cosines.argmax())
    return phrases[best] if cosines[best] >= _SAME_MEANING else None


def nearness(phrases: Sequence[ExamplePhrase], cosines: NDArray[np.float32]) -> float:
    """Returns how much nearer a text is to the examples than to the counter-examples; 0 unless there are both."""
    examples = [cosine for phrase, cosine in zip(phrases, cosines, strict=True) if phrase.reason]
    counter = [cosine for phrase, cosine in zip(phrases, cosines, strict=True) if not phrase.reason]
    return float(max(examples) - max(counter)) if examples and counter else 0.0


def is_bare_keyword(text: str) -> bool:
    """Tells whether a text is nothing but a word for a person, with or without a please."""
    folded = _even(fold(text))
    words = " ".join(re.findall(r"[a-z0-9'/-]+", folded))
    if not 0 < len(words) <= _LONGEST_KEYWORD:
        return False
    return _keyword().fullmatch(words) is not None or any(
        _is_misspelt(words, keyword) for keyword in _MISSPELT
    )


def _spoken_words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", fold(text))


def _is_misspelt(word: str, keyword: str) -> bool:
    """Whether a word is a keyword with one letter more, less, other, or exchanged with its neighbour."""
    if abs(len(word) - len(keyword)) > 1 or word[0] != keyword[0]:
        return False
    place = next((i for i, (a, b) in enumerate(zip(word, keyword, strict=False)) if a != b), -1)
    if place < 0:
        return True
    here, there = word[place:], keyword[place:]
    return (
        here[1:] == there[1:]
        or here[1:] == there
        or here == there[1:]
        or (here[:2] == there[1::-1] and here[2:] == there[2:])
    )


def _even(folded: str) -> str:
    return folded.replace("`", "'").replace("\u00b4", "'").replace("\u00a0", " ")


def _shows(
    reason: EscalationReason, signs: re.Pattern[str], rules: _Compiled, text: str
) -> bool | None:
    """Whether a sign stands in the text: True, False if only signs that are rejected do, None if there is none."""
    found: bool | None = None
    for match in signs.finditer(text):
        if reason in _NEVER_DECLINED or not _is_declined(text, match, rules):
            return True
        found = False
    return found


def _is_declined(text: str, match: re.Match[str], rules: _Compiled) -> bool:
    before = text[max(0, match.start() - _REACH) : match.start()]
    before = _TURN.split(before)[-1]
    after = _TURN.split(text[match.end() : match.end() + _REACH].lstrip())[0]
    return bool(rules.declined_before.search(before) or rules.declined_after.match(after))


@cache
def _compiled() -> tuple[_Compiled, ...]:
    return tuple(_compile(rules) for rules in ALL)


def _compile(rules: LanguageRules) -> _Compiled:
    reasons: tuple[tuple[EscalationReason, Signs], ...] = (
        (EscalationReason.LEGAL_LANGUAGE, rules.legal),
        (EscalationReason.PROFANITY, rules.profanity),
        (EscalationReason.REFUND_REQUEST, rules.refund),
        (EscalationReason.PRICING_INQUIRY, rules.pricing),
        (EscalationReason.EXPLICIT_HUMAN_REQUEST, rules.person),
        (EscalationReason.NEGATIVE_SENTIMENT, rules.anger),
    )
    return _Compiled(
        language=rules.language,
        look_alikes=_words(rules.look_alikes),
        declined_before=re.compile(rf"(?<!\w)(?:{'|'.join(rules.declined_before)})\s*$"),
        declined_after=re.compile(rf"\s*(?:{'|'.join(rules.declined_after)})(?!\w)"),
        workspace=_words(rules.workspace),
        sure=tuple((reason, _signs(signs.sure)) for reason, signs in reasons if signs.sure),
        likely=tuple((reason, _signs(signs.likely)) for reason, signs in reasons if signs.likely),
    )


@cache
def _keyword() -> re.Pattern[str]:
    keywords = "|".join(source for rules in ALL for source in rules.keywords)
    polite = "|".join(source for rules in ALL for source in rules.polite)
    return re.compile(rf"(?:(?:{polite}) ){{0,4}}(?:{keywords})(?: (?:{polite}|{keywords})){{0,4}}")


def _signs(sources: Sequence[str]) -> re.Pattern[str]:
    # Without the look ahead, a line of brackets would try every expression at every place.
    return re.compile(rf"(?<!\w)(?=\w)(?:{'|'.join(sources)})(?!\w)")


def _words(sources: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(sources)})(?!\w)")
