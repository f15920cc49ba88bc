"""Judges a finished world from outside: what went in, what the providers took, what the ledgers ended as.

It knows nothing of how the services work. Every request that went in was answered (ok), refused (fail) or never
answered (unknown): an unknown one may be in, but if it is, it is handled like any other.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

# What may become of a message. Failed comes with an apology and a person, with_human means that a person reads it.
OUTCOMES = frozenset({"answered", "escalated", "with_human", "failed", "suppressed"})
FINAL = frozenset({"SENT", "REJECTED", "CANCELLED", "PARKED", "NEEDS_HUMAN"})
# An open end that makes a person look.
PERSONS_WORK = frozenset({"REJECTED", "PARKED", "NEEDS_HUMAN"})


@dataclass(frozen=True, slots=True)
class SaidRow:
    """One message that a customer sent: the key that its channel gives it, and whether it was acknowledged."""

    key: str
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class InboxEnd:
    """An inbox row at the end."""

    key: str
    message_id: str
    handle: str
    number: int
    state: str
    outcome: str


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """A customer's message as the agent holds it at the end."""

    message_id: str
    customer: str  # and side
    outcome: str
    turn_id: str
    turn_state: str
    turn_end: datetime | None


@dataclass(frozen=True, slots=True)
class PartEnd:
    """A part of an answer at the end, on the agent's side and on delivery's; `kind` in lower case."""

    intent_id: str
    turn_id: str
    kind: str
    lane: str
    number: int
    epoch: int
    customer: str
    ledger_state: str
    intent_state: str
    resends: int
    escalated: bool


@dataclass(frozen=True, slots=True)
class Handed:
    """One request that a provider took: when it began, in which order, for which intent.

    `shown_after` are the seconds from the intent's first request to when a witness shows what this one brought.
    """

    intent_id: str
    begin_time: float
    place: int
    failed_later: bool = False
    shown_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """A stretch in which a person had a customer: from when the takeover had returned to the hand-back, if any."""

    customer: str
    epoch: int
    since: float
    until: float = float("inf")


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict rests on.

    `windows` are the seconds for which an unknown outcome waits for its witness, by channel; without a channel's
    window its resends are not judged. With `never_resend` none is allowed.
    """

    said: Sequence[SaidRow]
    inbox: Sequence[InboxEnd]
    messages: Sequence[MessageEnd]
    parts: Sequence[PartEnd]
    handed: Sequence[Handed]
    held: Sequence[Held] = ()
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    windows: Mapping[str, float] = field(default_factory=dict)
    never_resend: bool = False
    unfinished: Sequence[str] = ()
    complaints: Sequence[str] = ()


def judge(evidence: Evidence) -> list[str]:
    """Returns what is wrong, empty if nothing is."""
    return [
        *evidence.complaints,
        *evidence.unfinished,
        *_lost(evidence),
        *_turns(evidence),
        *_parts(evidence),
        *_resends(evidence),
        *_order(evidence),
        *_ownership(evidence),
    ]


def extra_copies(evidence: Evidence) -> list[str]:
    """Lists the intents that a provider took more than once although a resend was allowed."""
    copies = Counter(handed.intent_id for handed in evidence.handed)
    return [part.intent_id for part in evidence.parts if copies[part.intent_id] > 1]


def _lost(evidence: Evidence) -> Iterator[str]:
    copies = Counter(row.key for row in evidence.inbox)
    for said in evidence.said:
        if said.acknowledged and not copies[said.key]:
            yield f"lost: {said.key} was acknowledged and is not in the inbox"
    for key, count in copies.items():
        if count > 1:
            yield f"doubled: {key} is {count} messages in the inbox"
    held = {message.message_id: message for message in evidence.messages}
    for row in evidence.inbox:
        if row.outcome not in OUTCOMES:
            yield f"lost: {row.key} ended as {row.state} with the outcome {row.outcome!r}"
        elif row.outcome != "suppressed":
            yield from _held_alike(row, held.get(row.message_id))


def _held_alike(row: InboxEnd, ours: MessageEnd | None) -> Iterator[str]:
    if ours is None:
        yield f"lost: {row.key} is unknown to the agent"
    elif ours.outcome != row.outcome:
        yield f"told wrong: {row.key} is {row.outcome} for intake, {ours.outcome} for the agent"


def _turns(evidence: Evidence) -> Iterator[str]:
    said: dict[str, set[str]] = defaultdict(set)
    for part in evidence.parts:
        if part.turn_id:
            said[part.turn_id].add(part.kind)
    outcomes: dict[str, set[str]] = defaultdict(set)
    for message in evidence.messages:
        if message.outcome and message.turn_state not in {"committed", "failed"}:
            yield f"stale: {message.message_id} belongs to a turn that is {message.turn_state!r}"
        outcomes[message.turn_id].add(message.outcome)
    for turn_id, found in outcomes.items():
        for outcome in found:
            wanted = {
                "answered": {"answer"},
                "escalated": {"escalation_notice"},
                "failed": {"apology"},
            }.get(outcome, set())
            if said[turn_id] != wanted:
                yield f"turn {turn_id} is {outcome} and said {sorted(said[turn_id])}"
            if outcome == "failed" and evidence.dead_letters.get(turn_id, 0) != 1:
                yield f"turn {turn_id} failed and left {evidence.dead_letters.get(turn_id)} dead letters"


def _parts(evidence: Evidence) -> Iterator[str]:
    copies = Counter(handed.intent_id for handed in evidence.handed)
    taken_back = {handed.intent_id for handed in evidence.handed if handed.failed_later}
    known = {part.intent_id for part in evidence.parts}
    for intent_id in copies:
        if intent_id not in known:
            yield f"doubled: a provider took {intent_id}, which no commit knows"
    for part in evidence.parts:
        count = copies[part.intent_id]
        name = f"{part.kind} {part.intent_id} on {part.lane}"
        if part.intent_state not in FINAL:
            yield f"lost: {name} ended as {part.intent_state or 'nothing'}"
        # A web answer has no provider: recording it as sent is what shows it.
        if part.intent_state == "SENT" and count == 0 and not part.lane.endswith("/web_form"):
            yield f"lost: {name} is SENT and no provider took it"
        if count > 1 + part.resends:
            yield f"doubled: {name} was taken {count} times with {part.resends} resend(s)"
        # One whose outcome was unknown when a person took over is not sent again: it may have been taken once.
        if part.intent_state == "CANCELLED" and count > part.resends:
            yield f"doubled: {name} is CANCELLED and was taken"
        if part.intent_state == "REJECTED" and count and part.intent_id not in taken_back:
            yield f"told wrong: {name} is REJECTED and was taken"
        if part.intent_state in PERSONS_WORK and not part.escalated:
            yield f"silent: {name} is {part.intent_state} and nobody is told"


def _resends(evidence: Evidence) -> Iterator[str]:
    """A second copy is excused only where the witness could not show the first one in time."""
    taken: dict[str, list[Handed]] = defaultdict(list)
    for handed in evidence.handed:
        taken[handed.intent_id].append(handed)
    for part in evidence.parts:
        copies = taken[part.intent_id]
        if part.resends and evidence.never_resend:
            yield f"doubled: {part.intent_id} was sent again, which is switched off"
        window = evidence.windows.get(part.lane.rpartition("/")[2])
        if len(copies) < 2 or window is None:
            continue
        # A stopped process brings its request some seconds late; a third of the window leaves room for that.
        shown = min(handed.shown_after for handed in copies)
        if shown < window / 3:
            yield f"doubled: {part.intent_id} was sent again, the provider showed it after {shown:.3f} s"


def _order(evidence: Evidence) -> Iterator[str]:
    yield from _inbound_order(evidence)
    yield from _outbound_order(evidence)


def _inbound_order(evidence: Evidence) -> Iterator[str]:
    """Numbers have no gap, and on each side of a customer no later message is worked on before an earlier one."""
    held = {message.message_id: message for message in evidence.messages}
    handles: dict[str, list[InboxEnd]] = defaultdict(list)
    for row in evidence.inbox:
        if row.number:
            handles[row.handle].append(row)
    for handle, rows in handles.items():
        rows.sort(key=lambda row: row.number)
        if [row.number for row in rows] != list(range(1, len(rows) + 1)):
            yield f"order: {handle} has the numbers {[row.number for row in rows]}"
        ends: dict[str, list[datetime]] = defaultdict(list)
        for row in rows:
            message = held.get(row.message_id)
            if message is not None and message.turn_end is not None:
                ends[message.customer].append(message.turn_end)
        if any(times != sorted(times) for times in ends.values()):
            yield f"order: a later message of {handle} was answered before an earlier one"


def _outbound_order(evidence: Evidence) -> Iterator[str]:
    """What a conversation sends on a channel begins in the order of its numbers, and is taken in that order.

    A request of the AI whose outcome was unknown when a person took over may be taken after the person's reply:
    it began before, and nobody waits for it. So who took what when is compared within an epoch.
    """
    first: dict[str, Handed] = {}
    for handed in evidence.handed:
        first.setdefault(handed.intent_id, handed)
    lanes: dict[str, list[PartEnd]] = defaultdict(list)
    for part in evidence.parts:
        lanes[part.lane].append(part)
    for lane, parts in lanes.items():
        parts.sort(key=lambda part: part.number)
        if [part.number for part in parts] != list(range(1, len(parts) + 1)):
            yield f"order: {lane} has the numbers {[part.number for part in parts]}"
        taken = [(part.epoch, first[part.intent_id]) for part in parts if part.intent_id in first]
        begins = [handed.begin_time for _, handed in taken]
        places: dict[int, list[int]] = defaultdict(list)
        for epoch, handed in taken:
            places[epoch].append(handed.place)
        if begins != sorted(begins) or any(of != sorted(of) for of in places.values()):
            yield f"order: {lane} was sent in the order {dict(places)}, begun at {begins}"


def _ownership(evidence: Evidence) -> Iterator[str]:
    parts = {part.intent_id: part for part in evidence.parts}
    for held in evidence.held:
        for handed in evidence.handed:
            part = parts.get(handed.intent_id)
            if part is None or part.customer != held.customer or part.kind == "human_reply":
                continue
            if held.since < handed.begin_time < held.until:
                yield (
                    f"ownership: the {part.kind} {part.intent_id} of epoch {part.epoch} began at "
                    f"{handed.begin_time:.3f}, a person had the customer since {held.since:.3f}"
                )
