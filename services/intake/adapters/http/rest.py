"""The REST interface for other systems: conversations, customers and figures, each asked of its owner."""

from datetime import UTC
from typing import Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.errors import Rejected
from fte.agent.v1 import agent_service_pb2 as agent
from fte.conversation.v1 import conversation_pb2 as conversation
from fte.metrics.v1 import metrics_service_pb2 as metrics
from services.intake.adapters.customer_lookup import CustomerLookup, Found
from services.intake.adapters.http.access import KeyGate
from services.intake.adapters.http.problems import Problem, not_found
from services.intake.adapters.neighbours import Neighbours
from services.intake.application.api_keys import Scope

WINDOW_HOURS = 24
_LONGEST_HANDLE = 320
_PRIVATE = {"cache-control": "no-store"}
_MEASURED = ("latency_p50_ms", "latency_p95_ms", "sentiment_mean", "escalation_rate")
_HANDLES = {
    "email": conversation.HANDLE_TYPE_EMAIL,
    "phone": conversation.HANDLE_TYPE_PHONE,
}


class Rest:
    """Serves the REST interface behind the gate."""

    def __init__(self, gate: KeyGate, neighbours: Neighbours, customers: CustomerLookup) -> None:
        self._gate = gate
        self._neighbours = neighbours
        self._customers = customers

    def routes(self) -> list[Route]:
        """Returns the routes of the REST interface."""
        guard = self._gate.guard
        return [
            Route(
                "/conversations/{conversation_id}", guard(Scope.CONVERSATIONS, self.conversation)
            ),
            Route("/customers/lookup", guard(Scope.CUSTOMERS, self.customer)),
            Route("/metrics/channels", guard(Scope.METRICS, self.channels)),
        ]

    async def conversation(self, request: Request) -> Response:
        """Shows a conversation with its messages: 404 if there is none."""
        try:
            conversation_id = UUID(request.path_params["conversation_id"])
        except ValueError:
            raise not_found() from None
        answer = await self._neighbours.conversation(conversation_id)
        if answer is None:
            raise not_found()
        return JSONResponse(_conversation(answer), headers=_PRIVATE)

    async def customer(self, request: Request) -> Response:
        """Shows the customer of an address or number: 400 without exactly one, 404 if it is nobody's."""
        try:
            found = await self._customers.find(_handle(request))
        except Rejected as error:
            detail = error.violations[0].description if error.violations else error.message
            raise _wrong_query(detail) from None
        if found is None:
            raise not_found()
        return JSONResponse(_customer(found), headers=_PRIVATE)

    async def channels(self, _: Request) -> Response:
        """Shows the last 24 hours by channel."""
        answer = await self._neighbours.channel_reports(WINDOW_HOURS)
        body = {
            "window_hours": WINDOW_HOURS,
            "window_start": _time(answer.window_start),
            "channels": [_report(report) for report in answer.channels],
        }
        return JSONResponse(body, headers=_PRIVATE)


def channel_name(number: conversation.Channel.ValueType) -> str:
    """Returns a channel's name in answers: email, whatsapp or web_form."""
    return conversation.Channel.Name(number).removeprefix("CHANNEL_").lower()


def _handle(request: Request) -> conversation.Handle:
    query = request.query_params
    given = [(name, value) for name, value in query.multi_items() if name in _HANDLES]
    if len(given) != 1 or not given[0][1].strip():
        raise _wrong_query("Give either email or phone, once.")
    name, value = given[0]
    if len(value) > _LONGEST_HANDLE:
        raise _wrong_query(f"{name} may have at most {_LONGEST_HANDLE} characters.")
    if name == "phone" and value.startswith(" "):
        # An unescaped plus sign in a query stands for a space.
        value = "+" + value[1:]
    return conversation.Handle(type=_HANDLES[name], value=value)


def _wrong_query(detail: str) -> Problem:
    return Problem(400, "wrong-query", "The query cannot be answered", detail)


def _conversation(answer: agent.GetConversationResponse) -> dict[str, Any]:
    found = answer.conversation
    return {
        "conversation_id": found.conversation_id,
        "customer_id": found.customer_id,
        "side": found.side,
        "initial_channel": channel_name(found.initial_channel),
        "status": found.status,
        "escalated_to": found.escalated_to or None,
        "owner": found.owner,
        "owner_name": found.owner_name or None,
        "channel_switches": found.channel_switches,
        "start_time": _time(found.start_time),
        "ticket": _ticket(found.ticket) if found.HasField("ticket") else None,
        "messages": [_message(message) for message in answer.messages],
    }


def _ticket(ticket: agent.Ticket) -> dict[str, Any]:
    return {
        "ticket_id": ticket.ticket_id,
        "reference": ticket.reference,
        "status": ticket.status,
        "priority": ticket.priority,
        "category": ticket.category,
        "subject": ticket.subject,
        "create_time": _time(ticket.create_time),
        "resolve_time": _time(ticket.resolve_time) if ticket.HasField("resolve_time") else None,
    }


def _message(message: agent.Message) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "direction": message.direction,
        "role": message.role,
        "speaker": message.speaker or None,
        "channel": channel_name(message.channel),
        "content": message.content,
        "time": _time(message.create_time),
        "delivery_status": message.delivery_status or None,
    }


def _customer(found: Found) -> dict[str, Any]:
    customer = found.customer
    return {
        "customer_id": customer.customer_id,
        "display_name": customer.display_name or None,
        "first_contact_time": _time(customer.create_time),
        "identifiers": [
            {
                "type": conversation.HandleType.Name(entry.handle.type)
                .removeprefix("HANDLE_TYPE_")
                .lower(),
                "value": entry.handle.value,
                "verified": entry.verified,
                "evidence": entry.evidence,
                "first_seen_time": _time(entry.create_time),
            }
            for entry in customer.identifiers
        ],
        "conversation_count": found.counts.total,
        "open_conversation_count": found.counts.open,
        "latest_conversation_id": found.counts.latest_conversation_id or None,
    }


def _report(report: metrics.ChannelReport) -> dict[str, Any]:
    known = {field.name for field, _ in report.ListFields()}
    return {
        "channel": channel_name(report.channel),
        "responses": report.responses,
        "escalations": report.escalations,
        "errors": report.errors,
        "deliveries": report.deliveries,
        # Without data there is no figure: a zero would be one.
        **{name: getattr(report, name) if name in known else None for name in _MEASURED},
    }


def _time(moment: Timestamp) -> str:
    return moment.ToDatetime(UTC).isoformat()
