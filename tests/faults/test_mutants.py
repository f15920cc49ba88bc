"""The planted bugs still fit the code, and a run is judged by the reason for which it failed."""

import ast

import pytest

from tests.faults.mutants.catalogue import MUTANTS
from tests.faults.mutants.mutant import DoesNotApply, Mutant, Seeds, caught_in
from tests.faults.mutants.running import ROOT, State, judge

TESTED = Mutant("m", "It breaks.", "README.md", "a", "b", caught_in("tests/t.py", "test_it"))
SEEDED = Mutant("m", "It breaks.", "README.md", "a", "b", Seeds())


def test_there_are_enough_of_them_and_each_has_its_name() -> None:
    assert len(MUTANTS) >= 25
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_code(mutant: Mutant) -> None:
    text = mutant.mutated((ROOT / mutant.path).read_text())
    if mutant.path.endswith(".py"):
        ast.parse(text)
    for name in getattr(mutant.caught_by, "names", ()):
        assert f"def {name}(" in (ROOT / mutant.caught_by.path).read_text()  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["", "xx", "abc abc"])
def test_a_text_that_is_not_there_once_is_no_place_for_a_bug(text: str) -> None:
    with pytest.raises(DoesNotApply):
        Mutant("m", "It breaks.", "x", "abc", "b", Seeds()).mutated(text)


@pytest.mark.parametrize(
    ("mutant", "code", "output", "expected"),
    [
        (TESTED, 0, "1 passed", (State.SURVIVED, "nothing failed")),
        (TESTED, 1, "FAILED tests/t.py::test_it - assert 1 == 2", (State.CAUGHT, "test_it")),
        (TESTED, 1, "FAILED tests/t.py::test_it[a b] - KeyError: 1", (State.CAUGHT, "test_it")),
        (TESTED, 1, "FAILED tests/t.py::test_it", (State.CAUGHT, "test_it")),
        (
            TESTED,
            1,
            "FAILED tests/t.py::test_it - NameError: name 'x' is not defined",
            (State.BROKEN, "NameError: name 'x' is not defined"),
        ),
        (
            TESTED,
            1,
            "ERROR tests/t.py::test_it - asyncpg.exceptions.PostgresSyntaxError: x",
            (State.BROKEN, "no test failed, but something around them did"),
        ),
        (TESTED, 2, "ERROR tests/t.py - ImportError", (State.BROKEN, "exit code 2")),
        (TESTED, 4, "ERROR: not found", (State.BROKEN, "exit code 4")),
        (TESTED, 5, "no tests ran", (State.BROKEN, "exit code 5")),
        (TESTED, None, "", (State.BROKEN, "not done within 300 s")),
        (SEEDED, 0, "1000 seeds", (State.SURVIVED, "nothing failed")),
        (SEEDED, 1, "…\nseed 17: a message was lost\n", (State.CAUGHT, "seed 17")),
        (
            SEEDED,
            1,
            "seed 3: world broke: NameError: name 'x' is not defined\n",
            (State.BROKEN, "seed 3: world broke: NameError: name 'x' is not defined"),
        ),
        (
            SEEDED,
            1,
            "seed 4: agent-0 crashed: TypeError('x')\n",
            (State.BROKEN, "seed 4: agent-0 crashed: TypeError('x')"),
        ),
        (SEEDED, 1, "Traceback", (State.BROKEN, "no violation was printed")),
    ],
)
def test_a_run_is_judged_by_why_it_failed(
    mutant: Mutant, code: int | None, output: str, expected: tuple[State, str]
) -> None:
    assert judge(mutant, code, output) == expected
