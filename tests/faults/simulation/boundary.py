"""Where a simulated process touches the world: each touch may be late, and the process may die or stop at it.

An adapter does `await io.request(name)`, then its effect without any await, then `await io.response(name)`. So
an effect happens whole or not at all, and whether its process hears of it is another matter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Protocol

from chassis.errors import Unavailable
from tests.faults.simulation.loop import LIFE, VirtualLoop, WorldOver, step_aside
from tests.faults.simulation.process import Process


class DatabaseAway(ConnectionError):
    """The database does not answer; whether it did what it was asked depends on when it went."""


class Phase(StrEnum):
    """On which side of the effect."""

    BEFORE = "before"
    AFTER = "after"


class Act(StrEnum):
    """What a fault does to the process that is at a boundary."""

    KILL = "kill"
    STOP = "stop"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Fault:
    """An act; after `seconds` the killed process is started again, the stopped one woken."""

    act: Act
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Crossing:
    """One touch of the world: the n-th request, or the n-th response, of this name, from 1."""

    name: str
    occurrence: int
    phase: Phase


class Io(Protocol):
    """What an in-memory adapter calls around each effect."""

    async def request(self, name: str) -> None:
        """Comes before the effect."""

    async def response(self, name: str) -> None:
        """Comes after the effect."""


class FaultPlan(Protocol):
    """Says what happens at a boundary."""

    def fault(self, process: str, name: str, occurrence: int, phase: Phase) -> Fault | None:
        """Returns what is to happen at this crossing; none for nearly all of them."""


class Direct:
    """Does nothing: for suites that run an adapter without a world."""

    async def request(self, name: str) -> None:
        """Does nothing."""

    async def response(self, name: str) -> None:
        """Does nothing."""


@dataclass(frozen=True, slots=True)
class Scripted:
    """Faults at known crossings, and nowhere else: replays and crash points."""

    faults: Mapping[Crossing, Fault] = field(default_factory=dict)

    def fault(self, process: str, name: str, occurrence: int, phase: Phase) -> Fault | None:
        """Returns the fault of this crossing."""
        return self.faults.get(Crossing(name, occurrence, phase)) if self.faults else None


class Drawn:
    """Faults drawn by chance, at `rate` of the crossings; `drawn` is what came, ready for `Scripted`.

    It draws how far the next fault is, not at each crossing, so that it costs nothing while nothing happens.
    """

    def __init__(
        self,
        random: Random,
        rate: float,
        choose: Callable[[Random, str], Fault | None],
    ) -> None:
        self._random = random
        self._rate = rate
        self._choose = choose
        self._until = self._distance()
        self.drawn: dict[Crossing, Fault] = {}

    def fault(self, process: str, name: str, occurrence: int, phase: Phase) -> Fault | None:
        """Returns a fault if its turn has come and `choose` has one for this process."""
        self._until -= 1
        if self._until > 0:
            return None
        self._until = self._distance()
        fault = self._choose(self._random, process)
        if fault is not None:
            self.drawn[Crossing(name, occurrence, phase)] = fault
        return fault

    def _distance(self) -> float:
        return self._random.expovariate(self._rate) if self._rate > 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a request or a response takes: often nothing, mostly milliseconds, seldom much longer."""

    none: float = 0.7
    short_seconds: float = 0.010
    long: float = 0.02
    long_seconds: float = 0.5

    def draw(self, random: Random) -> float:
        """Returns seconds; 0 needs no timer."""
        chance = random.random()
        if chance < self.none:
            return 0.0
        most = self.long_seconds if chance > 1 - self.long else self.short_seconds
        return random.random() * most


class Boundaries:
    """The world's `Io`: counts each name, delays, kills, stops and withholds answers as the plan says.

    `history` holds a line for each crossing: virtual seconds, process, name, phase, and what happened beside it.
    While `away` is set the database refuses every request, and withholds every answer. `outside` is the boundary
    towards all that is no database: the broker, providers, other processes.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        random: Random,
        plan: FaultPlan,
        latency: Latency | None = None,
    ) -> None:
        self.away = False
        self.outside: Io = _Outside(self)
        self.history: list[tuple[float, str, str, str, str]] = []
        self.requests: dict[str, int] = {}
        self.responses: dict[str, int] = {}
        self._loop = loop
        self._random = random
        self._fault = plan.fault
        self._draw = (latency or Latency()).draw

    async def request(self, name: str, *, database: bool = True) -> None:
        """Comes before the effect: what happens here prevents it.

        Raises:
            DatabaseAway: if the plan says so; nothing was changed. Outside it is `Unavailable`.

        """
        if self._loop.closing:
            raise WorldOver
        occurrence = self.requests[name] = self.requests.get(name, 0) + 1
        if seconds := self._draw(self._random):
            await self._loop.pause(seconds)
        if self._halted_at(name, occurrence, Phase.BEFORE, database):
            await step_aside()

    async def response(self, name: str, *, database: bool = True) -> None:
        """Comes after the effect: what happens here hides it.

        Raises:
            DatabaseAway: if the plan says so; the effect has happened. Outside it is `Unavailable`.

        """
        if self._loop.closing:
            raise WorldOver
        occurrence = self.responses[name] = self.responses.get(name, 0) + 1
        if self._halted_at(name, occurrence, Phase.AFTER, database):
            await step_aside()
        if seconds := self._draw(self._random):
            await self._loop.pause(seconds)

    def note(self, name: str, what: str) -> None:
        """Adds a line of the world's own to the history, such as an effect or a fault elsewhere."""
        self.history.append((self._loop.time(), self._who(), name, "", what))

    def lines(self) -> list[str]:
        """Returns the history as text, the same for the same world byte for byte."""
        return [
            " ".join(part for part in (f"{time:10.4f}", who, name, phase, what) if part)
            for time, who, name, phase, what in self.history
        ]

    def _halted_at(self, name: str, occurrence: int, phase: Phase, database: bool) -> bool:  # noqa: FBT001
        """Does what the plan says; tells whether the process was killed or stopped here."""
        life = LIFE.get()
        process: Process | None = None if life is None else life.owner
        who = "world" if process is None else process.name
        fault = self._fault(who, name, occurrence, phase)
        if fault is None:
            away = self.away and database
            self.history.append((self._loop._now, who, name, phase, "away" if away else ""))
            if away:
                raise DatabaseAway(name)
            return False
        self.history.append((self._loop._now, who, name, phase, fault.act))
        if fault.act is Act.AWAY:
            raise DatabaseAway(name) if database else Unavailable(name)
        if process is None:
            return False
        if fault.act is Act.KILL:
            self._loop.later(fault.seconds, process.restart)
            process.kill()
        else:
            self._loop.later(fault.seconds, process.wake)
            process.stop()
        return True

    def _who(self) -> str:
        life = LIFE.get()
        return "world" if life is None else life.owner.name


class _Outside:
    """The same boundaries where the far side is no database."""

    def __init__(self, boundaries: Boundaries) -> None:
        self._boundaries = boundaries

    async def request(self, name: str) -> None:
        await self._boundaries.request(name, database=False)

    async def response(self, name: str) -> None:
        await self._boundaries.response(name, database=False)
