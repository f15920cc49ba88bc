"""The providers' webhooks: each proves where it comes from, and is answered only after its row is committed."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Protocol

import structlog
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

from services.intake.adapters.http.bodies import (
    PUSH_BYTES,
    TWILIO_BYTES,
    URLENCODED,
    first_of,
    malformed,
    media_type,
    read_body,
    read_json,
    urlencoded,
)
from services.intake.adapters.http.problems import Problem, unavailable
from services.intake.adapters.push_token import (
    KeysAwayError,
    PushVerifier,
    TokenForeignError,
    TokenInvalidError,
)
from services.intake.application.ports import Inbox
from services.intake.application.whatsapp import (
    WebhookMalformedError,
    read_message,
    read_status,
    read_wish,
)

_EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'

log = structlog.get_logger(__name__)


class Wakes(Protocol):
    """Something that looks into the mailboxes when woken."""

    def wake(self, mailbox: str) -> None:
        """Asks for a look into one mailbox now; into all of them when the address is none of ours."""
        ...


class Refusals:
    """Counts refused webhooks; the count goes into the log line, the body goes nowhere."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}

    def count(self, route: str, reason: str) -> None:
        """Counts one and says so."""
        self._totals[route] = self._totals.get(route, 0) + 1
        log.warning("webhook refused", webhook=route, reason=reason, total=self._totals[route])


class TwilioWebhooks:
    """Takes WhatsApp messages and the states of ours."""

    def __init__(
        self,
        inbox: Inbox,
        *,
        public_url: str,
        account_sid: str,
        auth_token: str,
        our_number: str,
        body_seconds: float,
    ) -> None:
        self._inbox = inbox
        self._public_url = public_url
        self._account_sid = account_sid
        self._validator = RequestValidator(auth_token)
        self._our_number = our_number
        self._body_seconds = body_seconds
        self._refusals = Refusals()

    def routes(self) -> list[Route]:
        """Returns the routes of Twilio's webhooks."""
        return [
            Route("/webhooks/whatsapp", self.message, methods=["POST"]),
            Route("/webhooks/whatsapp/status", self.status, methods=["POST"]),
        ]

    async def message(self, request: Request) -> Response:
        """Takes a customer's message in and answers with empty TwiML."""
        body, fields = await self._signed(request, "whatsapp")
        try:
            message = read_message(fields, body, self._our_number)
            wish = read_wish(fields, body)
        except WebhookMalformedError as error:
            raise malformed(f"The parameter {error} is missing or wrong.") from None
        if wish is not None:
            # First, because it holds back what is about to be sent.
            await self._inbox.accept_status(wish)
        await self._inbox.accept(message)
        return Response(_EMPTY_TWIML, media_type="text/xml")

    async def status(self, request: Request) -> Response:
        """Takes the state of one of our messages in."""
        body, fields = await self._signed(request, "whatsapp_status")
        try:
            status = read_status(fields, request.query_params.get("intent", ""), body)
        except WebhookMalformedError as error:
            raise malformed(f"The parameter {error} is missing or wrong.") from None
        await self._inbox.accept_status(status)
        return Response(status_code=204)

    async def _signed(self, request: Request, name: str) -> tuple[bytes, Mapping[str, str]]:
        body = await read_body(request, TWILIO_BYTES, self._body_seconds)
        match media_type(request):
            case "application/x-www-form-urlencoded":
                fields = self._signed_form(request, body, name)
            case "application/json":
                fields = self._signed_json(request, body, name)
            case _:
                # A body that is neither would not be covered by the signature.
                raise Problem(
                    415, "unsupported-type", "Unsupported content type", f"Send {URLENCODED}."
                )
        if fields.get("AccountSid") != self._account_sid:
            raise self._refused(name, "account")
        return body, fields

    def _signed_form(self, request: Request, body: bytes, name: str) -> Mapping[str, str]:
        pairs = urlencoded(body)
        # Every parameter counts, blanks and repeats included.
        self._check(request, ImmutableMultiDict(pairs), name)
        return first_of(pairs)

    def _signed_json(self, request: Request, body: bytes, name: str) -> Mapping[str, str]:
        # The signature covers the address alone, and that holds the body's hash. The library takes a missing hash for
        # a good one, so it is looked for here, over the bytes as they came.
        given = request.query_params.getlist("bodySHA256")
        if len(given) != 1 or not hmac.compare_digest(
            given[0].encode(), hashlib.sha256(body).hexdigest().encode()
        ):
            raise self._refused(name, "body hash")
        self._check(request, ImmutableMultiDict(()), name)
        fields = read_json(body).items()
        return {key: value for key, value in fields if isinstance(value, str)}

    def _check(
        self, request: Request, parameters: "ImmutableMultiDict[str, str]", name: str
    ) -> None:
        signature = request.headers.get("x-twilio-signature", "")
        if not self._validator.validate(self._url(request), parameters, signature):
            raise self._refused(name, "signature" if signature else "no signature")

    def _url(self, request: Request) -> str:
        # The configured address and what came on the wire; forwarded headers are anybody's word.
        path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        return self._public_url + (path + (b"?" + query if query else b"")).decode("latin-1")

    def _refused(self, name: str, reason: str) -> Problem:
        self._refusals.count(name, reason)
        return Problem(
            403,
            "signature",
            "The signature is wrong",
            "Sign the request with this account's key for this server's public address.",
        )


class GmailPush:
    """Takes the notice that the mailbox has changed.

    A push carries nothing that would have to be stored: new mail is read from our own cursor, and the
    mailbox is looked into at every poll interval without any push. It only makes the next look sooner.
    """

    def __init__(
        self,
        verifier: PushVerifier,
        mail: Wakes,
        *,
        subscriptions: frozenset[str],
        body_seconds: float,
    ) -> None:
        self._verifier = verifier
        self._mail = mail
        self._subscriptions = subscriptions
        self._body_seconds = body_seconds
        self._refusals = Refusals()

    def routes(self) -> list[Route]:
        """Returns the route of the push."""
        return [Route("/webhooks/gmail", self.push, methods=["POST"])]

    async def push(self, request: Request) -> Response:
        """Wakes the mail reader: 204, 401 without a good token, 403 for a foreign one."""
        try:
            await self._verifier.verify(request.headers.get("authorization", ""))
        except TokenInvalidError as error:
            self._refusals.count("gmail", f"token: {error}")
            raise _unauthenticated() from None
        except TokenForeignError as error:
            self._refusals.count("gmail", f"foreign: {error}")
            raise _foreign() from None
        except KeysAwayError:
            raise unavailable() from None
        body = read_json(await read_body(request, PUSH_BYTES, self._body_seconds))
        if str(body.get("subscription")) not in self._subscriptions:
            self._refusals.count("gmail", "subscription")
            raise _foreign()
        # Only the address is read, and only to choose where to look: the history id is anybody's word.
        self._mail.wake(_changed_mailbox(body))
        return Response(status_code=204)


def _changed_mailbox(body: Mapping[str, Any]) -> str:
    """Returns the address that a push names; empty if it cannot be read."""
    try:
        change = json.loads(base64.urlsafe_b64decode(body["message"]["data"]))
        return str(change["emailAddress"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return ""


def _unauthenticated() -> Problem:
    return Problem(
        401,
        "unauthenticated",
        "The token is missing or not valid",
        "Push with an OIDC token for this audience.",
        headers={"www-authenticate": "Bearer"},
    )


def _foreign() -> Problem:
    return Problem(
        403, "foreign", "Not our subscription", "This token or subscription is not on our list."
    )
