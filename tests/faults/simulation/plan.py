"""What happens in a world, all of it drawn from one seed before the world begins."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.simulation.boundary import Act, Crossing, Fault

# Everything planned happens within so many virtual seconds; then the world may come to rest.
SPAN_SECONDS = 15.0


class Way(StrEnum):
    """How a customer writes."""

    WHATSAPP = "whatsapp"
    MAIL = "mail"
    FORM = "form"


class Blow(StrEnum):
    """A fault that is not tied to a boundary."""

    KILL = "kill"
    STOP = "stop"
    DATABASE_AWAY = "database_away"
    BROKER_AWAY = "broker_away"
    BROKER_WIPED = "broker_wiped"
    PLACEMENT_SPLIT = "placement_split"
    PROVIDER_DARK = "provider_dark"
    MAILBOX_AWAY = "mailbox_away"


@dataclass(frozen=True, slots=True)
class Say:
    """A person writes at a time; `repeats` are the delays after which the channel brings the same again."""

    time: float
    person: int
    way: Way
    repeats: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Strike:
    """A blow at a time; `seconds` is how long it lasts, or until what died is started again."""

    time: float
    blow: Blow
    target: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Desk:
    """A person of the support team takes a customer over, replies so often, and hands back after a while."""

    time: float
    person: int
    replies: int = 1
    hold_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """One world. `fault_rate` is of all boundary crossings; `scripted` faults replace the drawn ones.

    `harshness` scales how often providers, broker and thinking go wrong; 0 is a world where only planned
    faults happen.
    """

    seed: int
    says: tuple[Say, ...] = ()
    strikes: tuple[Strike, ...] = ()
    desks: tuple[Desk, ...] = ()
    harshness: float = 1.0
    fault_rate: float = 0.0
    scripted: Mapping[Crossing, Fault] | None = None
    never_resend: bool = False
    late_witness_seconds: float = 10.0
    replicas: int = 2
    span: float = SPAN_SECONDS
    latency: bool = True
    outcomes: tuple[str, ...] = ()


def plan_of(seed: int) -> Plan:
    """Draws a world: two to six messages of one to three people, sometimes a burst beside them, and a handful of faults."""
    draw = random.Random(f"plan/{seed}")
    people = draw.randint(1, 3)
    says = [_say(draw, draw.randrange(people)) for _ in range(draw.randint(2, 6))]
    if draw.random() < 0.25:
        says += _burst(draw, draw.randrange(people))
    strikes = tuple(_strike(draw) for _ in range(draw.randint(1, 6)))
    desks = tuple(_desk(draw, draw.randrange(people)) for _ in range(draw.random() < 0.35))
    return Plan(
        seed=seed,
        says=tuple(sorted(says, key=lambda say: say.time)),
        strikes=tuple(sorted(strikes, key=lambda strike: strike.time)),
        desks=desks,
        fault_rate=draw.choice((0.0, 0.004, 0.01)),
        never_resend=draw.random() < 0.3,
        # Within the windows, or so late that a resend is allowed and may be a second copy.
        late_witness_seconds=draw.choice((10.0, 10.0, 10.0, 90.0)),
        replicas=draw.choice((1, 1, 2)),
    )


def choose_fault(draw: random.Random, process: str) -> Fault | None:
    """Draws what a boundary does to the process that crosses it; the world itself suffers nothing there."""
    if process == "world":
        return None
    chance = draw.random()
    if chance < 0.55:
        return Fault(Act.KILL, draw.uniform(0.05, 3.0))
    if chance < 0.75:
        return Fault(Act.STOP, draw.uniform(0.5, 8.0))
    return Fault(Act.AWAY)


def _say(draw: random.Random, person: int) -> Say:
    way = draw.choices(tuple(Way), weights=(5, 3, 2))[0]
    repeats = tuple(draw.uniform(0.0, 6.0) for _ in range(draw.choice((0, 0, 0, 1, 2))))
    return Say(draw.uniform(0.0, SPAN_SECONDS * 0.7), person, way, repeats)


def _burst(draw: random.Random, person: int) -> list[Say]:
    start = draw.uniform(0.0, SPAN_SECONDS * 0.6)
    times = (start + draw.uniform(0.0, 2.0) for _ in range(draw.randint(2, 4)))
    return [Say(time, person, Way.WHATSAPP) for time in times]


def _strike(draw: random.Random) -> Strike:
    blow = draw.choices(tuple(Blow), weights=(6, 3, 1.5, 1, 1, 1.5, 1, 0.5))[0]
    targets = {
        Blow.KILL: ("intake-0", "agent-0", "agent-1", "delivery-0", "delivery-1"),
        Blow.STOP: ("intake-0", "agent-0", "agent-1", "delivery-0", "delivery-1"),
        Blow.PROVIDER_DARK: ("email", "whatsapp"),
    }.get(blow, ("",))
    seconds = draw.uniform(0.05, 3.0) if blow is Blow.KILL else draw.uniform(1.0, 8.0)
    return Strike(draw.uniform(0.0, SPAN_SECONDS), blow, draw.choice(targets), seconds)


def _desk(draw: random.Random, person: int) -> Desk:
    time = draw.uniform(2.0, SPAN_SECONDS * 0.8)
    return Desk(time, person, draw.randint(0, 2), draw.uniform(2.0, 10.0))
