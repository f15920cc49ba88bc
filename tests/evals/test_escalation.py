"""The judge on labelled messages that its rules and thresholds were not made from."""

import json
import subprocess
import sys
from functools import cache

import pytest

from services.agent.domain.rules import LANGUAGES
from services.agent.domain.turn import Channel
from tests.evals.escalation import (
    DATA,
    Judged,
    agreement,
    confusion,
    groups,
    judged,
    labelled,
    rows,
    split_of,
)

# Small groups may be one message worse than recorded.
SLACK = 1
RECORDED = json.loads((DATA / "escalation-recorded.json").read_text(encoding="utf-8"))


@cache
def results() -> tuple[Judged, ...]:
    return tuple(judged([one for one in labelled() if one.split == "test"]))


# Without kept vectors each message is embedded first.
@pytest.mark.timeout(600)
def test_no_group_falls_below_what_is_recorded() -> None:
    counted = groups(results())
    print("\n".join(count.line(name) for name, count in counted.items()))
    print(confusion(results()))
    assert counted.keys() == RECORDED.keys()
    worse = {
        name: count
        for name, count in counted.items()
        if count.caught < RECORDED[name]["caught"] - SLACK * (name != "all")
        or count.needless > RECORDED[name]["needless"] + SLACK * (name != "all")
    }
    assert not worse


def test_the_messages_cover_languages_channels_and_both_answers() -> None:
    messages = labelled()
    assert len(messages) >= 500
    assert {one.language for one in messages} == LANGUAGES
    for channel in Channel:
        for language in LANGUAGES:
            labels = {
                bool(one.reason)
                for one in messages
                if one.channel is channel and one.language == language
            }
            assert labels == {True, False}


def test_a_message_is_in_the_half_that_its_id_says() -> None:
    assert all(one.split == split_of(one.message_id) for one in labelled())


@pytest.mark.timeout(600)
def test_the_bare_keyword_is_a_reason_on_whatsapp_alone() -> None:
    assert all(
        one.message.channel is Channel.WHATSAPP
        for one in results()
        if one.reason == "whatsapp_human_keyword"
    )


def test_every_disagreement_of_the_two_labelings_is_settled_with_a_reason() -> None:
    first = {row["id"]: row["reason"] for row in rows("first-labels.jsonl")}
    second = {row["id"]: row["reason"] for row in rows("second-labels.jsonl")}
    settled = {row["id"]: row for row in rows("disagreements.jsonl")}
    final = {one.message_id: one.reason for one in labelled()}
    assert settled.keys() == {key for key in first if first[key] != second[key]}
    assert all(row["why"] and final[str(key)] == row["settled"] for key, row in settled.items())
    assert all(final[str(key)] == first[key] for key in first if key not in settled)


def test_two_labelings_agree() -> None:
    observed, kappa = agreement()
    assert observed > 0.9
    assert kappa > 0.85


@pytest.mark.parametrize("split", ["dev", "test"])
def test_both_halves_hold_every_reason(split: str) -> None:
    assert len({one.reason for one in labelled() if one.split == split}) == 8


def test_the_weights_belong_to_the_data() -> None:
    subprocess.run([sys.executable, "scripts/train_judge.py", "--check"], check=True)
