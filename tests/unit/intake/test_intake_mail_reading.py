"""Looking into the mailbox: each mail once, the cursor after it, nothing old and nothing lost after a gap."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.intake.application.mail_reading import (
    FETCH_TRIES,
    LONGEST_RESYNC_WAIT,
    RENEW_AFTER,
    RENEW_AGAIN_AFTER,
    RESYNC_MAILS,
    MailReading,
)
from services.intake.application.mail_taking import MailTaking
from services.intake.application.messages import Assurance, SuppressReason
from services.intake.application.ports import Cursor, MailboxAwayError
from tests.fakes.mail import InlineMailReader, QuietTraffic
from tests.unit.intake.intake_fakes import (
    NOW,
    MemoryCursors,
    MemoryInbox,
    MemoryMailbox,
    MemorySent,
)

UNREADABLE = b"takes for ever"
OURS = "support@example.com"
START = NOW - timedelta(days=30)
FRESH = Cursor(100, NOW + timedelta(days=7), watch_time=NOW, watch_try_time=NOW, start_time=START)


def raw(sender: str = "ada@example.com", *headers: str) -> bytes:
    return "\r\n".join([f"From: {sender}", *headers, "", "Hello there"]).encode()


def reading(
    mailbox: MemoryMailbox, cursor: Cursor = FRESH, sent: MemorySent | None = None
) -> tuple[MailReading, MemoryInbox, MemoryCursors]:
    inbox, cursors = MemoryInbox(), MemoryCursors(cursor)
    taking = MailTaking(OURS, InlineMailReader(UNREADABLE), QuietTraffic())
    return MailReading(OURS, mailbox, cursors, inbox, sent or MemorySent(), taking), inbox, cursors


async def test_the_first_look_answers_nothing_old() -> None:
    mailbox = MemoryMailbox()
    mailbox.arrive("old", raw())
    reader, inbox, cursors = reading(mailbox, Cursor(None, None))
    look = await reader.look(NOW)
    assert (look.accepted, inbox.messages, cursors.cursor.history_id) == (0, [], 105)
    mailbox.arrive("new", raw())
    assert (await reader.look(NOW)).accepted == 1
    assert inbox.messages[0].provider_id == "new"


async def test_all_pages_are_read_in_order_and_once() -> None:
    mailbox = MemoryMailbox()
    for number in range(7):
        mailbox.arrive(f"m{number}", raw())
    reader, inbox, cursors = reading(mailbox)
    assert (await reader.look(NOW)).accepted == 7
    assert [m.provider_id for m in inbox.messages] == [f"m{n}" for n in range(7)]
    assert cursors.cursor.history_id == mailbox.newest
    assert (await reader.look(NOW)).accepted == 0
    assert len(mailbox.fetched) == 7


async def test_the_cursor_never_passes_a_mail_that_was_not_taken_in() -> None:
    mailbox = MemoryMailbox(fail_at="m3")
    for number in range(5):
        mailbox.arrive(f"m{number}", raw())
    reader, inbox, cursors = reading(mailbox)
    with pytest.raises(MailboxAwayError):
        await reader.look(NOW)
    assert cursors.cursor.history_id == 110
    assert [m.provider_id for m in inbox.messages] == ["m0", "m1", "m2"]
    mailbox.fail_at = ""
    assert (await reader.look(NOW)).accepted == 2
    assert mailbox.fetched.count("m2") == 1


async def test_a_lost_history_loses_no_mail_of_the_gap_and_answers_none_twice() -> None:
    mailbox = MemoryMailbox()
    mailbox.arrive("before", raw())
    reader, inbox, cursors = reading(mailbox)
    await reader.look(NOW)
    mailbox.arrive("gap one", raw())
    mailbox.arrive("gap two", raw())
    mailbox.forgotten = mailbox.newest
    mailbox.newest += 100
    look = await reader.look(NOW)
    assert (look.resynced, look.accepted) == (True, 2)
    assert [m.provider_id for m in inbox.messages] == ["before", "gap one", "gap two"]
    assert cursors.cursor.history_id == mailbox.newest
    mailbox.arrive("after", raw())
    assert (await reader.look(NOW)).accepted == 1
    assert len(inbox.messages) == 4


async def test_a_resync_answers_nothing_that_was_there_before_we_began() -> None:
    mailbox = MemoryMailbox(forgotten=500, newest=600)
    mailbox.arrive("old", raw(), receive_time=NOW - timedelta(minutes=1))
    mailbox.arrive("new", raw())
    reader, inbox, _ = reading(mailbox, replace(FRESH, start_time=NOW))
    assert (await reader.look(NOW)).accepted == 1
    assert [m.provider_id for m in inbox.messages] == ["new"]


async def test_a_resync_goes_back_to_the_newest_mail_that_was_seen() -> None:
    mailbox = MemoryMailbox(forgotten=500, newest=600)
    mailbox.arrive("long ago", raw(), receive_time=NOW - timedelta(days=9))
    mailbox.arrive("in the gap", raw(), receive_time=NOW - timedelta(days=4))
    cursor = replace(FRESH, seen_time=NOW - timedelta(days=5))
    reader, inbox, cursors = reading(mailbox, cursor)
    await reader.look(NOW)
    assert [m.provider_id for m in inbox.messages] == ["in the gap"]
    assert cursors.cursor.seen_time == NOW - timedelta(days=4)


async def test_a_date_to_come_does_not_blind_the_next_resync() -> None:
    mailbox = MemoryMailbox()
    mailbox.arrive("imported", raw(), receive_time=NOW + timedelta(days=4000))
    reader, _, cursors = reading(mailbox)
    await reader.look(NOW)
    assert cursors.cursor.seen_time == NOW


async def test_a_resync_is_bounded_and_says_what_it_left() -> None:
    mailbox = MemoryMailbox(forgotten=10**9, page_size=500)
    for number in range(RESYNC_MAILS + 3):
        mailbox.arrive(f"m{number}", raw())
    reader, inbox, _ = reading(mailbox)
    look = await reader.look(NOW)
    assert (look.accepted, look.resync_cut) == (RESYNC_MAILS, True)
    assert inbox.messages[-1].provider_id == f"m{RESYNC_MAILS + 2}"


async def test_a_history_that_is_never_valid_does_not_loop_and_mails_are_answered_all_the_same() -> (
    None
):
    mailbox = MemoryMailbox(forgotten=10**9)
    reader, inbox, cursors = reading(mailbox)
    mailbox.arrive("first", raw())
    now = NOW
    for second in range(0, 3600, 30):
        now = mailbox.now = NOW + timedelta(seconds=second)
        if second == 1800:
            mailbox.arrive("second", raw())
        await reader.look(now)
        if second == 1800 + LONGEST_RESYNC_WAIT.total_seconds() + 30:
            assert len(inbox.messages) == 2
    assert [m.provider_id for m in inbox.messages] == ["first", "second"]
    assert mailbox.listed < 25
    assert cursors.cursor.resyncs > 3
    mailbox.forgotten = 0
    await reader.look(now)
    assert cursors.cursor.resyncs == 0


async def test_what_a_person_takes_out_of_the_spam_folder_is_answered_unless_it_is_old() -> None:
    mailbox = MemoryMailbox(moved={"rescued", "old", "before us"})
    mailbox.arrive("rescued", raw(), receive_time=NOW - timedelta(days=2))
    mailbox.arrive("old", raw(), receive_time=NOW - timedelta(days=8))
    reader, inbox, _ = reading(mailbox)
    await reader.look(NOW)
    assert [m.provider_id for m in inbox.messages] == ["rescued"]
    mailbox.arrive("before us", raw(), receive_time=NOW - timedelta(days=2))
    late, other, _ = reading(mailbox, replace(FRESH, start_time=NOW - timedelta(days=1)))
    await late.look(NOW)
    assert other.messages == []


async def test_one_mail_that_cannot_be_had_holds_no_other_for_long() -> None:
    mailbox = MemoryMailbox(fail_at="broken")
    mailbox.arrive("broken", raw())
    mailbox.arrive("behind", raw())
    reader, inbox, cursors = reading(mailbox)
    for _ in range(FETCH_TRIES - 1):
        with pytest.raises(MailboxAwayError):
            await reader.look(NOW)
    assert cursors.look_error == "away"
    assert (await reader.look(NOW)).accepted == 2
    assert [m.provider_id for m in inbox.messages] == ["broken", "behind"]
    assert "could not be fetched" in inbox.messages[0].body


async def test_own_mail_that_comes_back_is_known_by_its_ids_whoever_it_says_it_is_from() -> None:
    sent = MemorySent({"<ours@mail.gmail.com>", "gm-sent", "intent-1"})
    mailbox = MemoryMailbox()
    mailbox.arrive("by list", raw("group@example.org", "Message-ID: <ours@mail.gmail.com>"))
    mailbox.arrive("gm-sent", raw("ada@example.com"))
    mailbox.arrive("hers", raw("ada@example.com", "Message-ID: <hers@mail.gmail.com>"))
    reader, inbox, _ = reading(mailbox, sent=sent)
    assert (await reader.look(NOW)).accepted == 1
    assert [m.suppress_reason for m in inbox.messages] == [
        SuppressReason.OWN_MESSAGE,
        SuppressReason.OWN_MESSAGE,
        None,
    ]


async def test_while_nobody_can_tell_whose_a_mail_is_it_waits_in_the_mailbox() -> None:
    sent = MemorySent(away=True)
    mailbox = MemoryMailbox()
    mailbox.arrive("m", raw())
    reader, inbox, cursors = reading(mailbox, sent=sent)
    with pytest.raises(MailboxAwayError):
        await reader.look(NOW)
    assert (inbox.messages, cursors.cursor.history_id) == ([], 100)
    sent.away = False
    assert (await reader.look(NOW)).accepted == 1


async def test_a_deleted_mail_is_passed_over() -> None:
    mailbox = MemoryMailbox(deleted={"gone"})
    mailbox.arrive("gone", raw())
    mailbox.arrive("there", raw())
    reader, inbox, _ = reading(mailbox)
    assert (await reader.look(NOW)).accepted == 1
    assert [m.provider_id for m in inbox.messages] == ["there"]


async def test_only_one_reads() -> None:
    mailbox = MemoryMailbox()
    mailbox.arrive("m", raw())
    reader, inbox, cursors = reading(mailbox)
    cursors.busy = True
    assert (await reader.look(NOW)).busy
    assert (inbox.messages, mailbox.watches) == ([], 0)


async def test_suppressed_mail_is_stored_with_its_reason() -> None:
    mailbox = MemoryMailbox()
    mailbox.arrive("own", raw(OURS))
    mailbox.arrive("bounce", b"From: Mail Delivery System <>\r\n\r\nhi")
    reader, inbox, _ = reading(mailbox)
    look = await reader.look(NOW)
    assert (look.accepted, look.suppressed) == (0, 2)
    assert [m.suppress_reason for m in inbox.messages] == [
        SuppressReason.OWN_MESSAGE,
        SuppressReason.BOUNCE,
    ]
    assert inbox.messages[1].handle is None


async def test_a_mail_that_cannot_be_read_goes_to_a_person_with_its_original() -> None:
    mailbox = MemoryMailbox()
    bomb = raw("ada@example.com", "Subject: Help") + UNREADABLE
    mailbox.arrive("bomb", bomb)
    reader, inbox, _ = reading(mailbox)
    assert (await reader.look(NOW)).unreadable == 1
    [message] = inbox.messages
    assert message.unreadable
    assert (message.suppress_reason, message.raw, message.subject) == (None, bomb, "Help")
    assert message.handle is not None
    assert message.handle.value == "ada@example.com"


async def test_a_machines_mail_that_cannot_be_read_is_not_answered_all_the_same() -> None:
    mailbox = MemoryMailbox()
    mailbox.arrive("bomb", raw("ada@example.com", "Auto-Submitted: auto-replied") + UNREADABLE)
    reader, inbox, _ = reading(mailbox)
    assert (await reader.look(NOW)).suppressed == 1
    assert inbox.messages[0].suppress_reason is SuppressReason.AUTO_REPLY


@pytest.mark.parametrize("head", [b"", b"From: nobody\r\n", b"From: a@b.example, c@d.example\r\n"])
async def test_a_mail_whose_sender_cannot_be_told_goes_to_a_person(head: bytes) -> None:
    mailbox = MemoryMailbox()
    mailbox.arrive("m", head + b"Subject: Help\r\n\r\nIt does not work")
    reader, inbox, _ = reading(mailbox)
    await reader.look(NOW)
    [message] = inbox.messages
    assert message.unreadable
    assert message.handle is not None
    # Whatever is said to it comes to our own mailbox, where it is known as ours.
    assert message.handle.value == OURS


async def test_assurance_follows_dmarc() -> None:
    verdict = "Authentication-Results: mx.google.com; dmarc=pass header.from=example.com"
    mailbox = MemoryMailbox()
    mailbox.arrive("proved", raw("ada@example.com", verdict))
    mailbox.arrive("claimed", raw())
    reader, inbox, _ = reading(mailbox)
    await reader.look(NOW)
    assert [m.assurance for m in inbox.messages] == [Assurance.VERIFIED, Assurance.CLAIMED]
    assert inbox.messages[0].email is not None
    assert inbox.messages[0].email.thread_id == "t-proved"


async def test_the_watch_is_renewed_daily() -> None:
    mailbox = MemoryMailbox()
    reader, _, cursors = reading(mailbox)
    for hour in range(24 * 5):
        mailbox.now = NOW + timedelta(hours=hour)
        await reader.look(mailbox.now)
    assert mailbox.watches == 4
    assert cursors.cursor.history_id == 100


async def test_a_short_watch_is_renewed_in_time_and_not_at_every_look() -> None:
    mailbox = MemoryMailbox(watch_seconds=3600)
    reader, _, cursors = reading(mailbox, replace(FRESH, watch_expire_time=NOW))
    for second in range(0, 3600, 30):
        mailbox.now = NOW + RENEW_AFTER + timedelta(seconds=second)
        await reader.look(mailbox.now)
    assert mailbox.watches == 6
    assert cursors.cursor.watch_expire_time is not None
    assert cursors.cursor.watch_expire_time > mailbox.now


async def test_without_a_watch_mail_is_read_all_the_same_and_an_alarm_comes_in_time() -> None:
    mailbox = MemoryMailbox(watch_fails="topic_not_permitted")
    mailbox.arrive("m", raw())
    stale = NOW - RENEW_AFTER
    cursor = Cursor(100, NOW + timedelta(days=3), watch_time=stale, start_time=START)
    reader, _, cursors = reading(mailbox, cursor)
    look = await reader.look(NOW)
    assert (look.accepted, look.watch_failed, look.watch_ends_soon) == (
        1,
        "topic_not_permitted",
        False,
    )
    # Not asked at every look, but soon again.
    assert (await reader.look(NOW + timedelta(minutes=1))).watch_failed == ""
    look = await reader.look(NOW + RENEW_AGAIN_AFTER)
    assert look.watch_failed == "topic_not_permitted"
    look = await reader.look(NOW + timedelta(days=1, seconds=1))
    assert look.watch_ends_soon
    assert cursors.watch_errors == ["topic_not_permitted"] * 3


async def test_a_mailbox_that_was_never_watched_is_read_from_where_it_stands() -> None:
    mailbox = MemoryMailbox(watch_fails="topic_unknown")
    mailbox.arrive("old", raw())
    reader, inbox, _ = reading(mailbox, Cursor(None, None))
    assert (await reader.look(NOW)).watch_ends_soon
    mailbox.arrive("new", raw())
    await reader.look(NOW)
    assert [m.provider_id for m in inbox.messages] == ["new"]


@pytest.mark.parametrize("step", [timedelta(days=1), timedelta(days=-1)])
async def test_a_clock_that_jumps_neither_stops_the_renewal_nor_the_resync(
    step: timedelta,
) -> None:
    mailbox = MemoryMailbox(forgotten=10**9)
    cursor = replace(FRESH, resyncs=5, resync_time=NOW)
    reader, inbox, _ = reading(mailbox, cursor)
    mailbox.arrive("m", raw())
    await reader.look(NOW + step)
    assert mailbox.watches == 1
    assert [m.provider_id for m in inbox.messages] == ["m"]
