"""Who may open a ticket: the holder of its token, which comes in a header, or in a cookie where there is no script.

The token is never in an address that reaches us: in a link it stands behind the # sign, which browsers keep to
themselves. A page without script cannot read it there, so its reader pastes the link once into a form; the answer is a
cookie for this one ticket that ends with the browser. The form's own confirmation sets that cookie at once.
"""

import re
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import Response

from services.intake.adapters.http.problems import not_found
from services.intake.application.tickets import TicketLinks

COOKIE = "fte_ticket"
_LONGEST_CODE = 1000
_LINK = re.compile(r"/support/ticket/([0-9a-f-]{36})[^#]*#")

log = structlog.get_logger(__name__)


class TicketAccess:
    """Checks tokens of requests and hands them to browsers."""

    def __init__(self, links: TicketLinks, public_url: str) -> None:
        self._links = links
        self._public_url = public_url
        self._path = urlsplit(public_url).path
        self._secure = public_url.startswith("https://")

    def opened(self, request: Request) -> UUID:
        """Returns the ticket that the request opens; everything else is the same 404."""
        ticket_id = _ticket_id(request)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        token = bearer.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE, "")
        if ticket_id is None or not self._links.opens(ticket_id, token):
            log.info("ticket refused")
            raise not_found()
        return ticket_id

    def remembered(self, request: Request) -> bool:
        """Tells whether the browser has the cookie of this ticket."""
        ticket_id = _ticket_id(request)
        token = request.cookies.get(COOKIE, "")
        return ticket_id is not None and self._links.opens(ticket_id, token)

    def pasted(self, request: Request, code: object) -> UUID | None:
        """Returns the ticket that the link opens, or this one if it is its code."""
        text = code.strip()[-_LONGEST_CODE:] if isinstance(code, str) else ""
        named = _LINK.search(text)
        ticket_id = _uuid(named[1]) if named else _ticket_id(request)
        token = text.rpartition("#")[2]
        return ticket_id if ticket_id is not None and self._links.opens(ticket_id, token) else None

    def remember(self, response: Response, ticket_id: UUID) -> None:
        """Gives the browser a cookie that opens this ticket until the browser is closed."""
        response.set_cookie(
            COOKIE,
            self._links.token(ticket_id),
            path=f"{self._path}/support/ticket/{ticket_id}",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def sealed(self, request: Request) -> UUID | None:
        """Returns the ticket of a confirmation's address, None if we did not make the address."""
        ticket_id = _ticket_id(request)
        seal = request.path_params.get("seal", "")
        return ticket_id if ticket_id is not None and self._links.sealed(ticket_id, seal) else None

    def seal(self, ticket_id: UUID) -> str:
        """Returns the seal of a confirmation's address."""
        return self._links.seal(ticket_id)

    def link(self, ticket_id: UUID) -> str:
        """Returns the customer's link to the status page."""
        return self._links.status_url(ticket_id)

    def absolute(self, path: str) -> str:
        """Returns the public address of a path below the root."""
        return f"{self._public_url}/{path}"


def _ticket_id(request: Request) -> UUID | None:
    return _uuid(request.path_params["ticket_id"])


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
