"""Takes accepted messages over from intake: fetch what is new, learn whose it is, store it, answer.

The event is only a hint. What is fetched is everything after the last stored number of each handle, so that
nothing waits for a gap and a lost hint costs nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog

from chassis.database import AWAY
from chassis.ledger import Receipt
from fte.conversation.v1 import conversation_pb2, receipts_pb2
from fte.identity.v1 import identity_service_pb2, identity_service_pb2_grpc
from fte.intake.v1 import intake_service_pb2, intake_service_pb2_grpc
from services.agent.adapters.inbound import Owned
from services.agent.adapters.receipts import ReceiptPublisher
from services.agent.application.runner import Runner
from services.agent.domain.decisions import TRIES
from services.agent.domain.turn import CustomerId

PAGE = 32
TOPIC = "fte.tickets.incoming"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """One row that intake drives: the message, and the handle whose sequence it is in."""

    message_id: UUID
    handle_id: UUID


def asked(event: receipts_pb2.RowsDriven) -> list[Asked]:
    """Reads the rows of a hint."""
    return [Asked(UUID(row.row_id), UUID(row.group_id)) for row in event.rows]


class Inbound(Protocol):
    """Where messages are stored once; raises an error of the database when it is away."""

    async def receipts(self, message_ids: Sequence[UUID]) -> dict[UUID, Receipt]:
        """Returns the newest receipt of each message that is stored."""

    async def cursors(self, handle_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Returns how far each handle's sequence is stored; 0 for a new handle."""

    async def store(self, batch: Sequence[Owned]) -> None:
        """Stores messages, cursors and due times; all or nothing, repeats change nothing."""

    async def store_unreadable(self, owned: Owned) -> None:
        """Stores a message that cannot be stored as it is, so that a person gets it."""


class Incoming:
    """The far end of intake's inbox."""

    def __init__(
        self,
        store: Inbound,
        intake: "intake_service_pb2_grpc.IntakeServiceAsyncStub",
        identity: "identity_service_pb2_grpc.IdentityServiceAsyncStub",
        receipts: ReceiptPublisher,
        runner: Runner,
    ) -> None:
        self._store = store
        self._intake = intake
        self._identity = identity
        self._receipts = receipts
        self._runner = runner
        self._failures: Counter[str] = Counter()

    async def take(self, rows: Sequence[Asked]) -> None:
        """Stores what is new and answers every row with its newest receipt."""
        known = await self._store.receipts([row.message_id for row in rows])
        missing = {row.handle_id for row in rows if row.message_id not in known}
        self._receipts.send(known.values())
        if missing:
            stored = await self._take_over(sorted(missing))
            self._receipts.send(stored.values())

    async def _take_over(self, handle_ids: Sequence[UUID]) -> dict[UUID, Receipt]:
        stored: dict[UUID, Receipt] = {}
        more = True
        while more:
            cursors = await self._store.cursors(handle_ids)
            fetched = await self._intake.FetchMessages(
                intake_service_pb2.FetchMessagesRequest(
                    cursors=[
                        intake_service_pb2.HandleCursor(handle_id=str(h), after_seq=seq)
                        for h, seq in cursors.items()
                    ],
                    page_size=PAGE,
                )
            )
            more = fetched.more and bool(fetched.messages)
            batch = await self._owned(fetched.messages)
            await self._save(batch)
            for owned in batch:
                message_id = UUID(owned.message.message_id)
                stored[message_id] = Receipt(message_id, settled=False)
            self._runner.wake()
        return stored

    async def _owned(self, messages: Sequence[intake_service_pb2.InboundMessage]) -> list[Owned]:
        owned: list[Owned] = []
        for start in range(0, len(messages), 64):
            page = messages[start : start + 64]
            resolved = await self._identity.Resolve(
                identity_service_pb2.ResolveRequest(handles=[_seen(message) for message in page])
            )
            owned += [
                Owned(message, CustomerId(UUID(binding.customer_id)), binding.conflicting)
                for message, binding in zip(page, resolved.bindings, strict=True)
            ]
        return owned

    async def _save(self, batch: Sequence[Owned]) -> None:
        if not batch:
            return
        if any(owned.message.unreadable for owned in batch):
            await self._save_singly(batch)
            return
        try:
            await self._store.store(batch)
        except AWAY:
            raise
        except Exception:
            log.exception("batch not stored, storing singly", rows=len(batch))
            await self._save_singly(batch)

    async def _save_singly(self, batch: Sequence[Owned]) -> None:
        """One bad row must not hold the others: stores them one by one, in order."""
        for owned in batch:
            message_id = owned.message.message_id
            if owned.message.unreadable:
                await self._store.store_unreadable(owned)
                continue
            try:
                await self._store.store([owned])
            except AWAY:
                raise
            except Exception:
                self._failures[message_id] += 1
                log.exception("message not stored", failures=self._failures[message_id])
                if self._failures[message_id] < TRIES:
                    raise
                await self._store.store_unreadable(owned)
            self._failures.pop(message_id, None)


def _seen(message: intake_service_pb2.InboundMessage) -> identity_service_pb2.ResolveHandle:
    """What identity decides on: the sender's handle, and the user id that came with a number."""
    seen = identity_service_pb2.ResolveHandle(
        handle=message.handle, assurance=message.assurance, display_name=message.sender_name
    )
    if message.whatsapp.user_id:
        seen.also.type = conversation_pb2.HANDLE_TYPE_WHATSAPP_USER
        seen.also.value = message.whatsapp.user_id
    return seen
