"""What a draft must not say, in seven languages and behind disguises, and what it may."""

import pytest

from services.agent.domain.claims import faults

CITED = [
    (
        "The link works for 60 minutes. See https://help.corbel.example/export. Backups are kept for 30 days. "
        "To export, open Settings, select Export and choose CSV."
    )
]


@pytest.mark.parametrize(
    "draft",
    [
        "The Pro plan is $49 a month.",
        "It costs 20 euros per seat.",
        "That will be EUR 1,200.",
        "We will refund you.",
        "Your refund has been approved.",
        "You will get your money back.",
        "I guarantee that this works.",
        "We'll fix this by tomorrow.",
        "The link works for 90 minutes.",
        "You have 30 hours.",
        "The feature arrives in March 2027.",
        "Look at https://evil.example/x.",
        "You get a 20% discount.",
        "This is free of charge.",
    ],
)
def test_a_draft_that_claims_too_much_has_faults(draft: str) -> None:
    assert faults(draft, CITED)


@pytest.mark.parametrize(
    "draft",
    [
        "The link works for 60 minutes.",
        "Backups are kept for 30 days, see https://help.corbel.example/export.",
        "Open **Settings**, then **Export**, and choose CSV.",
        "1. Open Settings.\n2. Select Export.",
    ],
)
def test_a_draft_that_keeps_to_its_sections_has_none(draft: str) -> None:
    assert faults(draft, CITED) == []


def test_money_is_a_fault_even_when_a_section_states_it() -> None:
    assert faults("Pro is $49.", ["Pro is $49."])
