"""Owns how long things took: from a fault until its part was ready, until something new was answered. Pure."""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from drill.evidence import Evidence
from drill.faults import Injected
from drill.history import History
from drill.schedule import Kind

# A fault that had this long to itself says what that kind costs; others overlap.
ALONE_SECONDS: Final = 3.0
# What recovery is to take at most, in seconds at the 99th percentile.
AIMS: Final[Mapping[Kind, float]] = {
    Kind.KILL_SERVICE: 5.0,
    Kind.KILL_SIDECAR: 5.0,
    Kind.KILL_CONTROL: 5.0,
    Kind.KILL_BROKER: 5.0,
    Kind.STOP_DATABASE: 15.0,
}
_CHANNELS: Final = {Kind.GMAIL: "email", Kind.TWILIO: "whatsapp"}


@dataclass(frozen=True, slots=True)
class Handled:
    """One message from sending to its first answer, in Unix seconds; None if there was no answer."""

    channel: str
    sent: float
    accepted: float
    answered: float | None


def handled_of(evidence: Evidence, history: History) -> list[Handled]:
    """Joins the history with the ledgers: when each message was written, accepted and answered."""
    written = {message.provider_id: message.first_time for message in history.messages.values()}
    answered: dict[Any, float] = {}
    for row in evidence.ledgers.answers:
        if row["final_time"] is not None and row["intent_state"] == "SENT":
            moment = _unix(row["final_time"])
            answered[row["turn_id"]] = min(moment, answered.get(row["turn_id"], moment))
    turns = {row["message_id"]: row for row in evidence.ledgers.messages}
    found = []
    for row in evidence.ledgers.inbox:
        if row["suppress_reason"]:
            continue
        accepted, held = _unix(row["accept_time"]), turns.get(row["inbox_id"])
        ended = None
        if held is not None and held["outcome"] == "with_human" and held["end_time"]:
            # Nothing is said to the customer: taking it to a person is the end.
            ended = _unix(held["end_time"])
        elif held is not None:
            ended = answered.get(held["turn_id"])
        sent = written.get(row["provider_id"]) or accepted
        found.append(Handled(row["channel"], sent, accepted, ended))
    return found


def longest_stall(handled: Sequence[Handled]) -> float:
    """Returns the longest time, in seconds, with work waiting and nothing answered."""
    events = [(one.sent, 1) for one in handled] + [
        (one.answered, -1) for one in handled if one.answered is not None
    ]
    longest, waiting, since = 0.0, 0, 0.0
    for at, change in sorted(events):
        if change > 0:
            since = at if waiting == 0 else since
        else:
            longest, since = max(longest, at - since), at
        waiting += change
    return longest


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long faults of one kind took to pass, in seconds.

    `ready`: from the strike until the part was ready. `progress`: until a message that was accepted
    after the strike was answered; for the database, counted from its being ready.
    """

    kind: Kind
    planned: int
    bitten: int
    ready: Sequence[float]
    progress: Sequence[float]
    progress_alone: Sequence[float]
    never: int

    def as_json(self) -> dict[str, Any]:
        """Returns the percentiles by name, with the aim beside them."""
        return {
            "planned": self.planned,
            "bitten": self.bitten,
            "never_recovered": self.never,
            "ready_s": spread(self.ready),
            "progress_s": spread(self.progress),
            "progress_alone_s": spread(self.progress_alone),
            "progress_p99_aim_s": AIMS.get(self.kind),
        }


def recoveries(injected: Sequence[Injected], handled: Sequence[Handled]) -> list[Recovery]:
    """Measures every kind of fault that was planned."""
    by_channel: dict[str, list[Handled]] = defaultdict(list)
    for one in handled:
        by_channel[one.channel].append(one)
    first = {name: _FirstAnswers(ones) for name, ones in by_channel.items()}
    first[""] = _FirstAnswers(handled)
    strikes = sorted(one.struck_time for one in injected if one.struck_time is not None)
    found = []
    for kind in Kind:
        ours = [one for one in injected if one.fault.kind is kind]
        if ours:
            answers = first.get(_CHANNELS.get(kind, ""), _FirstAnswers(()))
            found.append(_measure(kind, ours, answers, strikes))
    return found


def _measure(
    kind: Kind, ours: Sequence[Injected], answers: "_FirstAnswers", strikes: Sequence[float]
) -> Recovery:
    ready, progress, alone, never = [], [], [], 0
    for one in ours:
        if not one.bitten or one.since is None:
            continue
        if one.ready_time is None:
            never += 1
            continue
        ready.append(one.ready_time - one.since)
        since = one.ready_time if kind is Kind.STOP_DATABASE else one.since
        answered = answers.after(since)
        if answered is None:
            continue  # nothing was written any more
        progress.append(answered - since)
        if _is_alone(one, answered, strikes):
            alone.append(answered - since)
    bitten = sum(one.bitten for one in ours)
    return Recovery(kind, len(ours), bitten, ready, progress, alone, never)


def _is_alone(one: Injected, answered: float, strikes: Sequence[float]) -> bool:
    assert one.struck_time is not None  # noqa: S101 - it has bitten
    first = bisect.bisect_left(strikes, one.struck_time - ALONE_SECONDS)
    return bisect.bisect_right(strikes, answered) - first == 1


class _FirstAnswers:
    """Finds when, of all messages accepted after a moment, the first was answered."""

    def __init__(self, handled: Iterable[Handled]) -> None:
        ones = sorted((one.accepted, one.answered) for one in handled if one.answered is not None)
        self._accepted = [accepted for accepted, _ in ones]
        self._first: list[float] = []
        soonest = float("inf")
        for _, answered in reversed(ones):
            soonest = min(soonest, answered)
            self._first.append(soonest)
        self._first.reverse()

    def after(self, moment: float) -> float | None:
        place = bisect.bisect_right(self._accepted, moment)
        return self._first[place] if place < len(self._first) else None


def spread(values: Iterable[float]) -> dict[str, float]:
    """Returns p50, p99 and the maximum of some seconds by nearest rank, with their number."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    ranks = {
        name: max(0, -(-p * len(ordered) // 100) - 1) for name, p in (("p50", 50), ("p99", 99))
    }
    shown = {name: round(ordered[rank], 3) for name, rank in ranks.items()}
    return {"count": len(ordered), **shown, "max": round(ordered[-1], 3)}


def _unix(moment: datetime) -> float:
    return moment.timestamp()
