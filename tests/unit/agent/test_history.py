"""What a model is shown of the history: the newest whole, all others summed up, never more than fits."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from services.agent.domain.history import (
    MESSAGE_TOKENS,
    SUMMARY_TOKENS,
    WHOLE_MESSAGES,
    Recalled,
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


TOPICS = [f"topic{place}" for place in range(10)]


def conversation(length: int) -> list[HistoryLine]:
    """Newest first; every twenty messages the customer asks about something new."""
    said = [
        "Thanks, that helps."
        if number % 20
        else f"How do I find the settings of {TOPICS[number // 20]} in my workspace? It is urgent."
        for number in range(0, length, 2)
    ]
    lines = [
        line(
            length - number,
            said[number // 2] if number % 2 == 0 else f"Open page {number}. Then go on.",
        )
        for number in range(length)
    ]
    return [
        replace(one, role=Role.AI if number % 2 else Role.CUSTOMER)
        for number, one in enumerate(lines)
    ][::-1]


def counted(recalled: Recalled) -> int:
    """How many messages are shown whole or stand behind a line of the summary."""
    found = re.findall(r"^\S+(?: to \S+ .*?, (\d+) messages)?", recalled.earlier, re.MULTILINE)
    return len(recalled.lines) + sum(int(count or 1) for count in found if recalled.earlier)


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
    assert summary[-1] == (
        f"{lines[kept].create_time:%Y-%m-%d} email, {lines[kept].role.value}: Message {kept} begins."
    )
    assert len(summary) == 20 - kept


def test_no_more_than_twenty_messages_are_whole_however_short() -> None:
    recalled = recall([line(n, "ok") for n in range(30)])
    assert len(recalled.lines) == WHOLE_MESSAGES
    assert counted(recalled) == 30


@pytest.mark.parametrize("letter", ["a", "é", "क", "👍"])
@pytest.mark.parametrize("length", [1, 2000, 20_000])
def test_no_history_is_longer_than_its_room(letter: str, length: int) -> None:
    recalled = recall([line(n, letter * length) for n in range(20)])
    shown = sum(tokens_at_most(one.content) for one in recalled.lines)
    assert shown <= MESSAGE_TOKENS + len(recalled.lines)
    assert tokens_at_most(recalled.earlier) <= SUMMARY_TOKENS
    assert recalled.lines
    assert all(set(one.content) <= {letter, "…"} for one in recalled.lines)


def test_all_of_a_long_conversation_stays_represented() -> None:
    lines = conversation(200)
    recalled = recall(lines)
    assert counted(recalled) == 200
    assert tokens_at_most(recalled.earlier) <= SUMMARY_TOKENS
    assert recalled.earlier.startswith(f"{lines[-1].create_time:%Y-%m-%d} to ")
    named = [topic for topic in TOPICS if topic in recalled.earlier]
    assert named == TOPICS[: len(named)]
    assert len(named) >= len(TOPICS) - 1  # the last is still among the whole messages


def test_the_same_conversation_is_summed_up_the_same() -> None:
    assert recall(conversation(200)) == recall(conversation(200))


def test_a_summary_grows_at_its_end_and_old_lines_stay() -> None:
    whole = conversation(200)
    summaries = [recall(whole[-length:]).earlier for length in range(25, 201)]
    steps = list(pairwise(summaries))
    grown = [later.startswith(earlier) for earlier, later in steps]
    assert sum(grown) >= 0.9 * len(steps)
    # The oldest line is written anew only when as much again has come: a few times in all.
    assert len({summary.split("\n")[0] for summary in summaries}) <= 8


def test_a_summary_says_nothing_that_was_not_said() -> None:
    lines = [line(n, f"Wort {n} zählt! " + "Füllung. " * 300) for n in range(200)]
    summary = recall(lines).earlier.split("\n")
    assert len(summary) < 180
    for summed in summary:
        for gist in summed.split(": ", 1)[1].split(" | "):
            assert any(one.content.startswith(gist) for one in lines)
