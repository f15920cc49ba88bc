"""Who may call: limits by address before anything else, then a key with its own limit and its scopes."""

import ipaddress
import math
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.intake.adapters.http.problems import Problem, respond
from services.intake.application.api_keys import ApiKeys, Holder
from services.intake.application.api_keys import Scope as KeyScope
from services.intake.application.rate_limits import RateLimit

KEY_HEADER = "x-api-key"
# Providers sign what they send and come from few addresses; probes must always get an answer.
UNLIMITED = ("/webhooks/", "/health")
# One household or server has a whole /64 of them.
_IPV6_PREFIX = 64

REFUSALS = Counter("fte_http_refusals", "requests that were refused, by reason", ["reason"])

Endpoint = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger(__name__)


class AddressLimit:
    """Refuses an address that asks too often.

    `proxies` is how many of our own proxies stand before us: each adds the address that it saw to X-Forwarded-For,
    and what stands before those is anybody's word.
    """

    def __init__(self, app: ASGIApp, limit: RateLimit, proxies: int) -> None:
        self._app = app
        self._limit = limit
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] == "http" and not scope["path"].startswith(UNLIMITED):
            request = Request(scope)
            seconds = self._limit.wait_seconds(network_of(client_address(request, self._proxies)))
            if seconds:
                REFUSALS.labels("address_rate").inc()
                await respond(request, too_many(seconds))(scope, receive, send)
                return
        await self._app(scope, receive, send)


class KeyGate:
    """The one gate of every route that needs a key."""

    def __init__(self, keys: ApiKeys, limit: RateLimit) -> None:
        self._keys = keys
        self._limit = limit

    def guard(self, needed: KeyScope, endpoint: Endpoint) -> Endpoint:
        """Returns the endpoint behind the gate: 401 without a valid key, 429, 403 without the scope."""

        async def guarded(request: Request) -> Response:
            holder = await self._holder(request)
            seconds = self._limit.wait_seconds(str(holder.key_id))
            if seconds:
                REFUSALS.labels("key_rate").inc()
                raise too_many(seconds)
            if needed.value not in holder.scopes:
                REFUSALS.labels("scope").inc()
                log.info("key refused", key_id=holder.key_id, needed=needed.value)
                raise Problem(
                    403,
                    "scope-missing",
                    "This key may not do that",
                    f"Use a key with the scope {needed.value}.",
                )
            return await endpoint(request)

        return guarded

    async def _holder(self, request: Request) -> Holder:
        given = request.headers.getlist(KEY_HEADER)
        # Two keys are no key: which of them counts would be a matter of who reads the request.
        holder = await self._keys.holder(given[0] if len(given) == 1 else "")
        if holder is None:
            REFUSALS.labels("key").inc()
            raise Problem(
                401,
                "key-missing",
                "A valid API key is needed",
                "Send one in the header X-API-Key. `fte keys create` makes one.",
                headers={"www-authenticate": 'ApiKey realm="fte"'},
            )
        return holder


def too_many(seconds: float) -> Problem:
    """Returns the answer to who asks too often."""
    wait = max(1, math.ceil(seconds))
    return Problem(
        429,
        "too-many-requests",
        "Too many requests",
        f"Try again in {wait} seconds.",
        headers={"retry-after": str(wait)},
    )


def client_address(request: Request, proxies: int) -> str:
    """Returns the address that our outermost proxy saw, or the peer's own without a proxy."""
    peer = request.client.host if request.client else ""
    forwarded = [
        part.strip()
        for line in request.headers.getlist("x-forwarded-for")
        for part in line.split(",")
    ]
    return forwarded[-proxies] if 0 < proxies <= len(forwarded) else peer


def network_of(address: str) -> str:
    """Returns what counts as one caller: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:  # noqa: PLR2004 - the protocol's version
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False).network_address)
