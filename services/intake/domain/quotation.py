"""What a sender wrote anew, apart from what their mail program repeats and from signatures.

Every step is one pass over the lines, and every pattern is bounded, so that no text takes long. A mail that only
repeats is handed out whole, for then the repeated part is the message.
"""

import re
from dataclasses import dataclass, field

from services.intake.domain.plain_text import CUT, tidy
from services.intake.domain.quotation_words import FIELDS, SEPARATOR, STARTS, WROTE
from services.intake.domain.signatures import RULE, without_banner, without_signature

LINES = 5_000
_LINE_CHARACTERS = 400
_ATTRIBUTION_LINES = 5
_HEADER_LINES = 14
# How many fields make a header, with a sender's address among them or without; and how many lines may stand between
# them, of a long list of recipients.
_SURE_FIELDS = 2
_MANY_FIELDS = 4
_HEADER_ONLY = frozenset(("date", "sent", "subject"))
_BROKEN_FIELDS = 3
_LONG_LINE = 60
_CITED_CHARACTERS = 1_000

_QUOTED = re.compile(r"^[ \t]{0,3}(?:>|\|[ \t])")
_HEADER = re.compile(
    r"^[\s>*_]{0,8}([^\W\d_][^:\uff1a\n]{0,40}?)[*_]{0,2}\s{0,3}[:\uff1a][*_]{0,2}(?:\s|$|(?=\S))(.{0,300})"
)
# A rule with words in it, whatever the language: only meaningful above the fields of a header.
_TITLED_RULE = re.compile(r"^\s*[-_=*]{2,40}\s?[^-_=*\n]{2,60}\s?[-_=*]{2,40}\s*$")
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.h時时시]\s?\d{2}(?!\d{3})")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_DATE = re.compile(r"(?<!\d)\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?!\d)")
_DAY = re.compile(
    r"(?<!\d)\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?!\d)|(?<!\d)\d{1,2}(?:st|nd|rd|th|\.|日|일)?(?!\d)"
)
_ADDRESS = re.compile(r"[^\s@<>()\[\]\"']{1,64}@[^\s@<>()\[\]\"']{1,255}")
_COLON = re.compile(r"[:\uff1a]\s*\*?$")
# "On Monday I wrote to bob@example.com the following:" is a sentence of the sender.
_FIRST_PERSON = re.compile(
    r"\b(?:I|we|ich|wir|je|j'|nous|yo|nosotros|io|noi|eu|nós|ik|wij|jag|jeg)\s+(?:\w+\s)?(?:wrote|sent|received|asked|schrieb|habe|ai|avons|escribí|ho|escrevi|schreef|skrev)\b"
)


@dataclass(frozen=True, slots=True)
class Cut:
    """The parts of a text. `own` is never empty unless the text is."""

    own: str = field(repr=False)
    quoted: str = field(repr=False)
    signature: str = field(repr=False)


def without_quotation(text: str) -> str:
    """Returns what the sender wrote anew; the whole text if nothing else is left."""
    return cut(text).own


def cut(text: str) -> Cut:
    """Takes a text apart. Lines that begin with `>` are quoted, a line of `CUT` begins quotation to the end."""
    lines = text.split("\n")
    lines, beyond = lines[:LINES], lines[LINES:]
    lines, banner = without_banner(lines)
    marks = _marks(lines)
    own, quoted, foot = _divided(lines, marks)
    own, signature = without_signature(own)
    signature += foot
    if not "".join(own).strip():
        return _repeated_only(lines, marks, banner + beyond)
    return Cut(
        tidy("\n".join(own)),
        tidy("\n".join([*banner, *quoted, *beyond]).replace(CUT, "")),
        tidy("\n".join(signature)),
    )


def _repeated_only(lines: list[str], marks: list[int], beside: list[str]) -> Cut:
    """Takes a text apart in which the sender wrote nothing anew: a forwarded mail, whose own quotation goes."""
    first = next((n for n, line in enumerate(lines) if line.strip(" \t" + CUT)), len(lines))
    end = first
    while (
        end < len(lines)
        and end - first < _HEADER_LINES
        and (
            _field(lines[end])
            or SEPARATOR.match(lines[end])
            or (end > first and not lines[end].strip())
        )
    ):
        end += 1
    if end > first and not _QUOTED.match(lines[first]):
        own, quoted, _ = _divided(lines[end:], _marks(lines[end:]))
        if _says_something(own):
            return Cut(
                tidy("\n".join([*lines[first:end], *own])),
                tidy("\n".join([*quoted, *beside]).replace(CUT, "")),
                "",
            )
    # A signature or a quotation alone is still what was sent.
    whole = tidy("\n".join(lines).replace(CUT, ""))
    return Cut(
        whole,
        "\n".join(line for line, mark in zip(lines, marks, strict=True) if mark == _QUOTE).replace(
            CUT, ""
        ),
        "",
    )


# What a line is: the sender's, quoted, or the announcement of a quotation.
_OWN, _QUOTE, _INTRO = range(3)


def _marks(lines: list[str]) -> list[int]:
    """Says of each line what it is; from where everything is quotation, all are."""
    marks = [_QUOTE if _QUOTED.match(line) else _OWN for line in lines]
    for at in range(1, len(lines) - 1):
        if marks[at] == _OWN and _is_broken_quote(lines, marks, at):
            marks[at] = _QUOTE
    at = 0
    while at < len(lines):
        if marks[at] == _QUOTE:
            at += 1
            continue
        if _begins_repeated_mail(lines, at):
            start = _rule_above(lines, at)
            marks[start:] = [_QUOTE] * (len(lines) - start)
            break
        length = _attribution_length(lines, marks, at)
        if length:
            marks[at : at + length] = [_INTRO] * length
            following = next(
                (n for n in range(at + length, len(lines)) if lines[n].strip()), len(lines)
            )
            if following < len(lines) and marks[following] != _QUOTE:
                # The quotation has no marks of its own: it is everything that follows.
                marks[at:] = [_QUOTE] * (len(lines) - at)
                break
            at = following
            continue
        at += 1
    return marks


def _is_broken_quote(lines: list[str], marks: list[int], at: int) -> bool:
    """Whether a line is the end of the long quoted line above it, which lost its mark when it was broken."""
    return (
        marks[at - 1] == marks[at + 1] == _QUOTE
        and len(lines[at - 1]) >= _LONG_LINE
        and 0 < len(lines[at]) < _LONG_LINE // 2
        and not lines[at][:1].isupper()
    )


def _rule_above(lines: list[str], at: int) -> int:
    """Returns where the rule stands that a mail program drew above a repeated mail; `at` if there is none."""
    above = at - 1
    while above > at - 4 and above >= 0 and not lines[above].strip():
        above -= 1
    if above >= 0 and (RULE.match(lines[above]) or _TITLED_RULE.match(lines[above])):
        return above
    return at


def _begins_repeated_mail(lines: list[str], at: int) -> bool:
    line = lines[at]
    if not line.strip() or len(line) > _LINE_CHARACTERS:
        return False
    if CUT in line:
        return True
    if SEPARATOR.match(line):
        # Alone on its line a phrase such as "Forwarded message:" needs a mail below it.
        return any(lines[n].strip() for n in range(at + 1, min(at + 6, len(lines))))
    return _is_header_block(lines, at)


def _is_header_block(lines: list[str], at: int) -> bool:
    """Whether the fields of a mail's header stand here: a sender and two more, or one more beside an address."""
    first = _field(lines[at])
    if first is None or first[0] == "other":
        return False
    kinds: dict[str, str] = {}
    strangers = 0
    for line in lines[at : at + _HEADER_LINES]:
        if not line.strip():
            if len(kinds) >= _SURE_FIELDS:
                break
            continue
        found = _field(line)
        if found is None:
            strangers += 1
            if strangers > _BROKEN_FIELDS or not kinds:
                break
            continue
        kinds.setdefault(*found)
    kinds.pop("other", None)
    if "from" not in kinds:
        return False
    if _ADDRESS.search(kinds["from"]):
        # From one address to another may be a wish; a header has a date or a subject as well.
        return not _HEADER_ONLY.isdisjoint(kinds)
    # Without an address it may be a journey: from, to and a date. Only a mail says when it was sent.
    sent = _YEAR.search(kinds.get("sent", "")) is not None
    dated = sent or _YEAR.search(kinds.get("date", "")) is not None
    return sent or ("subject" in kinds and (dated or len(kinds) >= _MANY_FIELDS))


def _field(line: str) -> tuple[str, str] | None:
    found = _HEADER.match(line[:_LINE_CHARACTERS])
    if found is None:
        return None
    name = "".join(found[1].lower().split()) if not found[1].isascii() else found[1].lower().strip()
    kind = FIELDS.get(name)
    return None if kind is None else (kind, found[2])


def _attribution_length(lines: list[str], marks: list[int], at: int) -> int:
    """Returns over how many lines "On …, Ada wrote:" goes from here on; 0 if it does not stand here."""
    joined = ""
    for length in range(1, _ATTRIBUTION_LINES + 1):
        last = at + length - 1
        if last >= len(lines) or marks[last] == _QUOTE or not lines[last].strip():
            return 0
        joined = f"{joined} {lines[last].strip()}" if joined else lines[last].strip()
        if len(joined) > _LINE_CHARACTERS:
            return 0
        if _COLON.search(lines[last]) or _ends_with_verb(lines, marks, last):
            break
    else:
        return 0
    quoted = _is_quote_below(lines, marks, last + 1)
    if not _is_attribution(joined, quoted):
        return 0
    # The sender's own last line may stand directly above.
    for start in range(at + 1, last + 1):
        later = " ".join(line.strip() for line in lines[start : last + 1])
        if _is_attribution(later, quoted) and not _begins_attribution(lines[at]):
            return 0
    return last - at + 1


def _ends_with_verb(lines: list[str], marks: list[int], at: int) -> bool:
    """Whether an announcement lacks its colon, but has a quotation directly below it."""
    verbs = list(WROTE.finditer(lines[at]))
    return (
        bool(verbs)
        and not lines[at][verbs[-1].end() :].strip(" .,-")
        and at + 1 < len(lines)
        and marks[at + 1] == _QUOTE
    )


def _begins_attribution(line: str) -> bool:
    if STARTS.match(line):
        return line.rstrip().endswith(",") or _DAY.search(line) is not None
    return _ADDRESS.search(line) is not None or line.strip()[:1].isdigit()


def _is_quote_below(lines: list[str], marks: list[int], at: int) -> bool:
    return next((marks[n] for n in range(at, len(lines)) if lines[n].strip()), _OWN) == _QUOTE


def _is_attribution(text: str, quoted: bool) -> bool:  # noqa: FBT001 - what stands below it
    verbs = list(WROTE.finditer(text))
    address = _ADDRESS.search(text) is not None
    dated = bool(_TIME.search(text) or _YEAR.search(text) or _DATE.search(text))
    if quoted:
        return bool(verbs) or (address and bool(_DAY.search(text))) or (dated and address)
    if not (verbs or address) or _FIRST_PERSON.search(text):
        return False
    if not dated:
        # "Ada <ada@example.com> wrote:" needs no date.
        return bool(verbs) and address and not text[verbs[-1].end() :].strip(" :\uff1a*")
    if not address and not _DAY.search(text):
        return False
    if verbs:
        # Behind the verb stands a name and an address at most.
        behind = _ADDRESS.sub("", text[verbs[-1].end() :])
        return len(behind.split()) <= 8  # noqa: PLR2004
    # Without a verb the address ends the line, as in many Asian and Slavic ones.
    return re.search(r"[>)\]]\s?\S{0,12}\s?[:\uff1a]\s*\*?$", text) is not None


def _divided(lines: list[str], marks: list[int]) -> tuple[list[str], list[str], list[str]]:
    """Parts the sender's lines from the quoted ones and from a foot below those.

    Answers between quoted lines keep what they answer.
    """
    runs = _runs(lines, marks)
    own_runs = [n for n, (mark, text) in enumerate(runs) if mark == _OWN and _says_something(text)]
    quote_runs = [n for n, (mark, _) in enumerate(runs) if mark == _QUOTE]
    answered = [n for n in quote_runs if own_runs and n < own_runs[-1]]
    # A single one without an announcement, in the midst of the sender's words, is something that they cite.
    cited = (
        len(answered) == 1
        and own_runs[0] < answered[0]
        and _INTRO not in marks
        and len("\n".join(runs[answered[0]][1])) <= _CITED_CHARACTERS
    )
    interleaved = len(answered) > 1 or cited
    own: list[str] = []
    quoted: list[str] = []
    foot: list[str] = []
    for n, (mark, text) in enumerate(runs):
        if mark == _OWN and (not own_runs or n <= own_runs[-1]):
            own += text
        elif mark == _QUOTE and interleaved and n in answered:
            own += text
            quoted += text
        elif mark == _OWN:
            foot += text
        else:
            quoted += text
            if own and own[-1].strip():
                own.append("")
    return own, quoted, foot


def _runs(lines: list[str], marks: list[int]) -> list[tuple[int, list[str]]]:
    """Groups neighbouring lines of one kind; empty lines between quoted ones belong to the quotation."""
    runs: list[tuple[int, list[str]]] = []
    for line, mark in zip(lines, marks, strict=True):
        if runs and (runs[-1][0] == mark or not line.strip()):
            runs[-1][1].append(line)
        elif mark == _QUOTE and len(runs) > 1 and _is_empty(runs[-1]) and runs[-2][0] == _QUOTE:
            runs[-2][1].extend([*runs.pop()[1], line])
        else:
            runs.append((mark, [line]))
    return runs


def _is_empty(run: tuple[int, list[str]]) -> bool:
    return not "".join(run[1]).strip()


def _says_something(text: list[str]) -> bool:
    """Whether lines hold more than a signature or the foot of a mailing list."""
    return bool("".join(without_signature(text)[0]).strip())
