"""Shapes of answers on each channel: greeting, parts, links, limits, notices."""

from dataclasses import replace

import pytest

from services.agent.domain.formatting import (
    DEFAULT_LIMITS,
    FormatContext,
    Limits,
    format_answer,
    reply_subject,
)
from services.agent.domain.turn import Channel
from tests.fakes.phrases import ENGLISH

CONTEXT = FormatContext(
    phrases=ENGLISH,
    display_name="Ada Lovelace",
    reference="FTE-ABCDEFGH",
    ticket_subject="How do I reset my password?",
    message_subject="AW: RE: Password",
)
STEPS = (
    "You can do it yourself:\n\n1. Open **Settings**.\n2. Select *Export*.\n\nIt works for 7 days."
)
LONG = " ".join(f"Sentence number {n} says something of use." for n in range(200))


def context_of(channel: Channel, **changes: object) -> FormatContext:
    return replace(CONTEXT, limits=DEFAULT_LIMITS[channel], **changes)  # type: ignore[arg-type]


def test_a_mail_has_greeting_signature_reference_and_one_re() -> None:
    (part,) = format_answer(STEPS, Channel.EMAIL, context_of(Channel.EMAIL), "answer")
    assert part.text.startswith("Hello Ada Lovelace,")
    assert "Kind regards," in part.text
    assert part.text.endswith("Ticket reference: FTE-ABCDEFGH")
    assert part.subject == "Re: Password"
    assert '<ol dir="auto"><li>Open <b>Settings</b>.</li>' in part.html
    assert "**" not in part.text


def test_a_mail_escapes_what_looks_like_markup_and_links_addresses() -> None:
    (part,) = format_answer(
        "Use <b> & see https://help.example.com/a?b=1&c=2.",
        Channel.EMAIL,
        context_of(Channel.EMAIL),
        "answer",
    )
    assert "&lt;b&gt; &amp; see" in part.html
    assert '<a href="https://help.example.com/a?b=1&amp;c=2">' in part.html


@pytest.mark.parametrize(
    "name",
    ["", "Win now https://evil.example", "<script>", "+1 555 0100 99", "a\r\nBcc: b@example.com"],
)
def test_a_name_that_is_none_is_not_greeted(name: str) -> None:
    (part,) = format_answer(
        "Yes.", Channel.EMAIL, context_of(Channel.EMAIL, display_name=name), "answer"
    )
    assert part.text.startswith("Hello,\n")


def test_a_subject_is_one_line_with_one_re() -> None:
    assert (
        reply_subject("Re: Re: AW: Fwd: Export\r\nBcc: x@example.com", "Your message")
        == "Re: Export Bcc: x@example.com"
    )
    assert reply_subject("  ", "Your message") == "Re: Your message"
    assert reply_subject("Reset me", "Your message") == "Re: Reset me"


def test_a_short_chat_answer_is_one_part_with_the_hint() -> None:
    (part,) = format_answer(
        "Yes, it does.", Channel.WHATSAPP, context_of(Channel.WHATSAPP), "answer"
    )
    assert part.text == 'Yes, it does.\n\nReply here, or write "human" to talk to a person.'
    assert (part.html, part.subject) == ("", "")


def test_a_long_chat_answer_without_steps_stays_below_500() -> None:
    context = context_of(Channel.WHATSAPP, status_url="https://support.example.com/t/1?k=abc")
    parts = format_answer(LONG, Channel.WHATSAPP, context, "answer")
    assert sum(len(part.text) for part in parts) < 500
    assert all(len(part.text) <= 300 for part in parts)
    assert "https://support.example.com/t/1?k=abc" in "\n".join(part.text for part in parts)
    assert parts[-1].text.endswith('write "human" to talk to a person.')


def test_steps_on_chat_take_at_most_four_parts_and_none_is_torn() -> None:
    steps = "\n".join(
        f"{n}. Do the thing with number {n}, which takes a while to read." for n in range(1, 40)
    )
    parts = format_answer(steps, Channel.WHATSAPP, context_of(Channel.WHATSAPP), "answer")
    assert 1 < len(parts) <= 4
    for line in "\n".join(part.text for part in parts).splitlines():
        assert not line.startswith("1") or line.endswith(".")


def test_a_web_answer_links_to_help() -> None:
    phrases = replace(ENGLISH, help_url="https://help.example.com")
    context = context_of(Channel.WEB_FORM, phrases=phrases)
    (part,) = format_answer(STEPS, Channel.WEB_FORM, context, "answer")
    assert part.text.endswith("https://help.example.com")
    assert "Hello" not in part.text


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.WEB_FORM])
def test_the_smaller_limit_holds(channel: Channel) -> None:
    for limits in (Limits(characters=900, words=None), Limits(characters=5000, words=90)):
        (part,) = format_answer(LONG, channel, replace(CONTEXT, limits=limits), "answer")
        assert len(part.text) <= limits.characters
        assert limits.words is None or len(part.text.split()) <= limits.words


@pytest.mark.parametrize(
    ("channel", "previous", "words"),
    [
        (
            Channel.WHATSAPP,
            Channel.EMAIL,
            "Continuing our conversation from e-mail: How do I reset",
        ),
        (Channel.EMAIL, Channel.WHATSAPP, "Continuing our conversation from WhatsApp: "),
        (Channel.WEB_FORM, Channel.EMAIL, "Continuing our conversation from e-mail: "),
    ],
)
def test_a_switch_of_channel_is_acknowledged_once(
    channel: Channel, previous: Channel, words: str
) -> None:
    parts = format_answer("Yes.", channel, context_of(channel, previous_channel=previous), "answer")
    whole = "\n".join(part.text for part in parts)
    assert whole.count(words) == 1
    again = format_answer("Yes.", channel, context_of(channel), "answer")
    assert "Continuing" not in again[0].text


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (Channel.EMAIL, "a specialist will follow up within 24 hours"),
        (Channel.WHATSAPP, "We've connected you with our team"),
        (Channel.WEB_FORM, "What happens next"),
    ],
)
def test_a_notice_is_the_channels_own_and_ignores_the_response(
    channel: Channel, words: str
) -> None:
    parts = format_answer("It costs $49.", channel, context_of(channel), "escalation_notice")
    whole = "\n".join(part.text for part in parts)
    assert words in whole
    assert "$" not in whole
    assert 'write "human"' not in whole


@pytest.mark.parametrize("channel", list(Channel))
def test_an_apology_says_that_a_person_looks_at_it(channel: Channel) -> None:
    parts = format_answer("", channel, context_of(channel), "apology")
    assert "a person from our team" in "\n".join(part.text for part in parts)


def test_an_empty_answer_gives_no_parts() -> None:
    assert format_answer("  ", Channel.WHATSAPP, context_of(Channel.WHATSAPP), "answer") == []


def test_a_persons_reply_is_sent_whole() -> None:
    parts = format_answer(LONG, Channel.WHATSAPP, context_of(Channel.WHATSAPP), "human_reply")
    assert " ".join(part.text for part in parts).split() == LONG.split()


def reply_of(text: str) -> list[str]:
    """The parts of a person's reply on WhatsApp, which is never shortened."""
    parts = format_answer(text, Channel.WHATSAPP, context_of(Channel.WHATSAPP), "human_reply")
    return [part.text for part in parts]


def test_a_link_longer_than_a_part_stays_whole() -> None:
    link = "https://support.example.com/" + "a" * 400
    assert any(link in part for part in reply_of(f"Look here:{link} and read."))


def test_a_mark_on_a_space_starts_no_part() -> None:
    for shift in range(280, 300):
        parts = reply_of("x" * shift + " \u0301y" + "z" * 40)
        assert not any(part.startswith("\u0301") for part in parts)


@pytest.mark.parametrize("bold", ["**Note. This one**", "**two words**"])
def test_bold_text_is_not_torn_between_parts(bold: str) -> None:
    for shift in range(270, 300):
        parts = reply_of("x" * shift + f" {bold} yes " + "z" * 200)
        assert not any("**" in part for part in parts)


def test_a_step_of_two_sentences_is_not_torn_between_parts() -> None:
    step = "2. Open the settings. Then select what is to be exported, and confirm it."
    for shift in range(200, 300):
        parts = reply_of("1. " + "x" * shift + f".\n{step}\n3. Save it.")
        assert any(step in part for part in parts)


def test_the_limit_holds_for_steps_as_well() -> None:
    steps = "\n".join(f"{n}. Do the thing with number {n} and wait." for n in range(1, 40))
    context = replace(CONTEXT, limits=Limits(characters=700))
    parts = format_answer(steps, Channel.WHATSAPP, context, "answer")
    assert 500 < sum(len(part.text) for part in parts) <= 700


@pytest.mark.parametrize("channel", list(Channel))
def test_images_are_dropped_and_an_answer_of_nothing_else_offers_a_person(channel: Channel) -> None:
    for answer in ("![x](https://e.example/p.png)", '<img src="https://e.example/p.png">'):
        parts = format_answer(answer, channel, context_of(channel), "answer")
        assert ENGLISH.offer_person in parts[0].text
    (part,) = format_answer(
        "Yes !![x](y)[a](https://e.example/p.png)",
        Channel.EMAIL,
        context_of(Channel.EMAIL),
        "answer",
    )
    assert "e.example" not in part.text + part.html


def test_a_table_is_a_table_in_html_and_names_its_columns_elsewhere() -> None:
    table = "| Role | Export |\n|---|---|\n| Owner | yes |\n| Guest | **no** |"
    (part,) = format_answer(table, Channel.EMAIL, context_of(Channel.EMAIL), "answer")
    assert "<tr><td>Guest</td><td><b>no</b></td></tr>" in part.html
    assert "- Role: Guest; Export: no" in part.text
    assert "- Role: Owner; Export: yes\n- Role: Guest; Export: *no*" in reply_of(table)[0]


def test_right_to_left_text_takes_its_own_direction() -> None:
    (part,) = format_answer("مرحبا بكم.", Channel.EMAIL, context_of(Channel.EMAIL), "answer")
    assert '<p dir="auto">مرحبا بكم.</p>' in part.html
