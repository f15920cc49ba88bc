"""What stands inside a line of Markdown, rendered for each medium in one pass.

Bold, italics, code, links and images are read; anything else is text. Images and their addresses are dropped.
"""

import html as markup
from collections.abc import Callable, Iterator

import regex

# A link ends before the punctuation that follows it; a bracket belongs to it when its partner does.
_LINK = (
    r"https?://(?:[^\s<>\"'()]|\([^\s<>\"'()]*\))*"
    r"(?:[^\s<>\"'().,;:!?*`\[\]_\u2026\u3002\uff0c\uff01\uff1f\u061f\u060c]|\([^\s<>\"'()]*\))"
)
# Marks never take a link apart.
_INSIDE = rf"(?:(?>{_LINK})|(?!https?://)"
_TOKEN = regex.compile(
    rf"(?<!`)`(?P<code>[^`\n]+)`(?!`)"
    rf"|(?P<image>!\[[^\]\n]*\](?:\([^)\n]*\)|\[[^\]\n]*\])|<img\b[^>\n]*>)"
    rf"|\[(?P<label>[^\[\]\n]+)\]\((?P<target>(?:[^\s()]|\([^\s()]*\))+)(?:[^\S\n]+\"[^\"\n]*\")?\)"
    rf"|<(?P<address>{_LINK})>"
    rf"|(?P<link>{_LINK})"
    rf"|\*\*(?=[^\s*])(?P<bold>{_INSIDE}(?!\*\*)[^\n])+?)(?<=\S)\*\*"
    rf"|(?<![\w_])__(?=[^\s_])(?P<strong>{_INSIDE}(?!__)[^\n])+?)(?<=\S)__(?![\w_])"
    rf"|(?<![\w*])\*(?=[^\s*])(?P<italics>{_INSIDE}[^*\n])+?)(?<=\S)\*(?![\w*])"
    rf"|(?<![\w_])_(?=[^\s_])(?P<emphasis>{_INSIDE}[^_\n])+?)(?<=\S)_(?![\w_])"
    rf"|\\(?P<escaped>[*_`\[\]#|])"
)
_KINDS = {"strong": "bold", "emphasis": "italics", "address": "link"}

# Every token holds one of these, so that most lines need no look at the long expression.
_SIGN = regex.compile(r"[`\[<*_\\]|://")

LINK = regex.compile(_LINK)

Mark = Callable[[str, str], str]


def spans(text: str) -> list[tuple[int, int, bool]]:
    """Lists where something stands that is not torn, and whether it is a bare link."""
    return [
        (match.start(), match.end(), match.lastgroup in ("link", "address"))
        for match in _tokens(text)
        if match.lastgroup not in ("escaped", "image")
    ]


def without_images(text: str) -> str:
    """Drops images, and with them the addresses that a reader's program would call."""
    if not _SIGN.search(text):
        return text
    return _TOKEN.sub(lambda match: "" if match.lastgroup == "image" else match[0], text)


def plain(text: str) -> str:
    """Renders a line without any marks."""
    return _render(text, lambda _, content: content, str)


def chat(text: str) -> str:
    """Renders a line with the marks of WhatsApp: one star for bold, underscores for italics."""
    marks = {"bold": "*", "italics": "_"}
    return _render(
        text, lambda kind, said: f"{marks.get(kind, '')}{said}{marks.get(kind, '')}", str
    )


def html(text: str) -> str:
    """Renders a line as HTML; whatever is no mark is escaped, and addresses become links."""
    tags = {"bold": "b", "italics": "i", "code": "code"}

    def marked(kind: str, content: str) -> str:
        if kind == "link":
            return f'<a href="{content}">{content}</a>'
        return f"<{tags[kind]}>{content}</{tags[kind]}>"

    return _render(text, marked, markup.escape)


def verbatim_html(text: str) -> str:
    """Renders a line that is no Markdown as HTML; addresses become links."""
    pieces: list[str] = []
    end = 0
    for match in LINK.finditer(text) if "://" in text else ():
        link = markup.escape(match[0])
        pieces += [markup.escape(text[end : match.start()]), f'<a href="{link}">{link}</a>']
        end = match.end()
    return "".join([*pieces, markup.escape(text[end:])])


def _tokens(text: str) -> "Iterator[regex.Match[str]]":
    return _TOKEN.finditer(text) if _SIGN.search(text) else iter(())


def _render(text: str, mark: Mark, escape: Callable[[str], str]) -> str:
    pieces: list[str] = []
    end = 0
    for match in _tokens(text):
        pieces += [escape(text[end : match.start()]), _token(match, mark, escape)]
        end = match.end()
    return "".join([*pieces, escape(text[end:])])


def _token(match: "regex.Match[str]", mark: Mark, escape: Callable[[str], str]) -> str:
    name = match.lastgroup or ""
    if name == "image":
        return ""
    if name == "escaped":
        return escape(match["escaped"])
    if name == "target":
        return _named_link(match["label"], match["target"], mark, escape)
    kind = _KINDS.get(name, name)
    if kind in ("link", "code"):
        return mark(kind, escape(match[name]))
    return mark(kind, _render(match[name], mark, escape))


def _named_link(label: str, target: str, mark: Mark, escape: Callable[[str], str]) -> str:
    """Shows the address beside its name, so that text and HTML say the same and no name hides where it leads."""
    said = _render(label, mark, escape)
    if LINK.fullmatch(target):
        if label in (target, target.split("://", 1)[1]):
            return mark("link", escape(target))
        return f"{said} ({mark('link', escape(target))})"
    address = target.removeprefix("mailto:")
    if address in (target, label):
        return said
    return f"{said} ({escape(address)})"
