"""The inbox on a real PostgreSQL: its locks, ledgers and columns. The port has a suite of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from chassis.database import Pool, open_pool
from chassis.ledger import Receipt, Row
from services.intake.adapters.http.mailbox_health import described
from services.intake.adapters.inbox import Ledgers, PostgresInbox, ledgers
from services.intake.adapters.mail_cursors import (
    MailboxState,
    PostgresMailCursors,
    mailbox_states,
)
from services.intake.application.messages import (
    Assurance,
    Channel,
    Handle,
    HandleType,
    InboundMessage,
    ProviderStatus,
    SuppressReason,
)
from services.intake.application.ports import Cursor, Watch
from tests.integration.postgres import Database
from tests.unit.intake.intake_fakes import NOW

ADA = Handle(HandleType.PHONE, "+15550100")


@dataclass
class Topics:
    """Keeps what was published, by topic."""

    rows: list[tuple[str, Row]] = field(default_factory=list)

    async def publish(self, topic: str, rows: Sequence[Row]) -> None:
        """Keeps the rows."""
        self.rows.extend((topic, row) for row in rows)

    async def has(self, topics: int) -> bool:
        """Tells whether rows of so many topics came."""
        return len({topic for topic, _ in self.rows}) == topics


@dataclass
class Store:
    """The inbox under test with its ledgers and what they published."""

    pool: Pool
    inbox: PostgresInbox
    drive: Ledgers
    topics: Topics


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    pool = await open_pool(database.url("fte_intake"), 8, application="test")
    topics = Topics()
    drive = ledgers(pool, topics.publish, topics.publish)
    try:
        yield Store(pool, PostgresInbox(pool, drive), drive, topics)
    finally:
        await pool.close()


def message(
    provider_id: str,
    handle: Handle | None = ADA,
    suppress_reason: SuppressReason | None = None,
    body: str = "Hi",
) -> InboundMessage:
    return InboundMessage(
        channel=Channel.WHATSAPP,
        account="AC1",
        provider_id=provider_id,
        handle=handle,
        assurance=Assurance.VERIFIED,
        raw=b"raw",
        body=body,
        suppress_reason=suppress_reason,
    )


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110 - the database has no event for it
            await asyncio.sleep(0.01)


async def somebody_waits(pool: Pool) -> bool:
    waiting = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')"
    return bool(await pool.fetchval(waiting))


async def announced(pool: Pool) -> bool:
    unsettled = "SELECT count(*) FROM intake.announcements WHERE state <> 'settled'"
    return not await pool.fetchval(unsettled)


async def sequences(pool: Pool) -> dict[UUID, list[int]]:
    rows = await pool.fetch(
        "SELECT handle_id, array_agg(inbox_seq ORDER BY inbox_seq) AS seqs "
        "FROM intake.inbox_order GROUP BY handle_id"
    )
    return {row["handle_id"]: list(row["seqs"]) for row in rows}


async def test_every_message_is_announced_once_however_often_it_comes(store: Store) -> None:
    await asyncio.gather(*(store.inbox.accept(message(f"m{n % 5}")) for n in range(20)))
    quiet = await store.inbox.accept(message("q", suppress_reason=SuppressReason.OWN_MESSAGE))
    await store.inbox.accept(message("n", None, SuppressReason.NO_SENDER))
    # One without a handle has nobody to be announced for.
    assert await store.pool.fetchval("SELECT count(*) FROM intake.announcements") == 6
    reason = "SELECT suppress_reason FROM intake.inbox WHERE inbox_id = $1"
    assert await store.pool.fetchval(reason, quiet.inbox_id) == "own_message"


async def test_a_transaction_that_dies_leaves_no_gap(store: Store, database: Database) -> None:
    await store.inbox.accept(message("a"))
    # Another process stands between insert and commit when it dies.
    other = await asyncpg.connect(database.url("fte_intake"))
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE intake.handles SET last_seq = last_seq + 1")
    waiting = asyncio.create_task(store.inbox.accept(message("b")))
    await until(lambda: somebody_waits(store.pool))
    other.terminate()
    assert (await asyncio.wait_for(waiting, 10)).inbox_seq == 2
    assert list((await sequences(store.pool)).values()) == [[1, 2]]


async def test_a_number_is_counted_from_what_others_committed(
    store: Store, database: Database
) -> None:
    await store.inbox.accept(message("a"))
    other = await asyncpg.connect(database.url("fte_intake"))
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE intake.handles SET last_seq = last_seq + 1")
    waiting = asyncio.create_task(store.inbox.accept(message("b")))
    await until(lambda: somebody_waits(store.pool))
    await transaction.commit()
    assert (await asyncio.wait_for(waiting, 10)).inbox_seq == 3
    await other.close()


async def test_rows_are_hinted_after_the_commit_and_close_on_receipts(store: Store) -> None:
    running = [
        asyncio.create_task(ledger.run())
        for ledger in (store.drive.inbox, store.drive.announcements)
    ]
    accepted = await store.inbox.accept(message("a"))
    status = ProviderStatus(Channel.WHATSAPP, "AC1", "SM1", "sent", "", "", b"raw")
    reported = await store.inbox.accept_status(status)
    assert not (await store.inbox.accept_status(status)).is_new
    try:
        await until(lambda: store.topics.has(3))
        receipts = [
            Receipt(accepted.inbox_id, settled=True, outcome="answered"),
            Receipt(reported.inbox_id, settled=True),
        ]
        await store.drive.inbox.receive(receipts)
        await until(lambda: announced(store.pool))
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    topics = dict(store.topics.rows)
    handle_id = await store.pool.fetchval("SELECT handle_id FROM intake.handles")
    assert topics["fte.tickets.incoming"].row_id == accepted.inbox_id
    assert topics["fte.tickets.incoming"].group_id == handle_id
    assert topics["fte.channels.status"].row_id == reported.inbox_id
    assert topics["fte.channels.status"].group_id == reported.inbox_id
    assert b"Hi" not in topics["fte.channels.whatsapp.inbound"].payload
    rows = await store.pool.fetch("SELECT state, outcome FROM intake.inbox ORDER BY kind")
    assert [tuple(row) for row in rows] == [("settled", "answered"), ("settled", None)]


async def test_the_sweeper_finds_what_no_hint_named(store: Store) -> None:
    accepted = await store.inbox.accept(message("a"))
    await store.pool.execute("UPDATE intake.inbox SET next_drive_time = now() - interval '1 s'")
    forgetful = ledgers(store.pool, store.topics.publish, store.topics.publish)
    running = asyncio.create_task(forgetful.inbox.run())
    try:
        await until(lambda: store.topics.has(1))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    topic, row = store.topics.rows[0]
    handle_id = await store.pool.fetchval("SELECT handle_id FROM intake.handles")
    assert (topic, row.row_id, row.group_id) == (
        "fte.tickets.incoming",
        accepted.inbox_id,
        handle_id,
    )


async def test_the_mailbox_has_one_reader(store: Store) -> None:
    one = PostgresMailCursors(store.pool, "s@example.com", "intake-0")
    two = PostgresMailCursors(store.pool, "s@example.com", "intake-1")
    async with one.lease() as cursor:
        assert cursor is not None
        assert cursor.history_id is None
        async with two.lease() as busy:
            assert busy is None
        await one.watched(Watch(7, NOW), NOW)
        await one.watched(Watch(9, NOW), NOW)
        await one.advance(12, None)
        await one.advance(11, NOW)
    async with two.lease() as cursor:
        assert cursor is not None
        assert (cursor.history_id, cursor.watch_expire_time) == (12, NOW)
        await two.reset(3, NOW)
        await store.pool.execute(
            "UPDATE intake.mail_cursors SET lease_time = now() - interval '1 s'"
        )
        # A lease that ran out is anybody's.
        async with one.lease() as taken:
            assert taken is not None
            assert taken.history_id == 3


async def test_what_is_known_of_a_mailbox_outlives_the_process(store: Store) -> None:
    cursors = PostgresMailCursors(store.pool, "s@example.com", "intake-0")
    later = NOW + timedelta(hours=1)
    async with cursors.lease():
        await cursors.watched(Watch(7, NOW + timedelta(days=7)), NOW)
        await cursors.advance(9, NOW)
        await cursors.advance(8, None)
        await cursors.reset(20, later)
        await cursors.reset(21, later)
        await cursors.watch_failed("topic_not_permitted", later)
        await cursors.look_failed("unreachable")
        await cursors.pushed(later)
        await cursors.began(1, later)
    async with cursors.lease() as cursor:
        assert cursor == Cursor(
            21,
            NOW + timedelta(days=7),
            watch_time=NOW,
            watch_try_time=later,
            start_time=NOW,
            seen_time=NOW,
            resyncs=2,
            resync_time=later,
        )
    [known, unknown] = await mailbox_states(store.pool, ["s@example.com", "new@example.com"])
    assert known == MailboxState(
        "s@example.com",
        NOW + timedelta(days=7),
        "topic_not_permitted",
        later,
        "unreachable",
        later,
        2,
    )
    assert unknown == MailboxState("new@example.com")
    async with cursors.lease():
        await cursors.caught_up(later)
        await cursors.watched(Watch(30, later), later)
    [state] = await mailbox_states(store.pool, ["s@example.com"])
    assert (state.resyncs, state.look_error, state.watch_error) == (0, "", "")
    assert await store.pool.fetchval("SELECT history_id FROM intake.mail_cursors") == 21


def test_a_mailbox_is_told_in_a_word() -> None:
    good = MailboxState("s@example.com", NOW + timedelta(days=7), "", NOW)
    for state, word in (
        (good, "ok"),
        (replace(good, look_time=NOW - timedelta(minutes=6)), "not_read"),
        (MailboxState("s@example.com"), "not_read"),
        (replace(good, watch_expire_time=NOW + timedelta(hours=47)), "watch_ends_soon"),
        (replace(good, watch_expire_time=None), "watch_ends_soon"),
        (replace(good, watch_expire_time=NOW + timedelta(hours=49)), "ok"),
        (replace(good, resyncs=3), "history_lost"),
    ):
        assert described(state, NOW)["state"] == word
