"""The text of a mail as a person sees it: HTML made plain, hidden parts left out, quotation cut off."""

import re
from html.parser import HTMLParser

HTML_CHARACTERS = 200_000
_DEEPEST = 500
_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905
)
_UNSEEN = frozenset(("head", "script", "style", "title", "template", "noscript", "svg"))
_BLOCKS = frozenset(
    "address article blockquote div dl dt dd fieldset footer form h1 h2 h3 h4 h5 h6 header hr li "  # noqa: SIM905
    "main nav ol p pre section table tr ul".split()
)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|opacity\s*:\s*0(?![.\d])"
    r"|mso-hide\s*:\s*all",
    re.IGNORECASE,
)
# Characters without width, and those that turn the direction of the text round.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPACES = re.compile(r"[ \t\u00a0]+")
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
    reader = _Reader()
    reader.feed(html[:HTML_CHARACTERS])
    reader.close()
    return reader.text()


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
            following = next((line for line in lines[at + length :] if line.strip()), "")
            if not _QUOTED.match(following):
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


class _Reader(HTMLParser):
    """Collects visible text; `_open` holds each open tag with what it means for its content."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[tuple[str, bool, bool]] = []
        self._hidden = 0
        self._quotes = 0
        self._lines: list[tuple[int, str]] = []
        self._line = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br" or tag in _BLOCKS:
            self._break()
        if tag in _VOID or len(self._open) >= _DEEPEST:
            return
        values = {name: value or "" for name, value in attrs}
        hidden = (
            tag in _UNSEEN
            or "hidden" in values
            or _HIDING.search(values.get("style", "")) is not None
        )
        quote = tag == "blockquote"
        self._open.append((tag, hidden, quote))
        self._hidden += hidden
        self._quotes += quote

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._break()
            if tag == "p":
                self._break(empty=True)
        if all(opened != tag for opened, _, _ in self._open):
            return
        while self._open:
            opened, hidden, quote = self._open.pop()
            self._hidden -= hidden
            self._quotes -= quote
            if opened == tag:
                return

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._line += _SPACES.sub(" ", data.replace("\n", " "))

    def text(self) -> str:
        self._break()
        return tidy("\n".join("> " * quotes + line for quotes, line in self._lines))

    def _break(self, *, empty: bool = False) -> None:
        line = _SPACES.sub(" ", self._line).strip()
        if line or empty:
            self._lines.append((self._quotes, line))
        self._line = ""
