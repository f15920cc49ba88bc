"""Owns the Twilio simulator's HTTP surface: the REST paths and the control endpoints."""

import base64
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

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
from simulators.input import BadInputError, bad_input, json_object
from simulators.outgoing import Outgoing
from simulators.rules import FaultBook
from simulators.twilio import account as account_store
from simulators.twilio import messages as store
from simulators.twilio.account import Account
from simulators.twilio.errors import TwilioError, body_for_status
from simulators.twilio.messages import Filter, Messages
from simulators.twilio.sending import Sending
from simulators.twilio.settings import Settings
from simulators.twilio.webhooks import ANSWER_SECONDS, POLICIES, Receiving, Signer

_BODY_LIMIT: Final = 1024 * 1024
_ACCOUNT: Final = "/2010-04-01/Accounts/{account}.json"
_LIST: Final = "/2010-04-01/Accounts/{account}/Messages.json"
_ONE: Final = "/2010-04-01/Accounts/{account}/Messages/{sid}.json"
_MEDIA: Final = "/2010-04-01/Accounts/{account}/Messages/{sid}/Media/{media}"
_PAGE: Final = 50
_LONGEST_PAGE: Final = 1000
_DAY_SECONDS: Final = 86400.0


class Api:
    """Answers the REST requests."""

    def __init__(
        self,
        settings: Settings,
        messages: Messages,
        sending: Sending,
        receiving: Receiving,
        account: Account,
    ) -> None:
        self._settings = settings
        self._account = account
        self._messages = messages
        self._sending = sending
        self._receiving = receiving
        pair = f"{settings.account_sid}:{settings.auth_token}".encode()
        self._authorization = f"Basic {base64.b64encode(pair).decode()}"

    async def create(self, request: Request) -> Response:
        """Accepts one message."""
        self._authorise(request)
        text = (await request.body()).decode("utf-8", "replace")
        form = parse_qs(text, keep_blank_values=False)
        return JSONResponse(self._sending.create(form), 201)

    async def page(self, request: Request) -> Response:
        """Lists messages, newest first."""
        self._authorise(request)
        query = request.query_params
        size = min(max(_number(query.get("PageSize"), _PAGE), 1), _LONGEST_PAGE)
        page = _number(query.get("Page"), 0)
        token = query.get("PageToken", "").removeprefix("PA")
        rows, more = self._messages.page(_filter(request), size, int(token) if token else None)
        following = None
        if more:
            kept = [(k, v) for k, v in query.multi_items() if k not in ("Page", "PageToken")]
            place = [("Page", str(page + 1)), ("PageToken", f"PA{rows[-1]['seq']}")]
            following = f"{request.url.path}?{urlencode(kept + place)}"
        this = f"{request.url.path}?{request.url.query}".rstrip("?")
        return JSONResponse(
            {
                "messages": self._messages.shown(rows),
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(len(rows) - 1, 0),
                "first_page_uri": f"{request.url.path}?PageSize={size}&Page=0",
                "next_page_uri": following,
                "previous_page_uri": None,
                "uri": this,
            }
        )

    async def fetch(self, request: Request) -> Response:
        """Shows one message."""
        self._authorise(request)
        shown = self._messages.fetch(request.path_params["sid"])
        if shown is None:
            text = f"The requested resource {request.url.path} was not found"
            raise TwilioError(20404, 404, text)
        return JSONResponse(shown)

    async def receive(self, request: Request) -> Response:
        """Plays a customer writing; answers before the webhook is delivered."""
        sid = self._receiving.receive(await json_object(request))
        return JSONResponse({"message_sid": sid})

    async def window(self, request: Request) -> Response:
        """Sets how long ago a customer last wrote: `number`, `seconds_ago` (null: never)."""
        wanted = await json_object(request)
        number, ago = wanted.get("number"), wanted.get("seconds_ago")
        if not isinstance(number, str) or not isinstance(ago, int | float | None):
            raise BadInputError("number is a text, seconds_ago a number or null")
        moment = None if ago is None else time.time() - ago
        self._messages.set_window(f"whatsapp:{number.removeprefix('whatsapp:')}", moment)
        return JSONResponse({})

    async def account(self, request: Request) -> Response:
        """Shows the account."""
        self._authorise(request)
        return JSONResponse(self._account.shown())

    async def senders(self, request: Request) -> Response:
        """Lists the WhatsApp senders, all on one page."""
        self._authorise(request)
        found = self._account.senders()
        meta = {"key": "senders", "page": 0, "page_size": 50, "next_page_url": None}
        return JSONResponse({"meta": meta, "senders": found})

    async def template(self, request: Request) -> Response:
        """Shows a template."""
        self._authorise(request)
        found = self._account.template(request.path_params["sid"])
        del found["status"]
        return JSONResponse(found)

    async def approval(self, request: Request) -> Response:
        """Shows what WhatsApp decided about a template."""
        self._authorise(request)
        found = self._account.template(request.path_params["sid"])
        whatsapp = {"name": "simulated", "category": "UTILITY", "status": found["status"]}
        return JSONResponse({"sid": found["sid"], "whatsapp": whatsapp})

    async def media(self, request: Request) -> Response:
        """Hands an attachment out."""
        self._authorise(request)
        found = self._account.media(request.path_params["media"])
        if found is None:
            text = f"The requested resource {request.url.path} was not found"
            raise TwilioError(20404, 404, text)
        return Response(found[0], media_type=found[1])

    async def set_template(self, request: Request) -> Response:
        """Adds or changes a template."""
        self._account.set_template(await json_object(request))
        return JSONResponse({})

    async def set_sender(self, request: Request) -> Response:
        """Replaces the account's WhatsApp senders by one."""
        self._account.set_sender(await json_object(request))
        return JSONResponse({})

    def _authorise(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not secrets.compare_digest(given.encode(), self._authorization.encode()):
            raise TwilioError(20003, 401)
        sid = self._settings.account_sid
        if request.path_params.get("account", sid) != sid:
            text = f"The requested resource {request.url.path} was not found"
            raise TwilioError(20404, 404, text)


def build(settings: Settings) -> Starlette:
    """Wires the simulator over its state file."""
    schema = calls.SCHEMA + store.SCHEMA + account_store.SCHEMA
    database = Database(settings.home / "twilio.sqlite3", schema)
    book = FaultBook(database)
    signer = Signer(settings.auth_token)
    outgoing = Outgoing(database, book, signer.write, POLICIES, ANSWER_SECONDS)
    messages = Messages(database, settings.account_sid)
    account = Account(settings, database)
    api = Api(
        settings,
        messages,
        Sending(settings, database, messages, outgoing, account),
        Receiving(settings, database, messages, outgoing, account),
        account,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with outgoing.running():
            yield
        database.close()

    return Starlette(
        routes=[
            Route(_LIST, api.create, methods=["POST"]),
            Route(_LIST, api.page, methods=["GET"]),
            Route(_ONE, api.fetch, methods=["GET"]),
            Route(_MEDIA, api.media, methods=["GET"]),
            Route(_ACCOUNT, api.account, methods=["GET"]),
            # On hosts of their own at Twilio.
            Route("/v2/Channels/Senders", api.senders, methods=["GET"]),
            Route("/v1/Content/{sid}", api.template, methods=["GET"]),
            Route("/v1/Content/{sid}/ApprovalRequests", api.approval, methods=["GET"]),
            Route("/_template", api.set_template, methods=["POST"]),
            Route("/_sender", api.set_sender, methods=["POST"]),
            Route("/_receive", api.receive, methods=["POST"]),
            Route("/_window", api.window, methods=["POST"]),
            *control_routes(database, book, outgoing, lambda: None),
        ],
        middleware=[
            Middleware(
                FaultMiddleware, book=book, error_body=body_for_status, body_limit=_BODY_LIMIT
            )
        ],
        exception_handlers={
            TwilioError: _refused,
            BadInputError: bad_input,
            HTTPException: _http_error,
        },
        lifespan=lifespan,
    )


async def _refused(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, TwilioError):
        raise exc
    return JSONResponse(exc.body(), exc.status)


async def _http_error(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    return JSONResponse(
        {**body_for_status(exc.status_code), "message": exc.detail}, exc.status_code
    )


def _filter(request: Request) -> Filter:
    query = request.query_params
    day = query.get("DateSent")
    start = _moment(query.get("DateSent>") or day)
    end = _moment(query.get("DateSent<"))
    if end is not None and len(query["DateSent<"]) == len("2026-01-01"):
        # A bare day as upper end includes that day.
        end += _DAY_SECONDS
    if day and start is not None:
        end = start + _DAY_SECONDS
    return Filter(query.get("To"), query.get("From"), start, end)


def _moment(text: str | None) -> float | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise TwilioError(20001, 400, f"Invalid date: {text}") from exc
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(text: Any, default: int) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() else default
