"""pass^1 and pass^k are what they say; a score that fell is noticed, in a file and against the record."""

import json
from pathlib import Path
from typing import Any

import pytest

from evals.report import Outcome, as_json, as_text, compared
from evals.scenario import Channel, Mood, Move, Scenario
from evals.score import Graded, ResultError, Trial, compare, fallen, scores


def graded(name: str, trials: str, language: str = "en") -> Graded:
    """Returns a scenario whose trials passed (+) or failed (-)."""
    move = Move(Channel.EMAIL, (("hello",),))
    scenario = Scenario(name, "billing", language, Mood.CALM, (move,))
    return Graded(scenario, tuple(Trial(() if one == "+" else ("wrong",)) for one in trials))


def outcome(*found: Graded) -> Outcome:
    return Outcome("fte eval", "offline", "abc", 1, len(found[0].trials), 1.0, found)


def written(path: Path, *found: Graded) -> Path:
    path.write_text(json.dumps(as_json(outcome(*found))))
    return path


def recorded(*found: Graded) -> dict[str, Any]:
    return {name: score.as_json() for name, score in scores(found).items()}


def test_pass_1_is_a_mean_and_pass_k_wants_all_trials() -> None:
    found = scores([graded("a", "++"), graded("b", "+-", language="de")])
    assert (found["all"].pass_1, found["all"].pass_k) == (0.75, 0.5)
    assert found["language de"].pass_1 == 0.5
    assert list(found) == [
        "all",
        "topic billing",
        "channel email",
        "language de",
        "language en",
        "mood calm",
    ]
    assert found["all"].as_json() == {"scenarios": 2, "trials": 2, "pass^1": 0.75, "pass^2": 0.5}


def test_a_group_below_its_record_is_named() -> None:
    before = recorded(graded("a", "++"), graded("b", "++", language="de"))
    same = scores([graded("a", "++"), graded("b", "++", language="de")])
    worse = scores([graded("a", "++"), graded("b", "+-", language="de")])
    assert fallen(same, before) == []
    assert "language de: pass^1 0.500, recorded 1.000" in fallen(worse, before)
    assert "all: pass^2 0.500, recorded 1.000" in fallen(worse, before)
    assert not any(line.startswith("language en") for line in fallen(worse, before))


def test_leaving_out_what_fails_is_a_fall() -> None:
    before = recorded(graded("a", "+"), graded("b", "+", language="de"))
    assert fallen(scores([graded("a", "+")]), before) == [
        "all: 1 scenarios, 2 were recorded",
        "topic billing: 1 scenarios, 2 were recorded",
        "channel email: 1 scenarios, 2 were recorded",
        "language de: no such scenarios any more",
        "mood calm: 1 scenarios, 2 were recorded",
    ]


def test_a_comparison_names_what_changed(tmp_path: Path) -> None:
    old = written(tmp_path / "old.json", graded("a", "+"), graded("b", "+"), graded("c", "+"))
    new = written(tmp_path / "new.json", graded("a", "+"), graded("b", "-"), graded("d", "+"))
    found = compare(old, new)
    assert found.fell
    assert (found.worse, found.better) == ({"b": (1.0, 0.0)}, {})
    assert (found.only_before, found.only_after) == (("c",), ("d",))
    assert not compare(new, old).fell
    assert compared(found).splitlines() == [
        "pass^1 1.000 -> 0.500",
        "worse  b: 1.00 -> 0.00",
        "gone   c",
        "new    d",
    ]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"scenarios": [{"name": "a", "trials": []}]}']
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    good = written(tmp_path / "good.json", graded("a", "+"))
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(ResultError):
        compare(good, tmp_path / "bad.json")
    with pytest.raises(ResultError):
        compare(tmp_path / "absent.json", good)


def test_the_report_names_failures_and_groups() -> None:
    text = as_text(outcome(graded("a", "++"), graded("b", "+-")), ["all: fell"])
    assert "b: 1 of 2 failed" in text
    assert "    wrong" in text
    assert "pass^2" in text
    assert "below the recorded score: all: fell" in text
    assert "a: " not in text
