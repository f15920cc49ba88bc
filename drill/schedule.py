"""Owns what is broken when: drawn from a seed, so that the same seed breaks the same parts again.

Pure: no clock, no process. Part names come from the running stack; only the kinds are known here.
"""

import random
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from drill import provider_faults

KILLS_PER_MINUTE: Final = 20.0
# A drill begins with a healthy stack and ends with one that may still be healing.
LEAD_SECONDS: Final = 3.0
TAIL_SECONDS: Final = 4.0

# A round: strikes at first, then calm in which everything can come back and work flows again, so
# that the next strikes meet work on its way and not a system that is down already.
_ROUND_SECONDS: Final = 15.0
_STRIKING_SHARE: Final = 0.35

# How likely each kind of part is struck in a round. Services carry the promises; sidecars and the
# control plane cost less to start again.
_SHARES: Final[Mapping[str, float]] = {
    "service": 0.76,
    "sidecar": 0.12,
    "control": 0.06,
    "broker": 0.06,
}
_WIPED_SHARE: Final = 0.5
# Several at once now and then.
_AT_ONCE: Final[Mapping[int, float]] = {1: 0.70, 2: 0.20, 3: 0.07, 4: 0.03}

_PAUSES_PER_MINUTE: Final = 2.0
# Around the lease of a turn, which is three seconds.
_PAUSE_SECONDS: Final = (1.0, 6.0)
_DATABASE_STOPS_PER_MINUTE: Final = 0.5
_PROVIDER_FAULTS_PER_MINUTE: Final = 5.0
# A provider's fault needs traffic to bite.
_LAST_PROVIDER_FAULT_SECONDS: Final = 20.0


class Kind(StrEnum):
    """The kinds of faults."""

    KILL_SERVICE = "kill service"
    KILL_SIDECAR = "kill sidecar"
    KILL_CONTROL = "kill control"
    KILL_BROKER = "kill broker"
    WIPE_BROKER = "wipe broker"
    PAUSE_SERVICE = "pause service"
    STOP_DATABASE = "stop database"
    GMAIL = "provider gmail"
    TWILIO = "provider twilio"


KILLS: Final = frozenset(
    {
        Kind.KILL_SERVICE,
        Kind.KILL_SIDECAR,
        Kind.KILL_CONTROL,
        Kind.KILL_BROKER,
        Kind.WIPE_BROKER,
    }
)


@dataclass(frozen=True, slots=True)
class BrokerFaults:
    """Says what can be done to one broker beyond killing it: `store` is its folder in the home."""

    store: str


# One entry for each broker, under the name of its part.
BROKERS: Final[Mapping[str, BrokerFaults]] = {"nats": BrokerFaults(store="nats")}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `at` in seconds from the start, the part it strikes, how long or by which rules."""

    at: float
    kind: Kind
    part: str
    seconds: float = 0.0
    name: str = ""
    rules: tuple[Mapping[str, Any], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Returns the fault as the report shows it."""
        extra = {"seconds": self.seconds, "name": self.name, "rules": list(self.rules)}
        shown = {name: value for name, value in extra.items() if value}
        return {"at": self.at, "kind": self.kind.value, "part": self.part, **shown}


def plan(
    seed: int, seconds: float, kills: int, parts: Mapping[str, Sequence[str]]
) -> tuple[Fault, ...]:
    """Draws at least `kills` kills and the other faults over `seconds`; `parts` are names by kind."""
    draw = random.Random(f"faults {seed}")  # noqa: S311 - repeatable, not secret
    names = {kind: tuple(sorted(found)) for kind, found in parts.items()}
    last = max(seconds - TAIL_SECONDS, LEAD_SECONDS + 1.0)
    number = max(1, round((last - LEAD_SECONDS) / _ROUND_SECONDS))
    length = (last - LEAD_SECONDS) / number
    pauses = _spread(draw, _number(_PAUSES_PER_MINUTE, last), number)
    stops = _spread(draw, _number(_DATABASE_STOPS_PER_MINUTE, last), number)
    struck = _spread(draw, kills, number)
    faults: list[Fault] = []
    for nth in range(number):
        window = _Window(LEAD_SECONDS + nth * length, length)
        paused = _paused(draw, window, pauses[nth], names.get("service", ()))
        faults += paused
        faults += _stopped(draw, window, stops[nth], names.get("database", ()))
        spared = {fault.part for fault in paused}
        faults += _killed(draw, window, struck[nth], names, spared)
    faults += _provider_faults(draw, max(last - _LAST_PROVIDER_FAULT_SECONDS, LEAD_SECONDS + 1.0))
    return tuple(sorted(faults, key=lambda fault: (fault.at, fault.part, fault.kind)))


@dataclass(frozen=True, slots=True)
class _Window:
    """One round, in seconds from the start."""

    begin: float
    length: float

    def strike(self, draw: random.Random) -> float:
        return round(self.begin + draw.random() * _STRIKING_SHARE * self.length, 3)


def _killed(
    draw: random.Random,
    window: _Window,
    number: int,
    names: Mapping[str, Sequence[str]],
    spared: AbstractSet[str],
) -> list[Fault]:
    """Strikes different parts; with more strikes than parts, all of them again later in the round."""
    kinds = {name: kind for kind, found in names.items() if kind in _SHARES for name in found}
    if len(kinds) - len(spared) < number <= len(kinds):
        spared = frozenset()  # rather that than one part twice in a round
    left: list[str] = []
    faults: list[Fault] = []
    passes = -(-number // max(1, len(kinds) - len(spared)))
    while len(faults) < number:
        if not left:
            left = _victims(draw, kinds, names, spared)
            nth = len(faults) * passes // max(number, 1)
            part = _Window(window.begin + nth * window.length / passes, window.length / passes)
        [at_once] = draw.choices(tuple(_AT_ONCE), weights=tuple(_AT_ONCE.values()))
        at = part.strike(draw)
        chosen = left[: min(at_once, number - len(faults))]
        faults += [Fault(at, _kind(draw, kinds[name], name), name) for name in chosen]
        left = left[at_once:]
    return faults


def _victims(
    draw: random.Random,
    kinds: Mapping[str, str],
    names: Mapping[str, Sequence[str]],
    spared: AbstractSet[str],
) -> list[str]:
    """Draws all parts but the spared, the likelier ones rather at the front."""
    chances = {
        name: _SHARES[kind] / len(names[kind])
        for name, kind in sorted(kinds.items())
        if name not in spared
    }
    chosen: list[str] = []
    while chances:
        [name] = draw.choices(tuple(chances), weights=tuple(chances.values()))
        del chances[name]
        chosen.append(name)
    return chosen


def _kind(draw: random.Random, kind_of_part: str, name: str) -> Kind:
    wiped = draw.random() < _WIPED_SHARE
    match kind_of_part:
        case "service":
            return Kind.KILL_SERVICE
        case "sidecar":
            return Kind.KILL_SIDECAR
        case "broker":
            return Kind.WIPE_BROKER if wiped and name in BROKERS else Kind.KILL_BROKER
        case _:
            return Kind.KILL_CONTROL


def _paused(
    draw: random.Random, window: _Window, number: int, services: Sequence[str]
) -> list[Fault]:
    return [
        Fault(
            window.strike(draw), Kind.PAUSE_SERVICE, name, round(draw.uniform(*_PAUSE_SECONDS), 2)
        )
        for name in draw.sample(services, min(number, len(services)))
    ]


def _stopped(
    draw: random.Random, window: _Window, number: int, databases: Sequence[str]
) -> list[Fault]:
    return [
        Fault(window.strike(draw), Kind.STOP_DATABASE, name)
        for name in draw.sample(databases, min(number, len(databases)))
    ]


def _provider_faults(draw: random.Random, last: float) -> list[Fault]:
    faults = []
    for at in _moments(draw, _number(_PROVIDER_FAULTS_PER_MINUTE, last), last):
        kind = draw.choice((Kind.GMAIL, Kind.TWILIO))
        provider = kind.value.removeprefix("provider ")
        name, rules = provider_faults.draw_one(draw, provider)
        faults.append(Fault(at, kind, provider, name=name, rules=rules))
    return faults


def _number(per_minute: float, seconds: float) -> int:
    return max(1, round(per_minute * seconds / 60))


def _spread(draw: random.Random, number: int, rounds: int) -> list[int]:
    """Shares a number among the rounds as evenly as it goes."""
    least, more = divmod(number, rounds)
    lucky = set(draw.sample(range(rounds), more))
    return [least + (nth in lucky) for nth in range(rounds)]


def _moments(draw: random.Random, number: int, last: float) -> list[float]:
    """Draws moments that are spread over the time, each somewhere within its own share of it."""
    share = (last - LEAD_SECONDS) / max(number, 1)
    return [round(LEAD_SECONDS + share * (nth + draw.random()), 3) for nth in range(number)]
