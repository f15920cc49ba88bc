"""Owns `fte check gmail`: what is wrong with the mailboxes, and what to do about it.

It asks Google itself, without the stack: who we are, whether the mailbox opens, whether Gmail may notify us. What only
the running system can know, whether it reads and whether the push reaches it, is read from its health page.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
from pydantic import ValidationError

from chassis.google_access import (
    SCOPE,
    GmailSettings,
    GoogleAccess,
    GoogleFault,
    TokenUnavailable,
    fault_of_answer,
)
from cli.doctor import Finding
from devstack.environment import load_environment

_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.5
_MOST_SKEW: Final = timedelta(seconds=30)
_ALARM_BEFORE: Final = timedelta(hours=48)
_READ_WITHIN: Final = timedelta(minutes=5)
_PUSHER: Final = "gmail-api-push@system.gserviceaccount.com"

CURES: Final[Mapping[GoogleFault, str]] = {
    GoogleFault.BAD_KEY: "make a new key for the service account in the Google Cloud console (IAM, Service accounts, Keys) "
    "and point FTE_GMAIL_SERVICE_ACCOUNT to it",
    GoogleFault.CLOCK_WRONG: "set this machine's clock; Google accepts assertions of the last few minutes only",
    GoogleFault.DELEGATION_REFUSED: "in the Google Workspace admin console (Security, API controls, Domain-wide delegation) "
    f"add the service account's client id with exactly this scope: {SCOPE}",
    GoogleFault.MAILBOX_UNKNOWN: "correct FTE_GMAIL_ADDRESS: it must name a user with Gmail, no group and no alias",
    GoogleFault.CLIENT_UNKNOWN: "correct FTE_GMAIL_CLIENT_ID and FTE_GMAIL_CLIENT_SECRET",
    GoogleFault.TOKEN_REVOKED: "let the mailbox's owner consent again and set the new FTE_GMAIL_REFRESH_TOKEN; an app in "
    "testing loses its tokens after seven days",
    GoogleFault.MISSING_SCOPE: f"let the mailbox's owner consent again, to the scope {SCOPE}",
    GoogleFault.API_DISABLED: "enable the Gmail API in the project of the credentials",
    GoogleFault.TOPIC_NOT_PERMITTED: f"grant {_PUSHER} the role Pub/Sub Publisher on the topic FTE_GMAIL_TOPIC",
    GoogleFault.TOPIC_UNKNOWN: "correct FTE_GMAIL_TOPIC (projects/PROJECT/topics/NAME): the topic must exist, in the project "
    "of the credentials",
    GoogleFault.RATE_LIMITED: "wait a few minutes; Gmail limits the requests of each user",
    GoogleFault.UNREACHABLE: "let this machine reach oauth2.googleapis.com and gmail.googleapis.com by HTTPS",
    GoogleFault.REFUSED: "read the audit log of the Google Workspace admin console for this mailbox",
    GoogleFault.AWAY: "try again in a few minutes; https://www.google.com/appsstatus shows Google's own troubles",
}


def check_gmail(environ: Mapping[str, str], wait: float) -> list[Finding]:
    """Checks every mailbox; `wait` is how many seconds the push may take."""
    environment = load_environment(environ)
    values = {**environment.passed_on, **environment.shared}
    given: dict[str, Any] = {
        name: values[f"FTE_{name.upper()}"]
        for name in GmailSettings.model_fields
        if f"FTE_{name.upper()}" in values
    }
    try:
        settings = GmailSettings(**given)
    except ValidationError as error:
        return [_wrong_setting(problem) for problem in error.errors()]
    accesses = settings.accesses()
    checking = _Checking(values, wait)
    return asyncio.run(checking.run(accesses))


class _Checking:
    def __init__(self, values: Mapping[str, str], wait: float) -> None:
        self._api = values["FTE_GMAIL_API_URL"].rstrip("/")
        self._topic = values["FTE_GMAIL_TOPIC"]
        self._audience = values["FTE_PUBSUB_AUDIENCE"]
        self._service_account = values["FTE_PUBSUB_SERVICE_ACCOUNT"]
        self._health_url = f"{values['FTE_PUBLIC_URL'].rstrip('/')}/health"
        self._push_url = f"{values['FTE_PUBLIC_URL'].rstrip('/')}/webhooks/gmail"
        self._wait = wait

    async def run(self, accesses: Mapping[str, GoogleAccess]) -> list[Finding]:
        findings: list[Finding] = []
        async with httpx.AsyncClient(timeout=_SECONDS) as http:
            for mailbox, access in accesses.items():
                before = await self._state(http, mailbox) or {}
                opened = [finding async for finding in self._open(http, mailbox, access)]
                findings += opened
                access.close()
                if all(finding.fine for finding in opened):
                    findings += await self._running(http, mailbox, before.get("push_time"))
        return findings

    async def _open(
        self, http: httpx.AsyncClient, mailbox: str, access: GoogleAccess
    ) -> AsyncIterator[Finding]:
        """Opens the mailbox and renews its watch; stops at the first fault, which the others would follow from."""
        try:
            token = await access.get()
        except TokenUnavailable as error:
            yield _fault(mailbox, error.fault)
            return
        profile = await self._ask(http, "GET", "profile", token)
        if isinstance(profile, GoogleFault):
            yield _fault(mailbox, profile)
            return
        body, skew = profile
        if abs(skew) > _MOST_SKEW:
            found = f"{mailbox}: {skew.total_seconds():+.0f} s beside Google's clock"
            yield Finding(GoogleFault.CLOCK_WRONG, False, found, CURES[GoogleFault.CLOCK_WRONG])
            return
        opened = str(body.get("emailAddress", "")).lower()
        if opened != mailbox:
            found = f"{mailbox}: the credentials open {opened}"
            cure = CURES[GoogleFault.MAILBOX_UNKNOWN]
            yield Finding(GoogleFault.MAILBOX_UNKNOWN, False, found, cure)
            return
        yield Finding("mailbox", True, f"{mailbox} opens, {body.get('messagesTotal', 0)} messages")
        watch = await self._ask(
            http, "POST", "watch", token,
            {"topicName": self._topic, "labelIds": ["INBOX"], "labelFilterBehavior": "INCLUDE"},
        )  # fmt: skip
        if isinstance(watch, GoogleFault):
            yield _fault(mailbox, watch)
            return
        until = datetime.fromtimestamp(int(watch[0]["expiration"]) / 1000, UTC)
        yield Finding("watch", True, f"{mailbox}: Gmail notifies until {until:%Y-%m-%d %H:%M} UTC")

    async def _ask(
        self,
        http: httpx.AsyncClient,
        method: str,
        path: str,
        token: str,
        body: Mapping[str, Any] | None = None,
    ) -> tuple[dict[str, Any], timedelta] | GoogleFault:
        """Asks Gmail; returns its answer and how far our clock is before its, or what is wrong."""
        url = f"{self._api}/gmail/v1/users/me/{path}"
        headers = {"authorization": f"Bearer {token}"}
        try:
            answer = await http.request(method, url, json=body, headers=headers)
            if answer.status_code != httpx.codes.OK:
                return fault_of_answer(answer.status_code, answer.content)
            value = answer.json()
        except httpx.HTTPError:
            return GoogleFault.UNREACHABLE
        except ValueError:
            return GoogleFault.AWAY
        return (value, _skew(answer)) if isinstance(value, dict) else GoogleFault.AWAY

    async def _running(
        self, http: httpx.AsyncClient, mailbox: str, last_push: Any
    ) -> list[Finding]:
        """Reads what the running system says of the mailbox; Gmail pushes once when a watch is renewed."""
        state = await self._state(http, mailbox)
        if state is None:
            cure = "start the system, or correct FTE_PUBLIC_URL"
            return [Finding("intake", False, f"{self._health_url} tells nothing of it", cure)]
        findings = [_reading(mailbox, state), _watching(mailbox, state)]
        if self._wait <= 0:
            return findings
        deadline = time.monotonic() + self._wait
        while state.get("push_time") == last_push:
            if time.monotonic() > deadline:
                return [*findings, self._no_push(mailbox, state)]
            await asyncio.sleep(_POLL_SECONDS)
            state = await self._state(http, mailbox) or state
        return [*findings, Finding("push", True, f"{mailbox}: Gmail's push arrived")]

    async def _state(self, http: httpx.AsyncClient, mailbox: str) -> Mapping[str, Any] | None:
        try:
            told = (await http.get(self._health_url)).json()["mailboxes"]
            return next((one for one in told if one["mailbox"] == mailbox), None)
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None

    def _no_push(self, mailbox: str, state: Mapping[str, Any]) -> Finding:
        last = state.get("push_time") or "never"
        cure = (
            f"give the topic {self._topic} a push subscription with endpoint {self._push_url}, authentication by "
            f"{self._service_account} and audience {self._audience}, and name it in FTE_PUBSUB_SUBSCRIPTION; refused pushes "
            "are in intake's log with their reason. Mail is found by polling meanwhile"
        )
        found = f"{mailbox}: none within {self._wait:g} s; the last came: {last}"
        return Finding("push_never_arrived", False, found, cure)


def _reading(mailbox: str, state: Mapping[str, Any]) -> Finding:
    looked = _moment(state.get("look_time"))
    if looked is not None and datetime.now(UTC) - looked <= _READ_WITHIN:
        return Finding("reading", True, f"{mailbox}: last read at {looked:%H:%M:%S} UTC")
    why = state.get("look_error") or "no reason recorded"
    cure = "read intake's log; what Google refuses is named above when it lasts"
    return Finding("not_read", False, f"{mailbox}: last read {looked or 'never'}: {why}", cure)


def _watching(mailbox: str, state: Mapping[str, Any]) -> Finding:
    until, error = _moment(state.get("watch_expire_time")), str(state.get("watch_error") or "")
    if until is not None and until - datetime.now(UTC) >= _ALARM_BEFORE:
        return Finding("renewal", True, f"{mailbox}: known until {until:%Y-%m-%d %H:%M} UTC")
    found = f"{mailbox}: intake's watch ends {until or 'at once: it has none'}; {error or 'no fault recorded'}"
    known = error in {fault.value for fault in GoogleFault}
    cure = CURES[GoogleFault(error)] if known else "restart intake, and read its log"
    return Finding("watch_expiring", False, found, cure)


def _fault(mailbox: str, fault: GoogleFault) -> Finding:
    return Finding(fault.value, False, f"{mailbox}: {fault.value.replace('_', ' ')}", CURES[fault])


def _wrong_setting(problem: Mapping[str, Any]) -> Finding:
    name = f"FTE_{str(problem['loc'][0]).upper()}"
    said = str(problem["msg"]).removeprefix("Value error, ")
    if problem["loc"][0] == "gmail_service_account":
        return Finding(GoogleFault.BAD_KEY, False, said, CURES[GoogleFault.BAD_KEY])
    return Finding("settings", False, f"{name}: {said}", f"set {name}")


def _skew(answer: httpx.Response) -> timedelta:
    try:
        theirs = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError, TypeError):
        return timedelta(0)
    return datetime.now(UTC) - theirs.astimezone(UTC)


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
