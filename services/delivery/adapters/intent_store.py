"""The intent ledger in Postgres: each method one short transaction, its statements in `statements`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog

from chassis.database import AWAY, Connection, Pool
from fte.metrics.v1 import metrics_events_pb2 as metrics
from services.delivery.adapters import intent_records as read
from services.delivery.adapters import mapping
from services.delivery.adapters import statements as sql
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
    Kind,
    State,
    Step,
)

log = structlog.get_logger(__name__)


class PostgresIntentStore:
    """`follower_wait_seconds` is how long a WhatsApp follower waits before the status is asked for."""

    def __init__(self, pool: Pool, follower_wait_seconds: float) -> None:
        self._pool = pool
        self._follower_wait = follower_wait_seconds

    async def receipts(self, row_ids: Sequence[UUID]) -> dict[UUID, Receipt]:
        """Returns the newest receipt of each row that is known."""
        async with self._connection() as connection:
            rows = await connection.fetch(sql.RECEIPTS, list(row_ids))
        return {row["intent_id"]: read.receipt(row) for row in rows}

    async def recent_receipts(self, seconds: float) -> list[Receipt]:
        """Returns the receipts of what became final within the last seconds, at most 1,000."""
        async with self._connection() as connection:
            rows = await connection.fetch(sql.RECENT_RECEIPTS, seconds)
        return [read.receipt(row) for row in rows]

    async def insert(self, intents: Sequence[tuple[Intent, str]]) -> None:
        """Takes intents over; one with a reason beside it is stored as CANCELLED, a known one stays."""
        if not intents:
            return
        async with self._transaction() as connection:
            conversations = sorted({intent.conversation_id for intent, _ in intents})
            await connection.execute(sql.ENSURE_FENCES, conversations)
            for intent, refusal in sorted(intents, key=lambda pair: pair[0].intent_id):
                state = State.CANCELLED if refusal else State.PENDING
                if await self._insert(connection, intent, state, refusal) and refusal:
                    await self._add_delivery_fact(connection, intent, state, None)

    async def claim(self, room: Mapping[Channel, int], worker: str, seconds: float) -> Claimed:
        """Commits ATTEMPTING for intents that may go now, in order and above their fence."""
        async with self._connection() as connection:
            found = await connection.fetch(sql.CANDIDATES, list(room), list(room.values()))
            if not found:
                return Claimed()
            async with connection.transaction():
                fences = sorted({row["conversation_id"] for row in found})
                await connection.execute(sql.HOLD_FENCES, fences)
                moved = await connection.fetch(
                    sql.CLAIM, [row["intent_id"] for row in found], worker, seconds
                )
                refused = [row for row in moved if row["state"] != State.ATTEMPTING]
                for row in refused:
                    intent = mapping.stored_intent(row["content"], row["kind"])
                    await self._add_delivery_fact(connection, intent, State(row["state"]), None)
        return Claimed(
            tuple(read.attempt(row, seconds) for row in moved if row["state"] == State.ATTEMPTING),
            read.refused(refused),
        )

    async def overdue(self, channel: Channel, seconds: float, limit: int) -> Sequence[IntentId]:
        """Returns intents older than `seconds` that `claim` could take now, if there were room."""
        async with self._connection() as connection:
            rows = await connection.fetch(sql.OVERDUE, channel, seconds, limit)
        return [IntentId(row["intent_id"]) for row in rows]

    async def save_preparation(self, attempt: Attempt, prepared: Prepared) -> bool:
        """Keeps the saved step; false if the attempt is not ours any more."""
        async with self._connection() as connection:
            saved = await connection.fetchval(
                sql.SAVE_PREPARATION,
                attempt.intent.intent_id,
                attempt.number,
                prepared.draft_id,
                prepared.thread_id,
            )
        return saved is not None

    async def change(
        self,
        intent_id: IntentId,
        decide: Decide,
        *,
        end: AttemptEnd | None = None,
        notice: Intent | None = None,
    ) -> Receipt | None:
        """Applies a decision under the row's lock; returns the receipt of an intent that became final."""
        try:
            async with self._transaction() as connection:
                row = await connection.fetchrow(sql.LOCK, intent_id)
                if row is None:
                    return None
                if end is not None:
                    await connection.execute(
                        sql.END_ATTEMPT, intent_id, end.number, end.outcome, end.detail
                    )
                step = decide(read.progress(row))
                if step is None:
                    return None
                return await self._apply(connection, row, step, notice)
        except asyncpg.UniqueViolationError:
            # Two doubts saw the same message; the later one looks again and finds it taken.
            log.warning("provider id already taken", intent_id=intent_id)
            return None

    async def doubts(self, limit: int, hold_seconds: float) -> Sequence[Doubt]:
        """Claims unknown intents whose witness is due, by moving their next look."""
        async with self._connection() as connection:
            rows = await connection.fetch(sql.DOUBTS, limit, hold_seconds)
        return [
            Doubt(
                mapping.stored_intent(row["content"], row["kind"]),
                row["draft_id"] or "",
                row["provider_thread_id"] or "",
                row["first_attempt_time"],
            )
            for row in rows
        ]

    async def unconfirmed(self, limit: int, hold_seconds: float) -> Sequence[Unconfirmed]:
        """Claims sent WhatsApp intents without a telling status that hold a pending follower for too long."""
        async with self._connection() as connection:
            rows = await connection.fetch(sql.UNCONFIRMED, limit, hold_seconds, self._follower_wait)
        return [
            Unconfirmed(
                mapping.stored_intent(row["content"], row["kind"]),
                row["provider_id"] or "",
                IntentId(row["follower_id"]),
            )
            for row in rows
        ]

    async def known_elsewhere(self, channel: Channel, provider_ids: Sequence[str]) -> set[str]:
        """Returns those of the provider ids that other intents already have."""
        if not provider_ids:
            return set()
        async with self._connection() as connection:
            rows = await connection.fetch(sql.KNOWN, channel, list(provider_ids))
        return {row["provider_id"] for row in rows}

    async def orphans(self, worker: str | None) -> Sequence[tuple[IntentId, Channel]]:
        """Returns attempts past their deadline; with a worker's name all of its attempts."""
        async with self._connection() as connection:
            rows = await connection.fetch(sql.ORPHANS, worker)
        return [(IntentId(row["intent_id"]), Channel(row["channel"])) for row in rows]

    async def add_statuses(self, statuses: Sequence[Status]) -> None:
        """Takes statuses over; a repeat changes nothing."""
        if not statuses:
            return
        async with self._connection() as connection:
            await connection.execute(
                sql.ADD_STATUSES,
                [s.row_id for s in statuses],
                [s.channel.value for s in statuses],
                [s.provider_id for s in statuses],
                [s.intent_id for s in statuses],
                [s.status for s in statuses],
                [s.error_code for s in statuses],
            )

    async def note_wishes(self, wishes: Sequence[Wish]) -> None:
        """Keeps the newest wish of each recipient; an older one changes nothing."""
        newest = {
            (wish.channel, read.address_hash(wish.recipient)): wish
            for wish in sorted(wishes, key=lambda wish: wish.time)
        }
        if not newest:
            return
        async with self._connection() as connection:
            await connection.execute(
                sql.NOTE_WISHES,
                [channel.value for channel, _ in newest],
                [address for _, address in newest],
                [wish.stopped for wish in newest.values()],
                [wish.time for wish in newest.values()],
            )

    async def apply_statuses(self, decide: DecideStatus, limit: int) -> Applied:
        """Applies waiting statuses to their intents; those without one keep waiting."""
        try:
            async with self._transaction() as connection:
                return await self._apply_statuses(connection, decide, limit)
        except asyncpg.UniqueViolationError:
            # Somebody else committed the provider id of one of them meanwhile; all are looked at again.
            log.warning("provider id already taken")
            return Applied()

    async def raise_fence(self, conversation_id: UUID, min_epoch: int) -> Raised:
        """Raises a conversation's fence, never lowers it, and cancels what waits below it."""
        async with self._transaction() as connection:
            await connection.execute(sql.RAISE_FENCE, conversation_id, min_epoch)
            rows = await connection.fetch(sql.CANCEL_BELOW, conversation_id)
            for row in rows:
                await self._add_fact(
                    connection,
                    mapping.delivery_fact(Channel(row["channel"]), State.CANCELLED, None),
                )
            in_flight = await connection.fetchval(sql.COUNT_BELOW, conversation_id)
        return Raised(read.refused(rows), int(in_flight or 0))

    async def note_health(self, channel: Channel, phase: Phase) -> None:
        """Records a metric fact about a provider's breaker."""
        async with self._connection() as connection:
            await self._add_fact(connection, mapping.health_fact(channel, phase))

    async def _apply_statuses(
        self, connection: Connection, decide: DecideStatus, limit: int
    ) -> Applied:
        receipts: dict[UUID, Receipt] = {}
        copies: list[tuple[UUID, str]] = []
        waiting = await connection.fetch(sql.WAITING_STATUSES, limit)
        for found in waiting:
            status = read.status(found)
            row = await connection.fetchrow(sql.LOCK, found["intent_id"])
            if row is None:
                continue
            progress = read.progress(row)
            if progress.provider_id and progress.provider_id != status.provider_id:
                copies.append((found["intent_id"], status.provider_id))
                continue
            step = decide(progress, status)
            if step is None or await self._takes_anothers_id(connection, row, step):
                continue
            receipt = await self._apply(connection, row, step, None)
            if receipt is not None:
                receipts[receipt.row_id] = receipt
        await connection.execute(sql.MARK_APPLIED, [row["row_id"] for row in waiting])
        return Applied(len(waiting), tuple(receipts.values()), tuple(copies))

    async def _takes_anothers_id(
        self, connection: Connection, row: asyncpg.Record, step: Step
    ) -> bool:
        # A doubt about the same words may have found this message first. Asked before, because the unique key
        # would undo the other statuses too, and this one would stop them for ever.
        if step.provider_id == (row["provider_id"] or ""):
            return False
        taken = await connection.fetchval(sql.KNOWN, row["channel"], [step.provider_id])
        if taken is not None:
            log.warning("provider id already taken", intent_id=row["intent_id"])
        return taken is not None

    async def _apply(
        self, connection: Connection, row: asyncpg.Record, step: Step, notice: Intent | None
    ) -> Receipt | None:
        before = State(row["state"])
        await connection.execute(
            sql.STEP,
            row["intent_id"],
            step.state,
            step.wait.total_seconds(),
            step.resends,
            step.readings,
            step.provider_id,
            step.provider_thread_id,
            step.provider_status,
            step.error,
            step.state.final,
            step.fetched,
        )
        if step.state is before or not step.state.final:
            return None
        intent = mapping.stored_intent(row["content"], row["kind"])
        if before.final:
            # The agent may have closed its row as sent: no receipt would open it again.
            await connection.execute(
                sql.ADD_CORRECTION,
                intent.intent_id,
                step.state.outcome,
                read.detail(step.state, step.error),
            )
            await self._add_fact(connection, mapping.undelivered_fact(intent.channel))
        else:
            # Seen by a witness it was handed over when it was attempted, not when it was seen.
            handed = row["now"] if before is State.ATTEMPTING else row["attempt_time"]
            await self._add_delivery_fact(connection, intent, step.state, handed)
        if step.state is State.SENT and notice is not None:
            await self._add_notice(connection, notice)
        if intent.kind is Kind.WEB_NOTICE:
            return None  # Nobody waits for it.
        thread_id = step.provider_thread_id or row["provider_thread_id"] or ""
        detail = read.detail(step.state, step.error)
        return Receipt(row["intent_id"], step.state, step.provider_id, thread_id, detail=detail)

    async def _add_notice(self, connection: Connection, notice: Intent) -> None:
        first = await connection.fetchval(
            sql.ADD_NOTICE, read.address_hash(notice.letter.recipient), notice.intent_id
        )
        if first is not None:
            await self._insert(connection, notice, State.PENDING, "")

    async def _insert(
        self, connection: Connection, intent: Intent, state: State, error: str
    ) -> bool:
        made = await connection.fetchval(
            sql.INSERT_INTENT,
            intent.intent_id,
            intent.kind,
            intent.message_id,
            intent.conversation_id,
            intent.customer_id,
            intent.channel,
            intent.send_seq,
            intent.epoch,
            intent.last_part,
            mapping.content_of(intent),
            state,
            error or None,
            read.address_hash(intent.letter.recipient),
        )
        return made is not None

    async def _add_delivery_fact(
        self, connection: Connection, intent: Intent, state: State, handed: datetime | None
    ) -> None:
        due = intent.letter.due_time
        latency = None
        if state is State.SENT and handed is not None and due is not None:
            latency = (handed - due).total_seconds() * 1000
        await self._add_fact(connection, mapping.delivery_fact(intent.channel, state, latency))

    async def _add_fact(self, connection: Connection, fact: metrics.Fact) -> None:
        await connection.execute(sql.ADD_FACT, UUID(fact.fact_id), fact.SerializeToString())

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.acquire() as connection:
                yield connection
        except AWAY as error:
            raise StoreAway(type(error).__name__) from error

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        async with self._connection() as connection, connection.transaction():
            yield connection
