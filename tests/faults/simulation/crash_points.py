"""Every place where a process may die while one message is on its way, and every ordered pair of them.

A boundary is a name at which a process touches the world; it is crossed before the effect and after it. The names
that a message of each channel crosses are written down here: a boundary that is new fails the test until it is.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.faults.simulation.boundary import Act, Crossing, Fault, Phase
from tests.faults.simulation.plan import Plan, Say, Way
from tests.faults.simulation.treatment import Action
from tests.faults.simulation.trial import Trial, attempt
from tests.faults.simulation.world import QUIET_SECONDS, World

DOWN_SECONDS = 0.5
# What the provider does with the first request; the rest goes well.
BEHAVIOURS = (Action.TAKE, Action.TAKE_AND_LOSE, Action.LOSE, Action.REFUSE, Action.REJECT)


# Crossed by a message of every channel.
_ALWAYS = frozenset(
    {
        "agent.announcements.claim",
        "agent.announcements.receive",
        "agent.fences.claim",
        "agent.heads.commit",
        "agent.heads.due",
        "agent.heads.lock",
        "agent.heads.void_predecessor",
        "agent.inbound.cursors",
        "agent.inbound.receipts",
        "agent.inbound.recent_receipts",
        "agent.inbound.store",
        "agent.outbox.claim",
        "agent.outbox.fetch",
        "agent.outbox.receive",
        "agent.outcomes.sent",
        "agent.snapshots.load",
        "agent.snapshots.save",
        "delivery.corrections.claim",
        "delivery.intents.apply_statuses",
        "delivery.intents.change",
        "delivery.intents.claim",
        "delivery.intents.doubts",
        "delivery.intents.insert",
        "delivery.intents.orphans",
        "delivery.intents.receipts",
        "delivery.intents.recent_receipts",
        "delivery.intents.unconfirmed",
        "gmail.history",
        "gmail.watch",
        "identity.resolve",
        "intake.inbox.accept",
        "intake.inbox.claim",
        "intake.inbox.handle",
        "intake.inbox.messages",
        "intake.inbox.receive",
        "intake.mail_cursors.advance",
        "intake.mail_cursors.lease",
        "intake.mail_cursors.release",
        "publish.fte.channels.delivered",
        "publish.fte.escalations",
        "publish.fte.tickets.incoming",
        "publish.fte.tickets.settled",
    }
)

# What a message of each channel crosses; `names` finds the same, or the test fails.
KNOWN: Mapping[Way, frozenset[str]] = {
    Way.WHATSAPP: _ALWAYS
    | frozenset(
        {
            "agent.heads.revive",
            "agent.announcements.pull_forward",
            "agent.outbox.pull_forward",
            "delivery.intents.add_statuses",
            "intake.inbox.accept_status",
            "intake.inbox.pull_forward",
            "intake.inbox.statuses",
            "publish.fte.channels.status",
            "publish.fte.channels.status.settled",
            "publish.fte.channels.whatsapp.outbound",
            "twilio.send",
        }
    ),
    Way.MAIL: _ALWAYS
    | frozenset(
        {
            "delivery.intents.save_preparation",
            "gmail.get",
            "gmail.prepare",
            "gmail.send",
            "intake.inbox.known",
            "intake.mail_arrivals.note",
            "publish.fte.channels.email.outbound",
        }
    ),
    Way.FORM: _ALWAYS
    | frozenset(
        {
            "delivery.intents.save_preparation",
            "gmail.prepare",
            "gmail.send",
            "publish.fte.channels.web_form.outbound",
        }
    ),
}


@dataclass(frozen=True, slots=True)
class Point:
    """A crossing of one message's way."""

    way: Way
    crossing: Crossing


class Pair:
    """Kills at a crossing, and then at the next crossing of a second name and phase."""

    def __init__(self, first: Crossing, name: str, phase: Phase) -> None:
        self._first = first
        self._second = (name, phase)
        self.struck = 0

    def fault(self, process: str, name: str, occurrence: int, phase: Phase) -> Fault | None:
        """Returns a kill at the first place, and once at the second after it."""
        if self.struck == 0:
            hit = Crossing(name, occurrence, phase) == self._first
        else:
            hit = self.struck == 1 and (name, phase) == self._second
        if not hit or process == "world":
            return None
        self.struck += 1
        return Fault(Act.KILL, DOWN_SECONDS)


def plan_for(way: Way, behaviour: Action = Action.TAKE, replicas: int = 1) -> Plan:
    """One message on one channel in a world where nothing else happens."""
    return Plan(
        seed=0,
        says=(Say(1.0, 1, way),),
        harshness=0.0,
        scripted={},
        replicas=replicas,
        span=2.0,
        latency=False,
        # A draft comes before a mail is sent.
        outcomes=(Action.TAKE, behaviour) if way is Way.MAIL else (behaviour,),
    )


def points(way: Way, replicas: int = 1) -> list[Point]:
    """Returns the crossings of one message until all of its work is done, in the order in which they come."""
    world = World(plan_for(way, replicas=replicas)).run()
    rest = world.loop.time() - QUIET_SECONDS - 1.0
    seen: dict[tuple[str, str], int] = {}
    found: list[Point] = []
    for time, process, name, phase, _ in world.io.history:
        if process == "world" or not phase or time > rest:
            continue
        occurrence = seen[name, phase] = seen.get((name, phase), 0) + 1
        found.append(Point(way, Crossing(name, occurrence, Phase(phase))))
    return found


def names(way: Way) -> frozenset[str]:
    """Returns the boundaries that one message crosses."""
    return frozenset(point.crossing.name for point in points(way))


def crash(point: Point, behaviour: Action = Action.TAKE) -> Trial:
    """Kills at one crossing."""
    plan = plan_for(point.way, behaviour)
    return attempt(replace(plan, scripted={point.crossing: Fault(Act.KILL, DOWN_SECONDS)}))


def crash_twice(first: Point, second: Point) -> Trial:
    """Kills at one crossing, and again at the next of another."""
    pair = Pair(first.crossing, second.crossing.name, second.crossing.phase)
    return attempt(plan_for(first.way), faults=pair)


def pairs(ways: Sequence[Way], sample: int | None, seed: int) -> Iterator[tuple[Point, Point]]:
    """Yields the ordered pairs of each channel: all of them, or a seeded sample."""
    found: list[tuple[Point, Point]] = []
    for way in ways:
        mine = points(way)
        seconds = {(p.crossing.name, p.crossing.phase): p for p in reversed(mine)}
        found += [(first, second) for first in mine for second in seconds.values()]
    if sample is not None:
        draw = random.Random(f"pairs/{seed}")
        found = draw.sample(found, min(sample, len(found)))
    yield from found
