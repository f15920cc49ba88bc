"""Takes delivery's receipts over: stored ones slow the outbox down, settled ones close it."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

import structlog

from chassis.errors import Unavailable
from chassis.ledger import Ledger, Receipt
from fte.agent.v1 import customer_actor_pb2 as wire
from fte.conversation.v1 import receipts_pb2
from services.agent.adapters.customer_client import ActorClient
from services.agent.domain.turn import CustomerId, Side

TOPIC = "fte.channels.delivered"

log = structlog.get_logger(__name__)


class Outcomes(Protocol):
    """Where outcomes of sends are shown."""

    async def sent(self, outbox_ids: Sequence[UUID], provider_ids: Sequence[str]) -> None:
        """Shows messages as sent whose every part is settled."""

    async def owners(self, outbox_ids: Sequence[UUID]) -> dict[UUID, tuple[CustomerId, Side]]:
        """Returns whose rows these are; those that show how they failed already are left out."""


class Names(Protocol):
    """Where the real names of sent mails are kept."""

    async def named(self, names: Mapping[UUID, tuple[str, str]]) -> None:
        """Keeps (thread id, Message-ID) by outbox row; an empty one is unknown. Repeats change nothing."""


class Delivered:
    """Plain *sent* outcomes are stored in bulk; any other goes through the customer's actor."""

    def __init__(
        self, outbox: Ledger, outcomes: Outcomes, customers: ActorClient, names: Names
    ) -> None:
        self._outbox = outbox
        self._outcomes = outcomes
        self._customers = customers
        self._names = names

    async def take(self, event: receipts_pb2.ReceiptsIssued) -> None:
        """Takes one event over; a repeat changes nothing."""
        settled = [r for r in event.rows if r.state == receipts_pb2.RECEIPT_STATE_SETTLED]
        sent = [r for r in settled if r.outcome == "sent"]
        failed = [r for r in settled if r.outcome != "sent"]
        stored = [r for r in event.rows if r.state == receipts_pb2.RECEIPT_STATE_STORED]
        await self._outbox.receive(
            [
                *(Receipt(UUID(r.row_id), settled=False) for r in stored),
                *(Receipt(UUID(r.row_id), settled=True, outcome=r.outcome) for r in sent),
            ]
        )
        if sent:
            await self._outcomes.sent([UUID(r.row_id) for r in sent], [r.provider_id for r in sent])
        names = {
            UUID(r.row_id): (r.thread_id, r.internet_message_id)
            for r in sent
            if r.thread_id or r.internet_message_id
        }
        if names:
            await self._names.named(names)
        await self._report(failed)

    async def _report(self, failed: Sequence[receipts_pb2.Receipt]) -> None:
        if not failed:
            return
        owners = await self._outcomes.owners([UUID(r.row_id) for r in failed])
        by_owner = grouped(
            owners,
            [
                wire.SendOutcome(
                    outbox_id=r.row_id,
                    outcome=r.outcome,
                    provider_id=r.provider_id,
                    detail=r.detail,
                )
                for r in failed
            ],
        )
        calls = [
            self._customers.report(customer_id, side, outcomes)
            for (customer_id, side), outcomes in by_owner.items()
        ]
        for result in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(result, Unavailable):
                # The rows stay open: delivery is asked again and answers again.
                log.warning("outcomes not reported", error=result.message)
            elif isinstance(result, BaseException):
                raise result


def grouped(
    owners: Mapping[UUID, tuple[CustomerId, Side]], outcomes: Sequence[wire.SendOutcome]
) -> dict[tuple[CustomerId, Side], list[wire.SendOutcome]]:
    """Sorts outcomes by whose they are; those of rows without an owner are left out."""
    found: dict[tuple[CustomerId, Side], list[wire.SendOutcome]] = defaultdict(list)
    for outcome in outcomes:
        owner = owners.get(UUID(outcome.outbox_id))
        if owner is not None:
            found[owner].append(outcome)
    return found
