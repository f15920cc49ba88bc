"""Links, addresses and numbers to call in a text: only those of an exact list may leave.

What is on the list is taken out first, character by character; whatever still looks like a way to somewhere, however
it is written, is off the list. So no parser has to agree with the one in a reader's mail program.
"""

from collections.abc import Iterable, Sequence

import regex

from services.agent.domain.skeleton import closed_up, skeleton
from services.agent.domain.terms import word_set

_URL = regex.compile(r"https?://[^\s<>\"'\[\]()|\\^`{}*]+")
_ADDRESS = regex.compile(r"(?<![\w.+-])[\w.+-]{1,100}@[\w-]+(?:\.[\w-]+)+")
_DOMAIN = regex.compile(r"(?<![\w@./-])(?:[\w-]+\.)+[a-zA-Z]{2,}(?:/[\w./~%+-]*[\w/])?(?![\w@])")
_PHONE = regex.compile(r"(?<![\w.,-])\+?\(?\d[\d\s()/.-]{6,}\d(?!\w)")
_ENDS = ".,;:!?…)*_`\"'"

# The same in a skeleton, as widely as a reader or a mail program might take it.
_SCHEME = regex.compile(
    r"\b(?:h[tx]{2}ps?|ftps?|wss?|javascript|vbscript|mailto|tel|sms|whatsapp|blob|intent)\s*:\s*\S*|"
    r"\b(?:data:[\w/+.-]*[;,]|file:/|about:\w|view-source:)\S*|(?<![\w:])(?:/|\\){2,}\w\S*|(?<![\w+-])[\w+-]{2,40}://\S*"
)
_LOOSE_ADDRESS = regex.compile(
    r"(?<![\w.+-])[\w.+-]{1,100}(?:@[\w-]+| ?@ ?[\w-]+ ?\.|\s?[(\[{]at[)\]}]\s?[\w-]+|"
    r" at [\w-]+(?:(?: dot |\s?[(\[]dot[)\]]\s?)[\w-]+)+)|(?<=[\w.+-]{100})@[\w-]"
)
_LOOSE_DOMAIN = regex.compile(
    r"(?<![\w.-])(?:[\w-]{1,63}(?:\.| \.|\[\.\]|\(\.\)|\{\.\}|\s?(?:\(dot\)|\[dot\])\s?| dot ))+"
    r"(?P<top>[a-z]{2,24}|xn--[\w-]+)(?![\w-])(?:[/:?#]\S*)?"
)
_SPLIT_DOMAIN = regex.compile(
    r"\b[\w-]{2,}\s{0,2}\.\s{1,2}(?:com|net|org|info|biz|ru|cn|xyz|top|example|click|link|app|site|online|shop)\b(?:\s?/\s?\S+)?"
)
_IP = regex.compile(
    r"\bwww\.\S+|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])(?:[:/]\S*)?|\[[0-9a-f:]{6,}\]"
)
_MARK_UP = regex.compile(r"<\s*[/!?]?\s*[a-zA-Z][^<>]*>?")
_REFERENCE = regex.compile(r"^\s{0,3}\[[^\]\n]+\]:\s*\S+", regex.MULTILINE)
_TARGET = regex.compile(r"\]\s*\(\s*(?P<target>[^)\s]+)|\]\s*\[[^\]]*\]")
# A dot within these is no address; "e.g." and "z.B." have labels of one letter.
_FILE_KINDS = word_set(
    "csv tsv json jsonl xls xlsx doc docx ppt pptx pdf png jpg jpeg gif svg txt xml yaml yml html htm log exe bat dll ini js ts css sql ics vcf "
    "eml"
)
_SHORTENED = regex.compile(r"(?:[a-z]\.)+[a-z]{1,3}")
_OTHER_DOTS = str.maketrans(
    {"\u3002": ".", "\uff0e": ".", "\uff61": ".", "\u2024": ".", "\ufe52": "."}
)
_IMAGE = regex.compile(
    r"!\s*\[[^\]]{0,500}\]\s*(?:\([^)]{0,2000}\)?|\[[^\]]{0,500}\])|<\s*(?:img|picture|source|image|svg|object|embed|iframe|video|audio)\b[^>]*>?",
    regex.I,
)
_NAMED = regex.compile(
    r"\[(?P<name>[^\[\]]*)\]\((?P<link>https?://[^\s()]+)\)|<(?P<bare>https?://[^\s<>]+)>"
)


def destinations(texts: Iterable[str]) -> frozenset[str]:
    """Lists every link, address, domain and number to call of trusted texts, exactly as they are written there."""
    found: set[str] = set()
    for text in texts:
        for pattern in (_URL, _ADDRESS, _DOMAIN, _PHONE):
            found.update(match[0].rstrip(_ENDS) for match in pattern.finditer(text))
    return frozenset(found)


def off_list(text: str, allowed: Iterable[str], cited: Sequence[str] = ()) -> list[str]:
    """Lists what in a text leads somewhere that is not on the list, and markup that could; empty for a clean text.

    `cited` are texts whose markup-like words, such as `<key>`, may be repeated.
    """
    rest = text.translate(_OTHER_DOTS)
    for link in sorted(allowed, key=len, reverse=True):
        rest = _exactly(link).sub(" ", rest)
    found = [m[0] for m in _MARK_UP.finditer(rest) if not any(m[0] in c for c in cited)]
    found += [match[0] for match in _REFERENCE.finditer(rest)]
    found += [match[0] for match in _TARGET.finditer(rest)]
    plain = skeleton(rest)
    for view in dict.fromkeys((plain, closed_up(plain))):
        for pattern in (_SCHEME, _LOOSE_ADDRESS, _SPLIT_DOMAIN, _IP, _PHONE):
            found += [match[0].strip() for match in pattern.finditer(view)]
        found += [m[0] for m in _LOOSE_DOMAIN.finditer(view) if not _is_file_or_short(m)]
    return list(dict.fromkeys(found))


def without_images(text: str) -> str:
    """Returns a Markdown text without its images, inline, by reference or as HTML."""
    before = ""
    # What is left of a nested image may be one again.
    while before != text:
        before, text = text, _IMAGE.sub("", text)
    return text


def rebuilt(text: str) -> str:
    """Returns a checked text with each link as plain text: "name (link)", or the link alone."""

    def plain(match: "regex.Match[str]") -> str:
        link = match["link"] or match["bare"]
        name = (match["name"] or "").strip()
        return link if not name or name == link else f"{name} ({link})"

    return _NAMED.sub(plain, text)


def _exactly(link: str) -> "regex.Pattern[str]":
    # Whatever could go on with it, above all a query, makes it another link.
    return regex.compile(
        rf"(?<![\w@./:%&=#?-]){regex.escape(link)}(?=$|[\s<>\[\]()|`*\"'…]|[.,;:!?]+(?:$|[\s)\]*\"'`]))"
    )


def _is_file_or_short(match: "regex.Match[str]") -> bool:
    whole = match[0]
    if match["top"] in _FILE_KINDS:
        return "/" not in whole and ":" not in whole
    return _SHORTENED.fullmatch(whole) is not None
