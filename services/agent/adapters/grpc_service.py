"""AgentService: conversations and tickets to look at, and what delivery is to send."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import grpc

from chassis.database import Pool
from chassis.errors import NotFound
from fte.agent.v1 import agent_service_pb2 as wire
from services.agent.adapters.corrections import SendCorrections
from services.agent.adapters.dead_letters import DeadLetters
from services.agent.adapters.mapping import channel_to_proto, timestamp
from services.agent.adapters.ownership_service import OwnershipService
from services.agent.application.takeover import Owners, TakeOvers
from services.agent.domain.turn import Channel
from services.agent.domain.window import window_end

_TICKET = (
    "SELECT ticket_id, reference, conversation_id, status, priority, category, subject, create_time, "
    "resolve_time FROM agent.tickets "
)
_MESSAGE = (
    "SELECT message_id, direction, role, speaker, channel, content, create_time, delivery_status "
    "FROM agent.messages "
)
# What was only planned is nobody's answer yet.
_VISIBLE = "(direction = 'inbound' OR delivery_status IN ('sent', 'delivered', 'read'))"


class AgentService(OwnershipService):
    """Reads with the ledger role; callers are other services and trusted local ones."""

    def __init__(
        self, pool: Pool, owners: Owners, take_overs: TakeOvers, corrections: SendCorrections
    ) -> None:
        super().__init__(pool, owners, take_overs)
        self._dead_letters = DeadLetters(pool)
        self._corrections = corrections

    async def ListDeadLetters(  # noqa: N802 - the name is the contract's
        self, request: wire.ListDeadLettersRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.ListDeadLettersResponse:
        """Returns one page of dead letters, oldest first."""
        return await self._dead_letters.list(request)

    async def GetDeadLetter(  # noqa: N802 - the name is the contract's
        self, request: wire.GetDeadLetterRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.GetDeadLetterResponse:
        """Returns a dead letter with its original messages, or NOT_FOUND."""
        return await self._dead_letters.get(request)

    async def ReplayDeadLetter(  # noqa: N802 - the name is the contract's
        self, request: wire.ReplayDeadLetterRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.ReplayDeadLetterResponse:
        """Makes the messages of an open dead letter due again."""
        return await self._dead_letters.replay(request)

    async def DropDeadLetter(  # noqa: N802 - the name is the contract's
        self, request: wire.DropDeadLetterRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.DropDeadLetterResponse:
        """Closes an open dead letter without another try."""
        return await self._dead_letters.drop(request)

    async def CorrectSends(  # noqa: N802 - the name is the contract's
        self, request: wire.CorrectSendsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.CorrectSendsResponse:
        """Takes back outcomes of sends that were closed as sent."""
        return await self._corrections.correct(request)

    async def FetchOutbound(  # noqa: N802 - the name is the contract's
        self, request: wire.FetchOutboundRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.FetchOutboundResponse:
        """Returns the content of outbox rows by id, with WhatsApp's window as it is now."""
        records = await self._pool.fetch(
            "SELECT content FROM agent.outbox WHERE outbox_id = ANY ($1)",
            [UUID(outbox_id) for outbox_id in request.outbox_ids],
        )
        messages = [wire.OutboundMessage.FromString(r["content"]) for r in records]
        await self._renew_windows([m for m in messages if m.HasField("window_end_time")])
        return wire.FetchOutboundResponse(messages=messages)

    async def _renew_windows(self, messages: Sequence[wire.OutboundMessage]) -> None:
        handles = {m.handle_id for m in messages if m.handle_id}
        if not handles:
            return
        records = await self._pool.fetch(
            "SELECT handle_id, max(create_time) AS wrote FROM agent.messages "
            "WHERE handle_id = ANY ($1) AND direction = 'inbound' AND channel = 'whatsapp' "
            "GROUP BY handle_id",
            [UUID(handle_id) for handle_id in handles],
        )
        wrote = {str(r["handle_id"]): r["wrote"] for r in records}
        for message in messages:
            if message.handle_id in wrote:
                message.window_end_time.CopyFrom(timestamp(window_end(wrote[message.handle_id])))

    async def GetTicket(  # noqa: N802 - the name is the contract's
        self, request: wire.GetTicketRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.GetTicketResponse:
        """Returns a ticket with its messages, or NOT_FOUND."""
        ticket_id = UUID(request.ticket_id)
        ticket = await self._pool.fetchrow(_TICKET + "WHERE ticket_id = $1", ticket_id)
        if ticket is None:
            raise NotFound("There is no such ticket.", metadata={"resource": "ticket"})
        messages = await self._pool.fetch(
            _MESSAGE + f"WHERE ticket_id = $1 AND {_VISIBLE} ORDER BY create_time LIMIT 500",
            ticket_id,
        )
        return wire.GetTicketResponse(
            ticket=_ticket(ticket), messages=[_message(record) for record in messages]
        )

    async def GetConversation(  # noqa: N802 - the name is the contract's
        self, request: wire.GetConversationRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> wire.GetConversationResponse:
        """Returns a conversation with its messages, or NOT_FOUND."""
        conversation_id = UUID(request.conversation_id)
        record = await self._pool.fetchrow(
            "SELECT c.conversation_id, c.customer_id, c.side, c.initial_channel, c.status, "
            "c.escalated_to, jsonb_array_length(c.metadata -> 'channel_switches') AS switches, "
            "c.start_time, h.owner, h.owner_name FROM agent.conversations AS c "
            "JOIN agent.heads AS h USING (customer_id, side) WHERE c.conversation_id = $1",
            conversation_id,
        )
        if record is None:
            raise NotFound("There is no such conversation.", metadata={"resource": "conversation"})
        ticket = await self._pool.fetchrow(
            _TICKET + "WHERE conversation_id = $1 AND status NOT IN ('resolved', 'closed') "
            "ORDER BY create_time DESC LIMIT 1",
            conversation_id,
        )
        messages = await self._pool.fetch(
            _MESSAGE + "WHERE conversation_id = $1 ORDER BY create_time LIMIT 500", conversation_id
        )
        return wire.GetConversationResponse(
            conversation=wire.Conversation(
                conversation_id=str(record["conversation_id"]),
                customer_id=str(record["customer_id"]),
                side=record["side"],
                initial_channel=channel_to_proto(Channel(record["initial_channel"])),
                status=record["status"],
                escalated_to=record["escalated_to"],
                channel_switches=record["switches"],
                start_time=timestamp(record["start_time"]),
                ticket=_ticket(ticket) if ticket is not None else None,
                owner=record["owner"],
                owner_name=record["owner_name"],
            ),
            messages=[_message(message) for message in messages],
        )


def _ticket(record: asyncpg.Record) -> wire.Ticket:
    return wire.Ticket(
        ticket_id=str(record["ticket_id"]),
        reference=record["reference"],
        conversation_id=str(record["conversation_id"]),
        status=record["status"],
        priority=record["priority"],
        category=record["category"],
        subject=record["subject"],
        create_time=timestamp(record["create_time"]),
        resolve_time=timestamp(record["resolve_time"]) if record["resolve_time"] else None,
    )


def _message(record: asyncpg.Record) -> wire.Message:
    return wire.Message(
        message_id=str(record["message_id"]),
        direction=record["direction"],
        role=record["role"],
        channel=channel_to_proto(Channel(record["channel"])),
        content=record["content"],
        create_time=timestamp(record["create_time"]),
        delivery_status=record["delivery_status"] or "",
        speaker=record["speaker"],
    )
