"""What holds for every answer, in every script: nothing torn, nothing lost, limits kept, HTML well-formed."""

import re
from dataclasses import dataclass, replace
from xml.etree import ElementTree as ET

import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agent.adapters.phrase_book import load_phrases
from services.agent.domain.formatting import (
    DEFAULT_LIMITS,
    FormatContext,
    Part,
    format_answer,
)
from services.agent.domain.turn import Channel
from tests.fakes.agent import CONTEXT
from tests.fakes.phrases import BOOK, ENGLISH

# The limits of WhatsApp's parts, as the company's customers see them.
AIM, MOST, WHOLE, PARTS = 300, 1600, 500, 4
OWN = load_phrases(CONTEXT)
STATUS = "https://support.example.com/support/ticket/77?token=" + "t" * 32

WORDS = (
    "export", "Größe", "café", "e\u0301te\u0301", "naïve", "数据导出", "वर्कस्पेस", "क्षि", "हिन्दी", "ภาษาไทย", "น้ำ",
    "שלום", "עִבְרִית", "مرحبا", "الْعَرَبِيَّة", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪🇫🇷🇯🇵", "❤️", "1️⃣", "C++", "a/b", "50%", "x<y", "R&D", '"quoted"',
)  # fmt: skip
LINKS = (
    "https://app.example.com/sign-in",
    "https://help.example.com/a?b=1&c=2",
    "https://en.example.org/wiki/Export_(data)",
    "https://example.com/" + "path/" * 30,
)
CODE = ("curl -H 'x: y' https://api.example.com\n\n  --data '<a & b>'", "**not bold** _nor_ `this`")

words = st.sampled_from(WORDS)
links = st.sampled_from(LINKS)
long_words = st.sampled_from(("a", "é", "👩‍👩‍👧‍👦", "🇩🇪", "क्षि", "น้ำ", "שָׁ", "مُ")).map(
    lambda c: c * 200
)


@dataclass(frozen=True)
class Piece:
    """A block of Markdown and the words that a reader must find, in order."""

    markdown: str
    said: tuple[str, ...]
    steps: int = 0


@st.composite
def sentences(draw: st.DrawFn, most: int = 25) -> Piece:
    said: list[str] = []
    written: list[str] = []
    for _ in range(draw(st.integers(1, most))):
        kind = draw(st.integers(0, 9))
        if kind == 0:
            link = draw(links)
            written.append(draw(st.sampled_from(("{}", "({})", "<{}>", "**{}**"))).format(link))
            said.append(link)
        elif kind == 1:
            inner = draw(st.lists(words, min_size=1, max_size=4))
            mark = draw(st.sampled_from(("**", "`", "*", "_")))
            written.append(mark + " ".join(inner) + mark)
            said += inner
        elif kind == 2:
            label, link = draw(words), draw(links)
            written.append(f"[{label}]({link})")
            said += [label, link]
        else:
            word = draw(words)
            written.append(word + draw(st.sampled_from(("", "", ".", "?", ","))))
            said.append(word)
    return Piece(" ".join(written) + ".", tuple(said))


@st.composite
def blocks(draw: st.DrawFn) -> Piece:
    kind = draw(st.integers(0, 6))
    if kind == 0:
        items = draw(st.lists(sentences(5), min_size=1, max_size=6))
        lines = [f"{number}. {item.markdown}" for number, item in enumerate(items, 1)]
        return Piece("\n".join(lines), tuple(w for i in items for w in i.said), len(items))
    if kind == 1:
        items = draw(st.lists(sentences(5), min_size=1, max_size=4))
        lines = [f"- {item.markdown}" for item in items]
        return Piece("\n".join(lines), tuple(w for i in items for w in i.said))
    if kind == 2:
        code = draw(st.sampled_from(CODE))
        return Piece(f"```sh\n{code}\n```", tuple(code.split()))
    if kind == 3:
        rows = draw(st.lists(st.tuples(words, words), min_size=2, max_size=5))
        lines = [f"| {a} | {b} |" for a, b in rows]
        body = tuple(word for row in rows[1:] for word in row)
        return Piece("\n".join([lines[0], "| --- | :-: |", *lines[1:]]), body)
    if kind == 4:
        title = draw(words)
        return Piece(f"## {title}", (title,))
    if kind == 5:
        word = draw(long_words)
        return Piece(f"{word}.", tuple(clusters(word)))
    return draw(sentences())


@st.composite
def answers(draw: st.DrawFn) -> Piece:
    pieces = draw(st.lists(blocks(), min_size=1, max_size=6))
    said = tuple(word for piece in pieces for word in piece.said)
    glue = draw(st.sampled_from(("\n\n", "\n\n![x](https://evil.example/pixel.png)\n\n")))
    return Piece(glue.join(piece.markdown for piece in pieces), said, sum(p.steps for p in pieces))


@st.composite
def contexts(draw: st.DrawFn, channel: Channel | None = None) -> FormatContext:
    """Every language's frame, with whatever surrounds an answer."""
    book = draw(st.sampled_from((BOOK, OWN)))
    return FormatContext(
        phrases=book.of(draw(st.sampled_from(BOOK.languages))),
        display_name=draw(st.sampled_from(("", "Ada", "शर्मा", "<b>Eve</b>", "x" * 90))),
        reference=draw(st.sampled_from(("", "FTE-ABCDEFGH"))),
        ticket_subject=draw(st.sampled_from(("", "Re: Export & <import>", "数据" * 80))),
        message_subject=draw(st.sampled_from(("", "AW: Export", "👍🏽" * 150))),
        previous_channel=draw(st.sampled_from((None, *Channel))),
        status_url=draw(st.sampled_from(("", STATUS))),
        limits=DEFAULT_LIMITS[channel or Channel.EMAIL],
    )


def clusters(text: str) -> list[str]:
    return [c for c in regex.findall(r"\X", text) if not c.isspace()]


def whole(parts: list[Part]) -> str:
    return "\n".join(part.text for part in parts)


def sought(text: str, said: tuple[str, ...]) -> str:
    """The first word that does not follow in the text, white space and marks aside; empty when all do."""
    place, bare = 0, re.sub(r"\s", "", text)
    for word in said:
        found = bare.find(re.sub(r"\s", "", word), place)
        if found < 0:
            return word
        place = found + len(re.sub(r"\s", "", word))
    return ""


@given(answers(), contexts(Channel.WHATSAPP))
@settings(max_examples=40, deadline=None)
def test_a_chat_answer_keeps_its_limits_in_every_language(
    answer: Piece, context: FormatContext
) -> None:
    parts = format_answer(answer.markdown, Channel.WHATSAPP, context, "answer")
    total = sum(len(part.text) for part in parts)
    assert 1 <= len(parts) <= PARTS
    assert total <= MOST
    assert total < WHOLE or answer.steps > 1
    assert all(0 < len(part.text) <= MOST for part in parts)
    phrases = context.phrases
    assert parts[-1].text.endswith(phrases.chat_hint.format(keyword=phrases.human_keyword))


@given(answers(), contexts(), st.sampled_from((Channel.EMAIL, Channel.WEB_FORM)))
@settings(max_examples=40, deadline=None)
def test_mail_and_web_keep_their_limits_in_every_language(
    answer: Piece, context: FormatContext, channel: Channel
) -> None:
    limits = DEFAULT_LIMITS[channel]
    for kind in ("answer", "escalation_notice", "apology"):
        (part,) = format_answer(answer.markdown, channel, replace(context, limits=limits), kind)
        assert len(part.text) <= limits.characters
        assert limits.words is None or len(part.text.split()) <= limits.words


@given(answers(), contexts(Channel.WHATSAPP))
@settings(max_examples=40, deadline=None)
def test_no_grapheme_and_no_link_is_cut_and_no_word_is_lost(
    answer: Piece, context: FormatContext
) -> None:
    # A person's reply is never shortened: whatever is missing here was torn or lost.
    parts = format_answer(answer.markdown, Channel.WHATSAPP, context, "human_reply")
    for link in LINKS:
        wanted = sum(word == link for word in answer.said)
        assert sum(part.text.count(link) for part in parts) >= wanted
    known = set(clusters(answer.markdown + whole(format_frame(context)))) | set("-;:*_`()")
    for part in parts:
        assert set(clusters(part.text)) <= known
        assert regex.match(r"[\p{M}\u200d\U0001f3fb-\U0001f3ff]", part.text) is None
        # Only what is kept whole makes a part longer than the aim.
        assert len(part.text) <= AIM or re.search(r"https?://|```|^- ", part.text, re.MULTILINE)
    assert sought(whole(parts), answer.said) == ""


def format_frame(context: FormatContext) -> list[Part]:
    return format_answer("x", Channel.WHATSAPP, context, "human_reply")


@given(answers(), st.sampled_from(Channel))
@settings(max_examples=40, deadline=None)
def test_an_answer_within_the_limits_is_said_whole_and_without_images(
    answer: Piece, channel: Channel
) -> None:
    parts = format_answer(answer.markdown, channel, FormatContext(ENGLISH), "human_reply")
    assert sought(whole(parts), answer.said) == ""
    assert "evil.example" not in whole(parts) + "".join(part.html for part in parts)


@given(answers(), contexts(Channel.WHATSAPP))
@settings(max_examples=40, deadline=None)
def test_steps_code_and_tables_stay_in_one_part(answer: Piece, context: FormatContext) -> None:
    parts = format_answer(answer.markdown, Channel.WHATSAPP, context, "human_reply")
    for part in parts:
        assert part.text.count("```") % 2 == 0
    for code in CODE:
        if f"\n{code}\n" in answer.markdown:
            assert any(f"```\n{code}\n```" in part.text for part in parts)
    for line in re.findall(r"(?m)^\d+\. [^*_`\[<(\n]+$", answer.markdown):
        if len(line) <= AIM:
            assert any(line in part.text for part in parts)


@given(answers(), contexts())
@settings(max_examples=40, deadline=None)
def test_html_is_well_formed_and_says_what_the_text_says(
    answer: Piece, context: FormatContext
) -> None:
    (part,) = format_answer(answer.markdown, Channel.EMAIL, context, "human_reply")
    whole_page = f"<body>{part.html.replace('<br>', '<br/>')}</body>"
    page = ET.fromstring(whole_page)  # noqa: S314 - it is our own
    said = "".join("".join(page.itertext()).split())
    assert sought(said, answer.said) == ""
    assert {tag.tag for tag in page.iter()} <= {
        "body", "p", "br", "b", "i", "code", "pre", "a", "ol", "ul", "li", "table", "tr", "th", "td",
    }  # fmt: skip
    for block in page:
        assert block.get("dir") == "auto"


MARKUP = (
    "https://a.example/x?a=1&b=2",
    "<script>alert(1)</script>",
    "<img src=x onerror=y>",
    "&lt;",
    '"><b',
    "]]>",
    "</p>",
    "'",
)


@given(st.lists(st.one_of(st.sampled_from(MARKUP), words, st.text(max_size=8)), max_size=30))
@settings(max_examples=40, deadline=None)
def test_no_input_becomes_markup(pieces: list[str]) -> None:
    context = FormatContext(
        ENGLISH,
        display_name="Eve",
        ticket_subject=" ".join(pieces),
        previous_channel=Channel.WEB_FORM,
    )
    for channel in Channel:
        for part in format_answer(" ".join(pieces), channel, context, "answer"):
            allowed = r'</?(?:p|b|i|code|pre|ol|ul|li|table|tr|th|td)(?: dir="auto")?(?: start="\d+")?>|<br>'
            rest = re.sub(rf'{allowed}|<a href="[^"<>]*">|</a>', "", part.html)
            assert "<" not in rest
            assert ">" not in rest
            assert re.search(r"&(?!#?\w+;)", rest) is None


@given(st.text(max_size=1500), st.sampled_from(Channel), contexts())
@settings(max_examples=40, deadline=None)
def test_no_text_at_all_breaks_the_shape(
    response: str, channel: Channel, context: FormatContext
) -> None:
    limits = DEFAULT_LIMITS[channel]
    parts = format_answer(response, channel, replace(context, limits=limits), "answer")
    assert bool(parts) == bool(response.strip())
    assert all(part.text.strip() for part in parts)
    assert sum(len(part.text) for part in parts) <= limits.characters
    if channel is Channel.WHATSAPP:
        assert len(parts) <= PARTS
        assert all(len(part.text) <= MOST for part in parts)
