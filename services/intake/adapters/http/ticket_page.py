"""The status page: the thread, its live feed, and what a customer can do there."""

import hashlib
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from services.intake.adapters.http.bodies import FORM_BYTES, read_body, read_fields
from services.intake.adapters.http.pages import (
    PRIVATE,
    Filled,
    Pages,
    Place,
    ticket_path,
)
from services.intake.adapters.http.problems import Problem, not_found
from services.intake.adapters.http.support import (
    header_key,
    invalid,
    key_reused,
    page_key,
    wants_page,
)
from services.intake.adapters.http.ticket_access import TicketAccess
from services.intake.adapters.http.ticket_events import TicketEvents
from services.intake.adapters.http.wording import Words, words_for
from services.intake.adapters.ticket_reading import ShownTicket, TicketReading
from services.intake.application.forms import Fault, FieldError, FormInvalidError, read_reply
from services.intake.application.messages import FormAction
from services.intake.application.submissions import (
    KeyReusedError,
    Receipt,
    Submissions,
    UnknownTicketError,
)

_SEEN = 64


class TicketPage:
    """Serves the status page and its API; whatever is not the caller's to see is the same 404."""

    def __init__(
        self,
        submissions: Submissions,
        access: TicketAccess,
        reading: TicketReading,
        events: TicketEvents,
        pages: Pages,
        *,
        body_seconds: float,
    ) -> None:
        self._submissions = submissions
        self._access = access
        self._reading = reading
        self._events = events
        self._pages = pages
        self._body_seconds = body_seconds

    def routes(self) -> list[Route]:
        """Returns the routes of the status page."""
        path = "/support/ticket/{ticket_id}"
        return [
            Route(path, self.ticket),
            Route(f"{path}/events", self.events),
            Route(f"{path}/open", self.open, methods=["POST"]),
            Route(f"{path}/reply", self.reply, methods=["POST"]),
            Route(f"{path}/person", self.person, methods=["POST"]),
            Route(f"{path}/solved", self.solved, methods=["POST"]),
            Route(f"{path}/reopen", self.reopen, methods=["POST"]),
        ]

    async def ticket(self, request: Request) -> Response:
        """Shows the ticket to whoever holds its token.

        A browser without it gets a page that asks for the link: the same one whether there is such a ticket or not.
        """
        words = words_for(request)
        if wants_page(request, self._pages):
            place = Place("../../", f"../../{_here(request)}")
            try:
                ticket_id = self._access.opened(request)
            except Problem:
                return self._pages.open_ticket(words, place)
            return self._pages.ticket(words, place, await self._shown(ticket_id))
        shown = await self._shown(self._access.opened(request))
        headers = {**PRIVATE, "etag": f'"{shown.version}"', "vary": "authorization, cookie"}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return JSONResponse(_described(shown, words), headers=headers)

    async def events(self, request: Request) -> Response:
        """Streams the ticket as server-sent events; `Last-Event-ID` names the version that the page has."""
        ticket_id, words = self._access.opened(request), words_for(request)
        await self._shown(ticket_id)
        seen = request.headers.get("last-event-id", "")[:_SEEN]
        return self._events.stream(ticket_id, seen, lambda shown: _described(shown, words))

    async def open(self, request: Request) -> Response:
        """Takes a pasted link or code and lets the browser in."""
        body = await read_body(request, FORM_BYTES, self._body_seconds)
        fields = await read_fields(request, body)
        words, code = words_for(request, fields), fields.get("code")
        ticket_id = self._access.pasted(request, code)
        if ticket_id is not None:
            answer = RedirectResponse(f"../{ticket_id}", 303, PRIVATE)
            self._access.remember(answer, ticket_id)
            return answer
        error = FieldError("code", Fault.WRONG if code else Fault.MISSING)
        if not wants_page(request, self._pages):
            raise invalid(words, FormInvalidError((error,)))
        place = Place("../../../", f"../../../{_here(request)}")
        return self._pages.open_ticket(words, place, Filled({}, (error,)))

    async def reply(self, request: Request) -> Response:
        """Takes a reply in; to a solved request it is a reason to go on."""
        return await self._take(request, None)

    async def person(self, request: Request) -> Response:
        """Asks for a person."""
        return await self._take(request, FormAction.PERSON)

    async def solved(self, request: Request) -> Response:
        """Marks the request as solved."""
        return await self._take(request, FormAction.SOLVED)

    async def reopen(self, request: Request) -> Response:
        """Opens a solved request again; words, if there are any, are a reply."""
        return await self._take(request, FormAction.REOPEN)

    async def _take(self, request: Request, action: FormAction | None) -> Response:
        ticket_id = self._access.opened(request)
        key = header_key(request)
        body = await read_body(request, FORM_BYTES, self._body_seconds)
        # An action needs no words, so it needs no body.
        fields = await read_fields(request, body) if body or action is None else {}
        words, html = words_for(request, fields), wants_page(request, self._pages)
        try:
            action, text = _said(words, fields, action)
        except FormInvalidError as error:
            if not html:
                raise invalid(words, error) from None
            place = Place("../../../", f"../../../{ticket_path(ticket_id)}")
            typed = fields.get("message", "")
            filled = Filled({"message": typed} if isinstance(typed, str) else {}, error.errors)
            return self._pages.ticket(words, place, await self._shown(ticket_id), filled)
        fingerprint = hashlib.sha256(f"{action or ''}\0{text}".encode()).digest()
        key = key or page_key(fields, fingerprint)
        # The key is the caller's own; other tickets' callers must be able to use the same.
        scoped = f"{ticket_id}\0{key}" if key else ""
        try:
            receipt = await self._submissions.reply(ticket_id, text, body, scoped, action)
        except UnknownTicketError:
            raise not_found() from None
        except KeyReusedError:
            raise key_reused() from None
        if html:
            return RedirectResponse(f"../{ticket_id}", 303, PRIVATE)
        return JSONResponse(_taken(receipt), 201, PRIVATE)

    async def _shown(self, ticket_id: UUID) -> ShownTicket:
        shown = await self._reading.read(ticket_id)
        if shown is None:
            raise not_found()
        return shown


def _here(request: Request) -> str:
    # What is not an id is shown as such: the page is the same for all.
    return f"support/ticket/{request.path_params['ticket_id']}"


def _said(words: Words, fields: Any, action: FormAction | None) -> tuple[FormAction | None, str]:
    """What the customer did, and the words that stand for it in the thread."""
    typed = fields.get("message")
    if action is FormAction.REOPEN and isinstance(typed, str) and typed.strip():
        return None, read_reply(fields)
    if action is None:
        return None, read_reply(fields)
    return action, words.say(f"actions.{action}")


def _described(shown: ShownTicket, words: Words) -> dict[str, Any]:
    view = shown.view
    return {
        "ticket_id": str(view.ticket_id),
        "reference": view.reference,
        "status": view.status,
        "status_text": words.status(view.status),
        "subject": view.subject,
        "version": shown.version,
        "complete": shown.complete,
        "messages": [
            {
                "message_id": str(line.message_id or ""),
                "role": line.role,
                "speaker": words.speaker(line.role, line.speaker),
                "text": line.text,
                "time": line.time.isoformat(),
                "delivery_status": line.delivery_status,
            }
            for line in view.lines
        ],
    }


def _taken(receipt: Receipt) -> dict[str, str]:
    return {
        "ticket_id": str(receipt.ticket_id),
        "reference": receipt.reference,
        "status_url": receipt.status_url,
        "message_id": str(receipt.message_id),
    }
