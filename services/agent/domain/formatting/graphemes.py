"""Cuts text between grapheme clusters, the characters as people see them (Unicode Standard Annex 29)."""

import regex

# What attaches to the character before it, and is nothing on its own.
EXTENDING = r"[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]"
# White space at which a text may be cut: a mark on a space makes it a character of its own.
SPACE = regex.compile(rf"[^\S\n]+(?!{EXTENDING})")

_CLUSTER = regex.compile(r"\X")
_LINE_BREAK = regex.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = regex.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]+")
_STRAY = regex.compile(rf"(?m)^[^\S\n]*{EXTENDING}+")


def cleaned(text: str) -> str:
    r"""Returns the text with `\n` for every line break, without control characters and marks that attach to nothing."""
    return _STRAY.sub("", _CONTROL.sub("", _LINE_BREAK.sub("\n", text)))


def clusters(text: str) -> list[str]:
    """Returns the grapheme clusters of a text."""
    return _CLUSTER.findall(text)


def chunks(pieces: list[str], most: int) -> list[str]:
    """Joins clusters to chunks of at most `most` code points; a cluster alone may be longer."""
    found: list[str] = []
    for piece in pieces:
        if found and len(found[-1]) + len(piece) <= most:
            found[-1] += piece
        else:
            found.append(piece)
    return found


def cut(text: str, most: int) -> str:
    """Cuts a text to `most` code points, between words if it can, with an ellipsis."""
    if len(text) <= most:
        return text
    kept = ""
    for piece in clusters(text[: most + 1]):
        if len(kept) + len(piece) > most - 1:
            break
        kept += piece
    words = list(SPACE.finditer(kept))
    if words and words[-1].start() > 0 and not text[len(kept)].isspace():
        kept = kept[: words[-1].start()]
    return kept.rstrip(" ,;:") + "…"
