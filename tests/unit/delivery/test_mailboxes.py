"""Several mailboxes: each mail from the one that was written to, and its real Message-ID read back."""

import base64
import json
from dataclasses import replace
from email import message_from_bytes
from typing import cast
from uuid import UUID

import pytest

from chassis.google_access import GoogleAccess, GoogleFault, TokenUnavailable
from chassis.sidecar import Sidecar
from services.delivery.adapters.gmail import Gmail
from services.delivery.adapters.transport import BindingTransport
from services.delivery.application.ports import Attempt, Prepared, Receipt, Unnamed
from services.delivery.application.read_back import ReadBack
from services.delivery.domain.intent import Channel, Intent, IntentId, State
from services.delivery.domain.outcomes import NotSent, Rejected, Sent
from tests.unit.delivery.letters import LETTER, intent
from tests.unit.delivery.test_provider_answers import Wire, answered

SUPPORT, SALES = "support@example.com", "sales@example.com"


class Token:
    """A token that names its mailbox."""

    def __init__(self, name: str, fault: GoogleFault | None = None) -> None:
        self._name = name
        self._fault = fault

    async def get(self) -> str:
        """Returns the token, or fails."""
        if self._fault:
            raise TokenUnavailable(self._fault)
        return self._name

    def forget(self, token: str) -> None:
        """Keeps it."""


def gmail(wire: Wire) -> Gmail:
    accesses = {name: cast("GoogleAccess", Token(name)) for name in (SUPPORT, SALES)}
    return Gmail(BindingTransport(cast("Sidecar", wire), "gmail"), accesses)


def written_to(mailbox: str) -> Intent:
    return intent(Channel.EMAIL, replace(LETTER, mailbox=mailbox))


@pytest.mark.parametrize(
    ("mailbox", "sender"), [("", SUPPORT), (SALES, SALES), ("Sales@Example.com", SALES)]
)
async def test_a_mail_leaves_from_the_mailbox_that_was_written_to(
    mailbox: str, sender: str
) -> None:
    wire = Wire(
        [answered(200, {"id": "d1", "message": {"threadId": "t"}}), answered(200, {"id": "m1"})]
    )
    provider = gmail(wire)
    attempt = Attempt(written_to(mailbox), 1, 30)
    assert isinstance(await provider.prepare(attempt), Prepared)
    assert isinstance(await provider.send(replace(attempt, draft_id="d1"), 5), Sent)
    assert {headers["authorization"] for _, _, headers in wire.requests} == {f"Bearer {sender}"}
    raw = json.loads(wire.bodies[0])["message"]["raw"]
    assert message_from_bytes(base64.urlsafe_b64decode(raw))["From"] == sender


async def test_a_mailbox_that_is_no_longer_ours_becomes_a_persons_work() -> None:
    wire = Wire([])
    attempt = Attempt(written_to("old@example.com"), 1, 30)
    assert await gmail(wire).prepare(attempt) == Rejected("mailbox_not_ours")
    assert wire.requests == []


async def test_one_mailbox_without_a_token_says_so_and_sends_nothing() -> None:
    wire = Wire([])
    access = cast("GoogleAccess", Token(SUPPORT, GoogleFault.TOKEN_REVOKED))
    provider = Gmail(BindingTransport(cast("Sidecar", wire), "gmail"), {SUPPORT: access})
    assert await provider.prepare(Attempt(written_to(""), 1, 30)) == NotSent("no_token", fault=True)
    assert wire.requests == []


class Mails:
    """Sent mails without a name."""

    def __init__(self, *mails: Unnamed) -> None:
        self.waiting = list(mails)
        self.names: dict[UUID, str] = {}

    async def unnamed(self, limit: int, hold_seconds: float) -> list[Unnamed]:
        """Returns those that have no name yet."""
        return [mail for mail in self.waiting if mail.intent.intent_id not in self.names]

    async def name(self, intent_id: IntentId, internet_message_id: str) -> Receipt | None:
        """Keeps a name."""
        self.names[intent_id] = internet_message_id
        return Receipt(intent_id, State.SENT, "m1", "t1", internet_message_id)

    async def found(
        self, provider_id: str, internet_message_id: str, intent_id: UUID | None
    ) -> bool:
        """Finds none."""
        return False


class Told:
    """Receipts that were given."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []

    def delivered(self, receipts: list[Receipt]) -> None:
        """Keeps them."""
        self.receipts += receipts

    def statuses_settled(self, row_ids: list[UUID]) -> None:
        """Is not asked."""


def named(value: str) -> dict[str, object]:
    return {"id": "m1", "payload": {"headers": [{"name": "Message-Id", "value": value}]}}


async def test_the_real_message_id_is_read_back_and_told_to_the_agent() -> None:
    mails, told = Mails(Unnamed(written_to(SALES), "m1")), Told()
    wire = Wire([answered(503), answered(200, named("<CA+1@mail.gmail.com>"))])
    reader = ReadBack(mails, gmail(wire), told, 0, 10)  # type: ignore[arg-type]
    await reader.once()
    assert (mails.names, told.receipts) == ({}, []), "not known yet: asked again"
    await reader.once()
    assert list(mails.names.values()) == ["<CA+1@mail.gmail.com>"]
    assert [one.internet_message_id for one in told.receipts] == ["<CA+1@mail.gmail.com>"]
    assert wire.requests[-1][2]["authorization"] == f"Bearer {SALES}"


async def test_a_mail_that_was_deleted_is_not_asked_for_for_ever() -> None:
    mails, told = Mails(Unnamed(written_to(""), "m1")), Told()
    await ReadBack(mails, gmail(Wire([answered(404)])), told, 0, 10).once()  # type: ignore[arg-type]
    assert list(mails.names.values()) == [""]
