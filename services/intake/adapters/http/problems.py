"""Problem documents (RFC 9457): what the HTTP edge answers when it does not do what was asked."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chassis.database import AWAY
from chassis.errors import Unavailable

RETRY_SECONDS = 2
_NOT_FOUND = 404
_NAMES = {400: "malformed", 404: "not-found", 405: "method-not-allowed", 415: "unsupported-type"}

log = structlog.get_logger(__name__)


class Problem(Exception):
    """What went wrong, as the caller may know it; `kind` is stable, `detail` is for people."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


def not_found() -> Problem:
    """Returns the one answer for whatever is not there or not the caller's to see."""
    return Problem(404, "not-found", "Not found", "There is nothing here. Check the whole link.")


def unavailable() -> Problem:
    """Returns the answer while something that we need is away; nothing was stored."""
    return Problem(
        503,
        "unavailable",
        "Not available at the moment",
        "Nothing was lost: send the same request again in a moment.",
        headers={"retry-after": str(RETRY_SECONDS)},
    )


def respond(request: Request, problem: Problem) -> Response:
    """Makes the response of a problem."""
    body: dict[str, Any] = {
        "type": f"urn:fte:problem:{problem.kind}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request_id(request),
    }
    if problem.errors:
        body["errors"] = problem.errors
    headers = {"cache-control": "no-store", **problem.headers}
    return JSONResponse(body, problem.status, headers, media_type="application/problem+json")


def request_id(request: Request) -> str:
    """Returns the id that names this request in our logs."""
    return str(request.scope["state"]["request_id"])


async def on_problem(request: Request, exc: Exception) -> Response:
    """Answers a `Problem`."""
    if not isinstance(exc, Problem):
        raise exc
    return respond(request, exc)


async def on_http_exception(request: Request, exc: Exception) -> Response:
    """Answers what the router or a parser refuses."""
    if not isinstance(exc, HTTPException):
        raise exc
    if exc.status_code == _NOT_FOUND:
        return respond(request, not_found())
    kind = _NAMES.get(exc.status_code, "refused")
    title = kind.replace("-", " ").capitalize()
    problem = Problem(exc.status_code, kind, title, exc.detail, headers=exc.headers)
    return respond(request, problem)


async def on_away(request: Request, exc: Exception) -> Response:
    """Answers while the database or another service is away."""
    log.warning("dependency away", error=type(exc).__name__)
    return respond(request, unavailable())


async def on_fault(request: Request, _: Exception) -> Response:
    """Answers a fault of ours; the server logs it."""
    detail = "This is a fault of ours. Quote the instance when you ask about it."
    return respond(request, Problem(500, "internal", "Something went wrong", detail))


HANDLERS: dict[Any, Any] = {
    Problem: on_problem,
    HTTPException: on_http_exception,
    **dict.fromkeys((*AWAY, Unavailable), on_away),
    Exception: on_fault,
}
