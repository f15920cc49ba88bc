"""Owns the words for what a supervisor keeps running: a part, its kind, what is watched about it."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

Action = Callable[[], Awaitable[object]]
Question = Callable[[], Awaitable[bool]]


class Kind(StrEnum):
    """The kinds of parts."""

    SERVICE = "service"
    SIDECAR = "sidecar"
    CONTROL = "control"
    BROKER = "broker"
    DATABASE = "database"
    SIMULATOR = "simulator"


@dataclass(frozen=True, slots=True)
class Watch:
    """Something asked of a ready part now and then, and what is done after `patience` noes in a row.

    `restarts` names the part that is then restarted; without it `remedy` is called.
    """

    what: str
    fine: Question
    patience: int
    restarts: str = ""
    remedy: Action | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One process that is to run: how it starts, when it is ready, how it ends.

    `before` runs before every start. `ready` is asked until it says yes; then `then` runs, again
    after every start, and only after it the part counts as ready. `after` names the parts that
    must have been ready once before this one starts for the first time.
    """

    name: str
    kind: Kind
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Question
    folder: Path = Path("/")
    after: tuple[str, ...] = ()
    before: Action | None = None
    then: Action | None = None
    watches: tuple[Watch, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    user: int | None = None
    group: int | None = None
    extra_groups: list[int] | None = field(default=None, hash=False)
