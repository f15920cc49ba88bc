"""Looking into the mailbox: each mail once, the cursor after it, nothing old after a gap."""

from datetime import timedelta

import pytest

from services.intake.application.mail_reading import MailReading
from services.intake.application.mail_taking import MailTaking
from services.intake.application.messages import Assurance, SuppressReason
from services.intake.application.ports import Cursor, MailboxAwayError
from tests.fakes.mail import InlineMailReader
from tests.faults.simulation.boundary import Direct
from tests.faults.simulation.memory_traffic import MemoryMailTraffic
from tests.unit.intake.intake_fakes import NOW, MemoryCursors, MemoryInbox, MemoryMailbox

UNREADABLE = b"takes for ever"
OURS = "support@example.com"
FRESH = Cursor(100, NOW + timedelta(days=7))


def raw(sender: str = "ada@example.com", *headers: str) -> bytes:
    return "\r\n".join([f"From: {sender}", *headers, "", "Hello there"]).encode()


def reading(
    mailbox: MemoryMailbox, cursor: Cursor = FRESH
) -> tuple[MailReading, MemoryInbox, MemoryCursors]:
    inbox, cursors = MemoryInbox(), MemoryCursors(cursor)
    traffic = MemoryMailTraffic({}, Direct(), lambda: NOW)
    taking = MailTaking(OURS, InlineMailReader(UNREADABLE), traffic)
    reader = MailReading(OURS, mailbox, cursors, inbox, taking)
    return reader, inbox, cursors


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
        mailbox.arrive(f"m{number}", raw(f"person{number}@example.com"))
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


async def test_a_lost_history_starts_from_now() -> None:
    mailbox = MemoryMailbox(forgotten=500, newest=600)
    mailbox.arrive("gap", raw())
    reader, inbox, cursors = reading(mailbox)
    assert (await reader.look(NOW)).resynced
    assert (inbox.messages, cursors.cursor.history_id) == ([], 605)
    mailbox.arrive("new", raw())
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


@pytest.mark.parametrize(
    ("remaining", "renewed"), [(timedelta(days=7), 0), (timedelta(days=6), 1), (timedelta(0), 1)]
)
async def test_the_watch_is_renewed_daily(remaining: timedelta, renewed: int) -> None:
    mailbox = MemoryMailbox()
    reader, _, cursors = reading(mailbox, Cursor(100, NOW + remaining))
    await reader.look(NOW)
    await reader.look(NOW)
    assert mailbox.watches == renewed
    assert cursors.cursor.history_id == 100


async def test_without_a_watch_mail_is_read_all_the_same() -> None:
    mailbox = MemoryMailbox(watch_fails=True)
    mailbox.arrive("m", raw())
    reader, _, _ = reading(mailbox, Cursor(100, NOW + timedelta(days=3)))
    look = await reader.look(NOW)
    assert (look.accepted, look.watch_failed, look.watch_ends_soon) == (1, True, False)
    look = await reader.look(NOW + timedelta(days=1, seconds=1))
    assert look.watch_ends_soon
