"""`fte judge`: judges messages from a file or stdin as the agent would, with nothing else running."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from devstack.failure import StackError
from services.agent.adapters.embedder_minilm import DamagedModelError
from services.agent.adapters.judge import RULES_FILE, Heard, LocalJudge, load_judge
from services.agent.domain.example_phrases import RulesFileError
from services.agent.domain.judgement import Judgement, judge_findings
from services.agent.domain.turn import Channel

LONGEST_LINE = 1_000_000
# As much as the web form takes.
LONGEST_TEXT = 200_000
LONGEST_SUBJECT = 1_000
LONGEST_ID = 200
_BATCH = 256


class BadLine(ValueError):
    """A line is no message; the text says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One message to judge."""

    message_id: str
    channel: Channel
    heard: Heard


def run_judge(source: Path | None, context_dir: Path) -> int:
    """Judges every line of a file, or of stdin; returns the exit code.

    Raises:
        StackError: if the context folder, its rules or the file cannot be read.
    """
    judge = _judge(context_dir)
    if source is None:
        return _judge_lines(judge, sys.stdin.buffer)
    try:
        with source.open("rb") as lines:
            return _judge_lines(judge, lines)
    except OSError as error:
        raise StackError(
            f"cannot read {source}: {error.strerror}", "name a readable file"
        ) from error


def read_line(line: bytes) -> Asked:
    """Reads one line of JSON; fields beside id, channel, subject and text are ignored.

    Raises:
        BadLine: if it is no such message, or too long.
    """
    if len(line) > LONGEST_LINE:
        raise BadLine(f"longer than {LONGEST_LINE} bytes")
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadLine("no UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise BadLine(f"no JSON: {error}") from error
    if not isinstance(row, dict):
        raise BadLine("no JSON object")
    message_id = row.get("id")
    if isinstance(message_id, bool) or not isinstance(message_id, str | int):
        raise BadLine('"id" is neither text nor a whole number')
    channels = ", ".join(Channel)
    if row.get("channel") not in list(Channel):
        raise BadLine(f'"channel" is {row.get("channel")!r}; known are {channels}')
    return Asked(
        _bounded(str(message_id), "id", LONGEST_ID),
        Channel(row["channel"]),
        Heard(
            _bounded(row.get("subject") or "", "subject", LONGEST_SUBJECT),
            _bounded(row.get("text", ""), "text", LONGEST_TEXT),
        ),
    )


def _judge(context_dir: Path) -> LocalJudge:
    if not context_dir.is_dir():
        raise StackError(
            f"there is no folder {context_dir}", "name the company's folder: --context DIR"
        )
    try:
        return load_judge(context_dir)
    except RulesFileError as error:
        raise StackError(f"{context_dir / RULES_FILE}, {error}", "mend that line") from error
    except DamagedModelError as error:
        raise StackError(str(error), "install the package again") from error


def _judge_lines(judge: LocalJudge, lines: BinaryIO) -> int:
    bad = 0
    batch: list[Asked] = []
    for number, line in _lines(lines):
        if not line.strip():
            continue
        try:
            batch.append(read_line(line))
        except BadLine as error:
            bad += 1
            print(f"fte: line {number}: {error}", file=sys.stderr)
        if len(batch) == _BATCH:
            _answer(judge, batch)
            batch = []
    _answer(judge, batch)
    return 1 if bad else 0


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Numbers the lines; of one that is too long no more than the limit is held."""
    number = 0
    while line := source.readline(LONGEST_LINE + 1):
        number += 1
        rest = line
        while not rest.endswith(b"\n") and (rest := source.readline(LONGEST_LINE)):
            pass
        yield number, line


def _answer(judge: LocalJudge, batch: Iterable[Asked]) -> None:
    asked = list(batch)
    for one, findings in zip(asked, judge.find([a.heard for a in asked]), strict=True):
        print(_row(one, judge_findings([findings], one.channel)))
    sys.stdout.flush()


def _row(asked: Asked, judgement: Judgement) -> str:
    escalation = judgement.escalation
    row = {
        "id": asked.message_id,
        "escalate": escalation is not None,
        "reason": escalation.reason.value if escalation else "",
        "score": judgement.score,
        "sentiment": judgement.sentiment,
        "language": judgement.language,
    }
    return json.dumps(row, ensure_ascii=False)


def _bounded(value: object, name: str, longest: int) -> str:
    if not isinstance(value, str):
        raise BadLine(f'"{name}" is no text')
    if len(value) > longest:
        raise BadLine(f'"{name}" is longer than {longest} characters')
    return value
