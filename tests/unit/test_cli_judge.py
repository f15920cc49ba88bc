"""`fte judge` on lines good and bad, with nothing else running."""

import io
import json
from pathlib import Path

import pytest

from cli.judge import LONGEST_TEXT, BadLine, read_line, run_judge
from devstack.failure import StackError
from tests.fakes.agent import CONTEXT


def line(**changes: object) -> str:
    row: dict[str, object] = {"id": "m-1", "channel": "email", "subject": "", "text": "Hello"}
    return json.dumps(row | changes)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "no JSON"),
        ("[1]", "no JSON object"),
        (line(channel="fax"), "'fax'"),
        (line(channel=["email"]), "channel"),
        (line(id=None), "id"),
        (line(text=7), "text"),
        (line(text="x" * (LONGEST_TEXT + 1)), "longer"),
        ("[" * 100_000, "no JSON"),
        (" " * 1_000_001, "longer"),
    ],
)
def test_a_bad_line_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(BadLine, match=problem):
        read_line(text.encode())


def test_bytes_that_are_no_text_are_a_bad_line() -> None:
    with pytest.raises(BadLine, match="UTF-8"):
        read_line(b'{"id": "\xff"}')


def test_good_lines_are_judged_and_bad_ones_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "messages.jsonl"
    lines = [
        line(id="a", text="I want a refund", extra=1),
        "no json",
        "",
        line(id="b", channel="whatsapp", text="human"),
        line(id="c", text="Wie exportiere ich ein Board als CSV-Datei?"),
    ]
    source.write_text("\n".join(lines), encoding="utf-8")
    assert run_judge(source, CONTEXT) == 1
    printed = capsys.readouterr()
    judged = [json.loads(row) for row in printed.out.splitlines()]
    assert [(row["id"], row["escalate"], row["reason"]) for row in judged] == [
        ("a", True, "refund_request"),
        ("b", True, "whatsapp_human_keyword"),
        ("c", False, ""),
    ]
    assert judged[2]["language"] == "de"
    assert set(judged[0]) == {"id", "escalate", "reason", "score", "sentiment", "language"}
    assert all((row["score"] >= 0.5) == row["escalate"] for row in judged)
    assert printed.err.startswith("fte: line 2: no JSON")
    assert len(printed.err.splitlines()) == 1


def test_stdin_is_read_when_no_file_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(line().encode())))
    assert run_judge(None, CONTEXT) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "m-1"


def test_a_broken_rules_file_and_missing_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no folder"):
        run_judge(None, tmp_path / "nowhere")
    with pytest.raises(StackError, match=r"nowhere\.jsonl"):
        run_judge(tmp_path / "nowhere.jsonl", CONTEXT)
    (tmp_path / "escalation-rules.md").write_text("\n## Prices (price)\n", encoding="utf-8")
    with pytest.raises(StackError, match=r"escalation-rules\.md, line 2"):
        run_judge(None, tmp_path)
