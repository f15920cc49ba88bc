"""The short evaluation on the shared stack: its score holds, and the command says what it did."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from evals.scenario_files import load_scenarios
from tests.e2e.running import RunningStack

SECONDS = 300.0


@pytest.fixture(scope="module")
def played(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the quick evaluation printed, and the file that it wrote; fails if a score fell below its record."""
    path = tmp_path_factory.mktemp("eval") / "result.json"
    answer = stack.run("eval", "--quick", "--gate", "--json", str(path), seconds=SECONDS)
    if answer.code:
        pytest.fail(f"{answer.err}\n{answer.out}", pytrace=False)
    return answer.out, path


@pytest.mark.timeout(SECONDS)
def test_the_quick_score_does_not_lie_below_its_record(played: tuple[str, Path]) -> None:
    result: dict[str, Any] = json.loads(played[1].read_text())
    names = {scenario.name for scenario in load_scenarios(quick=True)}
    assert {one["name"] for one in result["scenarios"]} == names
    assert result["groups"]["all"]["scenarios"] == len(names)
    assert all(trial["talk"] for one in result["scenarios"] for trial in one["trials"])


def test_the_first_line_says_who_is_graded(played: tuple[str, Path]) -> None:
    first = played[0].splitlines()[0]
    assert ("the real model" in first) == bool(os.environ.get("FTE_OPENAI_API_KEY"))
    assert ("the offline policy" in first) != bool(os.environ.get("FTE_OPENAI_API_KEY"))


def test_a_result_that_fell_is_told_by_the_comparison(
    stack: RunningStack, played: tuple[str, Path], tmp_path: Path
) -> None:
    result = json.loads(played[1].read_text())
    passed = next(one for one in result["scenarios"] if not one["trials"][0]["faults"])
    passed["trials"][0]["faults"] = ["spoiled"]
    worse = tmp_path / "worse.json"
    worse.write_text(json.dumps(result))
    same = stack.run("eval", "--compare", str(played[1]), str(played[1]))
    fell = stack.run("eval", "--compare", str(played[1]), str(worse))
    assert (same.code, fell.code) == (0, 1)
    assert f"worse  {passed['name']}" in fell.out


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (["--only", "nobody"], {}, "no scenario is named nobody"),
        ([], {"FTE_HOME": "an empty folder"}, "not running"),
        ([], {"FTE_TWILIO_ACCOUNT_SID": "AC1", "FTE_TWILIO_AUTH_TOKEN": "secret"}, "real"),
    ],
)
def test_an_evaluation_that_must_not_begin_says_why(
    stack: RunningStack, tmp_path: Path, arguments: list[str], environ: dict[str, str], said: str
) -> None:
    if "FTE_HOME" in environ:
        environ = {"FTE_HOME": str(tmp_path)}
    answer = stack.run("eval", "--quick", *arguments, environ=environ)
    assert answer.code == 2
    assert said in answer.err
