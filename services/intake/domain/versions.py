"""Of several versions of one text, the one that a person sees.

Mail programs show the HTML version. The plain one is easier to take apart, and is taken where both say the same. Where
the plain one says what the HTML does not, it is a stub for old programs, or it was written for a machine alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_WORD = re.compile(r"\w{4,40}")
# What HTML shows as a link or an image, and a plain version writes out.
_WRITTEN_OUT = re.compile(
    r"\b(?:https?|mailto|cid|tel):\S{1,2000}|\[(?:image|cid|bild)[^\]\n]{0,200}\]|<[^<>\s]{3,500}>",
    re.IGNORECASE,
)
_WORDS = 3_000
# How many words of the plain version may be missing in the HTML: so many, or this share of them.
_FEW = 2
_MISSING = 0.2
# How much of the HTML must stand in the plain version.
_TOLD = 0.5


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a text, and what of it a person does not see."""

    text: str = field(repr=False)
    hidden: str = field(repr=False)
    is_html: bool


def seen_version(versions: Sequence[Version]) -> Version:
    """Returns what a person sees; what only the plain version says becomes a part of the hidden text."""
    plain = _joined([one for one in versions if not one.is_html], is_html=False)
    html = _joined([one for one in versions if one.is_html], is_html=True)
    if not html.text:
        return Version(plain.text, f"{plain.hidden} {html.hidden}".strip(), is_html=False)
    if not plain.text:
        return html
    told, shown = _words(plain.text), _words(html.text)
    if not told or (not shown and not html.text.isspace()):
        same = _folded(plain.text) == _folded(html.text) or not shown
        return _with_hidden(plain, html.hidden) if same else html
    missing = told - shown
    few = max(_FEW, _MISSING * len(told))
    if len(missing) <= few and len(shown & told) >= _TOLD * len(shown):
        return _with_hidden(plain, html.hidden)
    unseen = " ".join(
        word for word in _WORD.findall(plain.text[:20_000]) if word.lower() in missing
    )
    return _with_hidden(html, unseen if len(missing) > few else "")


def _joined(versions: Sequence[Version], *, is_html: bool) -> Version:
    return Version(
        "\n".join(one.text for one in versions),
        " ".join(one.hidden for one in versions if one.hidden),
        is_html=is_html,
    )


def _with_hidden(version: Version, more: str) -> Version:
    return Version(version.text, f"{version.hidden} {more}".strip(), is_html=version.is_html)


def _words(text: str) -> set[str]:
    found: set[str] = set()
    for match in _WORD.finditer(_WRITTEN_OUT.sub(" ", text)):
        found.add(match[0].lower())
        if len(found) >= _WORDS:
            break
    return found


def _folded(text: str) -> str:
    return "".join(text.split()).lower()
