"""Runs one mutant in a copy of the project and judges whether it was caught for the right reason."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.faults.mutants.mutant import DoesNotApply, Mutant, Tests

ROOT = Path(__file__).resolve().parents[3]
LIMIT_SECONDS = 300.0
_SEED = re.compile(r"^(seed \d+): (?:world broke: |\S+ crashed: )?(.*)", re.MULTILINE)
_FAILED = re.compile(r"^FAILED (\S+?)(?:\[.*?\])?(?: - (.*))?$", re.MULTILINE)
# Where the packages of the project come from, one a line.
_PROBE = (
    "import chassis, devstack, services, fte.intake.v1.intake_service_pb2 as contract\n"
    "for module in (chassis, devstack, services, contract): print(module.__file__)"
)
# A patch that breaks the code as such proves nothing about the promise.
_CLUMSY = (
    "SyntaxError",
    "IndentationError",
    "ImportError",
    "ModuleNotFoundError",
    "NameError",
    "UnboundLocalError",
    "AttributeError",
    "TypeError",
    "asyncpg.exceptions.PostgresSyntaxError",
    "asyncpg.exceptions.Undefined",
    "asyncpg.exceptions.Ambiguous",
    "asyncpg.exceptions.Indeterminate",
    "asyncpg.exceptions.DatatypeMismatchError",
)


class State(StrEnum):
    """How a run ended."""

    CAUGHT = "caught"
    SURVIVED = "survived"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one mutant; `evidence` is the seed or the test, or what went wrong instead."""

    name: str
    state: State
    evidence: str
    seconds: float
    output: str = ""


@contextmanager
def copied_tree() -> Iterator[Path]:
    """Copies the project as it is now, uncommitted changes included, to a folder that is removed afterwards."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    tree = Path(tempfile.mkdtemp(prefix="fte-mutant-"))
    try:
        for name in filter(None, listed.split("\0")):
            source, target = ROOT / name, tree / name
            if source.is_symlink() or not source.is_file():
                continue  # deleted, or a link to what is no part of the project
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        yield tree
    finally:
        shutil.rmtree(tree)


def run_mutant(mutant: Mutant, database_url: str) -> Verdict:
    """Plants a mutant into a copy of its own and runs what must catch it, on a database server of its own."""
    began = time.monotonic()
    with copied_tree() as tree:
        try:
            mutant.plant(tree)
        except (DoesNotApply, SyntaxError) as error:
            return Verdict(mutant.name, State.BROKEN, str(error), time.monotonic() - began)
        code, output = execute(mutant.caught_by.command(), tree, database_url)
    state, evidence = judge(mutant, code, output)
    return Verdict(mutant.name, state, evidence, time.monotonic() - began, output)


def execute(command: Sequence[str], tree: Path, database_url: str) -> tuple[int | None, str]:
    """Runs the interpreter in a tree; returns its exit code, None past the time limit, and what it wrote."""
    environ = {
        **os.environ,
        "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'gen'}",
        "FTE_TEST_DATABASE_URL": database_url,
        "COLUMNS": "1000",
    }
    probe = _start(("-c", _PROBE), tree, environ)
    where, _ = probe.communicate()
    if probe.returncode or any(not line.startswith(f"{tree}/") for line in where.split()):
        raise RuntimeError(f"the copy's code is not what is imported there: {where}")
    process = _start(command, tree, environ)
    try:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        _end(process)
    return process.returncode, output


def judge(mutant: Mutant, code: int | None, output: str) -> tuple[State, str]:
    """Tells from the exit code and the output whether the bug was noticed as the bug that it is."""
    if code is None:
        return State.BROKEN, f"not done within {LIMIT_SECONDS:.0f} s"
    if code == 0:
        return State.SURVIVED, "nothing failed"
    if code != 1:
        return State.BROKEN, f"exit code {code}"
    if not isinstance(mutant.caught_by, Tests):
        seed = _SEED.search(output)
        if seed is None:
            return State.BROKEN, "no violation was printed"
        clumsy = seed[2].startswith(_CLUMSY)
        return (State.BROKEN, seed[0]) if clumsy else (State.CAUGHT, seed[1])
    failed = [(name, reason or "") for name, reason in _FAILED.findall(output)]
    if not failed:
        return State.BROKEN, "no test failed, but something around them did"
    for name, reason in failed:
        if not reason.startswith(_CLUMSY):
            return State.CAUGHT, name.rpartition("::")[2]
    return State.BROKEN, failed[0][1]


def _start(command: Sequence[str], tree: Path, environ: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        (sys.executable, *command), cwd=tree, env=environ, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def _end(process: "subprocess.Popen[str]") -> None:
    """Ends whatever a run has left in its session, so that no server outlives its mutant."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()
