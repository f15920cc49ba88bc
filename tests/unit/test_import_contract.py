"""The architecture as a test: the contract holds, and it would notice."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("services", "chassis", "cli", "devstack", "drill", "evals", "simulators", "gen")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Returns a copy of the code, which a test may spoil."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def lint(tree: Path) -> tuple[int, str]:
    program = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run(
        [program, "--no-cache", "--no-logo"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'gen'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.returncode, answer.stdout + answer.stderr


def test_the_contract_holds(tree: Path) -> None:
    code, said = lint(tree)
    assert code == 0, said
    assert "7 kept, 0 broken" in said


@pytest.mark.parametrize(
    ("module", "line", "named"),
    [
        ("services/identity/domain/handles.py", "import grpc", "grpc"),
        ("services/agent/domain/turn.py", "import grpc", "grpc"),
        ("services/agent/domain/turn.py", "import asyncpg", "asyncpg"),
        ("services/agent/domain/turn.py", "import services.agent.adapters", "services.agent"),
        (
            "services/identity/adapters/store.py",
            "import services.agent.domain.turn",
            "services.agent",
        ),
        ("services/identity/adapters/store.py", "import services.identity.main", "identity.main"),
        ("services/metrics/main.py", "import devstack.ports", "devstack"),
        ("services/metrics/main.py", "import drill.checker", "drill"),
        ("drill/checker.py", "import services.delivery.domain.intent", "services.delivery"),
        ("evals/grading.py", "import services.agent.domain.formatting", "services.agent"),
        ("services/metrics/main.py", "import evals.score", "evals"),
        ("chassis/ledger.py", "import fte.conversation.v1.receipts_pb2", "fte.conversation"),
        ("chassis/ledger.py", "import services.identity.settings", "services.identity"),
        ("services/identity/helpers.py", "", "helpers"),
    ],
)
def test_a_wrong_import_is_noticed(tree: Path, module: str, line: str, named: str) -> None:
    with (tree / module).open("a") as file:
        file.write(f"\n{line}\n")
    code, said = lint(tree)
    assert code == 1, said
    assert "BROKEN" in said
    assert named in said
