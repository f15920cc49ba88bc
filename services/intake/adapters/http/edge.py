"""What every request passes first and every answer last: an id, safe headers and one log line."""

import re
import time
from uuid import uuid4

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = "x-request-id"
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_REFUSED = 400
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
}

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})

REQUESTS = Counter(
    "fte_http_requests", "requests that were answered", ["method", "route", "status"]
)
SECONDS = Histogram(
    "fte_http_seconds",
    "time to answer a request",
    ["route"],
    buckets=(0.005, 0.02, 0.1, 0.5, 2, 10),
)

log = structlog.get_logger(__name__)


class Edge:
    """Wraps the application; logs the route's pattern, never the address with what it carries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _GIVEN_ID.fullmatch(given) else str(uuid4())
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        started = time.monotonic()
        status = 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, sent)
            finally:
                # Closed lists only: what a caller made up becomes `none` and `other`.
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                seconds = time.monotonic() - started
                REQUESTS.labels(method, route, status).inc()
                SECONDS.labels(route).observe(seconds)
                write = log.info if status >= _REFUSED or status == 0 else log.debug
                write(
                    "request",
                    method=method,
                    route=route,
                    status=status,
                    ms=round(seconds * 1000, 1),
                )
