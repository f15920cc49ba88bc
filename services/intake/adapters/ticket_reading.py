"""A ticket as its holder may see it: what the agent knows, and what we took in and the agent has not stored yet."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from chassis.errors import Unavailable
from services.intake.adapters.agent_tickets import AgentTickets, Line, TicketView
from services.intake.application.messages import StoredForm
from services.intake.application.submissions import Submissions


@dataclass(frozen=True, slots=True)
class ShownTicket:
    """A ticket with its thread; `complete` is false while the agent cannot say what it answered.

    `version` changes exactly when anything that is shown does.
    """

    view: TicketView
    complete: bool
    version: str


class TicketReading:
    """Reads tickets of agent and inbox together, so that a message is on its page the moment it was taken in."""

    def __init__(self, agent: AgentTickets, submissions: Submissions) -> None:
        self._agent = agent
        self._submissions = submissions

    async def read(self, ticket_id: UUID) -> ShownTicket | None:
        """Returns a ticket, or None if no form was given this id.

        Raises:
            Unavailable: if the agent does not answer and the inbox knows nothing of the ticket.
        """
        received = await self._submissions.received(ticket_id)
        try:
            known = await self._agent.ticket(ticket_id)
        except Unavailable:
            if not received:
                raise
            return _shown(_received_view(ticket_id, received), complete=False)
        if known is None:
            return _shown(_received_view(ticket_id, received), complete=True) if received else None
        return _shown(_together(known, received), complete=True)


def _together(known: TicketView, received: Sequence[StoredForm]) -> TicketView:
    ids = {line.message_id for line in known.lines}
    waiting = [_line(form) for form in received if form.inbox_id not in ids]
    lines = sorted((*known.lines, *waiting), key=lambda line: line.time)
    return replace(known, lines=tuple(lines))


def _received_view(ticket_id: UUID, received: Sequence[StoredForm]) -> TicketView:
    return TicketView(
        ticket_id=ticket_id,
        reference=received[0].facts.reference,
        status="received",
        subject=received[0].subject,
        lines=tuple(_line(form) for form in received),
    )


def _line(form: StoredForm) -> Line:
    return Line("customer", "", form.body, form.accept_time, message_id=form.inbox_id)


def _shown(view: TicketView, *, complete: bool) -> ShownTicket:
    facts = [
        view.status,
        complete,
        *([str(line.message_id), line.delivery_status] for line in view.lines),
    ]
    version = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]
    return ShownTicket(view, complete, version)
