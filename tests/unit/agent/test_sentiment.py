"""The mood of a message: sign, order, negation, urgency, bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agent.domain.sentiment import is_negative, score


@pytest.mark.parametrize(
    "text", ["How do I reset my password?", "", "Please export the board as CSV."]
)
def test_plain_text_is_neutral(text: str) -> None:
    assert score(text) == 0


def test_mood_has_the_right_sign_and_order() -> None:
    furious = score("I am furious, this is the worst service ever!!!")
    annoyed = score("I am a bit annoyed about the export")
    content = score("Thanks, that works")
    delighted = score("Excellent, I love it, thank you!")
    assert furious < -0.7 < annoyed < 0 < content < delighted


def test_a_negation_turns_a_word_round() -> None:
    assert score("this is not good") < 0
    assert score("not a terrible idea") > 0


def test_urgency_and_profanity_pull_down() -> None:
    assert score("I need this, it is urgent") < score("I need this")
    assert is_negative(score("this is fucking slow"))


def test_shouting_makes_it_worse() -> None:
    assert score("THIS IS TERRIBLE AND USELESS") < score("this is terrible and useless")


def test_the_rule_is_on_the_scale_from_zero_to_one() -> None:
    assert is_negative(-0.41)
    assert not is_negative(-0.39)
    assert not is_negative(0.0)


@given(st.text(max_size=400))
def test_every_score_is_within_bounds(text: str) -> None:
    assert -1 <= score(text) <= 1
