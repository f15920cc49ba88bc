"""A text as its reader takes it in, whatever alphabet, font or markup it is written with."""

import pytest

from services.agent.domain.skeleton import closed_up, disguises, skeleton, visible


@pytest.mark.parametrize(
    "written",
    [
        "fr\u0435\u0435 \u043ef \u0441h\u0430rge 49",
        "fre\u200be of\u00ad charge 49",
        "\uff46\uff52\uff45\uff45 of charge \uff14\uff19",
        "\U0001d5bf\U0001d5cb\U0001d5be\U0001d5be of charge \u0664\u0669",
        "f**r**ee of `charge` 49",
        "f<b>re</b>e of charge <!-- x -->49",
        "&#102;ree of charge &#52;9",
        "FR\u00c9E  of\u00a0charge 49",
    ],
)
def test_a_disguised_text_reads_as_the_plain_one(written: str) -> None:
    assert skeleton(written) == "free of charge 49"


def test_letters_written_one_by_one_are_closed_up() -> None:
    assert "refund" in closed_up("r e f u n d")
    assert disguises("r e f u n d")


@pytest.mark.parametrize(
    "honest",
    ["Select **⋯** → Export 👩‍👧 café", "A, B, C, D or E", "naïve Straße £5", "1.\tOne\r\n2. Two"],
)
def test_an_honest_text_hides_nothing(honest: str) -> None:
    assert disguises(honest) == []
    assert visible(honest) == honest
