"""Owns what is broken when: drawn from a seed, so that the same seed breaks the same parts again.

Pure: no clock, no process. Part names come from the running stack; only the kinds are known here.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from drill import provider_faults

KILLS_PER_MINUTE: Final = 20.0
# A drill begins with a healthy stack and ends with one that may still be healing.
LEAD_SECONDS: Final = 3.0
TAIL_SECONDS: Final = 4.0

# How the kills are shared among the kinds of parts. Services carry the promises; sidecars and the
# control plane cost less to start again.
_SHARES: Final[Mapping[str, float]] = {
    "service": 0.50,
    "sidecar": 0.30,
    "control": 0.12,
    "broker": 0.08,
}
_WIPED_SHARE: Final = 0.5
# Several at once now and then.
_WAVES: Final[Mapping[int, float]] = {1: 0.70, 2: 0.20, 3: 0.07, 4: 0.03}
# A part is seldom struck before it had this long to come back and work.
_SETTLE_SECONDS: Final = 10.0
_LEAST_SECONDS: Final = 3.0

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
    faults = [
        *_kills(draw, kills, last, names),
        *_pauses(draw, last, names.get("service", ())),
        *_database_stops(draw, last, names.get("database", ())),
        *_provider_faults(draw, max(last - _LAST_PROVIDER_FAULT_SECONDS, LEAD_SECONDS + 1.0)),
    ]
    return tuple(sorted(faults, key=lambda fault: (fault.at, fault.part, fault.kind)))


def _kills(
    draw: random.Random, wanted: int, last: float, names: Mapping[str, Sequence[str]]
) -> list[Fault]:
    waves: list[int] = []
    while sum(waves) < wanted:
        waves += draw.choices(tuple(_WAVES), weights=tuple(_WAVES.values()))
    weights = {
        name: _SHARES[kind] / len(found)
        for kind, found in names.items()
        if kind in _SHARES
        for name in found
    }
    kinds = {name: kind for kind, found in names.items() for name in found}
    struck = dict.fromkeys(weights, -_SETTLE_SECONDS)
    faults = []
    for at, size in zip(_moments(draw, len(waves), last), waves, strict=True):
        for name in _victims(draw, size, at, weights, struck):
            struck[name] = at
            faults.append(Fault(at, _kind(draw, kinds[name], name), name))
    return faults


def _victims(
    draw: random.Random,
    size: int,
    at: float,
    weights: Mapping[str, float],
    struck: Mapping[str, float],
) -> list[str]:
    """Draws different parts; one that was struck a moment ago is drawn seldom."""
    chances = {
        name: weight * _rested(at - struck[name]) for name, weight in sorted(weights.items())
    }
    chosen: list[str] = []
    for _ in range(min(size, len(chances))):
        [name] = draw.choices(tuple(chances), weights=tuple(chances.values()))
        del chances[name]
        chosen.append(name)
    return chosen


def _rested(seconds: float) -> float:
    if seconds >= _SETTLE_SECONDS:
        return 1.0
    # Never zero: with few parts somebody must be struck.
    return 1e-6 if seconds < _LEAST_SECONDS else 0.3 * (seconds / _SETTLE_SECONDS) ** 2


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


def _pauses(draw: random.Random, last: float, services: Sequence[str]) -> list[Fault]:
    if not services:
        return []
    return [
        Fault(
            at, Kind.PAUSE_SERVICE, draw.choice(services), round(draw.uniform(*_PAUSE_SECONDS), 2)
        )
        for at in _moments(draw, _number(_PAUSES_PER_MINUTE, last), last)
    ]


def _database_stops(draw: random.Random, last: float, databases: Sequence[str]) -> list[Fault]:
    if not databases:
        return []
    return [
        Fault(at, Kind.STOP_DATABASE, draw.choice(databases))
        for at in _moments(draw, _number(_DATABASE_STOPS_PER_MINUTE, last), last)
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


def _moments(draw: random.Random, number: int, last: float) -> list[float]:
    """Draws moments that are spread over the time, each somewhere within its own share of it."""
    share = (last - LEAD_SECONDS) / max(number, 1)
    return [round(LEAD_SECONDS + share * (nth + draw.random()), 3) for nth in range(number)]
