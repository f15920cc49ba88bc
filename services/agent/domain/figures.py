"""Numbers in a text and what they count, in seven languages, so that "two weeks" equals "14 Tage".

Works on skeletons (`skeleton.skeleton`): folded text with ASCII digits.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TypeVar

import regex

from services.agent.domain.number_words import NUMBER_WORDS, UNITS, is_ambiguous, value_of

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}

DIGITS = r"\d+(?:[.,' ]\d{3})*(?:[.,]\d+)?|\d+(?:[.,]\d+)?"
_BETWEEN = (
    r"[\s-]{0,2}(?:(?:business|working|calendar|full|whole|more|extra|additional|further|weitere|mehr|zusatzliche|adicionales|"
    r"laborables|habiles|naturales|ouvrables|ouvres|uteis|lavorativi|de|di|du|d')[\s-])?"
)
_CURRENCY = (
    r"[$€£¥₹₽₩₺₫₴₦฿₿¢]|\b(?:us\$|usd|eur|gbp|chf|inr|brl|cad|aud|jpy|sek|nok|dkk|pln|mxn|dollars?|dolares|dolar|dollari|"
    r"euros?|bucks?|quid|pounds?(?: sterling)?|libras?|pfund|sterline|franken|francs?|francos?|franchi|cents?|centavos?|"
    r"centesimi|centimes?|rupees?|rupaye|rupaya|rupiya|rupie|rs\.?|reais|pesos?|yen|bitcoins?|btc|crypto\w*)(?![\w])"
)
_MONEY = regex.compile(
    rf"(?:{_CURRENCY})[\s.:-]{{0,3}}(?:{DIGITS})|(?:{DIGITS})[\s-]{{0,2}}(?:k|tsd|mio|million(?:en|s)?)?[\s-]{{0,2}}(?:{_CURRENCY})"
)
_CURRENCY_ALONE = regex.compile(_CURRENCY)
_LIST_MARKER = regex.compile(r"^[ \t]*(?:\d{1,2}[.)]|[-*+•])[ \t]+", regex.MULTILINE)
_BARE = regex.compile(rf"(?<![\w.,-])(?:{DIGITS})(?![\w%])")
_CLOCK = regex.compile(
    r"\b(?:(\d{1,2}):(\d{2})\s?([ap]\.?m\b)?|(\d{1,2})\s?([ap]\.?m\b)|(\d{1,2})\s?uhr\b|(\d{1,2}) ?h ?(\d{2})\b)"
)
# Numbers below this count steps and choices more often than they promise anything.
_TELLING = 10
_TELLING_WORDS = 13
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with what it counts: `key` is equal for equal meaning, `text` is as it was written."""

    key: tuple[str, str]
    text: str


def without_markers(folded: str) -> str:
    """Returns a skeleton without the numbers and bullets that begin the lines of a list."""
    return _LIST_MARKER.sub("", folded)


def money(folded: str) -> list[str]:
    """Lists amounts of money, in digits or in words, as they were written."""
    return [match[0] for match in _MONEY.finditer(folded)] + [
        text
        for text, _, end in _spelled(folded)
        if regex.match(rf"[\s-]{{0,2}}(?:{_CURRENCY})", folded[end : end + 24])
    ]


def currencies(folded: str) -> list[str]:
    """Lists currencies by sign, code or name."""
    return [match[0] for match in _CURRENCY_ALONE.finditer(folded)]


def measures(folded: str) -> list[Figure]:
    """Finds shares and counts: percentages, lengths of time, seats, bytes."""
    found: list[tuple[int, int, Figure]] = []
    for match in _digits_with_unit().finditer(folded):
        figure = Figure(_measure(number(match["number"]), match.lastgroup or ""), match[0])
        found.append((*match.span(), figure))
    for language in NUMBER_WORDS:
        for match in _words_with_unit(language).finditer(folded):
            value = Decimal(value_of(match["number"], language))
            figure = Figure(_measure(value, match.lastgroup or ""), match[0])
            found.append((*match.span(), figure))
    return _outermost(found)


def clock_times(folded: str) -> Iterator[Figure]:
    """Finds times of day."""
    for match in _CLOCK.finditer(folded):
        hour = int(next(group for group in match.group(1, 4, 6, 7) if group))
        minute = int(match[2] or match[8] or 0)
        half = match[3] or match[5]
        hour = hour % 12 + (12 if half.startswith("p") else 0) if half else hour
        yield Figure(("clock", f"{hour}:{minute:02}"), match[0])


def numbers(folded: str) -> Iterator[Figure]:
    """Finds numbers that are telling by themselves, whatever they count."""
    for match in _BARE.finditer(folded):
        value = number(match[0])
        if value >= _TELLING or value != value.to_integral():
            yield Figure(("number", str(value)), match[0])
    for text, count, _ in _spelled(folded):
        if count >= _TELLING_WORDS and not is_ambiguous(text):
            yield Figure(("number", str(Decimal(count))), text)


def number(text: str) -> Decimal:
    """Reads a number in digits; a separator before exactly three digits at the end groups thousands."""
    bare = text.replace(" ", "").replace("'", "")
    marks = [c for c in bare if c in ".,"]
    if len(set(marks)) == 1 and (len(marks) > 1 or len(bare) - bare.rindex(marks[0]) == 4):  # noqa: PLR2004
        bare = bare.replace(marks[0], "")
    elif marks:
        whole, _, part = bare.rpartition(marks[-1])
        bare = f"{whole.replace('.', '').replace(',', '')}.{part}"
    value = Decimal(bare)
    return value.quantize(Decimal(1)) if value == value.to_integral() else value.normalize()


def _measure(value: Decimal, unit: str) -> tuple[str, str]:
    if unit in _SECONDS:
        return "time", str(value * _SECONDS[unit])
    if unit in _MONTHS:
        return "months", str(value * _MONTHS[unit])
    return unit, str(value)


def _unit_groups(units: Mapping[str, str]) -> str:
    return "|".join(rf"(?P<{name}>{source})" for name, source in units.items())


@cache
def _digits_with_unit() -> "regex.Pattern[str]":
    merged: dict[str, list[str]] = {}
    for units in UNITS.values():
        for name, source in units.items():
            merged.setdefault(name, []).append(source)
    groups = _unit_groups({name: "|".join(sources) for name, sources in merged.items()})
    return regex.compile(rf"(?<![\w.,])(?P<number>{DIGITS}){_BETWEEN}(?:{groups})(?!\w)")


@cache
def _words_with_unit(language: str) -> "regex.Pattern[str]":
    groups = _unit_groups(UNITS[language])
    return regex.compile(rf"{_number_source(language)}{_BETWEEN}(?:{groups})(?!\w)")


@cache
def _number_source(language: str) -> str:
    words = "|".join(sorted(map(regex.escape, NUMBER_WORDS[language]), key=len, reverse=True))
    one = rf"(?:{words})"
    if language == "de":
        one = rf"(?:(?:{words})+(?:und(?:{words})+)?)"
    elif language == "it":
        one = rf"(?:{words})+"
    return rf"(?<!\w)(?P<number>{one}(?:(?:[\s-]| and | y | et | e | und )(?:{one}))*)(?!\w)"


@cache
def _spelled_source(language: str) -> "regex.Pattern[str]":
    return regex.compile(_number_source(language))


def _spelled(folded: str) -> list[tuple[str, int, int]]:
    """Numbers in words: the text, the value, the place behind it."""
    found = [
        (*match.span(), (match[0], value_of(match["number"], language), match.end()))
        for language in NUMBER_WORDS
        for match in _spelled_source(language).finditer(folded)
    ]
    return _outermost(found)


def _outermost(found: list[tuple[int, int, _Found]]) -> list[_Found]:
    """Leaves out what another language reads from a part of a number: "cinco dias" in "trinta e cinco dias"."""
    spans = {(start, end) for start, end, _ in found}
    return [
        kept
        for start, end, kept in found
        if not any(s <= start and end <= e and (s, e) != (start, end) for s, e in spans)
    ]
