"""The inbox's port and its reader: each event once, numbers without gaps. The same over memory and PostgreSQL."""

import asyncio
import random
from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from chassis.ledger import Row
from services.intake.application.forms import read_form
from services.intake.application.messages import (
    Assurance,
    Channel,
    EmailFacts,
    Handle,
    HandleType,
    InboundMessage,
    MediaRef,
    ProviderStatus,
    SuppressReason,
    WhatsAppFacts,
)
from services.intake.application.submissions import KeyReusedError, Submissions
from services.intake.application.tickets import TicketLinks
from tests.contract.ports.inboxes import Drive, Inboxes

ADA = Handle(HandleType.PHONE, "+15550100")
BEA = Handle(HandleType.EMAIL, "bea@example.com")
OPEN = Drive("open", None, 0, timedelta(seconds=1), settled=False)
FORM = {
    "name": "Ada",
    "email": "ada@example.com",
    "subject": "Password",
    "category": "general",
    "message": "How do I reset my password?",
}


def message(
    provider_id: str,
    handle: Handle | None = ADA,
    suppress_reason: SuppressReason | None = None,
    body: str = "Hi",
    account: str = "AC1",
    channel: Channel = Channel.WHATSAPP,
) -> InboundMessage:
    return InboundMessage(
        channel=channel,
        account=account,
        provider_id=provider_id,
        handle=handle,
        assurance=Assurance.VERIFIED,
        raw=b"raw",
        body=body,
        suppress_reason=suppress_reason,
    )


def status(word: str = "sent", message_id: str = "SM1", error_code: str = "") -> ProviderStatus:
    return ProviderStatus(Channel.WHATSAPP, "AC1", message_id, word, "intent", error_code, b"raw")


async def bodies(inboxes: Inboxes, handle_id: UUID) -> list[tuple[int, str]]:
    messages, more = await inboxes.reader.messages([(handle_id, 0)], 200)
    assert not more
    return [(m.inbox_seq, m.body) for m in messages]


async def test_numbers_have_no_gaps_under_concurrent_repeats(inboxes: Inboxes) -> None:
    handles = [Handle(HandleType.PHONE, f"+1555010{n}") for n in range(3)]
    wanted = [message(f"m{n}", handles[n % 3]) for n in range(50)] * 3
    random.Random(1).shuffle(wanted)
    both = (inboxes.inbox, inboxes.other)
    accepted = await asyncio.gather(*(both[n % 2].accept(m) for n, m in enumerate(wanted)))
    assert sum(a.is_new for a in accepted) == 50
    rows = defaultdict(set)
    numbers = defaultdict(set)
    for event, row in zip(wanted, accepted, strict=True):
        rows[event.provider_id].add((row.inbox_id, row.inbox_seq, row.accept_time))
        numbers[event.handle].add(row.inbox_seq)
    assert all(len(found) == 1 for found in rows.values())
    assert sorted(map(len, numbers.values())) == [16, 17, 17]
    assert all(found == set(range(1, len(found) + 1)) for found in numbers.values())
    hinted = inboxes.hinted()
    assert len(hinted) == len({row.row_id for row in hinted}) == 50


async def test_concurrent_repeats_of_one_event_make_one_row(inboxes: Inboxes) -> None:
    both = (inboxes.inbox, inboxes.other) * 5
    accepted = await asyncio.gather(*(inbox.accept(message("m")) for inbox in both))
    assert len({a.inbox_id for a in accepted}) == 1
    assert [a.is_new for a in accepted].count(True) == 1
    assert {a.inbox_seq for a in accepted} == {1}
    assert await bodies(inboxes, await inboxes.handle_id()) == [(1, "Hi")]


async def test_a_repeat_is_the_first_row_and_takes_no_number(inboxes: Inboxes) -> None:
    first = await inboxes.inbox.accept(message("m"))
    handle_id = await inboxes.handle_id()
    await inboxes.pass_time(timedelta(seconds=9))
    again = await inboxes.other.accept(message("m", body="another body"))
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.inbox_id, again.inbox_seq) == (first.inbox_id, 1)
    assert inboxes.hinted() == []
    assert (await inboxes.inbox.accept(message("n"))).inbox_seq == 2
    assert await bodies(inboxes, handle_id) == [(1, "Hi"), (2, "Hi")]


async def test_an_event_is_known_by_channel_account_and_id(inboxes: Inboxes) -> None:
    same = [
        message("m"),
        message("m", account="AC2"),
        message("m", channel=Channel.EMAIL),
        message("n"),
    ]
    accepted = [await inboxes.inbox.accept(m) for m in same]
    assert len({a.inbox_id for a in accepted}) == 4
    assert [a.inbox_seq for a in accepted] == [1, 2, 3, 4]
    assert await inboxes.other.known(Channel.WHATSAPP, "AC1", ["m", "n", "o"]) == {"m", "n"}
    assert await inboxes.inbox.known(Channel.WHATSAPP, "AC2", ["m", "n"]) == {"m"}
    assert await inboxes.inbox.known(Channel.WHATSAPP, "AC1", []) == set()


async def test_a_suppressed_message_takes_no_number_and_is_settled(inboxes: Inboxes) -> None:
    await inboxes.inbox.accept(message("a"))
    handle_id = await inboxes.handle_id()
    quiet = await inboxes.inbox.accept(message("b", suppress_reason=SuppressReason.OWN_MESSAGE))
    none = await inboxes.inbox.accept(message("c", None, SuppressReason.NO_SENDER))
    assert inboxes.hinted() == []
    last = await inboxes.inbox.accept(message("d", body="Bye"))
    assert (quiet.inbox_seq, none.inbox_seq, last.inbox_seq) == (0, 0, 2)
    for row in (quiet, none):
        drive = await inboxes.drive(row.inbox_id)
        assert (drive.state, drive.outcome, drive.settled) == ("settled", "suppressed", True)
    assert await bodies(inboxes, handle_id) == [(1, "Hi"), (2, "Bye")]
    again = await inboxes.inbox.accept(message("b", suppress_reason=SuppressReason.OWN_MESSAGE))
    assert (again.inbox_id, again.is_new, again.inbox_seq) == (quiet.inbox_id, False, 0)


async def test_a_row_is_hinted_and_driven_again_after_a_second(inboxes: Inboxes) -> None:
    accepted = await inboxes.inbox.accept(message("a"))
    (row,) = inboxes.hinted()
    assert (row.row_id, row.topic) == (accepted.inbox_id, "fte.tickets.incoming")
    await inboxes.inbox.accept(message("b"))
    assert await inboxes.handle_id() == row.group_id
    assert await inboxes.drive(accepted.inbox_id) == OPEN


async def test_a_status_is_a_row_of_its_own_without_a_number(inboxes: Inboxes) -> None:
    first = await inboxes.inbox.accept_status(status())
    again = await inboxes.other.accept_status(status())
    assert (first.is_new, first.inbox_seq) == (True, 0)
    assert (again.is_new, again.inbox_id) == (False, first.inbox_id)
    assert inboxes.hinted() == [Row(first.inbox_id, "fte.channels.status", first.inbox_id)]
    assert await inboxes.drive(first.inbox_id) == OPEN
    later = await inboxes.inbox.accept_status(status("failed", error_code="63016"))
    text = await inboxes.inbox.accept(message("a"))
    wanted = [first.inbox_id, later.inbox_id, text.inbox_id, uuid4(), later.inbox_id]
    found = {s.row_id: s for s in await inboxes.reader.statuses(wanted)}
    assert set(found) == {str(first.inbox_id), str(later.inbox_id)}
    failed = found[str(later.inbox_id)]
    assert (failed.provider_id, failed.status, failed.error_code, failed.intent_id) == (
        "SM1",
        "failed",
        "63016",
        "intent",
    )
    assert failed.accept_time.ToDatetime(later.accept_time.tzinfo) == later.accept_time
    assert len(await inboxes.reader.statuses(wanted)) == 2


async def test_messages_are_fetched_by_handle_and_number(inboxes: Inboxes) -> None:
    for n in range(5):
        await inboxes.inbox.accept(message(f"a{n}", body=f"a{n}"))
    (ada,) = {row.group_id for row in inboxes.hinted() if row.group_id}
    await inboxes.inbox.accept(message("b0", BEA, body="b0"))
    bea = await inboxes.handle_id()
    messages, more = await inboxes.reader.messages([(ada, 1), (bea, 0)], 3)
    assert [(m.inbox_seq, m.body) for m in messages if m.handle_id == str(ada)] == [
        (2, "a1"),
        (3, "a2"),
        (4, "a3"),
    ]
    assert [(m.inbox_seq, m.body) for m in messages if m.handle_id == str(bea)] == [(1, "b0")]
    # The handles come in the order of their ids, each in the order of its numbers.
    assert all(
        (one.handle_id, one.inbox_seq) < (two.handle_id, two.inbox_seq)
        for one, two in pairwise(messages)
    )
    assert more
    messages, more = await inboxes.reader.messages([(ada, 4), (uuid4(), 0)], 3)
    assert ([m.body for m in messages], more) == (["a4"], False)
    assert messages[0].handle.value == ADA.value
    assert await inboxes.reader.messages([(ada, 5)], 3) == ([], False)
    assert await inboxes.reader.messages([], 3) == ([], False)


async def test_a_fetch_is_bounded_in_bytes(inboxes: Inboxes) -> None:
    for n in range(5):
        await inboxes.inbox.accept(message(f"a{n}", body="ü" * 600_000))
    (handle_id,) = {row.group_id for row in inboxes.hinted() if row.group_id}
    pages = []
    after, more = 0, True
    while more:
        messages, more = await inboxes.reader.messages([(handle_id, after)], 64)
        pages.append([m.inbox_seq for m in messages])
        after = messages[-1].inbox_seq
    assert pages == [[1, 2], [3, 4], [5]]


async def test_a_message_larger_than_a_page_comes_alone(inboxes: Inboxes) -> None:
    await inboxes.inbox.accept(message("a", body="x" * 3_500_000))
    handle_id = await inboxes.handle_id()
    await inboxes.inbox.accept(message("b"))
    messages, more = await inboxes.reader.messages([(handle_id, 0)], 64)
    assert ([m.inbox_seq for m in messages], more) == ([1], True)


async def test_a_message_comes_back_as_it_was(inboxes: Inboxes) -> None:
    mail = InboundMessage(
        Channel.EMAIL, "s@example.com", "g1", BEA, Assurance.CLAIMED, b"raw", "Bea", "Subject",
        "Body", email=EmailFacts("g1", "t1", "<a@example.com>", ("<b@example.com>",)),
    )  # fmt: skip
    text = InboundMessage(
        Channel.WHATSAPP, "AC1", "SM9", ADA, Assurance.VERIFIED, b"raw",
        whatsapp=WhatsAppFacts("SM9", (MediaRef("https://m.example.com/1", "image/png"),)),
    )  # fmt: skip
    accepted = await inboxes.inbox.accept(mail)
    bea = await inboxes.handle_id()
    await inboxes.inbox.accept(text)
    ada = await inboxes.handle_id()
    [fetched], _ = await inboxes.reader.messages([(bea, 0)], 1)
    assert fetched.message_id == str(accepted.inbox_id)
    assert fetched.accept_time.ToDatetime(accepted.accept_time.tzinfo) == accepted.accept_time
    assert (fetched.subject, fetched.body, fetched.sender_name) == ("Subject", "Body", "Bea")
    assert fetched.email.thread_id == "t1"
    assert list(fetched.email.references) == ["<b@example.com>"]
    [fetched], _ = await inboxes.reader.messages([(ada, 0)], 1)
    assert fetched.whatsapp.media[0].url == "https://m.example.com/1"


async def test_one_key_gives_one_answer_under_concurrency(inboxes: Inboxes) -> None:
    links = TicketLinks("https://s.example.com", "s" * 32)
    both = (Submissions(inboxes.inbox, links), Submissions(inboxes.other, links)) * 10
    form = read_form(FORM)
    receipts = await asyncio.gather(*(s.submit(form, b"", "key") for s in both))
    assert len(set(receipts)) == 1
    submissions = both[0]
    with pytest.raises(KeyReusedError):
        await submissions.submit(read_form({**FORM, "name": "Bea"}), b"", "key")
    assert await submissions.submit(form, b"", "other") != receipts[0]
    assert await submissions.submit(form, b"", "") != await submissions.submit(form, b"", "")
    ticket_id = receipts[0].ticket_id
    assert [f.body for f in await submissions.received(ticket_id)] == [FORM["message"]]
    replies = ["Any news?", "Please!", "Hello?"]
    for n, text in enumerate(replies):
        reply = await submissions.reply(ticket_id, text, b"", f"r{n}")
        assert await submissions.reply(ticket_id, text, b"", f"r{n}") == reply
        await inboxes.pass_time(timedelta(seconds=1))
    received = await submissions.received(ticket_id)
    assert [form.body for form in received] == [FORM["message"], *replies]
    assert await inboxes.inbox.form("nothing") is None
    assert await inboxes.inbox.replies(uuid4()) == []


async def test_a_form_comes_back_as_it_was(inboxes: Inboxes) -> None:
    submissions = Submissions(inboxes.inbox, TicketLinks("https://s.example.com", "s" * 32))
    receipt = await submissions.submit(read_form(FORM), b"", "key")
    (stored, *_) = await submissions.received(receipt.ticket_id)
    assert (stored.sender_name, stored.subject) == ("Ada", "Password")
    assert stored.facts.ticket_id == receipt.ticket_id
    assert stored.handle == Handle(HandleType.EMAIL, "ada@example.com")
    assert len(stored.request_hash) == 32
