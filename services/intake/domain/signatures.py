"""What programs and gateways add to what a person wrote: warnings above it, signatures and notices below."""

import itertools
import re

from services.intake.domain.quotation_words import BANNER, DEVICE, GADGET, LIST_FOOT, NOTICE

_SIGNATURE_LINES = 25
_DEVICE_WORDS = 12
_SHORT_DEVICE_WORDS = 5
_NOTICE_CHARACTERS = 600
_CARD_LINES = 8
_CARD_CHARACTERS = 80

# A line drawn with characters.
RULE = re.compile(r"^\s*(?:[-_=*~\u2014\u2500]\s?){5,}\s*$")
_SIGNATURE = re.compile(r"^\s{0,3}(?:--|\u2014|\u2013\u2013|__)\s*$")
_CONTACT = re.compile(r"\S@\S|www\.|https?://|(?:\+|\b)\d[\d ()/.-]{6,20}\d")


def without_banner(lines: list[str]) -> tuple[list[str], list[str]]:
    """Takes away a warning that a gateway wrote above the mail."""
    start = next((n for n, line in enumerate(lines) if line.strip()), 0)
    end = next((n for n in range(start, len(lines)) if not lines[n].strip()), len(lines))
    paragraph = " ".join(lines[start:end])
    rest = any(line.strip() for line in lines[end:])
    if rest and end - start <= 6 and len(paragraph) < 800 and BANNER.match(paragraph):  # noqa: PLR2004
        return lines[end:], lines[start:end]
    return lines, []


def without_signature(lines: list[str]) -> tuple[list[str], list[str]]:
    """Parts off what a mail program or a gateway adds below: device lines, signatures, notices, lists' feet."""
    end = len(lines)
    for n in range(len(lines)):
        if _begins_foot(lines, n):
            end = n
            break
    kept, foot = lines[:end], lines[end:]
    for n in range(len(kept) - 1, max(-1, len(kept) - 400), -1):
        if _is_device(kept[n]) and (n + 1 == len(kept) or not kept[n + 1].strip()):
            foot = [kept[n], *foot]
            del kept[n]
    return kept, foot


def _begins_foot(lines: list[str], at: int) -> bool:
    line = lines[at]
    if not line.strip():
        return False
    if _SIGNATURE.match(line):
        below = (later for later in itertools.islice(lines, at + 1, None) if later.strip())
        first = list(itertools.islice(below, _SIGNATURE_LINES + 1))
        # A signature is short and asks nothing.
        return len(first) <= _SIGNATURE_LINES and not any(later.endswith("?") for later in first)
    if RULE.match(line):
        near = " ".join(lines[at + 1 : at + 7])[:_NOTICE_CHARACTERS]
        return bool(LIST_FOOT.search(near) or NOTICE.match(near.strip())) or _is_card(lines, at + 1)
    if at > 0 and not lines[at - 1].strip():
        paragraph = " ".join(lines[at : at + 8])[:_NOTICE_CHARACTERS]
        return NOTICE.match(paragraph) is not None
    return False


def _is_card(lines: list[str], at: int) -> bool:
    """Whether a few short lines to the end name a person's telephone or address: below a rule they are a signature."""
    below = (line.strip() for line in itertools.islice(lines, at, None) if line.strip())
    card = list(itertools.islice(below, _CARD_LINES + 1))
    return (
        0 < len(card) <= _CARD_LINES
        and all(len(line) <= _CARD_CHARACTERS and not line.endswith("?") for line in card)
        and any(_CONTACT.search(line) for line in card)
    )


def _is_device(line: str) -> bool:
    stripped = line.strip(" \t*_")
    if len(stripped) > 120 or len(stripped.split()) > _DEVICE_WORDS or not DEVICE.match(stripped):  # noqa: PLR2004
        return False
    if re.search(r",\s+\w+ \w+|[!?]$", stripped):
        return False
    short = len(stripped.split()) <= _SHORT_DEVICE_WORDS and not stripped.endswith(".")
    return GADGET.search(stripped) is not None or (short and stripped.lower().startswith("sent "))
