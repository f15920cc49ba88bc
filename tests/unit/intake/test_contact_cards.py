"""Contact cards: read when the message is handed out, and never a reason not to hand it out."""

from dataclasses import dataclass, field
from typing import Any, cast

from chassis.errors import Unavailable
from fte.delivery.v1 import delivery_service_pb2 as delivery
from fte.delivery.v1 import delivery_service_pb2_grpc as delivery_grpc
from fte.intake.v1 import intake_service_pb2
from services.intake.adapters.contact_cards import ContactCards

CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada Lovelace\r\nTEL;waid=1555:+1 555 0100\r\nEND:VCARD"


@dataclass
class Delivery:
    """Delivery, with what lies at the provider."""

    content: dict[str, bytes] = field(default_factory=dict)
    away: bool = False
    asked: list[str] = field(default_factory=list)

    async def ReadMedia(  # noqa: N802 - the contract's name
        self,
        request: delivery.ReadMediaRequest,
        timeout: float,  # noqa: ASYNC109 - gRPC's
    ) -> delivery.ReadMediaResponse:
        assert timeout < 1
        self.asked.append(request.url)
        if self.away:
            raise Unavailable("away")
        return delivery.ReadMediaResponse(content=self.content.get(request.url, b""))


def message(*media: tuple[str, str], body: str = "") -> intake_service_pb2.InboundMessage:
    made = intake_service_pb2.InboundMessage(body=body)
    for url, content_type in media:
        made.whatsapp.media.add(url=url, content_type=content_type)
    return made


async def read(of: Delivery, *messages: intake_service_pb2.InboundMessage) -> None:
    stub: Any = of
    await ContactCards(cast("delivery_grpc.DeliveryServiceAsyncStub", stub)).read(messages)


async def test_a_card_becomes_text() -> None:
    asked = Delivery({"u1": CARD.encode(), "u2": CARD.encode()})
    alone = message(("u1", "text/vcard"))
    beside = message(
        ("u0", "image/jpeg"), ("u2", "text/x-vcard; charset=utf-8"), body="My colleague"
    )
    await read(asked, alone, beside, message(body="Hi"))
    assert alone.body == "[Contact] Ada Lovelace, +1 555 0100"
    assert list(alone.whatsapp.media) == []
    assert beside.body == "My colleague\n[Contact] Ada Lovelace, +1 555 0100"
    assert [media.url for media in beside.whatsapp.media] == ["u0"]
    assert asked.asked == ["u1", "u2"]


async def test_what_cannot_be_read_stays_an_attachment() -> None:
    for of in (Delivery(away=True), Delivery(), Delivery({"u1": b"<html>no card</html>"})):
        card = message(("u1", "text/vcard"))
        await read(of, card)
        assert (card.body, len(card.whatsapp.media)) == ("", 1)


async def test_few_cards_of_a_message_are_read() -> None:
    asked = Delivery()
    await read(asked, message(*((f"u{n}", "text/vcard") for n in range(10))))
    assert len(asked.asked) == 3
