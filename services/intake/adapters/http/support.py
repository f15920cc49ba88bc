"""The web channel: the form, its answer, the status page and replies from it."""

import hashlib
import re
from collections.abc import Mapping
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from services.intake.adapters.agent_tickets import AgentTickets, Line, TicketView
from services.intake.adapters.http import pages
from services.intake.adapters.http.bodies import FORM_BYTES, read_body, read_fields
from services.intake.adapters.http.problems import Problem, not_found, respond
from services.intake.application.forms import FormInvalidError, read_form, read_reply
from services.intake.application.messages import StoredForm
from services.intake.application.submissions import (
    KeyReusedError,
    Receipt,
    Submissions,
    UnknownTicketError,
)
from services.intake.application.tickets import TicketLinks

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_PRIVATE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_STATUS_TEXTS = {
    "received": "We have received your message and will answer here.",
    "open": "We are working on your request.",
    "in_progress": "We are working on your request.",
    "escalated": "A member of our team has your request and will answer you.",
    "resolved": "We believe that your request is solved. Reply if it is not.",
    "closed": "This request is closed. Reply to open it again.",
}
_SPEAKERS = {
    "customer": "You",
    "ai": "Digital assistant",
    "human": "Support team",
    "system": "Notice",
}

log = structlog.get_logger(__name__)


class Support:
    """Serves the web channel."""

    def __init__(
        self,
        submissions: Submissions,
        links: TicketLinks,
        tickets: AgentTickets,
        *,
        expected_reply: str,
        body_seconds: float,
    ) -> None:
        self._submissions = submissions
        self._links = links
        self._tickets = tickets
        self._expected_reply = expected_reply
        self._body_seconds = body_seconds

    def routes(self) -> list[Route]:
        """Returns the routes of the web channel."""
        return [
            Route("/", self.form),
            Route("/support/submit", self.submit, methods=["POST"]),
            Route("/support/ticket/{ticket_id}", self.ticket),
            Route("/support/ticket/{ticket_id}/reply", self.reply, methods=["POST"]),
        ]

    async def form(self, _: Request) -> Response:
        """Shows the form."""
        return pages.form_page("support/submit")

    async def submit(self, request: Request) -> Response:
        """Takes a form in: 201, 422 naming every wrong field, 409 for a key with another body."""
        key = _header_key(request)
        body = await read_body(request, FORM_BYTES, self._body_seconds)
        fields = await read_fields(request, body)
        html = _wants_html(request)
        try:
            form = read_form(fields)
        except FormInvalidError as error:
            if html:
                return pages.form_page("submit", values=fields, errors=error.errors, status=422)
            raise _invalid(error) from None
        key = key or _page_key(fields, form.fingerprint())
        try:
            receipt = await self._submissions.submit(form, body, key)
        except KeyReusedError:
            raise _key_reused() from None
        if html:
            return pages.confirmation_page(receipt, self._expected_reply)
        return self._created(receipt)

    async def ticket(self, request: Request) -> Response:
        """Shows the ticket to whoever holds its token; everything else is the same 404."""
        html = _wants_html(request)
        try:
            ticket_id, token = self._opened(request)
            view = await self._view(ticket_id)
        except Problem as problem:
            if not html:
                raise
            return pages.message_page(problem.title, problem.detail, problem.status)
        if html:
            return self._status_page(view, token)
        answer = {
            "ticket_id": str(view.ticket_id),
            "reference": view.reference,
            "status": view.status,
            "status_text": _STATUS_TEXTS.get(view.status, _STATUS_TEXTS["open"]),
            "subject": view.subject,
            "messages": [
                {
                    "role": line.role,
                    "speaker": _speaker(line),
                    "text": line.text,
                    "time": line.time.isoformat(),
                    "delivery_status": line.delivery_status,
                }
                for line in view.lines
            ],
        }
        return JSONResponse(answer, headers=_PRIVATE)

    async def reply(self, request: Request) -> Response:
        """Takes a reply in, with the same token."""
        html = _wants_html(request)
        ticket_id, token = self._opened(request)
        key = _header_key(request)
        body = await read_body(request, FORM_BYTES, self._body_seconds)
        fields = await read_fields(request, body)
        try:
            text = read_reply(fields)
        except FormInvalidError as error:
            if html:
                view = await self._view(ticket_id)
                return self._status_page(view, token, error=error, fields=fields)
            raise _invalid(error) from None
        key = key or _page_key(fields, hashlib.sha256(text.encode()).digest())
        # The key is the caller's own; other tickets' callers must be able to use the same.
        scoped = f"{ticket_id}\0{key}" if key else ""
        try:
            receipt = await self._submissions.reply(ticket_id, text, body, scoped)
        except UnknownTicketError:
            raise not_found() from None
        except KeyReusedError:
            raise _key_reused() from None
        if html:
            return RedirectResponse(f"../{ticket_id}?token={token}", 303, _PRIVATE)
        return self._created(receipt)

    def _opened(self, request: Request) -> tuple[UUID, str]:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        token = bearer.strip() if scheme.lower() == "bearer" else ""
        token = token or request.query_params.get("token", "")
        try:
            ticket_id = UUID(request.path_params["ticket_id"])
        except ValueError:
            raise not_found() from None
        if not self._links.opens(ticket_id, token):
            log.info("ticket refused")
            raise not_found()
        return ticket_id, token

    async def _view(self, ticket_id: UUID) -> TicketView:
        view = await self._tickets.ticket(ticket_id)
        if view is not None:
            return view
        # The agent has not stored it yet; what we accepted is ours to show.
        received = await self._submissions.received(ticket_id)
        if not received:
            raise not_found()
        return _received_view(ticket_id, received)

    def _status_page(
        self,
        view: TicketView,
        token: str,
        *,
        error: FormInvalidError | None = None,
        fields: Mapping[str, object] | None = None,
    ) -> Response:
        text = (fields or {}).get("message", "")
        # Relative to the page's own address: the reply's address is one level deeper.
        action = (
            f"{view.ticket_id}/reply?token={token}" if error is None else f"reply?token={token}"
        )
        return pages.status_page(
            reference=view.reference,
            status_text=_STATUS_TEXTS.get(view.status, _STATUS_TEXTS["open"]),
            lines=[(_speaker(line), line.time.isoformat(), line.text) for line in view.lines],
            reply_action=action,
            errors=error.errors if error else (),
            text=text if isinstance(text, str) else "",
            status=422 if error else 200,
        )

    def _created(self, receipt: Receipt) -> Response:
        answer = {
            "ticket_id": str(receipt.ticket_id),
            "reference": receipt.reference,
            "status_url": receipt.status_url,
            "expected_reply": self._expected_reply,
            "message_id": str(receipt.message_id),
        }
        return JSONResponse(answer, 201, _PRIVATE)


async def on_problem(request: Request, exc: Exception) -> Response:
    """Answers a problem as a page to a browser, else as a problem document."""
    if not isinstance(exc, Problem):
        raise exc
    if _wants_html(request):
        page = pages.message_page(exc.title, exc.detail, exc.status)
        page.headers.update(exc.headers)
        return page
    return respond(request, exc)


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _header_key(request: Request) -> str:
    key = request.headers.get("idempotency-key")
    if key is None:
        return ""
    if not _KEY.fullmatch(key):
        raise Problem(
            400,
            "malformed",
            "The request cannot be read",
            "Idempotency-Key must be 1 to 255 visible ASCII characters.",
        )
    return key


def _page_key(fields: Mapping[str, object], fingerprint: bytes) -> str:
    # Of a page that was sent twice by a double click; going back and changing a field is a new message.
    key = fields.get(pages.KEY_FIELD)
    return f"page\0{key}\0{fingerprint.hex()}" if isinstance(key, str) and key else ""


def _invalid(error: FormInvalidError) -> Problem:
    return Problem(
        422,
        "invalid-fields",
        "Some fields need your attention",
        "Correct the fields that are named and send the form again.",
        errors=[{"field": e.field, "message": e.message} for e in error.errors],
    )


def _key_reused() -> Problem:
    return Problem(
        409,
        "idempotency-mismatch",
        "This key was used before",
        "The Idempotency-Key came with another body before. Use a fresh key for a new message.",
    )


def _speaker(line: Line) -> str:
    if line.role == "human" and line.speaker:
        return line.speaker
    return _SPEAKERS.get(line.role, "Notice")


def _received_view(ticket_id: UUID, received: list[StoredForm]) -> TicketView:
    return TicketView(
        ticket_id=ticket_id,
        reference=received[0].facts.reference,
        status="received",
        subject=received[0].subject,
        lines=tuple(Line("customer", "", form.body, form.accept_time) for form in received),
    )
