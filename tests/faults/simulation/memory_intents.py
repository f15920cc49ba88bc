"""The intent ledger's port over rows in memory, statement by statement what its Postgres adapter does."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from chassis.database import AWAY
from services.delivery.application.ports import (
    Applied,
    Attempt,
    AttemptEnd,
    Claimed,
    Decide,
    DecideStatus,
    Doubt,
    Prepared,
    Raised,
    Receipt,
    Status,
    StoreAway,
    Unconfirmed,
    Wish,
)
from services.delivery.domain.breaker import Phase
from services.delivery.domain.intent import (
    Channel,
    Intent,
    IntentId,
    State,
    Step,
)
from tests.faults.simulation.boundary import Io
from tests.faults.simulation.memory_intent_rows import IntentRow, IntentsInMemory, is_awaited

_RECENT_LIMIT = 1000
_ORPHANS_LIMIT = 100


class MemoryIntentStore:
    """One process's way to the rows; `follower_wait_seconds` is a WhatsApp follower's wait."""

    def __init__(self, intents: IntentsInMemory, io: Io, follower_wait_seconds: float) -> None:
        self._intents = intents
        self._io = io
        self._follower_wait = timedelta(seconds=follower_wait_seconds)

    async def receipts(self, row_ids: Sequence[UUID]) -> dict[UUID, Receipt]:
        """Returns the newest receipt of each row that is known."""
        async with self._transaction("receipts") as db:
            return {r: db.rows[r].receipt() for r in row_ids if r in db.rows}

    async def recent_receipts(self, seconds: float) -> list[Receipt]:
        """Returns the receipts of what became final within the last seconds, at most 1,000."""
        async with self._transaction("recent_receipts") as db:
            since = db.now() - timedelta(seconds=seconds)
            final = [
                (row.final_time, row)
                for row in db.rows.values()
                if row.final_time is not None and row.final_time > since and is_awaited(row)
            ]
            final.sort(key=lambda pair: pair[0], reverse=True)
            return [row.receipt() for _, row in final[:_RECENT_LIMIT]]

    async def insert(self, intents: Sequence[tuple[Intent, str]]) -> None:
        """Takes intents over; one with a reason beside it is stored as CANCELLED, a known one stays."""
        if not intents:
            return
        async with self._transaction("insert") as db:
            for intent, refusal in sorted(intents, key=lambda pair: pair[0].intent_id):
                db.min_epochs.setdefault(intent.conversation_id, 0)
                state = State.CANCELLED if refusal else State.PENDING
                if db.insert(intent, state, refusal) and refusal:
                    db.facts += 1

    async def claim(self, room: Mapping[Channel, int], worker: str, seconds: float) -> Claimed:
        """Commits ATTEMPTING for intents that may go now, in order and above their fence."""
        async with self._transaction("claim") as db:
            if not db.in_state[State.PENDING]:
                return Claimed()
            left = dict(room)
            found: list[IntentRow] = []
            for row in sorted(db.due(left), key=lambda r: r.next_attempt_time):
                if left[row.intent.channel] > 0:
                    left[row.intent.channel] -= 1
                    found.append(row)
            # A statement sees the rows as they were: no refusal rests on what it changes itself.
            refusals = [(row, db.refusal(row)) for row in found]
            for row, refusal in refusals:
                if refusal:
                    db.cancel(row, refusal)
                else:
                    db.attempt(row, worker, seconds)
            return Claimed(
                tuple(
                    Attempt(
                        row.intent,
                        len(row.attempts),
                        seconds,
                        row.draft_id,
                        row.attempts[-1].start_time,
                    )
                    for row, refusal in refusals
                    if not refusal
                ),
                _refused([row for row, refusal in refusals if refusal]),
            )

    async def overdue(self, channel: Channel, seconds: float, limit: int) -> Sequence[IntentId]:
        """Returns intents older than `seconds` that `claim` could take now, if there were room."""
        async with self._transaction("overdue") as db:
            if not db.in_state[State.PENDING]:
                return []
            oldest = db.now() - timedelta(seconds=seconds)
            found = [row for row in db.due({channel}) if row.create_time <= oldest]
            found.sort(key=lambda row: row.create_time)
            return [row.intent_id for row in found[:limit]]

    async def save_preparation(self, attempt: Attempt, prepared: Prepared) -> bool:
        """Keeps the saved step; false if the attempt is not ours any more."""
        async with self._transaction("save_preparation") as db:
            row = db.rows.get(attempt.intent.intent_id)
            if row is None or len(row.attempts) != attempt.number or not row.in_flight(db.now()):
                return False
            row.draft_id = prepared.draft_id
            row.provider_thread_id = prepared.thread_id
            return True

    async def change(
        self,
        intent_id: IntentId,
        decide: Decide,
        *,
        end: AttemptEnd | None = None,
        notice: Intent | None = None,
    ) -> Receipt | None:
        """Applies a decision to a row; returns the receipt of an intent that became final."""
        async with self._transaction("change") as db:
            row = db.rows.get(intent_id)
            if row is None:
                return None
            step = decide(row.progress(db.now()))
            if step is not None and db.takes_anothers_id(row, step):
                return None  # The unique key undoes all of the transaction.
            if end is not None:
                db.end_attempt(row, end)
            return None if step is None else _apply(db, row, step, notice)

    async def doubts(self, limit: int, hold_seconds: float) -> Sequence[Doubt]:
        """Claims unknown intents whose witness is due, by moving their next look."""
        async with self._transaction("doubts") as db:
            now = db.now()
            due = [
                row for row in db.in_state[State.UNKNOWN].values() if row.next_attempt_time <= now
            ]
            due.sort(key=lambda row: row.next_attempt_time)
            for row in due[:limit]:
                row.next_attempt_time = now + timedelta(seconds=hold_seconds)
            return [
                Doubt(row.intent, row.draft_id, row.provider_thread_id, row.attempts[0].start_time)
                for row in due[:limit]
            ]

    async def unconfirmed(self, limit: int, hold_seconds: float) -> Sequence[Unconfirmed]:
        """Claims sent WhatsApp intents without a telling status that hold a pending follower for too long."""
        async with self._transaction("unconfirmed") as db:
            if not db.in_state[State.PENDING]:
                return []
            now = db.now()
            held = list(db.held_up(now - self._follower_wait))
            held.sort(key=lambda pair: pair[0].next_attempt_time)
            for row, _ in held[:limit]:
                row.next_attempt_time = now + timedelta(seconds=hold_seconds)
            return [
                Unconfirmed(row.intent, row.provider_id, follower.intent_id)
                for row, follower in held[:limit]
            ]

    async def known_elsewhere(self, channel: Channel, provider_ids: Sequence[str]) -> set[str]:
        """Returns those of the provider ids that other intents already have."""
        if not provider_ids:
            return set()
        async with self._transaction("known_elsewhere") as db:
            return {found for found in provider_ids if db.holder(channel, found) is not None}

    async def orphans(self, worker: str | None) -> Sequence[tuple[IntentId, Channel]]:
        """Returns attempts past their deadline; with a worker's name all of its attempts."""
        async with self._transaction("orphans") as db:
            now = db.now()
            dead = [
                row
                for row in db.in_state[State.ATTEMPTING].values()
                if not row.in_flight(now) or row.worker == worker
            ]
            dead.sort(key=lambda row: row.intent_id)
            return [(row.intent_id, row.intent.channel) for row in dead[:_ORPHANS_LIMIT]]

    async def add_statuses(self, statuses: Sequence[Status]) -> None:
        """Takes statuses over; a repeat changes nothing."""
        if not statuses:
            return
        async with self._transaction("add_statuses") as db:
            for status in statuses:
                db.add_status(status)

    async def note_wishes(self, wishes: Sequence[Wish]) -> None:
        """Keeps the newest wish of each recipient; an older one changes nothing."""
        if not wishes:
            return
        async with self._transaction("note_wishes") as db:
            for wish in wishes:
                db.note_wish(wish)

    async def apply_statuses(self, decide: DecideStatus, limit: int) -> Applied:
        """Applies waiting statuses to their intents; those without one keep waiting."""
        receipts: dict[UUID, Receipt] = {}
        copies: list[tuple[UUID, str]] = []
        async with self._transaction("apply_statuses") as db:
            found = db.found_statuses(limit) if db.waiting else []
            for status, row in found:
                del db.waiting[status.row_id]
                progress = row.progress(db.now())
                if progress.provider_id and progress.provider_id != status.provider_id:
                    copies.append((row.intent_id, status.provider_id))
                    continue
                step = decide(progress, status)
                if step is None or db.takes_anothers_id(row, step):
                    continue
                receipt = _apply(db, row, step, None)
                if receipt is not None:
                    receipts[receipt.row_id] = receipt
        return Applied(len(found), tuple(receipts.values()), tuple(copies))

    async def raise_fence(self, conversation_id: UUID, min_epoch: int) -> Raised:
        """Raises a conversation's fence, never lowers it, and cancels what waits below it."""
        async with self._transaction("raise_fence") as db:
            raised = max(db.min_epochs.get(conversation_id, min_epoch), min_epoch)
            db.min_epochs[conversation_id] = raised
            now = db.now()
            pending, attempting = (
                [
                    row
                    for row in db.in_state[state].values()
                    if row.intent.conversation_id == conversation_id and row.intent.epoch < raised
                ]
                for state in (State.PENDING, State.ATTEMPTING)
            )
            for row in pending:
                db.cancel(row, "below_fence")
            return Raised(_refused(pending), sum(row.in_flight(now) for row in attempting))

    async def note_health(self, channel: Channel, phase: Phase) -> None:
        """Counts a metric fact about a provider's breaker."""
        async with self._transaction("note_health") as db:
            db.facts += 1

    @asynccontextmanager
    async def _transaction(self, name: str) -> AsyncIterator[IntentsInMemory]:
        try:
            await self._io.request(f"delivery.intents.{name}")
            yield self._intents
            await self._io.response(f"delivery.intents.{name}")
        except AWAY as error:
            raise StoreAway(type(error).__name__) from error


def _apply(
    db: IntentsInMemory, row: IntentRow, step: Step, notice: Intent | None
) -> Receipt | None:
    before = row.state
    db.step(row, step)
    if step.state is before or not step.state.final:
        return None
    if before.final:
        db.add_correction(row)
    db.facts += 1
    if step.state is State.SENT and notice is not None:
        db.add_notice(notice)
    return row.receipt() if is_awaited(row) else None


def _refused(rows: Sequence[IntentRow]) -> tuple[Receipt, ...]:
    return tuple(Receipt(row.intent_id, row.state) for row in rows if is_awaited(row))
