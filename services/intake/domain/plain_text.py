"""Plain text as a person sees it: without what has no width or no meaning on a screen, flowed lines joined."""

import re

# Stands for a place in a text behind which everything is quotation; never left in what is handed out.
CUT = "\ue000"

# Characters without width, fillers, tags, and those that turn the direction of the text round.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Between letters these are part of how Persian, Hindi or an emoji is written.
_JOINER = re.compile(
    "(?<![\u0600-\u06ff\u0900-\u0dff\u2190-\U0001ffff])[\u200c\u200d]|[\u200c\u200d](?=\\s|$)"
)
# Tag characters carry a whole hidden text in ASCII.
_TAGS = re.compile("[\U000e0020-\U000e007e]{4,}")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_EMPTY_LINES = re.compile(r"\n{3,}")
_LINE_ENDS = re.compile("\r\r\n|\r\n|\r|\x85|\u2028|\u2029")


def tidy(text: str) -> str:
    """Returns the text with plain line ends, without invisible characters and long gaps."""
    # Half characters, which some encodings let through, cannot be stored.
    whole = text.encode("utf-8", "replace").decode()
    unified = _LINE_ENDS.sub("\n", whole)
    seen = _CONTROL.sub("", _JOINER.sub("", INVISIBLE.sub("", unified)))
    lines = (line.rstrip() for line in seen.split("\n"))
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip("\n ")


def hidden_in(text: str) -> str:
    """Returns what tag characters spell: a text that nobody sees on a screen, empty for nearly every mail."""
    return " ".join("".join(chr(ord(c) - 0xE0000) for c in run) for run in _TAGS.findall(text))


def unflowed(text: str, *, delete_space: bool) -> str:
    """Joins the lines that a mail program broke only for the wire (RFC 3676)."""
    joined: list[list[str]] = []
    open_depth = -1
    for line in _LINE_ENDS.sub("\n", text).split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        flows = content.endswith(" ") and content != "-- "
        shown = content[:-1] if flows and delete_space else content
        if open_depth == depth and content != "-- ":
            joined[-1].append(shown)
        else:
            joined.append([">" * depth + " " if depth else "", shown])
        open_depth = depth if flows else -1
    return "\n".join("".join(pieces) for pieces in joined)
