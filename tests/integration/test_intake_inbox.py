"""The inbox on a real PostgreSQL: each event once, numbers without gaps, nothing half-written."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.database import Pool, open_pool
from chassis.ledger import Receipt, Row
from services.intake.adapters.inbox import InboxReader, Ledgers, PostgresInbox, ledgers
from services.intake.adapters.mail_cursors import PostgresMailCursors
from services.intake.application.forms import read_form
from services.intake.application.messages import (
    Assurance,
    Channel,
    EmailFacts,
    Handle,
    HandleType,
    InboundMessage,
    ProviderStatus,
    SuppressReason,
)
from services.intake.application.ports import Watch
from services.intake.application.submissions import KeyReusedError, Submissions
from services.intake.application.tickets import TicketLinks
from tests.integration.postgres import Database
from tests.unit.intake.intake_fakes import NOW

ADA = Handle(HandleType.PHONE, "+15550100")
FORM = {
    "name": "Ada",
    "email": "ada@example.com",
    "subject": "Password",
    "category": "general",
    "message": "How do I reset my password?",
}


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


async def test_numbers_have_no_gaps_under_concurrent_repeats(store: Store) -> None:
    handles = [Handle(HandleType.PHONE, f"+1555010{n}") for n in range(3)]
    wanted = [message(f"m{n}", handles[n % 3]) for n in range(50)] * 3
    random.Random(1).shuffle(wanted)  # noqa: S311 - only an order
    accepted = await asyncio.gather(*(store.inbox.accept(m) for m in wanted))
    assert sum(a.is_new for a in accepted) == 50
    seqs = await sequences(store.pool)
    assert sorted(map(len, seqs.values())) == [16, 17, 17]
    assert all(found == list(range(1, len(found) + 1)) for found in seqs.values())
    by_id = {
        m.provider_id: {a.inbox_id for a, n in zip(accepted, wanted, strict=True) if n == m}
        for m in wanted
    }
    assert all(len(ids) == 1 for ids in by_id.values())
    assert await store.pool.fetchval("SELECT count(*) FROM intake.announcements") == 50


async def test_a_repeat_is_the_first_row_with_its_number(store: Store) -> None:
    first = await store.inbox.accept(message("m"))
    again = await store.inbox.accept(message("m", body="another body"))
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.inbox_id, again.inbox_seq, again.accept_time) == (
        first.inbox_id,
        1,
        first.accept_time,
    )
    assert await store.pool.fetchval("SELECT count(*) FROM intake.inbox") == 1


async def test_a_suppressed_message_takes_no_number_and_is_settled(store: Store) -> None:
    await store.inbox.accept(message("a"))
    quiet = await store.inbox.accept(message("b", suppress_reason=SuppressReason.OWN_MESSAGE))
    none = await store.inbox.accept(message("c", None, SuppressReason.NO_SENDER))
    last = await store.inbox.accept(message("d"))
    assert (quiet.inbox_seq, none.inbox_seq, last.inbox_seq) == (0, 0, 2)
    row = await store.pool.fetchrow(
        "SELECT state, outcome, suppress_reason, settle_time IS NOT NULL AS closed "
        "FROM intake.inbox WHERE inbox_id = $1",
        quiet.inbox_id,
    )
    assert row is not None
    assert tuple(row) == ("settled", "suppressed", "own_message", True)


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


async def test_fetching_by_handle_and_number(store: Store) -> None:
    bea = Handle(HandleType.EMAIL, "bea@example.com")
    for n in range(5):
        await store.inbox.accept(message(f"a{n}", body=f"a{n}"))
    await store.inbox.accept(message("b0", bea, body="b0"))
    ids = {
        row["value"]: row["handle_id"]
        for row in await store.pool.fetch("SELECT value, handle_id FROM intake.handles")
    }
    reader = InboxReader(store.pool)
    messages, more = await reader.messages([(ids[ADA.value], 1), (ids[bea.value], 0)], 3)
    by_handle = {
        h: [(m.inbox_seq, m.body) for m in messages if m.handle_id == str(h)] for h in ids.values()
    }
    assert by_handle[ids[ADA.value]] == [(2, "a1"), (3, "a2"), (4, "a3")]
    assert by_handle[ids[bea.value]] == [(1, "b0")]
    assert more
    messages, more = await reader.messages([(ids[ADA.value], 4), (uuid4(), 0)], 3)
    assert ([m.body for m in messages], more) == (["a4"], False)
    assert messages[0].handle.value == ADA.value


async def test_a_fetch_is_bounded_in_bytes(store: Store) -> None:
    for n in range(5):
        await store.inbox.accept(message(f"a{n}", body="ü" * 600_000))
    handle_id = await store.pool.fetchval("SELECT handle_id FROM intake.handles")
    reader = InboxReader(store.pool)
    after, pages = 0, 0
    more = True
    while more:
        messages, more = await reader.messages([(handle_id, after)], 64)
        assert 1 <= len(messages) <= 2
        assert [m.inbox_seq for m in messages] == list(range(after + 1, after + 1 + len(messages)))
        after, pages = messages[-1].inbox_seq, pages + 1
    assert (after, pages) == (5, 3)


async def test_mail_facts_survive_the_database(store: Store) -> None:
    facts = EmailFacts("g1", "t1", "<a@example.com>", ("<b@example.com>",))
    mail = InboundMessage(
        Channel.EMAIL, "s@example.com", "g1", Handle(HandleType.EMAIL, "ada@example.com"),
        Assurance.CLAIMED, b"raw", "Ada", "Subject", "Body", email=facts,
    )  # fmt: skip
    await store.inbox.accept(mail)
    handle_id = await store.pool.fetchval("SELECT handle_id FROM intake.handles")
    [fetched], _ = await InboxReader(store.pool).messages([(handle_id, 0)], 1)
    assert (fetched.subject, fetched.body, fetched.sender_name) == ("Subject", "Body", "Ada")
    assert fetched.email.thread_id == "t1"
    assert list(fetched.email.references) == ["<b@example.com>"]
    assert await store.inbox.known(Channel.EMAIL, "s@example.com", ["g1", "g2"]) == {"g1"}


async def test_one_key_gives_one_answer_under_concurrency(store: Store) -> None:
    submissions = Submissions(store.inbox, TicketLinks("https://s.example.com", "s" * 32))
    form = read_form(FORM)
    receipts = await asyncio.gather(*(submissions.submit(form, b"", "key") for _ in range(20)))
    assert len(set(receipts)) == 1
    with pytest.raises(KeyReusedError):
        await submissions.submit(read_form({**FORM, "name": "Bea"}), b"", "key")
    assert await submissions.submit(form, b"", "other") != receipts[0]
    assert await submissions.submit(form, b"", "") != await submissions.submit(form, b"", "")
    reply = await submissions.reply(receipts[0].ticket_id, "Any news?", b"", "r")
    assert await submissions.reply(receipts[0].ticket_id, "Any news?", b"", "r") == reply
    received = await submissions.received(receipts[0].ticket_id)
    assert [form.body for form in received] == [FORM["message"], "Any news?"]


async def test_the_mailbox_has_one_reader(store: Store) -> None:
    one = PostgresMailCursors(store.pool, "s@example.com", "intake-0")
    two = PostgresMailCursors(store.pool, "s@example.com", "intake-1")
    async with one.lease() as cursor:
        assert cursor is not None
        assert cursor.history_id is None
        async with two.lease() as busy:
            assert busy is None
        await one.watched(Watch(7, NOW))
        await one.watched(Watch(9, NOW))
        await one.advance(12)
        await one.advance(11)
    async with two.lease() as cursor:
        assert cursor is not None
        assert (cursor.history_id, cursor.watch_expire_time) == (12, NOW)
        await two.reset(3)
        await store.pool.execute(
            "UPDATE intake.mail_cursors SET lease_time = now() - interval '1 s'"
        )
        # A lease that ran out is anybody's.
        async with one.lease() as taken:
            assert taken is not None
            assert taken.history_id == 3
