"""Owns the Gmail simulator's HTTP surface: wiring, control endpoints, token and key endpoints."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
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
from simulators.gmail import access, keys, mailbox, mime, push
from simulators.gmail.access import Access
from simulators.gmail.api import Api, Front
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
_MAILBOX_SCHEMA: Final = mailbox.SCHEMA + push.SCHEMA
_SCHEMA: Final = calls.SCHEMA + keys.SCHEMA + access.SCHEMA + _MAILBOX_SCHEMA
# What a client holds on to outlives a reset: tokens, keys, the watch.
_SPARED: Final = frozenset({"access_tokens", "keys", "watches"})


@dataclass(frozen=True, slots=True)
class Account:
    """Holds one mailbox with its own state file, and what acts on it."""

    database: Database
    mailbox: Mailbox
    watch: Watch
    receiving: Receiving
    api: Api


class Control:
    """Answers the endpoints that play the outside world."""

    def __init__(self, accounts: Mapping[str, Account], signing: Keys, tokens: Access) -> None:
        self._accounts = accounts
        self._keys = signing
        self._access = tokens

    async def receive(self, request: Request) -> Response:
        """Plays a customer writing: `message/rfc822`, or JSON that describes a mail.

        It arrives in each mailbox of ours among its recipients, or in the first if it names none.
        """
        first = next(iter(self._accounts.values())).receiving
        if request.headers.get("content-type", "").startswith("message/"):
            raw = await request.body()
        else:
            raw = first.composed(await json_object(request))
        named = [a for a in mime.facts(mime.parse(raw)).recipients if a in self._accounts]
        arrived = [
            self._accounts[address].receiving.receive(raw)
            for address in dict.fromkeys(named or [next(iter(self._accounts))])
        ]
        return JSONResponse({**arrived[0], "copies": arrived[1:]})

    async def expire(self, request: Request) -> Response:
        """Lets things run out: `history_before` (a history id), `watch`, `tokens` (true), of one `mailbox` or the first."""
        wanted = await json_object(request)
        if unknown := set(wanted) - {"history_before", "watch", "tokens", "mailbox"}:
            raise BadInputError(f"unknown fields: {', '.join(sorted(unknown))}")
        address = str(wanted.get("mailbox") or next(iter(self._accounts)))
        account = self._accounts.get(address.lower())
        if account is None:
            raise BadInputError("mailbox is none of ours")
        if wanted.get("history_before") is not None:
            if not str(wanted["history_before"]).isdecimal():
                raise BadInputError("history_before is a history id")
            account.mailbox.expire_history(int(wanted["history_before"]))
        if wanted.get("watch"):
            account.watch.stop()
        if wanted.get("tokens"):
            self._access.expire_all()
        return JSONResponse({})

    async def access(self, request: Request) -> Response:
        """Changes what is granted: `scopes`, `delegation`, `mail`, `topic`; tokens given out before keep theirs."""
        self._access.allow(await json_object(request))
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
    """Wires the simulator over its state files."""
    database = Database(settings.home / "gmail.sqlite3", _SCHEMA, _SPARED)
    book = FaultBook(database)
    signing = Keys(database)
    writer = PushWriter(settings, signing)
    outgoing = Outgoing(database, book, writer.write, push.POLICIES, push.ANSWER_SECONDS)
    tokens = Access(settings, database)
    accounts: dict[str, Account] = {}

    def arrive(address: str, raw: bytes) -> None:
        if address in accounts:
            accounts[address].receiving.receive(raw)

    for number, address in enumerate(settings.addresses):
        own = database if number == 0 else _opened(settings, number)
        watch = Watch(settings, address, own, outgoing, tokens.topic_allowed)
        box = Mailbox(own, watch.changed)
        sending = Sending(address, own, box, database, arrive)
        receiving = Receiving(address, own, box)
        accounts[address] = Account(own, box, watch, receiving, Api(address, box, sending, watch))
    control = Control(accounts, signing, tokens)
    front = Front(tokens, {address: account.api for address, account in accounts.items()})
    others = [account.database for account in accounts.values() if account.database is not database]

    def forget() -> None:
        for one in others:
            one.wipe()

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with outgoing.running():
            yield
        for one in (database, *others):
            one.close()

    return Starlette(
        routes=[
            *front.routes(),
            Route("/token", tokens.token, methods=["POST"]),
            Route("/certs", control.certs),
            Route("/_receive", control.receive, methods=["POST"]),
            Route("/_expire", control.expire, methods=["POST"]),
            Route("/_access", control.access, methods=["POST"]),
            Route("/_rotate_key", control.rotate, methods=["POST"]),
            *control_routes(database, book, outgoing, forget),
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


def _opened(settings: Settings, number: int) -> Database:
    return Database(settings.home / f"gmail-{number + 1}.sqlite3", _MAILBOX_SCHEMA, _SPARED)


async def _refused(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, GmailError):
        raise exc
    headers = {"www-authenticate": 'Bearer realm="https://accounts.google.com/"'}
    return Response(
        json.dumps(body_for(exc.status, str(exc), exc.reason)),
        exc.status,
        headers if exc.status == 401 else None,  # noqa: PLR2004
        media_type="application/json; charset=UTF-8",
    )


async def _http_error(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    return JSONResponse(body_for(exc.status_code), exc.status_code)
