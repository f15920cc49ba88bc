"""The form's rules: what is accepted, and what its sender is told to correct."""

import pytest

from services.intake.adapters.http.wording import LANGUAGES
from services.intake.application.forms import (
    FIELDS,
    FormInvalidError,
    read_form,
    read_reply,
)

ENGLISH = LANGUAGES["en"]
GOOD = {
    "name": "Ada",
    "email": "Ada@Example.com",
    "subject": "Password",
    "category": "technical",
    "priority": "high",
    "message": "How do I reset my password?",
}


def problems(**changed: object) -> dict[str, str]:
    with pytest.raises(FormInvalidError) as caught:
        read_form({**GOOD, **changed})
    return {error.field: ENGLISH.error(error) for error in caught.value.errors}


def test_a_good_form_is_normalised() -> None:
    form = read_form({**GOOD, "name": "  Ada \r\nByron ", "subject": "Pass\r\nword", "extra": "x"})
    assert (form.name, form.email, form.subject) == ("Ada Byron", "ada@example.com", "Pass word")
    assert (form.category, form.priority) == ("technical", "high")


def test_priority_is_medium_unless_given() -> None:
    assert read_form({k: v for k, v in GOOD.items() if k != "priority"}).priority == "medium"
    assert read_form({**GOOD, "priority": ""}).priority == "medium"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "", "Enter your name"),
        ("name", "A", "Your name must be 2 characters or more"),
        ("name", "A" * 101, "Your name must be 100 characters or fewer"),
        ("name", 7, "Enter your name"),
        ("email", "", "Enter your email address"),
        ("email", "ada", "Enter an email address in the correct format, like name@example.com"),
        (
            "email",
            "ada@example.com\nbcc: eve@example.com",
            "Enter an email address in the correct format, like name@example.com",
        ),
        ("subject", "Help", "The subject must be 5 characters or more"),
        ("subject", "x" * 201, "The subject must be 200 characters or fewer"),
        ("message", "Too short", "Your message must be 10 characters or more"),
        ("message", " " * 50, "Enter your message"),
        ("message", "x" * 5001, "Your message must be 5000 characters or fewer"),
        ("category", "", "Select what your message is about"),
        ("category", "sales", "Select what your message is about"),
        ("priority", "urgent", "Select how urgent it is"),
        ("website", "x", "Empty the last field of the form: only machines fill it in"),
    ],
)
def test_a_wrong_field_is_named_with_what_to_do(field: str, value: object, told: str) -> None:
    assert problems(**{field: value}) == {field: told}


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "Al"), ("subject", "Hello"), ("message", "0123456789"), ("message", "x" * 5000)],
)
def test_limits_are_inclusive(field: str, value: str) -> None:
    assert read_form({**GOOD, field: value})


def test_every_wrong_field_is_named_in_the_order_of_the_form() -> None:
    with pytest.raises(FormInvalidError) as caught:
        read_form({"priority": "urgent"})
    assert [error.field for error in caught.value.errors] == list(FIELDS)


def test_what_cannot_be_stored_is_replaced() -> None:
    form = read_form({**GOOD, "message": "half \ud800 and nul \0 in a text"})
    assert form.message == "half ? and nul  in a text"


def test_fingerprints_differ_with_any_field() -> None:
    other = {
        "name": "Bea",
        "email": "bea@example.com",
        "subject": "Another",
        "category": "billing",
        "priority": "low",
        "message": "Another message.",
    }
    prints = {read_form({**GOOD, name: value}).fingerprint() for name, value in other.items()}
    assert len(prints | {read_form(GOOD).fingerprint()}) == len(FIELDS) + 1


def test_a_reply_must_say_something() -> None:
    assert read_reply({"message": " yes\r\nplease "}) == "yes\nplease"
    with pytest.raises(FormInvalidError):
        read_reply({"message": " \n"})
