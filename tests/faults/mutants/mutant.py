"""A planted bug: a small textual patch, the promise that it breaks, and what must notice it."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

SIMULATION = "tests.faults.simulation"


@dataclass(frozen=True, slots=True)
class Seeds:
    """Caught by the deterministic simulation within so many seeds, counted from the first."""

    count: int = 1000

    def command(self, jobs: int = 1) -> tuple[str, ...]:
        """Returns what the interpreter is started with; it exits 1 and prints `seed N: <violation>`."""
        asked = f"--seeds {self.count} --start 0 --first --quick --jobs {jobs}"
        return ("-m", SIMULATION, *asked.split())


@dataclass(frozen=True, slots=True)
class Tests:
    """Caught by at least one of these tests of one file."""

    __test__: ClassVar[bool] = False
    path: str
    names: tuple[str, ...]

    def command(self) -> tuple[str, ...]:
        """Returns what the interpreter is started with; it exits 1 when a test fails."""
        return ("-m", "pytest", "-q", "-x", "--tb=no", *self.node_ids())

    def node_ids(self) -> tuple[str, ...]:
        """Returns the tests as pytest names them."""
        return tuple(f"{self.path}::{name}" for name in self.names)


def caught_in(path: str, *names: str) -> Tests:
    """Names the tests of one file."""
    return Tests(path, names)


CaughtBy: TypeAlias = Seeds | Tests


class DoesNotApply(Exception):
    """The text that a mutant replaces is not there exactly once: the code moved on, and the mutant must too."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug; `promise` is one sentence saying what no longer holds with it."""

    name: str
    promise: str
    path: str
    old: str
    new: str
    caught_by: CaughtBy

    def mutated(self, text: str) -> str:
        """Returns a file's text with the bug in it.

        Raises:
            DoesNotApply: if `old` does not occur exactly once.
        """
        found = text.count(self.old)
        if found != 1:
            raise DoesNotApply(f"{self.name}: {self.path} has the text to replace {found} times")
        return text.replace(self.old, self.new)

    def plant(self, tree: Path) -> None:
        """Writes the bug into a copy of the project.

        Raises:
            DoesNotApply: if the file is missing or `old` does not occur exactly once.
        """
        file = tree / self.path
        if not file.is_file():
            raise DoesNotApply(f"{self.name}: there is no {self.path}")
        text = self.mutated(file.read_text())
        if file.suffix == ".py":
            compile(text, self.path, "exec")  # a bug that does not parse is caught by anything
        file.write_text(text)
