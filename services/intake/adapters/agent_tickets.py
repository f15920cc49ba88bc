"""Tickets as the agent knows them, asked by service invocation."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from chassis.errors import NotFound
from chassis.sidecar import Sidecar
from fte.agent.v1 import agent_service_pb2, agent_service_pb2_grpc

_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the thread; `role` is customer, ai, human or system."""

    role: str
    speaker: str
    text: str = field(repr=False)
    time: datetime
    delivery_status: str = ""
    message_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket with its thread, oldest line first; `status` is the agent's word."""

    ticket_id: UUID
    reference: str
    status: str
    subject: str = field(repr=False)
    lines: tuple[Line, ...] = ()


class AgentTickets:
    """Asks the agent; raises `Unavailable` while it does not answer."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._stub = agent_service_pb2_grpc.AgentServiceStub(sidecar.service("agent"))

    async def ticket(self, ticket_id: UUID) -> TicketView | None:
        """Returns the ticket, or None while the agent does not know it."""
        request = agent_service_pb2.GetTicketRequest(ticket_id=str(ticket_id))
        try:
            answer = await self._stub.GetTicket(request, timeout=_SECONDS)
        except NotFound:
            return None
        return TicketView(
            ticket_id=ticket_id,
            reference=answer.ticket.reference,
            status=answer.ticket.status,
            subject=answer.ticket.subject,
            lines=tuple(
                Line(
                    m.role,
                    m.speaker,
                    m.content,
                    m.create_time.ToDatetime(tzinfo=UTC),
                    m.delivery_status,
                    UUID(m.message_id),
                )
                for m in answer.messages
            ),
        )
