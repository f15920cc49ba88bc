"""The text of a mail as a person sees it: HTML made plain, hidden parts left out, quotation cut off."""

import re
from html import unescape

HTML_CHARACTERS = 1_000_000
_DEEPEST = 500
_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905
)
_UNSEEN = frozenset(("head", "script", "style", "title", "template", "noscript", "svg"))
_BLOCKS = frozenset(
    "address article blockquote div dl dt dd fieldset footer form h1 h2 h3 h4 h5 h6 header hr li "  # noqa: SIM905
    "main nav ol p pre section table tr ul".split()
)
# A tag from behind its "<" on: quoted values may hold a ">".
_TAG = re.compile(
    r"(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]{0,30})(?P<rest>(?:[^>\"']|\"[^\"]*\"|'[^']*')*)>"
)
_STYLE = re.compile(r"\bstyle\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+)", re.IGNORECASE)
_QUOTED_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'")
_HIDDEN = re.compile(r"(?:^|\s)hidden(?![\w-])", re.IGNORECASE)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])"
    r"|mso-hide\s*:\s*all",
    re.IGNORECASE,
)
# Characters without width, and those that turn the direction of the text round.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EMPTY_LINES = re.compile(r"\n{3,}")

_QUOTED = re.compile(r"^\s{0,3}>")
# "On …, Ada wrote:" in a few languages; mail programs break it over up to three lines.
_ATTRIBUTION = re.compile(
    r"^(?:On\b.{3,300}\bwrote|Am\b.{3,300}\bschrieb\b.{0,100}|Le\b.{3,300}\ba écrit"
    r"|El\b.{3,300}\bescribió|Il\b.{3,300}\bha scritto|Em\b.{3,300}\bescreveu|Op\b.{3,300}\bschreef\b.{0,100})"
    r"\s*:$",
    re.DOTALL,
)
_ATTRIBUTION_STARTS = ("On ", "Am ", "Le ", "El ", "Il ", "Em ", "Op ")
_SEPARATOR = re.compile(
    r"^\s*(?:-{2,}\s*(?:Original Message|Original-Nachricht|Ursprüngliche Nachricht|Message d'origine"
    r"|Mensaje original|Messaggio originale|Mensagem original|Oorspronkelijk bericht)\s*-{2,}"
    r"|-{5,}\s*Forwarded message\s*-{5,})\s*$",
    re.IGNORECASE,
)
_OUTLOOK_FROM = re.compile(r"^\s*\*?(?:From|Von|De|Da|Van)\s*:\*?\s", re.IGNORECASE)
_OUTLOOK_NEXT = re.compile(
    r"^\s*\*?(?:Sent|Date|To|Gesendet|Datum|An|Envoyé|À|Enviado|Fecha|Para|Inviato|Verzonden|Aan)"
    r"\s*:\*?\s",
    re.IGNORECASE,
)


def from_html(html: str) -> str:
    """Returns the visible text of an HTML mail; quoted blocks get a leading `>` on each line."""
    return _Reader().read(html[:HTML_CHARACTERS])


def tidy(text: str) -> str:
    """Returns the text with plain line ends, without invisible characters and long gaps."""
    # Half characters, which some encodings let through, cannot be stored.
    whole = text.encode("utf-8", "replace").decode()
    unified = whole.replace("\r\n", "\n").replace("\r", "\n")
    seen = _CONTROL.sub("", _INVISIBLE.sub("", unified))
    lines = (line.rstrip() for line in seen.split("\n"))
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip("\n ")


def without_quotation(text: str) -> str:
    """Returns what the sender wrote anew; the whole text if nothing else is left."""
    lines = text.split("\n")
    lines = lines[: _separator_at(lines)]
    kept: list[str] = []
    at = 0
    while at < len(lines):
        length = _attribution_length(lines, at)
        if length:
            behind = (lines[later] for later in range(at + length, len(lines)))
            if not _QUOTED.match(next((line for line in behind if line.strip()), "")):
                # The quotation has no marks of its own: it is everything that follows.
                break
            at += length
            continue
        if not _QUOTED.match(lines[at]):
            kept.append(lines[at])
        at += 1
    return tidy("\n".join(kept)) or tidy(text)


def _separator_at(lines: list[str]) -> int:
    for at, line in enumerate(lines):
        if _SEPARATOR.match(line):
            return at
        if _OUTLOOK_FROM.match(line):
            following = [later for later in lines[at + 1 : at + 4] if later.strip()][:2]
            if following and all(_OUTLOOK_NEXT.match(later) for later in following):
                # Outlook draws a line above its block.
                ruled = at > 0 and set(lines[at - 1].strip()) == {"_"}
                return at - 1 if ruled else at
    return len(lines)


def _attribution_length(lines: list[str], at: int) -> int:
    if not lines[at].lstrip().startswith(_ATTRIBUTION_STARTS):
        return 0
    for length in (1, 2, 3):
        joined = " ".join(line.strip() for line in lines[at : at + length])
        if _ATTRIBUTION.match(joined):
            return length
    return 0


class _Reader:
    """Collects visible text; `_open` holds each open tag with what it means for its content.

    Tags are found in one pass. The standard library's parser takes minutes for a hostile megabyte.
    """

    def __init__(self) -> None:
        self._open: list[tuple[str, bool, bool]] = []
        self._hidden = 0
        self._quotes = 0
        self._lines: list[tuple[int, str]] = []
        self._line: list[str] = []

    def read(self, html: str) -> str:
        first, *pieces = html.split("<")
        self._data(first)
        in_comment = False
        for piece in pieces:
            if in_comment or piece.startswith("!--"):
                _, end, rest = piece.partition("-->")
                in_comment = not end
                self._data(rest)
            else:
                self._piece(piece)
        self._break()
        return tidy("\n".join("> " * quotes + line for quotes, line in self._lines))

    def _piece(self, piece: str) -> None:
        if piece.startswith(("!", "?")):
            self._data(piece.partition(">")[2])
            return
        tag = _TAG.match(piece)
        if tag is None:
            self._data("<" + piece)
            return
        name = tag["name"].lower()
        if tag["end"]:
            self._end(name)
        else:
            self._start(name, tag["rest"])
        self._data(piece[tag.end() :])

    def _start(self, tag: str, rest: str) -> None:
        if tag == "br" or tag in _BLOCKS:
            self._break()
        if tag in _VOID or len(self._open) >= _DEEPEST:
            return
        hidden = tag in _UNSEEN or _is_hidden(rest)
        quote = tag == "blockquote"
        self._open.append((tag, hidden, quote))
        self._hidden += hidden
        self._quotes += quote

    def _end(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._break()
            if tag == "p":
                self._lines.append((self._quotes, ""))
        if all(opened != tag for opened, _, _ in self._open):
            return
        while self._open:
            opened, hidden, quote = self._open.pop()
            self._hidden -= hidden
            self._quotes -= quote
            if opened == tag:
                return

    def _data(self, data: str) -> None:
        if data and not self._hidden:
            self._line.append(data)

    def _break(self) -> None:
        line = " ".join(unescape("".join(self._line)).split())
        if line:
            self._lines.append((self._quotes, line))
        self._line.clear()


def _is_hidden(attributes: str) -> bool:
    style = _STYLE.search(attributes)
    if style is not None and _HIDING.search(unescape(style[1])):
        return True
    return _HIDDEN.search(_QUOTED_VALUE.sub("", attributes)) is not None
