"""What a draft must not say: commitments, figures, dates, links and facts that no cited section contains.

The checks read a skeleton of the draft, so that spelling, alphabet and markup hide nothing. A draft is judged
sentence by sentence against the sections that the turn has found; the reader of the reasons is the draft's author.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import regex

from services.agent.domain.claim_words import CLAIM_WORDS, DOUBTFUL_MONTHS, MONTHS
from services.agent.domain.figures import (
    Figure,
    clock_times,
    currencies,
    measures,
    money,
    numbers,
    without_markers,
)
from services.agent.domain.grounding import grounded, own_spans, share_of
from services.agent.domain.language import language_of
from services.agent.domain.links import destinations, off_list
from services.agent.domain.skeleton import closed_up, disguises, skeleton
from services.agent.domain.terms import terms
from services.agent.domain.turn import StatementKind

# A sentence with a word of commitment must share this much with the section that has the word too.
_CLOSE = 0.6
# A plain factual sentence in the language of the sections must share this much with one of them.
_RELATED = 0.4
_TELLING_TERMS = 3
_RUN = 8
_REFUND_PROMISE = regex.compile(
    r"\b(?:(?:we|i)(?:'ll| will| can| have| shall| am going to|'ve| would)?\b[^.!?\n]{0,40}\b(?:refund|reimburse|compensate|credit you|credit your)|"
    r"you (?:will|'ll|can|are going to)? ?(?:get|receive|have|claim|request)\b[^.!?\n]{0,30}\b(?:refund|money back|compensation|reimbursement)|"
    r"(?:refund|reimbursement|compensation)s? (?:has been|have been|is|was|will be|are) (?:issued|approved|processed|granted|on its way|made|sent|possible|due)|"
    r"(?:entitled to|eligible for) (?:a )?(?:\w+ )?(?:refund|compensation|reimbursement)|refund policy|"
    r"(?:le|te|les|os) (?:reembols|devolv)\w+|(?:wir|ich) (?:erstatten|erstatte)|(?:nous )?vous (?:rembours\w+|serez rembourse)|"
    r"(?:reembols|devolv)(?:amos|aremos|emos|eremos)|(?:la|ti|vi) rimbors\w+|rimborseremo|paisa wapas (?:kar|mil)\w*)"
)
_SECRET_ASKED = regex.compile(
    r"\b(?:send|give|tell|share|provide|reply|envi\w+|mand\w+|indiqu\w+|compart\w+|schick\w+|send\w+|nenn\w+|mitteil\w+|teil\w+|donn\w+|communiqu\w+|inform\w+|pass\w+|"
    r"invi\w+|comunic\w+|bhej\w+|bata\w+)\b[^.!?\n]{0,60}\b(?:your|su|sus|tu|ihr\w*|dein\w*|votre|vos|ton|sua|seu|tua|suo|la|apna|aapka) "
    r"(?:\w+ ){0,2}(?:password|passcode|pin|recovery codes?|card number|api key|secret|contrasena|clave|passwort|kennwort|mot de passe|senha|codigos?|codici|code de|numero de tarjeta)"
)
_MONSTER = regex.compile(r"\S{121,}")
_ENCODED = regex.compile(r"(?<!\S)(?=\S*\d|\S*[+/=]|\S*[a-z][A-Z])[A-Za-z0-9+/=_-]{28,}(?!\S)")
_MONTH = regex.compile(
    rf"(?<!\w)(?P<before>\d{{1,2}}(?:st|nd|rd|th|er|o)?\.? (?:of |de |di )?|(?:in|im|en|em|by|until|till|since|from|bis|hasta|ate|fino a|ad?) )?"
    rf"(?P<month>{'|'.join(MONTHS)})(?P<after> \d{{1,2}}(?!\d)(?:st|nd|rd|th)?|,? (?:de )?\d{{4}})?(?!\w)"
)
_NUMERIC_DATE = regex.compile(
    r"(?<![\d.])(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})(?!\d)"
)


def faults(
    draft: str,
    cited: Sequence[str],
    allowed_links: Sequence[str] = (),
    own_words: Sequence[str] = (),
) -> list[str]:
    """Lists what a draft says that it must not, in words for its author; empty when it may be sent.

    Money and refunds are never the AI's to state, whatever the sections say. Promises, figures, dates, links and
    addresses must stand in a section of `cited` (title and content), links else in `allowed_links`.
    `own_words` are sentences of the system itself, `{…}` for what is filled in: of that only money and links are judged.
    """
    support = tuple(cited)
    monsters = [w for w in _MONSTER.findall(draft) if not any(w in section for section in support)]
    if monsters:
        # Nothing that a person reads; and no check has to read it either.
        return [f"it contains a word that nobody can read: {monsters[0][:40]!r}"]
    known_disguises = set(disguises("\n".join(support)))
    found = [fault for fault in disguises(draft) if fault not in known_disguises]
    found += [
        f"the link {link} is not in a cited section"
        for link in off_list(draft, _destinations(support, tuple(allowed_links)), support)
    ]
    found += [
        f"it contains a word that nobody can read: {match[0]!r}"
        for match in _ENCODED.finditer(draft)
        if not any(match[0] in section for section in support)
    ]
    judged = draft
    for match in own_spans(draft, own_words):
        # Mostly a customer's question, which commits us to nothing; an amount of money is not even repeated.
        found += _money(_folded(" ".join(match.groups())), support)
        judged = judged.replace(match[0], " ")
    folded = without_markers(
        skeleton(_without(judged, _destinations(support, tuple(allowed_links))))
    )
    if _SECRET_ASKED.search(folded):
        found.append("it asks for a secret of the customer")
    for text in dict.fromkeys((" ".join(folded.split()), closed_up(" ".join(folded.split())))):
        found += _money(text, support)
        found += _figures(text, support)
        found += _commitments(text, support)
    found += _unfounded(draft, support, own_words)
    return list(dict.fromkeys(found))


def repeatable(line: str) -> bool:
    """Tells whether a line of somebody else's, such as a subject, may be repeated to a customer outside an answer."""
    text = closed_up(" ".join(skeleton(line).split()))
    return not (
        disguises(line)
        or off_list(line, ())
        or money(text)
        or _REFUND_PROMISE.search(text)
        or any(figure.key[0] == "percent" for figure in measures(text))
        or any(pattern.search(text) for pattern in CLAIM_WORDS.values())
    )


def gives_away(draft: str, confidential: str, cited: Sequence[str] = ()) -> bool:
    """Tells whether a draft repeats a run of eight words of a confidential text that no cited section has too."""
    said = _runs(draft) & _runs(confidential)
    return bool(said - frozenset().union(*(_runs(section) for section in cited)))


def _money(text: str, support: Sequence[str]) -> Iterator[str]:
    if money(text):
        yield "it states an amount of money"
    known = " ".join(_folded(section) for section in support)
    for name in currencies(text):
        if name not in known:
            yield f"it speaks of money: {name!r}"
    if _REFUND_PROMISE.search(text):
        yield "it promises or judges a refund"


def _figures(text: str, support: tuple[str, ...]) -> Iterator[str]:
    known = _known_figures(support)
    for figure in _all_figures(text):
        if figure.key not in known:
            kind = "the date " if figure.key[0] in ("date", "month") else ""
            yield f"no cited section contains {kind}{figure.text.strip()!r}"


def _commitments(text: str, support: Sequence[str]) -> Iterator[str]:
    for sentence in regex.split(r"(?<=[.!?…;])\s+", text):
        for kind, pattern in CLAIM_WORDS.items():
            for match in pattern.finditer(sentence):
                if not any(_carries(section, match[0], sentence) for section in support):
                    yield f"it commits us to {kind.value} that the documentation does not say: {match[0]!r}"


def _carries(section: str, words: str, sentence: str) -> bool:
    """Tells whether a section has the words of a claim and most of what the sentence says around them."""
    if words not in _folded(section):
        return False
    said = set(terms(sentence)) - set(terms(words))
    if not said:
        return share_of(sentence, section) == 1.0
    return len(said & set(terms(_folded(section)))) / len(said) >= _CLOSE


def _unfounded(draft: str, support: Sequence[str], own_words: Sequence[str]) -> Iterator[str]:
    """Sentences that no section carries, where that can be told: in the sections' language, or in no known one."""
    if not support:
        return
    language = language_of(draft)
    if language and language != language_of("\n".join(support)):
        return
    for sentence in grounded(draft, support, own_words):
        text = draft[sentence.start : sentence.end]
        if sentence.kind is StatementKind.COURTESY or sentence.share >= _RELATED:
            continue
        if sentence.kind is StatementKind.QUESTION and sentence.share > 0:
            continue
        if len(set(terms(text))) >= _TELLING_TERMS or (
            not language and len(text.split()) > _TELLING_TERMS
        ):
            yield f"no cited section says {text[:80]!r}"


def _all_figures(text: str) -> Iterator[Figure]:
    yield from measures(text)
    yield from clock_times(text)
    yield from _dates(text)
    yield from numbers(text)


def _dates(text: str) -> Iterator[Figure]:
    for match in _NUMERIC_DATE.finditer(text):
        yield Figure(("date", match[0]), match[0])
    for match in _MONTH.finditer(text):
        near = f"{match['before'] or ''}{match['after'] or ''}"
        if match["month"] in DOUBTFUL_MONTHS and not near:
            continue
        digits = " ".join(regex.findall(r"\d+", near))
        yield Figure(("month", f"{MONTHS[match['month']]} {digits}"), match[0])


@lru_cache(maxsize=64)
def _known_figures(support: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    known = {f.key for section in support for f in _all_figures(_folded(section))}
    # "the 15th" of a section that says "15 March" is no new date.
    return frozenset(
        known | {("month", key.split(" ")[0] + " ") for kind, key in known if kind == "month"}
    )


@lru_cache(maxsize=512)
def _folded(section: str) -> str:
    return " ".join(skeleton(section).split())


@lru_cache(maxsize=64)
def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = regex.findall(r"[\p{L}\p{N}]+", skeleton(text))
    return frozenset(tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1))


@lru_cache(maxsize=64)
def _destinations(support: tuple[str, ...], allowed: tuple[str, ...]) -> frozenset[str]:
    return destinations([*support, *allowed])


def _without(draft: str, links: frozenset[str]) -> str:
    """The draft without listed links, whose parts are no figures and no claims."""
    for link in sorted(links, key=len, reverse=True):
        draft = draft.replace(link, " ")
    return draft
