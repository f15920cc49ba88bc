"""Owns `fte check twilio`: what is wrong between us and Twilio's WhatsApp, and what to do about it.

Everything is read, nothing is sent to anybody: the account, its WhatsApp senders, the sender's webhook, that the
webhook's address leads to this server, and whether WhatsApp approved the templates.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx
from pydantic import ValidationError
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from cli.doctor import Finding
from devstack.environment import load_environment

_SECONDS: Final = 10.0
_UNAUTHENTICATED: Final = 401
_NOT_FOUND: Final = 404
_REFUSED: Final = 403
# Twilio's number that everybody may try WhatsApp with; it is no sender of the account's own.
SANDBOX: Final = "+14155238886"
_REAL: Final = "https://api.twilio.com"
_PLACES: Final = frozenset({"1", "2"})
_TEMPLATE: Final = re.compile(r"\s*([a-z]{2,3})\s*=\s*(HX[0-9a-fA-F]{32})\s*")
_CONSOLE: Final = "https://console.twilio.com"
_ONLINE: Final = frozenset({"ONLINE", "ONLINE:UPDATING"})


def check_twilio(environ: Mapping[str, str]) -> list[Finding]:
    """Checks in the order in which one fault explains those after it; without the account nothing more is asked."""
    environment = load_environment(environ)
    return list(_Checking({**environment.passed_on, **environment.shared}).run())


class _Checking:
    def __init__(self, values: Mapping[str, str]) -> None:
        self._api = values["FTE_TWILIO_API_URL"].rstrip("/")
        self._account = values["FTE_TWILIO_ACCOUNT_SID"]
        self._sender = values["FTE_TWILIO_WHATSAPP_FROM"].removeprefix("whatsapp:")
        self._public = values["FTE_PUBLIC_URL"].rstrip("/")
        self._templates = values.get("FTE_TWILIO_TEMPLATES", "")
        self._client = Client(
            self._account,
            values["FTE_TWILIO_AUTH_TOKEN"],
            http_client=TwilioHttpClient(timeout=_SECONDS),
        )
        if self._api != _REAL:
            # A simulator has all of Twilio's hosts on one address.
            for domain in (self._client.api, self._client.messaging, self._client.content):
                domain.base_url = self._api

    def run(self) -> Iterator[Finding]:
        account = self._account_found()
        yield account
        if not account.fine:
            return
        yield from self._sender_found()
        yield self._webhook_answers()
        yield from self._templates_found()

    def _account_found(self) -> Finding:
        name = "account"
        try:
            found = self._client.api.accounts(self._account).fetch()
        except TwilioRestException as error:
            if error.status in {_UNAUTHENTICATED, _NOT_FOUND, _REFUSED}:
                cure = (
                    "copy Account SID and Auth Token from the console's front page to FTE_TWILIO_ACCOUNT_SID "
                    "and FTE_TWILIO_AUTH_TOKEN; both must be of the same account, and live, not test, credentials"
                )
                return Finding(name, False, f"Twilio refuses them (HTTP {error.status})", cure)
            return _unexpected(name, error)
        except (TwilioException, OSError) as error:
            return _away(name, self._api, error)
        status = str(found.status)
        cure = f"see at {_CONSOLE} why the account is {status}, and ask Twilio's support"
        return Finding(name, status == "active", f"{self._account} is {status}", cure)

    def _sender_found(self) -> Iterator[Finding]:
        name = "WhatsApp sender"
        if self._sender == SANDBOX and self._api == _REAL:
            yield Finding(
                name,
                False,
                f"{SANDBOX} is Twilio's sandbox: only people who sent its join word can be answered",
                f"for customers register a sender of your own ({_CONSOLE}, Messaging, Senders, WhatsApp) and set "
                f"FTE_TWILIO_WHATSAPP_FROM; to try things out set the sandbox's webhook to {self._webhook}",
            )
            return
        try:
            senders = self._client.messaging.v2.channels_senders.list(channel="whatsapp")
        except TwilioRestException as error:
            yield _unexpected(name, error)
            return
        except (TwilioException, OSError) as error:
            yield _away(name, self._api, error)
            return
        ours = next((s for s in senders if s.sender_id == f"whatsapp:{self._sender}"), None)
        if ours is None:
            known = ", ".join(str(s.sender_id).removeprefix("whatsapp:") for s in senders) or "none"
            yield Finding(
                name,
                False,
                f"{self._sender} is not enabled for WhatsApp; the account's senders: {known}",
                "set FTE_TWILIO_WHATSAPP_FROM to one of these, or register the number "
                f"({_CONSOLE}, Messaging, Senders, WhatsApp)",
            )
            return
        status = str(ours.status)
        yield Finding(
            name,
            status in _ONLINE,
            f"{self._sender} is {status}",
            f"finish its registration: {_CONSOLE}, Messaging, Senders, WhatsApp shows what is missing",
        )
        yield self._webhook_set(ours.webhook)

    def _webhook_set(self, webhook: Any) -> Finding:
        url = _field(webhook, "callback_url")
        method = _field(webhook, "callback_method") or "POST"
        fine = url == self._webhook and method == "POST"
        return Finding(
            "webhook setting",
            fine,
            f"{method} {url or 'none'}",
            f"set the sender's webhook to POST {self._webhook}; if that is not where Twilio reaches this server, "
            "correct FTE_PUBLIC_URL, because signatures are made over it",
        )

    def _webhook_answers(self) -> Finding:
        name = "webhook address"
        try:
            answer = httpx.post(self._webhook, data={"Body": "check"}, timeout=_SECONDS)
        except httpx.HTTPError as error:
            found = f"{self._webhook} cannot be reached: {type(error).__name__}"
            cure = "start intake, and let its address be reached from outside, as FTE_PUBLIC_URL says it is"
            return Finding(name, False, found, cure)
        ours = (
            answer.status_code == _REFUSED
            and answer.headers.get("content-type", "").startswith("application/problem+json")
            and "urn:fte:problem:signature" in answer.text
        )
        if ours:
            return Finding(name, True, "an unsigned request is refused, as it must be")
        found = f"{self._webhook} answers {answer.status_code} to an unsigned request"
        cure = "something else stands there: correct FTE_PUBLIC_URL, or let the proxy pass /webhooks/ on to intake"
        return Finding(name, False, found, cure)

    def _templates_found(self) -> Iterator[Finding]:
        parts = [part for part in self._templates.split(",") if part.strip()]
        if not parts:
            yield Finding(
                "templates",
                True,
                "none: who has not written for a day is a person's matter",
            )
        for part in parts:
            found = _TEMPLATE.fullmatch(part)
            if found is None:
                cure = "write FTE_TWILIO_TEMPLATES as en=HX…, de=HX…"
                yield Finding("templates", False, f"{part.strip()} is no template", cure)
            else:
                yield self._template(found[1], found[2])

    def _template(self, language: str, content_sid: str) -> Finding:
        name = f"template {language}"
        try:
            content = self._client.content.v1.contents(content_sid)
            body = _body_of(content.fetch().types)
            approval = content.approval_fetch().fetch().whatsapp or {}
        except TwilioRestException as error:
            if error.status == _NOT_FOUND:
                cure = (
                    f"create it ({_CONSOLE}, Messaging, Content Template Builder) and set its id in "
                    "FTE_TWILIO_TEMPLATES"
                )
                return Finding(name, False, f"{content_sid} does not exist in this account", cure)
            return _unexpected(name, error)
        except (TwilioException, OSError, ValidationError) as error:
            return _away(name, self._api, error)
        places = set(re.findall(r"\{\{(\w+)\}\}", body))
        if places != _PLACES:
            shown = ", ".join(sorted(places)) or "none"
            cure = "give its text exactly two places: {{1}} for the ticket's reference and {{2}} for the answer"
            return Finding(name, False, f"{content_sid} has the places {shown}", cure)
        status = str(approval.get("status", "unsubmitted"))
        reason = str(approval.get("rejection_reason") or "")
        cures = {
            "unsubmitted": "submit it for WhatsApp's approval in the Content Template Builder",
            "received": "wait: WhatsApp decides within a day or two",
            "pending": "wait: WhatsApp decides within a day or two",
            "rejected": "mend what WhatsApp found wrong and submit it under a new name",
            "paused": "customers gave bad marks: change its text, or wait until WhatsApp lifts the pause",
            "disabled": "WhatsApp disabled it for good: make a new one",
        }
        cure = cures.get(status, "see the Content Template Builder")
        found = f"{content_sid} is {status}" + (f": {reason}" if reason else "")
        return Finding(name, status == "approved", found, cure)

    @property
    def _webhook(self) -> str:
        return f"{self._public}/webhooks/whatsapp"


def _field(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
    return str(found or "")


def _body_of(types: Any) -> str:
    kinds = types if isinstance(types, Mapping) else {}
    return "\n".join(str(one.get("body", "")) for one in kinds.values() if isinstance(one, Mapping))


def _unexpected(name: str, error: TwilioRestException) -> Finding:
    found = f"Twilio answers {error.status}, code {error.code}"
    return Finding(name, False, found, f"see https://www.twilio.com/docs/errors/{error.code}")


def _away(name: str, api: str, error: Exception) -> Finding:
    found = f"{api} cannot be asked: {type(error).__name__}"
    cure = "let this machine reach Twilio by HTTPS; https://status.twilio.com shows Twilio's own troubles"
    return Finding(name, False, found, cure)
