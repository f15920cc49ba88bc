"""The tables of the intent ledger in memory: what survives when the processes that use them die."""

import random
from collections import defaultdict
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from chassis.ledger import Row
from services.delivery.application.ports import AttemptEnd, Receipt, Status, Wish
from services.delivery.domain.intent import (
    Channel,
    Intent,
    IntentId,
    Kind,
    Progress,
    State,
    Step,
)
from tests.faults.simulation.memory_ledger import LedgerTableInMemory

_FAILED = frozenset({State.REJECTED, State.CANCELLED, State.PARKED, State.NEEDS_HUMAN})
_TELLING = frozenset({"sent", "delivered", "read"})
# The longest that a status waits for an intent it may belong to.
_STATUS_WAIT = timedelta(days=7)


@dataclass(slots=True, eq=False)
class AttemptRow:
    """One attempt; `outcome` is absent while it is under way, and for ever if its worker died."""

    start_time: datetime
    end_time: datetime | None = None
    outcome: str | None = None
    detail: str | None = None


@dataclass(slots=True, eq=False)
class IntentRow:
    """One intent and how far it has come."""

    intent: Intent
    state: State
    create_time: datetime
    next_attempt_time: datetime
    error: str | None = None
    final_time: datetime | None = None
    attempts: list[AttemptRow] = field(default_factory=list)
    resends: int = 0
    readings: int = 0
    deadline_time: datetime | None = None
    worker: str | None = None
    draft_id: str = ""
    unknown_time: datetime | None = None
    provider_id: str = ""
    provider_thread_id: str = ""
    provider_status: str = ""
    fetch_time: datetime | None = None

    @property
    def intent_id(self) -> IntentId:
        """The key of the row."""
        return self.intent.intent_id

    def receipt(self) -> Receipt:
        """Returns what the row's owner is told."""
        return Receipt(self.intent_id, self.state, self.provider_id, self.provider_thread_id)

    def progress(self, now: datetime) -> Progress:
        """Returns what a decision rests on."""
        return Progress(
            state=self.state,
            attempt=len(self.attempts),
            resends=self.resends,
            readings=self.readings,
            prepared=bool(self.draft_id),
            provider_id=self.provider_id,
            provider_status=self.provider_status,
            unknown_for=now - self.unknown_time if self.unknown_time else timedelta(),
            age=now - self.create_time,
        )

    @property
    def is_confirmed(self) -> bool:
        """Whether a sent message is surely ahead of the next one: its status says so, or was asked for."""
        return (
            self.intent.channel is not Channel.WHATSAPP
            or self.provider_status in _TELLING
            or self.fetch_time is not None
        )

    def in_flight(self, now: datetime) -> bool:
        """Tells whether its attempt may still send."""
        return (
            self.state is State.ATTEMPTING
            and self.deadline_time is not None
            and self.deadline_time > now
        )


@dataclass(slots=True, eq=False)
class StatusRow:
    """A provider's status that waits for its intent."""

    status: Status
    create_time: datetime


class IntentsInMemory:
    """All rows, indexed as the statements need them; `now` is the database's clock.

    A method is what a statement is: it sees and leaves a consistent state. `facts` counts metric facts,
    `corrections` is the ledger of what was taken back.
    """

    def __init__(self, now: Callable[[], datetime], jitter: random.Random) -> None:
        self.now = now
        self._jitter = jitter
        self.rows: dict[UUID, IntentRow] = {}
        self.in_state: dict[State, dict[UUID, IntentRow]] = {state: {} for state in State}
        self.min_epochs: dict[UUID, int] = {}
        self.waiting: dict[UUID, StatusRow] = {}
        self.facts = 0
        self.corrections = LedgerTableInMemory("delivery.corrections", now, jitter)
        self._lanes: dict[tuple[UUID, Channel, int], IntentRow] = {}
        self._answers: dict[tuple[UUID, Channel], list[IntentRow]] = defaultdict(list)
        self._providers: dict[tuple[Channel, str], IntentRow] = {}
        self._known_statuses: set[UUID] = set()
        self._notices: set[tuple[str, date]] = set()
        self._wishes: dict[tuple[Channel, str], Wish] = {}

    def insert(self, intent: Intent, state: State, error: str = "") -> bool:
        """Adds an intent; false if its id or its place in the conversation is taken."""
        place = _place(intent)
        if intent.intent_id in self.rows or (place is not None and place in self._lanes):
            return False
        now = self.now()
        row = IntentRow(intent, state, now, now, error or None, now if state.final else None)
        self.rows[intent.intent_id] = row
        self.in_state[state][intent.intent_id] = row
        self.min_epochs.setdefault(intent.conversation_id, 0)
        if place is not None:
            self._lanes[place] = row
            self._answers[intent.message_id, intent.channel].append(row)
        return True

    def due(self, channels: Container[Channel]) -> Iterator[IntentRow]:
        """Yields the pending intents of some channels whose time has come and that keep their order."""
        now = self.now()
        for row in self.in_state[State.PENDING].values():
            if (
                row.intent.channel in channels
                and row.next_attempt_time <= now
                and self._in_order(row)
            ):
                yield row

    def held_up(self, final_before: datetime) -> Iterator[tuple[IntentRow, IntentRow]]:
        """Yields each sent message that was not confirmed in time and is due, with the one that waits for it."""
        now = self.now()
        for row in self.in_state[State.PENDING].values():
            if row.intent.channel is not Channel.WHATSAPP:
                continue
            before = self._before(row.intent)
            if (
                before is not None
                and before.state is State.SENT
                and not before.is_confirmed
                and before.final_time is not None
                and before.final_time <= final_before
                and before.next_attempt_time <= now
            ):
                yield before, row

    def refusal(self, row: IntentRow) -> str:
        """Returns why a due intent must not go; empty if it may."""
        intent = row.intent
        if intent.epoch < self.min_epochs[intent.conversation_id]:
            return "below_fence"
        wish = self._wishes.get((intent.channel, _address(intent.letter.recipient)))
        if wish is not None and wish.stopped:
            return "recipient_stopped"
        if intent.send_seq is None:
            return ""
        parts = self._answers[intent.message_id, intent.channel]
        if any(
            part.state in _FAILED and (part.intent.send_seq or 0) < intent.send_seq
            for part in parts
        ):
            return "earlier_part_failed"
        return ""

    def attempt(self, row: IntentRow, worker: str, seconds: float) -> None:
        """Begins an attempt."""
        now = self.now()
        self._move(row, State.ATTEMPTING)
        row.attempts.append(AttemptRow(now))
        row.worker = worker
        row.deadline_time = row.next_attempt_time = now + timedelta(seconds=seconds)

    def cancel(self, row: IntentRow, reason: str) -> None:
        """Cancels an intent that waits, or parks it if its recipient stopped us before it was made."""
        intent = row.intent
        wish = self._wishes.get((intent.channel, _address(intent.letter.recipient)))
        parks = (
            reason == "recipient_stopped"
            and wish is not None
            and (row.create_time > wish.time or intent.kind is Kind.HUMAN_REPLY)
        )
        self._move(row, State.PARKED if parks else State.CANCELLED)
        row.error = reason
        row.final_time = self.now()
        self.facts += 1

    def end_attempt(self, row: IntentRow, end: AttemptEnd) -> None:
        """Records how an attempt ended; one that never began is left out."""
        if 1 <= end.number <= len(row.attempts):
            attempt = row.attempts[end.number - 1]
            attempt.end_time, attempt.outcome = self.now(), end.outcome
            attempt.detail = end.detail or None

    def takes_anothers_id(self, row: IntentRow, step: Step) -> bool:
        """Tells whether the step would give an intent the provider id of another one."""
        holder = self.holder(row.intent.channel, step.provider_id)
        return holder is not None and holder is not row

    def step(self, row: IntentRow, step: Step) -> None:
        """Applies a decision; a tenth of the wait either way keeps many intents from moving in step."""
        now = self.now()
        row.next_attempt_time = now + step.wait * (0.9 + self._jitter.random() * 0.2)
        row.resends, row.readings = step.resends, step.readings
        self._name(row, step.provider_id)
        row.provider_thread_id = step.provider_thread_id or row.provider_thread_id
        row.provider_status = step.provider_status
        row.error = None if step.state is State.SENT else step.error or row.error
        if step.state is not State.UNKNOWN:
            row.unknown_time = None
        elif row.state is not State.UNKNOWN:
            row.unknown_time = now
        if step.state is not State.ATTEMPTING:
            row.deadline_time = row.worker = None
        row.final_time = (row.final_time or now) if step.state.final else None
        if step.fetched:
            row.fetch_time = now
        self._move(row, step.state)

    def holder(self, channel: Channel, provider_id: str) -> IntentRow | None:
        """Returns the intent that has a provider id."""
        return self._providers.get((channel, provider_id)) if provider_id else None

    def add_correction(self, row: IntentRow) -> None:
        """Notes once that a sent message was taken back; raises `ValueError` for any other outcome."""
        if row.state is not State.REJECTED:
            raise ValueError(f"{row.state} corrects nothing")
        payload = row.state.outcome.encode()
        self.corrections.insert(Row(row.intent_id, "corrections", payload=payload))

    def add_notice(self, notice: Intent) -> None:
        """Adds a notice unless its address had one today (UTC)."""
        key = (notice.letter.recipient.strip().lower(), self.now().date())
        if key not in self._notices:
            self._notices.add(key)
            self.insert(notice, State.PENDING)

    def note_wish(self, wish: Wish) -> None:
        """Keeps a wish unless there is a newer one."""
        key = (wish.channel, _address(wish.recipient))
        known = self._wishes.get(key)
        if known is None or wish.time > known.time:
            self._wishes[key] = wish

    def add_status(self, status: Status) -> None:
        """Adds a status; a repeat changes nothing."""
        if status.row_id not in self._known_statuses:
            self._known_statuses.add(status.row_id)
            self.waiting[status.row_id] = StatusRow(status, self.now())

    def found_statuses(self, limit: int) -> list[tuple[Status, IntentRow]]:
        """Returns the waiting statuses whose intents are known, each intent's oldest first."""
        oldest = self.now() - _STATUS_WAIT
        found = []
        for waiting in self.waiting.values():
            status = waiting.status
            row = (
                self.holder(status.channel, status.provider_id)
                if status.intent_id is None
                else self.rows.get(status.intent_id)
            )
            if row is not None and waiting.create_time > oldest:
                order = (row.intent_id, waiting.create_time, status.row_id)
                found.append((order, (status, row)))
        found.sort(key=lambda pair: pair[0])
        return [pair for _, pair in found[:limit]]

    def _before(self, intent: Intent) -> IntentRow | None:
        """The last row before it that was not cancelled; none while the number before it is missing."""
        if not self._has_number_before(intent):
            return None
        for number in range((intent.send_seq or 1) - 1, 0, -1):
            row = self._lanes.get((intent.conversation_id, intent.channel, number))
            if row is not None and row.state is not State.CANCELLED:
                return row
        return None

    def _has_number_before(self, intent: Intent) -> bool:
        number = (intent.send_seq or 1) - 1
        return (intent.conversation_id, intent.channel, number) in self._lanes

    def _in_order(self, row: IntentRow) -> bool:
        intent = row.intent
        if intent.send_seq is None or intent.send_seq == 1:
            return True
        if not self._has_number_before(intent):
            return False
        before = self._before(intent)
        if before is None:
            return True
        if before.state is State.SENT:
            return before.is_confirmed
        if before.state is State.UNKNOWN:
            return before.intent.epoch < self.min_epochs[intent.conversation_id]
        return before.state in _FAILED

    def _move(self, row: IntentRow, state: State) -> None:
        if state is not row.state:
            del self.in_state[row.state][row.intent_id]
            self.in_state[state][row.intent_id] = row
            row.state = state

    def _name(self, row: IntentRow, provider_id: str) -> None:
        if provider_id != row.provider_id:
            self._providers.pop((row.intent.channel, row.provider_id), None)
            if provider_id:
                self._providers[row.intent.channel, provider_id] = row
            row.provider_id = provider_id


def _address(recipient: str) -> str:
    return recipient.strip().lower()


def is_awaited(row: IntentRow) -> bool:
    """Tells whether somebody waits for the receipt; nobody does for a notice."""
    return row.intent.kind is not Kind.WEB_NOTICE


def _place(intent: Intent) -> tuple[UUID, Channel, int] | None:
    if intent.send_seq is None:
        return None
    return intent.conversation_id, intent.channel, intent.send_seq
