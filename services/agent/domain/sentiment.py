"""A message's mood from words of seven languages: transparent, the same on every machine, in [-1, 1].

Words weigh from -4 to 4; a negation beside a word turns it round and weakens it, an intensifier strengthens it. Signs
of anger and insult weigh most. The sum is squeezed by `sum / (|sum| + 2)`: -1.33 and below is the rule's "below 0.3"
on the scale from 0 to 1.
"""

import re

from services.agent.domain import mood_words
from services.agent.domain.own_text import own_text, sentences
from services.agent.domain.signs import Reading, read_signs
from services.agent.domain.terms import fold
from services.agent.domain.turn import EscalationReason

_STRENGTHS = (
    ("awful", -1.2),
    ("annoyed", -0.7),
    ("trouble", -0.2),
    ("content", 1.0),
    ("delighted", 1.8),
)
_WEIGHTS = {
    word: weight
    for words in mood_words.ALL
    for name, weight in _STRENGTHS
    for word in sorted(getattr(words, name))
}
_NEGATIONS = frozenset().union(*(words.negations for words in mood_words.ALL))
_INTENSIFIERS = frozenset().union(*(words.intensifiers for words in mood_words.ALL))
_GRAVE = {EscalationReason.NEGATIVE_SENTIMENT: -3.2, EscalationReason.PROFANITY: -3.0}
_URGENT = re.compile(
    r"(?<!\w)(?:urgent\w*|asap|immediately|urgente|dringend|sofort|immediat\w*|jaldi|turant)(?!\w)"
)
_URGENT_WEIGHT = -0.3
_GLAD = re.compile("[😀😃😄😁😊🙂😍🥰❤👍🙏🎉🔥😂🤩👏]")
_CROSS = re.compile("[😠😡🤬👿💢🖕]")
_SAD = re.compile("[😞😟😢😭😩😤😫🙄😕]")
_EMOJI_WEIGHTS = ((_GLAD, 0.5), (_SAD, -0.4), (_CROSS, -1.2))
_MOST_EMOJI = 2
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_SHOUTED = re.compile(r"\b[^\W\d_a-zß-ÿ]{3,}\b")
_SHOUTED_WORDS = 3
_REACH = 3
# Words of annoyance alone, however many, are no fury.
_AWFUL = -1.2
_MILDEST = -0.9


def score(text: str) -> float:
    """Scores one message, -1 furious, 0 neutral, 1 delighted; quoted lines of earlier mails do not count."""
    own = own_text(text)
    return score_read(own, read_signs(sentences(own)))


def score_read(own: str, reading: Reading) -> float:
    """Scores a message whose signs have been read already."""
    words = _WORD.findall(fold(own))
    weights = [_weight(words, place) for place in range(len(words))]
    mild = sum(weight for weight in weights if weight > _AWFUL)
    total = max(mild, _MILDEST) + sum(weight for weight in weights if weight <= _AWFUL)
    total += sum(
        weight * min(len(pattern.findall(own)), _MOST_EMOJI) for pattern, weight in _EMOJI_WEIGHTS
    )
    if _URGENT.search(fold(own)):
        total += _URGENT_WEIGHT
    if total < 0:
        shouted = len(_SHOUTED.findall(own)) >= _SHOUTED_WORDS
        total *= 1.0 + 0.3 * shouted + 0.1 * min(own.count("!"), 4)
    total += sum(weight for reason, weight in _GRAVE.items() if reason in reading.sure)
    return round(total / (abs(total) + 2.0), 4)


def is_negative(mood: float) -> bool:
    """Applies the rule "below 0.3", which is on the scale from 0 to 1."""
    return (mood + 1.0) / 2.0 < 0.3  # noqa: PLR2004 - the rule's own figure


def _weight(words: list[str], place: int) -> float:
    weight = _WEIGHTS.get(words[place], 0.0)
    if not weight:
        return 0.0
    before = words[max(0, place - _REACH) : place]
    if any(word in _INTENSIFIERS for word in before[-2:]):
        weight *= 1.4
    if any(word in _NEGATIONS for word in before):
        weight *= -0.5
    return weight
