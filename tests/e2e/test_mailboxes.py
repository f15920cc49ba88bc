"""Two mailboxes on a stack of their own, by polling and by push: what customers write, and what attackers try."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from cli.outside import Outside
from devstack.environment import load_environment
from tests.e2e.running import RunningStack

SUPPORT, SALES = "support@example.com", "sales@example.com"
SECONDS = 60.0
QUESTION = "How do I reset my password?"
_PUSH = {"path": "/webhooks/gmail", "action": "lose_callback"}


class TwoMailboxes(RunningStack):
    """A stack that reads two mailboxes, and looks into them every two seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.environ |= {
            "FTE_GMAIL_ADDRESS": f"{SUPPORT},{SALES}",
            "FTE_MAIL_POLL_SECONDS": "2",
        }
        self.environment = load_environment(self.environ)


class Gmail:
    """The simulated Gmail from outside, and the mailboxes through its API."""

    def __init__(self, http: httpx.AsyncClient, settings: dict[str, str]) -> None:
        self._http = http
        self._url = settings["FTE_GMAIL_API_URL"]
        self._settings = settings

    async def control(self, path: str, body: Any) -> None:
        """Changes the simulator."""
        (await self._http.post(f"{self._url}{path}", json=body)).raise_for_status()

    async def clear_faults(self) -> None:
        """Lets everything work again."""
        (await self._http.delete(f"{self._url}/_faults")).raise_for_status()

    async def write(self, sender: str, subject: str, **content: Any) -> dict[str, Any]:
        """Writes a mail to us."""
        body = {"from": sender, "subject": subject, "text": QUESTION, **content}
        answer = await self._http.post(f"{self._url}/_receive", json=body)
        return dict(answer.raise_for_status().json())

    async def sent_to(self, address: str) -> list[dict[str, Any]]:
        """Returns what was sent to somebody."""
        entries = (await self._http.get(f"{self._url}/_sent")).raise_for_status().json()
        return [entry for entry in entries if entry["to"] == address]

    async def raw(self, mailbox: str, message_id: str) -> Message:
        """Returns a mail of a mailbox as it is stored."""
        answer = await self._ask("GET", mailbox, f"messages/{message_id}?format=raw")
        return message_from_bytes(base64.urlsafe_b64decode(answer["raw"]))

    async def send(self, mailbox: str, raw: bytes) -> dict[str, Any]:
        """Sends a mail as a person who uses the mailbox."""
        body = {"raw": base64.urlsafe_b64encode(raw).decode()}
        return await self._ask("POST", mailbox, "messages/send", body)

    async def history_id(self, mailbox: str) -> int:
        """Returns where a mailbox stands."""
        return int((await self._ask("GET", mailbox, "profile"))["historyId"])

    async def _ask(self, method: str, mailbox: str, path: str, body: Any = None) -> dict[str, Any]:
        tokens = self._settings["FTE_GMAIL_REFRESH_TOKEN"].split(",")
        form = {
            "grant_type": "refresh_token",
            "client_id": self._settings["FTE_GMAIL_CLIENT_ID"],
            "client_secret": self._settings["FTE_GMAIL_CLIENT_SECRET"],
            "refresh_token": tokens[(SUPPORT, SALES).index(mailbox)],
        }
        token = (await self._http.post(f"{self._url}/token", data=form)).json()["access_token"]
        answer = await self._http.request(
            method,
            f"{self._url}/gmail/v1/users/me/{path}",
            json=body,
            headers={"authorization": f"Bearer {token}"},
        )
        return dict(answer.raise_for_status().json())


@pytest.fixture(scope="module")
def mailboxes() -> Iterator[TwoMailboxes]:
    running = TwoMailboxes()
    try:
        running.start()
        yield running
    finally:
        running.stop()
        running.remove()


@pytest.fixture
async def outside(mailboxes: TwoMailboxes) -> AsyncIterator[Outside]:
    async with mailboxes.outside() as world:
        yield world


@pytest.fixture
async def gmail(mailboxes: TwoMailboxes, outside: Outside) -> AsyncIterator[Gmail]:
    google = Gmail(outside.http, mailboxes.environment.exported())
    yield google
    await google.clear_faults()


@pytest.fixture
async def look(mailboxes: TwoMailboxes) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(mailboxes.dsn)
    yield connection
    await connection.close()


def person() -> str:
    """Returns an address that nobody has written from yet."""
    return f"{uuid4().hex[:12]}@example.org"


async def eventually(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Waits until something is there, and returns it."""
    deadline = time.monotonic() + SECONDS
    while not (found := await look()):
        assert time.monotonic() < deadline, f"not within {SECONDS:g} s: {what}"
        await asyncio.sleep(0.2)
    return found


async def answered(gmail: Gmail, address: str, count: int = 1) -> list[dict[str, Any]]:
    """Waits for the answers to somebody."""

    async def look() -> list[dict[str, Any]]:
        found = await gmail.sent_to(address)
        return found if len(found) >= count else []

    found = await eventually(look, f"{count} answers")
    assert len(found) == count
    return list(found)


async def settled(look: "asyncpg.Connection[asyncpg.Record]", gmail_id: str) -> asyncpg.Record:
    """Waits until intake has taken a mail in and is done with it; returns its row."""

    async def found() -> asyncpg.Record | None:
        return await look.fetchrow(
            "SELECT * FROM intake.inbox WHERE provider_id = $1 AND state = 'settled'", gmail_id
        )

    row = await eventually(found, "the mail is settled")
    assert isinstance(row, asyncpg.Record)
    return row


async def test_with_push_off_mails_are_answered_from_the_mailbox_they_came_to(
    gmail: Gmail, look: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await gmail.control("/_faults", {"rules": [_PUSH]})
    ada, ben = person(), person()
    await gmail.write(ada, "Password", to=SUPPORT)
    await gmail.write(ben, "Password", to=SALES)
    [one] = await answered(gmail, ada)
    [two] = await answered(gmail, ben)
    assert (one["from"], two["from"]) == (SUPPORT, SALES)
    cursors = await look.fetch("SELECT mailbox, history_id FROM intake.mail_cursors")
    assert {row["mailbox"] for row in cursors} == {SUPPORT, SALES}
    accounts = await look.fetch("SELECT DISTINCT account FROM intake.inbox")
    assert {row["account"] for row in accounts} == {SUPPORT, SALES}


async def test_with_the_history_expired_no_mail_is_lost_and_none_answered_twice(
    gmail: Gmail, look: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before, gap = person(), [person(), person()]
    await gmail.write(before, "Before the gap", to=SALES)
    await answered(gmail, before)
    # Nothing is read while the mails of the gap come and the history goes.
    away = {
        "method": "GET",
        "path": "/gmail/v1/users/[^/]+/history",
        "action": "status",
        "status": 503,
    }
    await gmail.control("/_faults", {"rules": [away]})
    for address in gap:
        await gmail.write(address, "In the gap", to=SALES)
    newest = await gmail.history_id(SALES)
    await gmail.control("/_expire", {"history_before": newest + 1, "mailbox": SALES})
    await gmail.clear_faults()
    for address in gap:
        await answered(gmail, address)
    after = person()
    await gmail.write(after, "After the gap", to=SALES)
    await answered(gmail, after)
    row = await look.fetchrow(
        "SELECT resync_time, resyncs FROM intake.mail_cursors WHERE mailbox = $1", SALES
    )
    assert row is not None
    assert row["resync_time"] is not None, "the history was never lost"
    for address in (before, *gap, after):
        assert len(await gmail.sent_to(address)) == 1


async def test_a_reply_has_all_that_keeps_it_in_its_thread_and_ends_loops(gmail: Gmail) -> None:
    ada = person()
    got = await gmail.write(
        ada, "My password", headers={"References": "<zero@example.org> <one@example.org>"}
    )
    [entry] = await answered(gmail, ada)
    mail = await gmail.raw(SUPPORT, entry["provider_id"])
    assert entry["thread_id"] == got["thread_id"]
    assert mail["Subject"] == "Re: My password"
    assert mail["To"] == ada
    assert mail["Cc"] is None
    assert mail["Bcc"] is None
    assert mail["In-Reply-To"] == got["message_id"]
    assert mail["References"].split()[1:] == [
        "<zero@example.org>",
        "<one@example.org>",
        got["message_id"],
    ]
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


async def test_reply_to_is_not_followed_and_a_copy_gains_nothing(
    gmail: Gmail, look: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    ada, eve = person(), person()
    got = await gmail.write(ada, "Secret matter", headers={"Reply-To": eve, "Cc": eve})
    [entry] = await answered(gmail, ada)
    assert await gmail.sent_to(eve) == []
    ours = await gmail.raw(SUPPORT, entry["provider_id"])
    # Who was in copy answers our answer, with every id of the thread and our token.
    stolen = await gmail.write(
        eve,
        "Re: Secret matter",
        headers={
            "In-Reply-To": ours["Message-ID"],
            "References": f"{ours['References']} {ours['Message-ID']}",
        },
    )
    assert stolen["thread_id"] == got["thread_id"], "Gmail itself joins them"
    await answered(gmail, eve)
    rows = {
        row["provider_id"]: row
        for row in await look.fetch(
            "SELECT i.provider_id, m.customer_id, m.ticket_id, m.conversation_id "
            "FROM intake.inbox AS i JOIN agent.messages AS m ON m.message_id = i.inbox_id"
        )
    }
    for field in ("customer_id", "ticket_id", "conversation_id"):
        assert rows[got["id"]][field] != rows[stolen["id"]][field]


async def test_dmarc_decides_the_side_from_the_header_to_the_head(
    gmail: Gmail, look: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    ada = person()
    proved = await gmail.write(ada, "My invoice")
    await answered(gmail, ada)
    verdict = "mx.google.com; spf=fail smtp.mailfrom=evil.example; dmarc=fail (p=NONE) header.from=example.org"
    spoof = await gmail.write(ada, "Re: My invoice", headers={"Authentication-Results": verdict})
    await settled(look, spoof["id"])
    sides = {
        row["provider_id"]: (row["side"], row["assurance"], row["conversation_id"])
        for row in await look.fetch(
            "SELECT i.provider_id, i.assurance, m.side, m.conversation_id FROM intake.inbox AS i "
            "JOIN agent.messages AS m ON m.message_id = i.inbox_id"
        )
    }
    assert sides[proved["id"]][:2] == ("verified", "verified")
    assert sides[spoof["id"]][:2] == ("claimed", "claimed")
    assert sides[proved["id"]][2] != sides[spoof["id"]][2]


async def test_our_mail_that_comes_back_is_known_by_its_ids_not_by_its_address(
    gmail: Gmail, look: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    ada = person()
    await gmail.write(ada, "Loops")
    [entry] = await answered(gmail, ada)
    ours = await gmail.raw(SUPPORT, entry["provider_id"])

    async def named() -> str | None:
        found: str | None = await look.fetchval(
            "SELECT internet_message_id FROM delivery.intents WHERE provider_id = $1",
            entry["provider_id"],
        )
        return found

    # Gmail gave it another Message-ID than any that we wrote: it was read back.
    assert await eventually(named, "the Message-ID was read back") == ours["Message-ID"]
    # A group sends it back: another sender, none of our headers, the same Message-ID.
    group = await gmail.write(
        f"{uuid4().hex[:8]}@groups.example", "Re: Loops", headers={"Message-ID": ours["Message-ID"]}
    )
    row = await settled(look, group["id"])
    assert (row["outcome"], row["suppress_reason"]) == ("suppressed", "own_message")
    assert len(await gmail.sent_to(ada)) == 1


async def test_a_mailbox_of_ours_that_writes_to_another_gets_no_answer(
    gmail: Gmail, look: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    raw = f"To: {SUPPORT}\r\nSubject: Between us {uuid4().hex}\r\n\r\n{QUESTION}".encode()
    await gmail.send(SALES, raw)
    subject = raw.split(b"Subject: ")[1].split(b"\r\n")[0].decode()

    async def arrived() -> Any:
        return await look.fetch(
            "SELECT i.inbox_id FROM intake.inbox AS i WHERE i.account = $1 AND i.state = 'settled' "
            "AND position($2 IN convert_from(i.raw, 'UTF8')) > 0",
            SUPPORT,
            subject,
        )

    await eventually(arrived, "the mail is settled")
    assert [one for one in await gmail.sent_to(SALES) if subject in one["subject"]] == []


async def test_a_reply_is_filed_by_the_message_id_when_gmail_breaks_the_thread(
    gmail: Gmail, look: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    ada = person()
    first = await gmail.write(ada, "Export of our data")
    [entry] = await answered(gmail, ada)
    await gmail.write(ada, "Another matter")
    await answered(gmail, ada, 2)
    ours = await gmail.raw(SUPPORT, entry["provider_id"])

    async def filed() -> Any:
        return await look.fetchval(
            "SELECT true FROM agent.mail_threads WHERE value = $1", ours["Message-ID"]
        )

    await eventually(filed, "the agent knows the Message-ID")
    # To the other mailbox, so that Gmail has no thread for it.
    again = await gmail.write(
        ada, "Re: Export of our data", to=SALES, headers={"In-Reply-To": ours["Message-ID"]}
    )
    assert again["thread_id"] != first["thread_id"]
    await settled(look, again["id"])
    tickets = await look.fetch(
        "SELECT DISTINCT m.ticket_id FROM intake.inbox AS i "
        "JOIN agent.messages AS m ON m.message_id = i.inbox_id WHERE i.provider_id = ANY ($1)",
        [first["id"], again["id"]],
    )
    assert len(tickets) == 1
    assert tickets[0]["ticket_id"] is not None


async def test_health_and_the_check_tell_of_each_mailbox(
    mailboxes: TwoMailboxes, outside: Outside
) -> None:
    told = (await outside.http.get(outside.url("/health"))).json()["mailboxes"]
    assert [(one["mailbox"], one["state"]) for one in told] == [(SUPPORT, "ok"), (SALES, "ok")]
    done = await asyncio.to_thread(mailboxes.run, "check", "gmail", "--json")
    assert done.code == 0, done
    assert [finding["check"] for finding in done.json()][-1] == "push"
