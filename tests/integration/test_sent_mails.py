"""The names of sent mails over a real Postgres: read back once, told, and found again."""

from uuid import uuid4

import pytest

from fte.delivery.v1 import delivery_service_pb2
from services.delivery.adapters.grpc_service import DeliveryServicer
from services.delivery.adapters.sent_mails import PostgresSentMails
from services.delivery.application.ports import Unnamed
from services.delivery.application.read_back import ReadBack
from services.delivery.domain.intent import Channel, State
from tests.integration.delivery_world import intent, world
from tests.integration.postgres import Database

NAME = "<CA+real@mail.gmail.com>"


class Provider:
    """Names every mail alike."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def internet_message_id(self, mail: Unnamed) -> str | None:
        """Returns the name."""
        self.asked.append(mail.provider_id)
        return NAME


class NoMedia:
    """No attachment lies anywhere."""

    async def media(self, url: str) -> bytes:
        """Returns nothing."""
        return b""


async def test_a_sent_mail_is_named_once_and_its_owner_is_told_again(database: Database) -> None:
    async with world(database) as w:
        await w.start()
        mail, chat = intent(), intent(Channel.WHATSAPP)
        await w.accept(mail, chat)
        await w.becomes(mail, State.SENT)
        await w.becomes(chat, State.SENT)
        mails, provider = PostgresSentMails(w.pool), Provider()
        reader = ReadBack(mails, provider, w.heard, 0, 10)
        w.heard.receipts.clear()
        await reader.once()
        await reader.once()
        assert provider.asked == ["gmail-0"]
        [receipt] = w.heard.receipts
        assert (receipt.row_id, receipt.internet_message_id) == (mail.intent_id, NAME)
        # Asked again about the row, delivery tells the name again.
        [again] = (await w.store.receipts([mail.intent_id])).values()
        assert again.internet_message_id == NAME


async def test_what_cannot_be_read_yet_is_held_and_not_asked_for_at_once(
    database: Database,
) -> None:
    async with world(database) as w:
        await w.start()
        mail = intent()
        await w.accept(mail)
        await w.becomes(mail, State.SENT)
        mails = PostgresSentMails(w.pool)
        assert len(await mails.unnamed(10, 60.0)) == 1
        assert await mails.unnamed(10, 60.0) == []
        await w.pool.execute("UPDATE delivery.intents SET next_attempt_time = now()")
        assert len(await mails.unnamed(10, 60.0)) == 1
        await w.pool.execute(
            "UPDATE delivery.intents SET next_attempt_time = now(), final_time = now() - interval '2 days'"
        )
        assert await mails.unnamed(10, 60.0) == []


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ({"provider_id": "gmail-0"}, True),
        ({"internet_message_id": NAME}, True),
        ({"intent_id": "ours"}, True),
        (
            {"provider_id": "gmail-9", "internet_message_id": "<x@y>", "intent_id": str(uuid4())},
            False,
        ),
        ({"intent_id": "no uuid; DROP TABLE"}, False),
        ({}, False),
    ],
)
async def test_a_mail_is_ours_by_any_id_that_we_saved(
    database: Database, ids: dict[str, str], *, found: bool
) -> None:
    async with world(database) as w:
        await w.start()
        mail, chat = intent(), intent(Channel.WHATSAPP)
        await w.accept(mail, chat)
        await w.becomes(mail, State.SENT)
        mails = PostgresSentMails(w.pool)
        # A mail without a name, and one that has none any more, are not each other's.
        assert not await mails.found("", "", None)
        await mails.name(mail.intent_id, NAME)
        if ids.get("intent_id") == "ours":
            ids = {"intent_id": str(mail.intent_id)}
        servicer = DeliveryServicer(w.store, w.heard, mails, NoMedia())
        request = delivery_service_pb2.FindSentMailRequest(**ids)
        answer = await servicer.FindSentMail(request, None)  # type: ignore[arg-type]
        assert answer.found is found
        foreign = delivery_service_pb2.FindSentMailRequest(intent_id=str(chat.intent_id))
        assert not (await servicer.FindSentMail(foreign, None)).found  # type: ignore[arg-type]
