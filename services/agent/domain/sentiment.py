"""A message's mood by a small lexicon: transparent, the same on every machine, in [-1, 1].

Words weigh from -4 to 4; a negation before a word turns it round and weakens it, an intensifier strengthens it.
The sum is squeezed by `sum / (|sum| + 2)`: -1.33 and below is the rule's "below 0.3" on the scale from 0 to 1.
"""

import re

from services.agent.domain.terms import fold, word_set

_WEIGHTS = {
    # Very angry or insulting.
    "furious": -3.5, "outraged": -3.5, "disgusted": -3.0, "disgusting": -3.0, "disgrace": -3.0, "disgraceful": -3.0,
    "livid": -3.5, "hate": -3.0, "worst": -3.0, "horrible": -2.8, "horrendous": -3.0, "awful": -2.6, "terrible": -2.6,
    "appalling": -3.0, "pathetic": -3.0, "scam": -3.0, "fraud": -2.5, "liars": -3.0, "lying": -2.0, "garbage": -2.8,
    "rubbish": -2.5, "trash": -1.0, "useless": -2.6, "unacceptable": -2.6, "ridiculous": -2.4, "incompetent": -3.0,
    "idiots": -3.5, "idiot": -3.5, "stupid": -2.5, "angry": -2.4, "joke": -1.6, "nightmare": -2.4, "unbelievable": -1.5,
    "insane": -1.6, "shame": -1.8, "shameful": -2.5, "sick": -1.5,
    # Annoyed.
    "annoyed": -0.9, "annoying": -0.9, "frustrated": -1.2, "frustrating": -1.2, "disappointed": -0.9,
    "disappointing": -0.9, "upset": -1.2, "unhappy": -1.2, "tired": -0.8, "waste": -1.3, "wasted": -1.3, "bad": -1.0,
    "poor": -1.0, "slow": -0.4, "complaint": -1.0, "complain": -0.9, "again": -0.1, "confusing": -0.6, "confused": -0.4,
    "impossible": -0.8, "unable": -0.3, "stuck": -0.4,
    # Trouble told in plain words.
    "broken": -0.5, "fails": -0.3, "failed": -0.3, "failing": -0.3, "error": -0.2, "errors": -0.2, "problem": -0.2,
    "problems": -0.2, "issue": -0.2, "issues": -0.2, "bug": -0.2, "crash": -0.3, "crashes": -0.3, "wrong": -0.3,
    "lost": -0.3, "missing": -0.2, "locked": -0.2,
    # Content.
    "thanks": 1.0, "thank": 1.0, "great": 1.6, "good": 1.0, "nice": 1.2, "love": 2.2, "perfect": 2.0, "excellent": 2.4,
    "amazing": 2.4, "awesome": 2.2, "wonderful": 2.2, "fantastic": 2.4, "helpful": 1.4, "happy": 1.6, "pleased": 1.5,
    "works": 0.4, "worked": 0.5, "solved": 1.0, "appreciate": 1.2, "glad": 1.2, "brilliant": 2.0, "easy": 0.8,
    # The same in five other languages, the plainest words only (folded).
    "wutend": -3.0, "schrecklich": -2.6, "furchtbar": -2.4, "unverschamt": -3.0, "enttauscht": -1.2, "frechheit": -2.8,
    "furioso": -3.0, "furiosa": -3.0, "pesimo": -2.8, "pesima": -2.8, "inaceptable": -2.6,
    "inaceitavel": -2.6, "pessimo": -3.0, "inaccettabile": -2.6, "inadmissible": -2.6, "honteux": -2.6, "nul": -1.8,
    "gracias": 1.0, "danke": 1.0, "merci": 1.0, "obrigado": 1.0, "obrigada": 1.0, "grazie": 1.0,
}  # fmt: skip
_PHRASES = (
    (re.compile(r"\b(?:does not|doesn't|doesnt|not|isn't|won't) work(?:ing|s)?\b"), -0.4),
    (re.compile(r"\b(?:fed up|had enough|sick of|sick and tired)\b"), -2.2),
    (re.compile(r"\b(?:wast\w+ my time|never again|last time|third time|no one (?:answers|replies|helps))\b"), -1.0),
    (re.compile(r"\bnobody (?:answers|replies|helps|cares)\b"), -1.4),
    (re.compile(r"\b(?:cancel everything|switching to (?:a|your) competitor)\b"), -1.0),
)  # fmt: skip
_PROFANITY_WEIGHT = -3.0
_URGENT = re.compile(
    r"\b(?:urgent|urgently|asap|immediately|right now|at once|emergency|dringend|urgente?)\b"
)
_URGENT_WEIGHT = -0.2
_NEGATIONS = word_set(
    "not no never none isn't wasn't don't doesn't didn't won't can't cannot without hardly"
)
_INTENSIFIERS = word_set(
    "very really so extremely absolutely totally completely utterly incredibly beyond"
)
_WORD = re.compile(r"[a-z']+")
_SHOUTED = re.compile(r"\b[A-Z]{3,}\b")
_SHOUTED_WORDS = 3
_NEGATION_REACH = 3

PROFANITY = re.compile(
    r"\b(?:f+u+c+k\w*|f\*+(?:ck)?\w*|wtf|stfu|sh[i1]t+(?:ty|s|show)?|bullsh[i1]t|asshole\w*|arsehole\w*|bastards?|"
    r"bitch\w*|crap|crappy|goddamn|damn you|dickheads?|piss(?:ed)? off|screw you|motherf\w+|cunts?|wankers?|"
    r"scheisse?|scheiss\w*|arschloch|verdammt|mierda|cabron\w*|joder|putain|merde|connards?|merda|porra|caralho|"
    r"cazzo|stronz\w+|vaffanculo)(?!\w)"
)


def score(text: str) -> float:
    """Scores one message, -1 furious, 0 neutral, 1 delighted; urgency and profanity pull downwards."""
    folded = fold(text)
    words = _WORD.findall(folded)
    total = sum(_weight(words, place) for place in range(len(words)))
    total += sum(weight for pattern, weight in _PHRASES if pattern.search(folded))
    total += _PROFANITY_WEIGHT * len(PROFANITY.findall(folded))
    if _URGENT.search(folded):
        total += _URGENT_WEIGHT
    if total < 0:
        shouted = len(_SHOUTED.findall(text)) >= _SHOUTED_WORDS
        total *= 1.0 + 0.3 * shouted + 0.1 * min(text.count("!"), 4)
    return round(total / (abs(total) + 2.0), 4)


def is_negative(mood: float) -> bool:
    """Applies the rule "below 0.3", which is on the scale from 0 to 1."""
    return (mood + 1.0) / 2.0 < 0.3  # noqa: PLR2004 - the rule's own figure


def _weight(words: list[str], place: int) -> float:
    weight = _WEIGHTS.get(words[place], 0.0)
    if not weight:
        return 0.0
    before = words[max(0, place - _NEGATION_REACH) : place]
    if any(word in _INTENSIFIERS for word in before[-2:]):
        weight *= 1.4
    if any(word in _NEGATIONS for word in before):
        weight *= -0.5
    return weight
