"""The record is found only for the very set, seed and number of trials that it was made with."""

from pathlib import Path

import pytest

from evals import baseline
from evals.scenario_files import load_scenarios
from evals.score import Score

GROUPS = {"all": Score(scenarios=2, trials=4, pass_1=0.75, pass_k=0.5)}


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "FILE", tmp_path / "baseline.json")


def test_what_is_recorded_is_found_again() -> None:
    baseline.record("quick", 1, 1, {}, "offline policy")
    baseline.record("all", 1, 4, GROUPS, "offline policy")
    assert baseline.recorded("all", 1, 4) == {
        "all": {"scenarios": 2, "trials": 4, "pass^1": 0.75, "pass^4": 0.5}
    }
    assert baseline.recorded("quick", 1, 1) == {}


@pytest.mark.parametrize(
    ("name", "seed", "trials"), [("all", 2, 4), ("all", 1, 1), ("quick", 1, 4)]
)
def test_nothing_else_is_measured_against_it(name: str, seed: int, trials: int) -> None:
    baseline.record("all", 1, 4, GROUPS, "offline policy")
    assert baseline.recorded(name, seed, trials) is None


def test_the_committed_record_holds_the_scenarios_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    for name, trials, quick in (("quick", 1, True), ("all", 4, False)):
        groups = baseline.recorded(name, 1, trials)
        assert groups is not None
        assert groups["all"]["scenarios"] == len(load_scenarios(quick=quick))
