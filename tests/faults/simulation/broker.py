"""A broker that hurries and is not to be trusted: it loses, doubles, delays and reorders, is away, is wiped.

What a topic carries are plain Python values. Every subscriber gets each event; what a publish returns says only
that the broker had it.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, TypeAlias

from chassis.database import AWAY
from chassis.errors import Unavailable
from tests.faults.simulation.boundary import Io
from tests.faults.simulation.loop import VirtualLoop
from tests.faults.simulation.process import Process

Handler: TypeAlias = Callable[[Any], Coroutine[Any, Any, None]]

# What the receiver of events answers with RETRY.
_DEFERRED: tuple[type[BaseException], ...] = (*AWAY, Unavailable)


class CarryPlan(Protocol):
    """Says what becomes of an event on its way to one subscriber."""

    def copies(self, topic: str, subscriber: str) -> tuple[float, ...]:
        """Returns how many seconds each copy travels: nothing is a loss, two are a double."""

    def redelivery(self, topic: str, subscriber: str) -> float | None:
        """Returns when an event is tried again whose subscriber was down or failed; None loses it."""


@dataclass(frozen=True, slots=True)
class Faithful:
    """Carries each event once and at once, and again a second after a failure."""

    def copies(self, topic: str, subscriber: str) -> tuple[float, ...]:
        """Returns one copy."""
        return (0.0,)

    def redelivery(self, topic: str, subscriber: str) -> float | None:
        """Returns one second."""
        return 1.0


@dataclass(frozen=True, slots=True)
class Unreliable:
    """Draws what happens by chance; the rates are of all events, the seconds are upper bounds."""

    random: Random
    lost: float = 0.02
    doubled: float = 0.02
    late: float = 0.05
    short_seconds: float = 0.005
    late_seconds: float = 5.0
    given_up: float = 0.3

    def copies(self, topic: str, subscriber: str) -> tuple[float, ...]:
        """Returns none, one or two copies; different travels reorder them."""
        chance = self.random.random()
        if chance < self.lost:
            return ()
        if chance < self.lost + self.doubled:
            return (self._travel(), self._travel())
        return (self._travel(),)

    def redelivery(self, topic: str, subscriber: str) -> float | None:
        """Returns nothing for what is given up."""
        if self.random.random() < self.given_up:
            return None
        return self.random.random() * self.late_seconds

    def _travel(self) -> float:
        late = self.random.random() < self.late
        return self.random.random() * (self.late_seconds if late else self.short_seconds)


@dataclass(frozen=True, slots=True)
class _Subscription:
    """A handler lives in the memory of one incarnation; later ones subscribe anew."""

    handler: Handler
    incarnation: int


class Broker:
    """The world's broker; `io` is `Boundaries.outside`. Each group of subscribers gets each event, one of them.

    `away` refuses publishes and holds what is under way; counts tell what it did.
    """

    def __init__(self, loop: VirtualLoop, io: Io, plan: CarryPlan) -> None:
        self.away = False
        self.published = self.carried = self.lost = self.doubled = self.wiped = 0
        self._loop = loop
        self._io = io
        self._plan = plan
        self._topics: dict[str, dict[str, dict[Process, _Subscription]]] = {}
        self._turn = 0
        self._epoch = 0
        self._held: list[Callable[[], None]] = []

    def subscribe(self, topic: str, process: Process, handler: Handler, group: str = "") -> None:
        """Has `handler` called in a process; each incarnation subscribes anew, and till then gets nothing.

        Without a group the process is one of its own.
        """
        groups = self._topics.setdefault(topic, {})
        members = groups.setdefault(group or process.name, {})
        members[process] = _Subscription(handler, process.incarnation)

    async def publish(self, topic: str, event: Any) -> None:
        """Takes an event.

        Raises:
            Unavailable: if the broker is away.

        """
        name = f"publish.{topic}"
        await self._io.request(name)
        if self.away:
            raise Unavailable("the broker is away")
        self.published += 1
        for group in self._topics.get(topic, ()):
            travels = self._plan.copies(topic, group)
            self.lost += not travels
            self.doubled += len(travels) > 1
            for seconds in travels:
                self._carry(topic, group, event, seconds)
        await self._io.response(name)

    def go_away(self) -> None:
        """Stops taking and handing out until `come_back`."""
        self.away = True

    def come_back(self) -> None:
        """Goes on, with what was under way unless it was wiped."""
        self.away = False
        held, self._held = self._held, []
        for deliver in held:
            deliver()

    def wipe(self) -> None:
        """Forgets all that is under way, redeliveries included."""
        self._epoch += 1
        self._held.clear()
        self.wiped += 1

    def _carry(self, topic: str, group: str, event: Any, seconds: float) -> None:
        epoch = self._epoch

        def deliver() -> None:
            if epoch != self._epoch:
                return
            if self.away:
                self._held.append(deliver)
                return
            members = self._members(topic, group)
            if members:
                self.carried += 1
                self._turn += 1
                process = members[self._turn % len(members)]
                process.spawn(self._handed(topic, group, process, event))
            else:
                self._again(topic, group, event)

        self._loop.later(seconds, deliver)

    def _members(self, topic: str, group: str) -> list[Process]:
        """The members that listen now; one that is stopped is not known to be."""
        return [
            process
            for process, subscription in self._topics[topic][group].items()
            if process.alive and subscription.incarnation == process.incarnation
        ]

    async def _handed(self, topic: str, group: str, process: Process, event: Any) -> None:
        epoch = self._epoch

        def unacked() -> None:
            if epoch == self._epoch:
                self._again(topic, group, event)

        process.on_kill(unacked)
        deferred = False
        try:
            await self._topics[topic][group][process].handler(event)
        except _DEFERRED:
            deferred = True
        except Exception as error:  # noqa: BLE001 - as the receiver of events does: a row brings the work back
            self._loop.complaints.append(f"{process.name} failed on {topic}: {error!r}")
        process.forget(unacked)
        if deferred:
            unacked()

    def _again(self, topic: str, group: str, event: Any) -> None:
        seconds = self._plan.redelivery(topic, group)
        if seconds is None:
            self.lost += 1
        else:
            self._carry(topic, group, event, seconds)
