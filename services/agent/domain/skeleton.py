"""A text as a reader takes it in, for comparing alone: disguises removed, accents and case folded.

The mapping of look-alike letters follows the idea of Unicode Technical Standard 39 (confusables), cut down to the
letters of other scripts that are drawn like Latin ones. What is sent to anybody is never a skeleton.
"""

import html
import unicodedata

import regex

# Each pair is a letter of another script and the Latin letter that it is drawn like.
_PAIRS = (
    "аa еe оo рp сc уy хx іi јj ѕs һh ԁd ԛq ԝw ўy ьb вb кk мm нh тt гr пn ԍg ӏl АA ЕE ОO РP СC УY ХX ІI ЈJ ЅS ҺH ԚQ "  # noqa: RUF001
    "ԜW ВB КK МM НH ТT ҮY ԌG З3 з3 αa εe οo ρp νv υu χx ιi κk τt ωw γy ηn ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX "  # noqa: RUF001
    "ϲc ϳj օo սu ոn հh զq ցg ɑa ɡg ıi ȷj ʀr ɩi ᴀa ᴄc ᴅd ᴇe ᴊj ᴋk ᴍm ᴏo ᴘp ᴛt ᴜu ᴠv ᴡw ᴢz ꓲi ꓳo"  # noqa: RUF001
)
_LOOK_ALIKE = {ord(pair[0]): pair[1] for pair in _PAIRS.split()}
# Nothing is drawn for these, although they are no format characters.
_BLANK = regex.compile(r"[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Variation_Selector}\u2800]")
_MARK_UP = regex.compile(r"</?[a-zA-Z][^<>]{0,500}>|<!--.{0,2000}?-->", regex.DOTALL)
_EMPHASIS = regex.compile(r"\*+|`+|~~|\\(?=[^\w\s])|(?<!\w)_+|_+(?!\w)")
_DASHES = regex.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_QUOTES = regex.compile(r"[\u2018\u2019\u201b\u02bc\u00b4]")
_SPACES = regex.compile(r"[^\S\n]+")
_SPACED_WORD = regex.compile(
    r"(?<![\p{L}\p{N}])(?:[\p{L}\p{N}$€£][ .\-_·•/|,]{1,2}){3,}[\p{L}\p{N}%€](?![\p{L}\p{N}])"
)
_LETTER_BY_LETTER = regex.compile(
    r"(?<![\p{L}\p{N}])(?:\p{L}[ .\-_·•]{1,2}){3,}\p{L}(?![\p{L}\p{N}])"
)
# What hides or turns text round; joiners inside emoji and between the letters that need them are no disguise.
_HIDDEN = regex.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufeff\uffa0\U000e0000-\U000e0fff]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    r"|(?<=[\p{Script=Latin}\p{N}])[\u200c\u200d]|[\u200c\u200d](?=[\p{Script=Latin}\p{N}])"
)
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_MIXABLE = regex.compile(
    r"[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Lisu}]"
)
_LATIN = regex.compile(r"\p{Script=Latin}")
# Enclosed, mathematical, full-width and small letters and digits: a font, where a writer uses none.
_STYLED = regex.compile(
    r"[\u2460-\u24ff\u2776-\u2793\u3200-\u32ff\ufe50-\ufe6f\uff01-\uff5e\uffe0-\uffe6\U0001d400-\U0001d7ff"
    r"\U0001f100-\U0001f1e5]"
)


def skeleton(text: str) -> str:
    """Returns the text without disguise: entities decoded, markup, emphasis and invisible characters removed.

    Look-alike letters become Latin, digits of any script ASCII, accents and case are folded; line ends stay.
    """
    shown = html.unescape(html.unescape(text))
    shown = _BLANK.sub("", _MARK_UP.sub("", shown))
    shown = unicodedata.normalize("NFKC", shown).translate(_LOOK_ALIKE)
    shown = "".join(
        _digit(c) for c in unicodedata.normalize("NFKD", shown) if not unicodedata.combining(c)
    )
    shown = _QUOTES.sub("'", _DASHES.sub("-", shown))
    return _SPACES.sub(" ", _EMPHASIS.sub("", shown)).casefold()


def visible(text: str) -> str:
    """Returns the text as data for a model: without invisible, direction-changing and control characters.

    Line ends and tabs stay, and so do the joiners that emoji and some scripts need.
    """
    return _HIDDEN.sub("", text)


def closed_up(folded: str) -> str:
    """Returns a skeleton with words that are written l e t t e r by letter closed up."""
    return _SPACED_WORD.sub(lambda match: regex.sub(r"[ .\-_·•/|,]", "", match[0]), folded)


def disguises(text: str) -> list[str]:
    """Names what in a text hides something from its reader or from a check; empty for an honest text."""
    found: list[str] = []
    decoded = html.unescape(text)
    if _HIDDEN.search(decoded):
        found.append("it contains invisible or direction-changing characters")
    if any(_LATIN.search(word) and _MIXABLE.search(word) for word in _WORD.findall(decoded)):
        found.append("it mixes alphabets within a word")
    if _LETTER_BY_LETTER.search(decoded):
        found.append("it spells words letter by letter")
    if _STYLED.search(decoded):
        found.append("it contains letters or digits that only look like ordinary ones")
    return found


def _digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)
