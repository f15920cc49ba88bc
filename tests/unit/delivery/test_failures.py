"""Failure codes in plain words."""

import pytest

from services.delivery.domain.failures import plain_words


@pytest.mark.parametrize("error", ["twilio_63016", "63016", "outside_window"])
def test_a_shut_window_says_so_however_it_was_found_out(error: str) -> None:
    assert "has not written for a day" in plain_words(error)
    assert error == "outside_window" or error in plain_words(error)


def test_what_nobody_knows_keeps_the_providers_word() -> None:
    assert plain_words("twilio_99999") == "the provider's word for it is twilio_99999"
    assert plain_words("gmail_forbidden") == "the provider's word for it is gmail_forbidden"
    assert len(plain_words("x" * 5000)) < 200
    assert plain_words("") == ""
