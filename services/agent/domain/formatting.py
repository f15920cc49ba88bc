"""The only module that shapes text for a channel: greeting, signature, parts, links, limits and notices."""

import html
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType

from services.agent.domain.turn import Channel


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an answer may be, all its parts together; the smaller one holds. None is no limit."""

    characters: int
    words: int | None = None


DEFAULT_LIMITS: Mapping[Channel, Limits] = MappingProxyType(
    {
        Channel.EMAIL: Limits(characters=2000, words=500),
        Channel.WHATSAPP: Limits(characters=1600),
        Channel.WEB_FORM: Limits(characters=1000, words=300),
    }
)


@dataclass(frozen=True, slots=True)
class FormatContext:
    """What surrounds an answer; an empty text leaves its piece out.

    `previous_channel` is set only when the conversation came over from there with this message.
    """

    display_name: str = ""
    reference: str = ""
    ticket_subject: str = ""
    message_subject: str = ""
    previous_channel: Channel | None = None
    status_url: str = ""
    help_url: str = ""
    limits: Limits = field(default_factory=lambda: Limits(characters=2000))


@dataclass(frozen=True, slots=True)
class Part:
    """One message to send: plain text, and for mail the same as HTML and a subject."""

    text: str
    html: str = ""
    subject: str = ""


PART_AIM = 300
PART_MOST = 1600
CHAT_MOST = 500
CHAT_PARTS = 4

_CHANNEL_NAMES = {
    Channel.EMAIL: "e-mail",
    Channel.WHATSAPP: "WhatsApp",
    Channel.WEB_FORM: "the web form",
}
_CHAT_HINT = 'Reply here, or write "human" to talk to a person.'
_SIGNATURE = "Kind regards,\nYour digital customer success assistant"
_TEAM_SIGNATURE = "Kind regards,\nYour customer success team"
_MAIL_CLOSING = "You can simply reply to this e-mail, or ask for a person at any time."
_NOTICES: Mapping[tuple[str, Channel], str] = MappingProxyType(
    {
        ("escalation_notice", Channel.EMAIL): (
            "Thank you for your message. I have handed it over to a colleague: a specialist will follow up "
            "within 24 hours.\n\nYou do not need to do anything until then. If you would like to add something, "
            "simply reply to this e-mail."
        ),
        ("escalation_notice", Channel.WHATSAPP): (
            "Thank you for your message. We've connected you with our team: a person will answer you here. "
            "Anything you add reaches them."
        ),
        ("escalation_notice", Channel.WEB_FORM): (
            "Thank you for your message. We've connected you with our team: a specialist will follow up within "
            "24 hours. What happens next: a person reads your request and answers here; you can add details at "
            "any time."
        ),
        ("apology", Channel.EMAIL): (
            "We are sorry: something went wrong on our side, and your message could not be answered "
            "automatically. It is safe with us, and a person from our team will look at it and follow up."
        ),
        ("apology", Channel.WHATSAPP): (
            "Sorry, something went wrong on our side. Your message is safe with us, and a person from our team "
            "will answer you here."
        ),
        ("apology", Channel.WEB_FORM): (
            "We are sorry: something went wrong on our side, and your message could not be answered "
            "automatically. It is safe with us, and a person from our team will answer here."
        ),
    }
)

_LINK = re.compile(r"https?://[^\s<>\"']+")
_STEP = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+")
_NUMBERED = re.compile(r"^\s*\d+[.)]\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+")
_MARKS = ((re.compile(r"\*\*(.+?)\*\*"), "b"), (re.compile(r"`([^`\n]+)`"), "code"))
_REPLY_PREFIX = re.compile(
    r"^(?:\s*(?:re|aw|sv|antw|fwd?|wg|tr|rv|enc|res)\s*(?:\[\d+\])?:)+\s*", re.IGNORECASE
)
_REGIONAL = "".join(chr(code) for code in range(0x1F1E6, 0x1F200))
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


def format_answer(response: str, channel: Channel, context: FormatContext, kind: str) -> list[Part]:
    """Shapes a response (Markdown: paragraphs, lists, bold, code) into the parts that a channel sends in order.

    `kind` is answer, human_reply, escalation_notice or apology; the last two bring their own text. An empty
    answer gives no parts. HTML and subject are filled for mail only. A person's reply is never shortened.
    """
    body = _NOTICES.get((kind, channel), response).strip()
    if not body:
        return []
    if channel is Channel.EMAIL:
        return [_mail(body, context, kind)]
    if channel is Channel.WHATSAPP:
        return _chat(body, context, kind)
    return [_web(body, context, kind)]


def reply_subject(subject: str) -> str:
    """Makes a one-line subject with exactly one `Re:`."""
    bare = _REPLY_PREFIX.sub("", _one_line(subject))
    return f"Re: {_cut(bare, 200) or 'Your message'}"


def is_reply(subject: str) -> bool:
    """Tells whether a subject marks a reply or a forwarded mail, in the usual mail programs' languages."""
    return _REPLY_PREFIX.match(_one_line(subject)) is not None


def split_text(text: str, most: int) -> list[str]:
    """Splits at line and sentence ends into pieces of at most `most` characters.

    A longer sentence is split between words, a longer word between graphemes. A link stays whole, even when it
    alone is longer.
    """
    pieces: list[str] = []
    for unit, glue in _units(text, most):
        if pieces and len(pieces[-1]) + len(glue) + len(unit) <= most:
            pieces[-1] += glue + unit
        else:
            pieces.append(unit)
    return pieces


def _mail(body: str, context: FormatContext, kind: str) -> Part:
    name = _name(context.display_name)
    before = [f"Hello {name}," if name else "Hello,"]
    if context.previous_channel is not None:
        before.append(_continuity(context, 120))
    after = [_MAIL_CLOSING] if kind == "answer" else []
    after.append(_TEAM_SIGNATURE if kind == "human_reply" else _SIGNATURE)
    if context.reference:
        after.append(f"Ticket reference: {context.reference}")
    frame = "\n\n".join([*before, *after])
    if kind != "human_reply":
        body = _shorten(body, _room(context.limits, frame), context)
    blocks = [*before, body, *after]
    return Part(
        text="\n\n".join(_plain(block, "") for block in blocks),
        html="".join(_html(block) for block in blocks),
        subject=reply_subject(context.message_subject or context.ticket_subject),
    )


def _web(body: str, context: FormatContext, kind: str) -> Part:
    before = [_continuity(context, 80)] if context.previous_channel is not None else []
    link = context.help_url or context.status_url
    after = [f"Help and all your messages: {link}"] if link else []
    frame = "\n\n".join([*before, *after])
    body = _plain(body, "")
    if kind != "human_reply":
        body = _shorten(body, _room(context.limits, frame), context)
    return Part(text="\n\n".join([*before, body, *after]))


def _chat(body: str, context: FormatContext, kind: str) -> list[Part]:
    hint = _CHAT_HINT if kind == "answer" else ""
    before = _continuity(context, 60) + "\n\n" if context.previous_channel is not None else ""
    text = before + _plain(body, "*")
    most = min(context.limits.characters, PART_MOST * CHAT_PARTS)
    words = context.limits.words
    steps = sum(1 for line in text.splitlines() if _NUMBERED.match(line)) > 1

    def parts_of(candidate: str) -> list[str]:
        return split_text(f"{candidate}\n\n{hint}" if hint else candidate, PART_AIM)

    def fits(candidate: str) -> bool:
        parts = parts_of(candidate)
        whole = sum(len(part) for part in parts)
        return (
            len(parts) <= CHAT_PARTS
            and whole <= most
            and (steps or whole < CHAT_MOST)
            and (words is None or sum(len(part.split()) for part in parts) <= words)
        )

    if kind != "human_reply":
        text = _shorten(text, fits, context)
    return [Part(text=part) for part in parts_of(text)]


def _continuity(context: FormatContext, most: int) -> str:
    if context.previous_channel is None:
        return ""
    channel = _CHANNEL_NAMES[context.previous_channel]
    subject = _cut(_REPLY_PREFIX.sub("", _one_line(context.ticket_subject)), most)
    if not subject:
        return f"Continuing our conversation from {channel}."
    return f"Continuing our conversation from {channel}: {subject}"


def _room(limits: Limits, frame: str) -> Callable[[str], bool]:
    characters = limits.characters - len(frame) - 8
    words = None if limits.words is None else limits.words - len(frame.split())

    def fits(candidate: str) -> bool:
        return len(candidate) <= characters and (words is None or len(candidate.split()) <= words)

    return fits


def _shorten(text: str, fits: Callable[[str], bool], context: FormatContext) -> str:
    """Drops whole sentences and lines from the end until the text fits, and says where the rest is."""
    if fits(text):
        return text
    rest = "Ask us for the rest."
    if context.status_url:
        rest = f"The rest is here: {context.status_url}"
    # What lies beyond the limit is dropped unread, so that a huge text costs no more than a long one.
    units = _units(text[: 2 * context.limits.characters], PART_AIM)

    def start(kept: int) -> str:
        pieces = (unit if place == 0 else glue + unit for place, (unit, glue) in enumerate(units))
        return "".join(islice(pieces, kept)).rstrip()

    kept = bisect_left(
        range(1, len(units)), 1, key=lambda count: int(not fits(f"{start(count)}\n\n{rest}"))
    )
    # A heading or "do this:" with nothing after it is worse than its absence.
    while kept and start(kept).endswith(":"):
        kept -= 1
    if kept:
        return f"{start(kept)}\n\n{rest}"
    first = units[0][0]
    return first if fits(first) else _cut(first, PART_AIM)


def _units(text: str, most: int) -> list[tuple[str, str]]:
    """Cuts a text into what may not be torn, each with what joins it to the unit before."""
    units: list[tuple[str, str]] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        for line_no, line in enumerate(paragraph.splitlines()):
            glue = "\n" if line_no else "\n\n"
            whole = bool(_STEP.match(line)) and len(line) <= most
            sentences = [line.rstrip()] if whole else _sentences(line)
            for sentence in sentences:
                for piece, joint in _pieces(sentence, most):
                    units.append((piece, glue if joint is None else joint))
                    glue = " "
    return units


def _sentences(line: str) -> list[str]:
    marker = _STEP.match(line)
    head = marker[0] if marker else ""
    found = [s for s in _SENTENCE_END.split(line[len(head) :].rstrip()) if s]
    return [head + found[0], *found[1:]] if found else [head.rstrip()] if head.strip() else []


def _pieces(sentence: str, most: int) -> list[tuple[str, str | None]]:
    """Cuts an over-long sentence; each piece has its joint to the one before, None for the first."""
    if len(sentence) <= most:
        return [(sentence, None)]
    pieces: list[tuple[str, str | None]] = []
    for word in sentence.split(" "):
        chunks = [word] if len(word) <= most or _LINK.search(word) else _graphemes(word, most)
        for place, chunk in enumerate(chunks):
            if pieces and place == 0 and len(pieces[-1][0]) + 1 + len(chunk) <= most:
                pieces[-1] = (f"{pieces[-1][0]} {chunk}", pieces[-1][1])
            else:
                pieces.append((chunk, None if not pieces else "" if place else " "))
    return pieces


def _graphemes(word: str, most: int) -> list[str]:
    chunks, start = [], 0
    while len(word) - start > most:
        ends = range(start + most, start, -1)
        # A cluster longer than a whole part is none that a person wrote.
        end = next((end for end in ends if _is_boundary(word, end)), start + most)
        chunks.append(word[start:end])
        start = end
    return [*chunks, word[start:]]


def _is_boundary(text: str, place: int) -> bool:
    """Tells whether a grapheme cluster may end before `text[place]`; errs towards no."""
    before, after = text[place - 1], text[place]
    if unicodedata.category(after) in ("Mn", "Me", "Mc", "Cf", "Sk") or before == "\u200d":
        return False
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\u1160" <= after <= "\u11ff":
        return False
    # Two regional letters make a flag: a run of them may end after an even number.
    run = len(text[:place]) - len(text[:place].rstrip(_REGIONAL))
    return after not in _REGIONAL or run % 2 == 0


def _cut(text: str, most: int) -> str:
    """Cuts a text to `most` characters between graphemes, with an ellipsis."""
    if len(text) <= most:
        return text
    kept = text[: most - 1].rsplit(" ", 1)[0] if " " in text[: most - 1] else ""
    return (kept or _graphemes(text, most - 1)[0]).rstrip(" ,;:") + "…"


def _plain(text: str, strong: str) -> str:
    for pattern, tag in _MARKS:
        mark = strong if tag == "b" else ""
        text = pattern.sub(rf"{mark}\1{mark}", text)
    return re.sub(r"(?<![\w*])\*([^*\s][^*\n]*?)\*(?![\w*])", r"\1", text) if not strong else text


def _html(block: str) -> str:
    out: list[str] = []
    open_list = ""
    for paragraph in re.split(r"\n\s*\n", block.strip()):
        lines: list[str] = []
        for line in paragraph.splitlines():
            marker = _STEP.match(line)
            wanted = "" if marker is None else "ol" if _NUMBERED.match(line) else "ul"
            if wanted != open_list:
                if lines:
                    out.append(f"<p>{'<br>'.join(lines)}</p>")
                    lines = []
                out.append(
                    (f"</{open_list}>" if open_list else "") + (f"<{wanted}>" if wanted else "")
                )
                open_list = wanted
            if marker is None:
                lines.append(_inline(line))
            else:
                out.append(f"<li>{_inline(line[marker.end() :])}</li>")
        if lines:
            out.append(f"<p>{'<br>'.join(lines)}</p>")
        if open_list:
            out.append(f"</{open_list}>")
            open_list = ""
    return "".join(out)


def _inline(line: str) -> str:
    out, end = [], 0
    for match in _LINK.finditer(line):
        link = match[0].rstrip(".,;:!?)*`")
        out += [html.escape(line[end : match.start()]), _anchor(link)]
        end = match.start() + len(link)
    text = "".join([*out, html.escape(line[end:])])
    for pattern, tag in _MARKS:
        text = pattern.sub(rf"<{tag}>\1</{tag}>", text)
    return text


def _anchor(link: str) -> str:
    escaped = html.escape(link, quote=True)
    return f'<a href="{escaped}">{escaped}</a>'


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()


def _name(display_name: str) -> str:
    """A name fit for a greeting; one that carries a link or markup is none."""
    name = _one_line(display_name)
    if re.search(r"https?:|www\.|[<>@{}\[\]\\/|]|\d{4}", name):
        return ""
    return _cut(name, 60)
