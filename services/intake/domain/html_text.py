"""HTML mail to the text that a person sees; what is hidden comes apart, and quoted parts are marked."""

import re
from dataclasses import dataclass, field
from html import unescape

from services.intake.domain.hiding import Look, Styles, declarations, look
from services.intake.domain.plain_text import CUT, tidy

HTML_CHARACTERS = 500_000
TAGS = 25_000
HIDDEN_CHARACTERS = 2_000
_DEEPEST = 500
_EMOJI_ALT = 4
_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905
)
_UNSEEN = frozenset(
    ("head", "script", "style", "title", "template", "noscript", "svg", "object", "select", "xml")
)
_BLOCKS = frozenset(
    "address article blockquote center div dl dt dd fieldset footer form h1 h2 h3 h4 h5 h6 header hr li "  # noqa: SIM905
    "main nav ol p pre section table tr ul".split()
)
_PARAGRAPHS = frozenset(("p", "blockquote", "table", "ul", "ol", "pre", "h1", "h2", "h3", "h4"))
# A tag from behind its "<" on: quoted values may hold a ">".
_TAG = re.compile(
    r"(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]{0,30})(?P<rest>(?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>"
)
_ATTRIBUTE = re.compile(
    r"([A-Za-z][\w:-]{0,30})(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+)))?"
)
_WANTED = frozenset(("style", "class", "id", "bgcolor", "background", "color", "hidden", "alt"))
_ATTRIBUTES = 40
# Elements that hold a quotation: the class or id that each mail program gives them.
_QUOTE_CLASSES = frozenset(
    "gmail_quote gmail_quote_container gmail_attr yahoo_quoted moz-cite-prefix protonmail_quote "  # noqa: SIM905
    "tutanota_quote zmail_extra ms-outlook-mobile-reference-message moz-forward-container "
    "freshdesk_quote front-blockquote zendesk_quote reply-quote quoted-text skiff_quote".split()
)
_QUOTE_IDS = frozenset(
    (
        "olk_src_body_section",
        "mail-editor-reference-message-container",
        "reply-intro",
        "replyblockquote",
    )
)
# Elements behind which everything is quotation.
_CUT_CLASSES = frozenset(("outlookmessageheader", "gmail_quote_attribution"))
_CUT_IDS = frozenset(
    (
        "divrplyfwdmsg",
        "appendonsend",
        "zwchr",
        "stopspelling",
        "ms-outlook-mobile-signature-separator",
    )
)
# Outlook for Windows draws a line of this kind above what it quotes.
_OUTLOOK_LINE = re.compile(
    r"border-top\s*:\s*solid\s*#(?:e1e1e1|b5c4df)\s*1\.0pt|border\s*:\s*none\s*;\s*border-top\s*:\s*solid",
    re.IGNORECASE,
)
# With this style a block is only moved to the right, as the editors of Gmail and Thunderbird do.
_INDENTED = re.compile(r"border(?:-left)?\s*:\s*(?:none|0)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person sees of an HTML mail, and what they do not see; `is_cut` where it is longer than is read."""

    text: str = field(repr=False)
    hidden: str = field(repr=False)
    is_cut: bool


@dataclass(slots=True)
class _Element:
    tag: str
    look: Look
    quote: bool
    unseen: bool
    keeps_lines: bool


def read_html(html: str) -> Seen:
    """Returns the visible text, in which quoted lines begin with `> `, and the hidden one."""
    return _Reader().read(html.replace(CUT, ""))


class _Reader:
    """Collects visible text; `_open` holds each open element with what it means for its content.

    Tags are found in one pass. The standard library's parser takes minutes for a hostile megabyte.
    """

    def __init__(self) -> None:
        self._open = [_Element("", Look(), quote=False, unseen=False, keeps_lines=False)]
        self._counts: dict[str, int] = {}
        self._styles = Styles()
        self._quotes = 0
        self._lines: list[tuple[int, str]] = []
        self._line: list[str] = []
        self._hidden: list[str] = []
        self._hidden_size = 0

    def read(self, html: str) -> Seen:
        first, *pieces = html[:HTML_CHARACTERS].split("<", TAGS)
        is_cut = len(html) > HTML_CHARACTERS or (len(pieces) == TAGS and "<" in pieces[-1])
        if is_cut and pieces:
            pieces.pop()
        self._data(first)
        in_comment = False
        for piece in pieces:
            if self._open[-1].tag == "style" and not piece[:7].lower().startswith("/style"):
                # Many sheets are written inside a comment, for programs that know no sheets.
                self._styles.add(piece)
            elif in_comment or piece.startswith("!--"):
                _, end, rest = piece.partition("-->")
                in_comment = not end
                self._data(rest)
            else:
                self._piece(piece)
        self._break()
        text = tidy("\n".join("> " * quotes + line for quotes, line in self._lines))
        return Seen(text, tidy(" ".join(self._hidden))[:HIDDEN_CHARACTERS], is_cut)

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
            self._break(keep_empty=tag == "br")
        elif tag in ("td", "th") and self._line:
            self._line.append(" ")
        attributes = _attributes(rest)
        above = self._open[-1]
        if _cuts(attributes) and not above.look.hidden and not self._quotes:
            self._lines.append((0, CUT))
        if tag == "img" and 0 < len(attributes.get("alt", "")) <= _EMOJI_ALT:
            self._emoji(unescape(attributes["alt"]))
        if tag in _VOID or len(self._open) > _DEEPEST:
            return
        quote = _quotes(tag, attributes)
        element = _Element(
            tag,
            self._look(tag, attributes, above.look),
            quote,
            above.unseen or tag in _UNSEEN,
            above.keeps_lines or tag == "pre",
        )
        self._open.append(element)
        self._counts[tag] = self._counts.get(tag, 0) + 1
        self._quotes += quote

    def _look(self, tag: str, attributes: dict[str, str], above: Look) -> Look:
        declared = self._styles.of(tag, attributes.get("class", ""), attributes.get("id", ""))
        if "bgcolor" in attributes:
            declared["background-color"] = attributes["bgcolor"].strip().lower()
        if "background" in attributes:
            declared["background-image"] = "url()"
        if tag == "font" and "color" in attributes:
            declared["color"] = attributes["color"].strip().lower()
        declared |= declarations(attributes.get("style", ""))
        if "hidden" in attributes:
            declared["display"] = "none"
        return look(above, declared) if declared else above

    def _end(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._break()
            if tag in _PARAGRAPHS:
                self._lines.append((self._quotes, ""))
        if not self._counts.get(tag):
            return
        while len(self._open) > 1:
            element = self._open.pop()
            self._counts[element.tag] -= 1
            self._quotes -= element.quote
            if element.tag == tag:
                return

    def _emoji(self, alt: str) -> None:
        if not alt.isascii() and not self._open[-1].look.hidden:
            self._line.append(alt)

    def _data(self, data: str) -> None:
        if not data:
            return
        element = self._open[-1]
        if element.unseen:
            if element.tag == "style":
                self._styles.add(data)
            return
        if element.look.hidden:
            if data.strip() and self._hidden_size < HIDDEN_CHARACTERS:
                self._hidden.append(unescape(data[:HIDDEN_CHARACTERS]))
                self._hidden_size += len(data)
            return
        if element.keeps_lines and "\n" in data:
            *lines, last = data.split("\n")
            for line in lines:
                self._line.append(line)
                self._break(keep_empty=True)
            self._line.append(last)
            return
        self._line.append(data)

    def _break(self, *, keep_empty: bool = False) -> None:
        line = " ".join(unescape("".join(self._line)).split())
        if line or (keep_empty and self._lines):
            self._lines.append((self._quotes, line))
        self._line.clear()


def _attributes(rest: str) -> dict[str, str]:
    if "=" not in rest and "hidden" not in rest.lower():
        return {}
    found: dict[str, str] = {}
    for count, match in enumerate(_ATTRIBUTE.finditer(rest)):
        if count >= _ATTRIBUTES:
            break
        name = match[1].lower()
        if name in _WANTED:
            found.setdefault(name, match[2] or match[3] or match[4] or "")
    return found


def _quotes(tag: str, attributes: dict[str, str]) -> bool:
    if tag == "blockquote" and not _INDENTED.search(attributes.get("style", "")):
        return True
    classes = attributes.get("class", "").lower().split()[:20]
    return not _QUOTE_CLASSES.isdisjoint(classes) or _plain_id(attributes) in _QUOTE_IDS


def _cuts(attributes: dict[str, str]) -> bool:
    classes = attributes.get("class", "").lower().split()[:20]
    return (
        not _CUT_CLASSES.isdisjoint(classes)
        or _plain_id(attributes) in _CUT_IDS
        or _OUTLOOK_LINE.search(attributes.get("style", "")) is not None
    )


def _plain_id(attributes: dict[str, str]) -> str:
    # Outlook on the web prefixes what it quotes once more: x_divRplyFwdMsg.
    return attributes.get("id", "").lower().removeprefix("x_").removeprefix("m_")
