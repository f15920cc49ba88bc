"""Links that may leave: exactly those of the list, however a foreign one is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agent.domain.links import destinations, off_list, rebuilt, without_images

CITED = (
    "Open https://help.corbel.example/export or write to no-reply@corbel.example. Allow corbel.example. "
    "Send the key as `Authorization: Bearer <key>`. The file is export.csv; call +49 30 1234567."
)
ALLOWED = destinations([CITED])


def test_a_trusted_text_lists_its_ways_out() -> None:
    assert {
        "https://help.corbel.example/export", "no-reply@corbel.example", "corbel.example", "+49 30 1234567",
    } <= ALLOWED  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        CITED,
        "See https://help.corbel.example/export.",
        "See (https://help.corbel.example/export), then go on.",
        "[Export](https://help.corbel.example/export)",
        "**https://help.corbel.example/export**",
        "Choose CSV, e.g. report.csv or data.json, z.B. am Montag.",
        "Version 2.0 works at once. A new one follows.",
        "Mention @everybody in a comment.",
        "Wait for 1.5 seconds... then go on.",
    ],
)
def test_what_is_on_the_list_or_no_link_passes(text: str) -> None:
    assert off_list(text, ALLOWED, [CITED]) == []


@pytest.mark.parametrize(
    "text",
    [
        "https://help.corbel.example/export?x=1",
        "https://help.corbel.example/export/more",
        "https://help.corbel.example/export#x",
        "https://help.corbel.example/EXPORT",
        "https://help.corbel.example/",
        "http://help.corbel.example/export",
        "https://help.corbel.example/export%3Fx",
        "https://help.corbel.example/export\u200b?x=1",
        "https://help.corbel.example/export@evil.example",
        "https://evil.example/https://help.corbel.example/export",
        "x.corbel.example",
        "corbel.example.evil.test",
        "corbel.example/x",
        "no-reply@corbel.example.evil.test",
        "evil@corbel.example",
        "[a]: https://evil.example",
        "[a](//evil.example)",
        "[a][b]",
        "<b>bold</b>",
        "javascript:alert(1)",
        "+49 30 1234568",
        "evil.example",
        "evil dot example slash x, that is evil[dot]example",
        "192.0.2.7",
        "www.evil",
    ],
)
def test_whatever_else_leads_somewhere_is_off_the_list(text: str) -> None:
    assert off_list(text, ALLOWED, [CITED])


def test_images_are_stripped_in_every_spelling_even_nested() -> None:
    for image in (
        "![a](x.png)",
        "![a][b]",
        "<img src=x>",
        "<IMG\nsrc='x'>",
        "![![a](b)](c)",
        "! [a](b)",
    ):
        left = without_images(f"one {image} two")
        assert "![" not in left
        assert "img" not in left.lower()


def test_links_are_rebuilt_as_plain_text() -> None:
    link = "https://help.corbel.example/export"
    assert rebuilt(f"See [the page]({link}).") == f"See the page ({link})."
    assert rebuilt(f"See [{link}]({link}) or <{link}>.") == f"See {link} or {link}."


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error_and_repeated_checks_agree(text: str) -> None:
    assert off_list(text, ALLOWED) == off_list(text, ALLOWED)
    assert without_images(without_images(text)) == without_images(text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    ["a", "a.", "![", "<a ", "[](", "1 ", "1.", "@a.", "and ", "zwei", "&amp;", " . ", "https://"],
)
def test_a_huge_text_is_checked_in_bounded_time(piece: str) -> None:
    text = (piece * 6000)[:6000]
    off_list(rebuilt(without_images(text)), ALLOWED, [CITED])
