"""The examples of docs/api.md run as they stand, in one shell from top to bottom, and print what the page says."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.e2e.running import ROOT, RunningStack

PAGE = ROOT / "docs" / "api.md"
_BLOCKS = re.compile(r"^```(sh|json|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "=== example"
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T")


def examples() -> list[tuple[str, str, str]]:
    """Returns each command with the kind and text of what it prints, empty where the page shows nothing."""
    blocks = _BLOCKS.findall(PAGE.read_text())
    found = []
    for at, (kind, text) in enumerate(blocks):
        if kind != "sh":
            assert blocks[at - 1][0] == "sh", f"nothing prints this:\n{text}"
            continue
        follows = blocks[at + 1] if at + 1 < len(blocks) else ("sh", "")
        found.append((text, *(follows if follows[0] != "sh" else ("", ""))))
    return found


def shape(value: object) -> object:
    """Returns a JSON value with its kinds in place of its values; of a list the kinds that occur."""
    match value:
        case dict():
            return {name: shape(inner) for name, inner in sorted(value.items())}
        case list():
            return sorted({json.dumps(shape(inner), sort_keys=True) for inner in value})
        case bool() | None | str():
            return type(value).__name__
        case _:
            return "number"


def alike(printed: object, shown: object) -> bool:
    """Tells whether what was printed has the form of what the page shows; a figure or a time may be absent."""
    if isinstance(shown, dict) and isinstance(printed, dict):
        return printed.keys() == shown.keys() and all(
            alike(printed[name], shown[name]) for name in shown
        )
    if isinstance(shown, list) and isinstance(printed, list):
        return bool(printed) and all(any(alike(p, s) for s in shown) for p in printed)
    if isinstance(shown, float) and printed is None:
        return True
    if isinstance(shown, str) and _TIME.match(shown) and printed is None:
        return True
    return shape(printed) == shape(shown)


def test_every_example_does_what_the_page_says(stack: RunningStack, tmp_path: Path) -> None:
    program = tmp_path / "fte"
    program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-m", "cli"])} "$@"\n')
    program.chmod(0o755)
    script = "set -eu\n" + "".join(f"echo '{_MARK}'\n{command}\n" for command, _, _ in examples())
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**stack.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done
    printed = done.stdout.split(f"{_MARK}\n")[1:]
    assert len(printed) == len(examples()) >= 8
    for (command, kind, shown), what in zip(examples(), printed, strict=True):
        if kind == "json":
            assert alike(json.loads(what), json.loads(shown)), f"{command}\n{what}"
        else:
            assert what == shown, f"{command}\n{what}"
