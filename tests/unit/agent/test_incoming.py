"""Taking messages over from intake: one that could not be read goes to a person, the others are worked on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

from chassis.ledger import Receipt
from fte.conversation.v1 import conversation_pb2
from fte.identity.v1 import identity_service_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters.inbound import Owned
from services.agent.adapters.incoming import Asked, Incoming
from services.agent.adapters.receipts import ReceiptPublisher
from services.agent.application.runner import Runner

HANDLE = uuid4()


@dataclass
class Store:
    """Remembers what was stored, and how."""

    stored: list[tuple[str, bool]] = field(default_factory=list)
    last: int = 0

    async def receipts(self, message_ids: Sequence[UUID]) -> dict[UUID, Receipt]:
        """Knows none."""
        return {}

    async def cursors(self, handle_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Returns how far the one handle is stored."""
        return dict.fromkeys(handle_ids, self.last)

    async def store(self, batch: Sequence[Owned]) -> None:
        """Stores messages for a turn."""
        self.stored += [(owned.message.body, True) for owned in batch]

    async def store_unreadable(self, owned: Owned) -> None:
        """Stores a message for a person."""
        self.stored.append((owned.message.body, False))


def message(
    number: int, body: str, *, unreadable: bool = False
) -> intake_service_pb2.InboundMessage:
    return intake_service_pb2.InboundMessage(
        message_id=str(uuid4()),
        handle_id=str(HANDLE),
        inbox_seq=number,
        channel=conversation_pb2.CHANNEL_EMAIL,
        handle=conversation_pb2.Handle(
            type=conversation_pb2.HANDLE_TYPE_EMAIL, value="ada@example.com"
        ),
        assurance=conversation_pb2.ASSURANCE_CLAIMED,
        body=body,
        unreadable=unreadable,
    )


async def taken(*messages: intake_service_pb2.InboundMessage) -> list[tuple[str, bool]]:
    async def fetch(_: object) -> intake_service_pb2.FetchMessagesResponse:
        return intake_service_pb2.FetchMessagesResponse(messages=messages)

    async def resolve(
        request: identity_service_pb2.ResolveRequest,
    ) -> identity_service_pb2.ResolveResponse:
        bindings = [identity_service_pb2.Binding(customer_id=str(uuid4())) for _ in request.handles]
        return identity_service_pb2.ResolveResponse(bindings=bindings)

    store = Store()
    nothing = SimpleNamespace(send=lambda _: None, wake=lambda: None)
    incoming = Incoming(
        store,
        cast("Any", SimpleNamespace(FetchMessages=fetch)),
        cast("Any", SimpleNamespace(Resolve=resolve)),
        cast("ReceiptPublisher", nothing),
        cast("Runner", nothing),
    )
    await incoming.take([Asked(UUID(messages[0].message_id), HANDLE)])
    return store.stored


async def test_an_unreadable_message_goes_to_a_person_and_holds_no_other() -> None:
    bomb = message(2, "", unreadable=True)
    assert await taken(message(1, "Hello"), bomb, message(3, "Still there?")) == [
        ("Hello", True),
        ("", False),
        ("Still there?", True),
    ]


async def test_readable_messages_are_stored_together() -> None:
    assert await taken(message(1, "a"), message(2, "b")) == [("a", True), ("b", True)]
