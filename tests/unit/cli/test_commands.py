"""The manners of the `fte` command: what goes where, and with which exit code."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def fte(home: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "FTE_HOME": str(home), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_the_commands(tmp_path: Path) -> None:
    answer = fte(tmp_path, "--help")
    assert answer.returncode == 0
    for command in ("up", "reset", "env", "status", "doctor", "migrate", "trace", "dlq"):
        assert command in answer.stdout
    assert "\x1b[" not in answer.stdout


def test_env_can_be_evaluated_by_a_shell(tmp_path: Path) -> None:
    answer = fte(tmp_path, "env")
    assert answer.returncode == 0
    lines = [shlex.split(line) for line in answer.stdout.splitlines()]
    assert all(words[0] == "export" and len(words) == 2 for words in lines)
    values = dict(words[1].split("=", 1) for words in lines)
    assert values["FTE_PUBLIC_URL"] == "http://127.0.0.1:8080"
    assert values == json.loads(fte(tmp_path, "env", "--json").stdout)


def test_status_of_nothing_is_an_empty_document_and_exit_3(tmp_path: Path) -> None:
    answer = fte(tmp_path, "status", "--json")
    assert answer.returncode == 3
    assert json.loads(answer.stdout) == {"parts": [], "ledgers": {}}
    assert "fte up" in answer.stderr


def test_another_broker_says_which_there_is(tmp_path: Path) -> None:
    answer = fte(tmp_path, "up", "--broker", "kafka")
    assert answer.returncode == 1
    assert "not there yet" in answer.stderr
    assert "nats" in answer.stderr
    assert not answer.stdout


def test_a_bad_port_base_is_named(tmp_path: Path) -> None:
    answer = fte(tmp_path, "env", FTE_PORT_BASE="60000")
    assert answer.returncode == 1
    assert "FTE_PORT_BASE=60000" in answer.stderr


def test_a_bad_runtime_folder_is_named(tmp_path: Path) -> None:
    answer = fte(tmp_path, "up", DAPR_RUNTIME_DIR="/nowhere")
    assert answer.returncode == 1
    assert "DAPR_RUNTIME_DIR=/nowhere" in answer.stderr


def test_a_mistyped_command_is_wrong_usage(tmp_path: Path) -> None:
    answer = fte(tmp_path, "statos")
    assert answer.returncode == 2
    assert "status" in answer.stderr


@pytest.mark.parametrize("command", [("trace", "T-1"), ("migrate", "--check")])
def test_without_a_database_the_cure_is_named(tmp_path: Path, command: tuple[str, ...]) -> None:
    answer = fte(tmp_path, *command, FTE_PORT_BASE="20000")
    assert answer.returncode == 1
    assert "fte up" in answer.stderr


@pytest.mark.parametrize(
    "words", [("list",), ("show", "x"), ("replay", "x"), ("replay", "--all"), ("drop", "x")]
)
def test_dead_letters_without_a_stack_name_the_cure(tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = fte(tmp_path, "dlq", *words, FTE_PORT_BASE="20000")
    assert answer.returncode == 2
    assert "fte up" in answer.stderr
    assert not answer.stdout


@pytest.mark.parametrize("words", [(), ("x", "--all")])
def test_a_replay_wants_one_or_all(tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = fte(tmp_path, "dlq", "replay", *words)
    assert answer.returncode == 2
    assert "--all" in answer.stderr


def test_reset_removes_its_own_and_nothing_else(tmp_path: Path) -> None:
    assert fte(tmp_path, "env").returncode == 0
    (tmp_path / "logs").mkdir()
    (tmp_path / "mine.txt").write_text("keep")
    answer = fte(tmp_path, "reset")
    assert answer.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_doctor_names_a_planted_fault_and_its_cure(tmp_path: Path) -> None:
    answer = fte(
        tmp_path, "doctor", "--json", FTE_TWILIO_AUTH_TOKEN="only half", FTE_PORT_BASE="20000"
    )
    findings = {finding["check"]: finding for finding in json.loads(answer.stdout)}
    assert answer.returncode == 1
    assert not findings["Twilio credentials"]["fine"]
    assert "FTE_TWILIO_ACCOUNT_SID" in findings["Twilio credentials"]["cure"]
    assert findings["Python"]["fine"]
