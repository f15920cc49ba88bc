"""What a model is shown of the history: newest first and whole, older lines shortened, never more than fits."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.agent.domain.history import (
    MESSAGE_TOKENS,
    SUMMARY_TOKENS,
    recall,
    tokens_at_most,
)
from services.agent.domain.turn import Channel, HistoryLine, MessageId, Role
from tests.unit.agent.turns import NOW


def line(number: int, content: str) -> HistoryLine:
    role = Role.CUSTOMER if number % 2 else Role.AI
    return HistoryLine(
        MessageId(UUID(int=number)), role, Channel.EMAIL, content, NOW - timedelta(hours=number)
    )


def test_a_short_history_is_shown_as_it_is() -> None:
    lines = [line(n, f"Message {n}. It has two sentences.") for n in range(20)]
    recalled = recall(lines)
    assert list(recalled.lines) == lines
    assert recalled.earlier == ""
    assert recall([]).lines == ()


def test_older_messages_are_shortened_to_what_they_began_with() -> None:
    lines = [line(n, f"> quoted\nMessage {n} begins.\n" + "And goes on. " * 60) for n in range(20)]
    recalled = recall(lines)
    kept = len(recalled.lines)
    assert 0 < kept < 20
    assert list(recalled.lines) == lines[:kept]
    summary = recalled.earlier.split("\n")
    assert summary[0] == (
        f"{lines[kept].create_time:%Y-%m-%d} email, {lines[kept].role.value}: Message {kept} begins."
    )
    assert len(summary) == 20 - kept


@pytest.mark.parametrize("letter", ["a", "é", "क", "👍"])
@pytest.mark.parametrize("length", [1, 2000, 20_000])
def test_no_history_is_longer_than_its_room(letter: str, length: int) -> None:
    recalled = recall([line(n, letter * length) for n in range(20)])
    shown = sum(tokens_at_most(one.content) for one in recalled.lines)
    assert shown <= MESSAGE_TOKENS + len(recalled.lines)
    assert tokens_at_most(recalled.earlier) <= SUMMARY_TOKENS + 20
    assert recalled.lines
    assert all(set(one.content) <= {letter, "…"} for one in recalled.lines)


def test_what_fits_nowhere_is_counted() -> None:
    recalled = recall([line(n, "x" * 150 + ". " + "y " * 1400) for n in range(200)])
    told = recalled.earlier.split("\n")
    assert told[-1] == f"… and {200 - len(recalled.lines) - len(told) + 1} earlier messages"


def test_a_summary_says_nothing_that_was_not_said() -> None:
    lines = [line(n, f"Wort {n} zählt! " + "Füllung. " * 300) for n in range(20)]
    for said in recall(lines).earlier.split("\n"):
        gist = said.split(": ", 1)[1]
        assert any(one.content.startswith(gist) for one in lines)
