"""Owns `fte status`: the supervisor's record joined with what really lives, and the ledgers."""

from dataclasses import dataclass
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from cli.ledgers import Ledgers, read_ledgers
from devstack.environment import SUPERUSER, Environment
from devstack.processes import PartRecord, read_record


@dataclass(frozen=True, slots=True)
class Status:
    """Says whether the stack runs, how its parts are, and how the ledgers stand."""

    running: bool
    parts: tuple[PartRecord, ...]
    ledgers: Ledgers | None

    @property
    def healthy(self) -> bool:
        """Tells whether every part works and the ledgers could be read."""
        return bool(self.parts) and all(part.healthy for part in self.parts) and bool(self.ledgers)

    def as_json(self) -> dict[str, Any]:
        """Returns the report in the shape that tests and operators rely on."""
        return {
            "parts": [
                {
                    "name": part.name,
                    "kind": part.kind,
                    "pid": part.process.pid if part.process else None,
                    "restarts": part.restarts,
                    "healthy": part.healthy,
                }
                for part in self.parts
            ],
            "ledgers": self.ledgers.as_json() if self.ledgers else {},
        }


async def read_status(environment: Environment) -> Status:
    """Reads the home's record and the ledgers; neither needs the other."""
    record = read_record(environment.home)
    if record is None or record.supervisor.find() is None:
        return Status(running=False, parts=(), ledgers=None)
    try:
        ledgers = await read_ledgers(environment.database_url(SUPERUSER))
    except (OSError, asyncpg.PostgresError):
        ledgers = None
    return Status(running=True, parts=record.parts, ledgers=ledgers)


def show_status(status: Status) -> None:
    """Prints the report as a table, in colour on a terminal only."""
    console = Console()
    table = Table(box=None, pad_edge=False)
    for heading in ("part", "kind", "pid", "restarts", "health"):
        table.add_column(heading, justify="right" if heading in ("pid", "restarts") else "left")
    for part in status.parts:
        pid = str(part.process.pid) if part.process else "-"
        health = "[green]healthy[/]" if part.healthy else "[red]not healthy[/]"
        table.add_row(part.name, part.kind, pid, str(part.restarts), health)
    if status.parts:
        console.print(table)
    if status.ledgers is None:
        return
    for name, ledger in (("inbox", status.ledgers.inbox), ("outbox", status.ledgers.outbox)):
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in ledger.outcomes.items())
        console.print(
            f"{name:<8} {ledger.open} open, oldest {ledger.oldest_seconds:.1f} s; "
            f"settled: {outcomes or 'none'}",
            highlight=False,
        )
    states = ", ".join(f"{count} {state}" for state, count in status.ledgers.intents.items())
    console.print(f"{'intents':<8} {states or 'none'}", highlight=False)
