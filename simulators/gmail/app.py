"""Owns the Gmail simulator's HTTP surface: wiring, control endpoints, token and key endpoints."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators import outgoing as calls
from simulators.control import control_routes
from simulators.database import Database
from simulators.faults import FaultMiddleware
from simulators.gmail import access, keys, mailbox, push
from simulators.gmail.access import Access
from simulators.gmail.api import Api
from simulators.gmail.errors import GmailError, body_for
from simulators.gmail.keys import Keys
from simulators.gmail.mailbox import Mailbox
from simulators.gmail.push import PushWriter, Watch
from simulators.gmail.receiving import Receiving
from simulators.gmail.sending import Sending
from simulators.gmail.settings import Settings
from simulators.input import BadInputError, bad_input, json_object
from simulators.outgoing import Outgoing
from simulators.rules import FaultBook

_BODY_LIMIT: Final = 35 * 1024 * 1024
_SCHEMA: Final = calls.SCHEMA + mailbox.SCHEMA + keys.SCHEMA + push.SCHEMA + access.SCHEMA
# What a client holds on to outlives a reset: tokens, keys, the watch.
_SPARED: Final = frozenset({"tokens", "keys", "watches"})


class Control:
    """Answers the endpoints that play the outside world."""

    def __init__(
        self, receiving: Receiving, box: Mailbox, watch: Watch, signing: Keys, tokens: Access
    ) -> None:
        self._receiving = receiving
        self._mailbox = box
        self._watch = watch
        self._keys = signing
        self._access = tokens

    async def receive(self, request: Request) -> Response:
        """Plays a customer writing: `message/rfc822`, or JSON that describes a mail."""
        if request.headers.get("content-type", "").startswith("message/"):
            raw = await request.body()
        else:
            raw = self._receiving.composed(await json_object(request))
        return JSONResponse(self._receiving.receive(raw))

    async def expire(self, request: Request) -> Response:
        """Lets things run out: `history_before` (a history id), `watch`, `tokens` (true)."""
        wanted = await json_object(request)
        if unknown := set(wanted) - {"history_before", "watch", "tokens"}:
            raise BadInputError(f"unknown fields: {', '.join(sorted(unknown))}")
        if wanted.get("history_before") is not None:
            if not str(wanted["history_before"]).isdecimal():
                raise BadInputError("history_before is a history id")
            self._mailbox.expire_history(int(wanted["history_before"]))
        if wanted.get("watch"):
            self._watch.stop()
        if wanted.get("tokens"):
            self._access.expire_all()
        return JSONResponse({})

    async def rotate(self, _request: Request) -> Response:
        """Signs pushes with a new key from now on; the key before stays published."""
        return JSONResponse({"kid": self._keys.rotate()})

    async def certs(self, _request: Request) -> Response:
        """Publishes the key set."""
        return JSONResponse(
            {"keys": self._keys.published()}, headers={"cache-control": "public, max-age=300"}
        )


def build(settings: Settings) -> Starlette:
    """Wires the simulator over its state file."""
    database = Database(settings.home / "gmail.sqlite3", _SCHEMA, _SPARED)
    book = FaultBook(database)
    signing = Keys(database)
    writer = PushWriter(settings, signing)
    outgoing = Outgoing(database, book, writer.write, push.POLICIES, push.ANSWER_SECONDS)
    watch = Watch(settings, database, outgoing)
    box = Mailbox(database, watch.changed)
    tokens = Access(settings, database)
    sending = Sending(settings.address, database, box)
    receiving = Receiving(settings.address, database, box)
    control = Control(receiving, box, watch, signing, tokens)
    api = Api(settings.address, tokens, box, sending, watch)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with outgoing.running():
            yield
        database.close()

    return Starlette(
        routes=[
            *api.routes(),
            Route("/token", tokens.token, methods=["POST"]),
            Route("/certs", control.certs),
            Route("/_receive", control.receive, methods=["POST"]),
            Route("/_expire", control.expire, methods=["POST"]),
            Route("/_rotate_key", control.rotate, methods=["POST"]),
            *control_routes(database, book, outgoing, lambda: None),
        ],
        middleware=[
            Middleware(FaultMiddleware, book=book, error_body=body_for, body_limit=_BODY_LIMIT)
        ],
        exception_handlers={
            GmailError: _refused,
            BadInputError: bad_input,
            HTTPException: _http_error,
        },
        lifespan=lifespan,
    )


async def _refused(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, GmailError):
        raise exc
    headers = {"www-authenticate": 'Bearer realm="https://accounts.google.com/"'}
    return Response(
        json.dumps(body_for(exc.status, str(exc))),
        exc.status,
        headers if exc.status == 401 else None,  # noqa: PLR2004
        media_type="application/json; charset=UTF-8",
    )


async def _http_error(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    return JSONResponse(body_for(exc.status_code), exc.status_code)
