"""Access to Google mailboxes: who we are, the access token, and what Google's refusals mean.

A mailbox is opened either by a service account with domain-wide delegation, or by an OAuth client with a refresh
token of that mailbox. google-auth is synchronous, so tokens are refreshed in a thread.
"""

import asyncio
import json
from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import google.auth.transport.requests
from google.auth.exceptions import GoogleAuthError, MalformedError, RefreshError
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# Reads mail, keeps drafts and sends; it cannot delete for good.
SCOPE = "https://www.googleapis.com/auth/gmail.modify"
# Of one exchange with Google, and of all that the library tries.
REQUEST_SECONDS = 2.0
REFRESH_SECONDS = 4.0
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 401, 403, 404, 429, 500


class GoogleFault(StrEnum):
    """Why a mailbox does not work, as an operator can act on it."""

    BAD_KEY = "bad_key"
    CLOCK_WRONG = "clock_wrong"
    DELEGATION_REFUSED = "delegation_refused"
    MAILBOX_UNKNOWN = "mailbox_unknown"
    CLIENT_UNKNOWN = "client_unknown"
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a word for people
    MISSING_SCOPE = "missing_scope"
    API_DISABLED = "api_disabled"
    TOPIC_NOT_PERMITTED = "topic_not_permitted"
    TOPIC_UNKNOWN = "topic_unknown"
    RATE_LIMITED = "rate_limited"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    AWAY = "away"


class TokenUnavailable(Exception):
    """No access token could be had; nothing was asked of the mailbox."""

    def __init__(self, fault: GoogleFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class KeyUnusableError(Exception):
    """The service account's key cannot be read; the text says why, without the key."""


class GmailSettings(BaseSettings):
    """What opens the mailboxes; services and `fte check gmail` read the same."""

    model_config = SettingsConfigDict(env_prefix="FTE_", frozen=True, extra="ignore")

    gmail_address: str = Field(
        min_length=3,
        description="our mailboxes, separated by commas; the first also sends what answers no mail",
    )
    gmail_token_url: str = Field(
        default="https://oauth2.googleapis.com/token",
        min_length=1,
        description="where access tokens come from",
    )
    gmail_service_account: SecretStr = Field(
        default=SecretStr(""),
        description="a service account with domain-wide delegation: its key as JSON, or the key file's path; "
        "empty to use the OAuth client",
    )
    gmail_client_id: str = Field(
        default="",
        validate_default=True,
        description="OAuth client; required without a service account, as the next two",
    )
    gmail_client_secret: SecretStr = Field(
        default=SecretStr(""), validate_default=True, description="secret of the OAuth client"
    )
    gmail_refresh_token: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        description="OAuth refresh tokens of the mailboxes, in their order, separated by commas",
    )

    @field_validator("gmail_address")
    @classmethod
    def _addresses(cls, value: str) -> str:
        found = _listed(value.lower())
        if not found or any("@" not in one for one in found):
            raise ValueError("must hold mail addresses, separated by commas")
        if len(set(found)) != len(found):
            raise ValueError("names a mailbox twice")
        return ",".join(found)

    @field_validator("gmail_service_account")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        if _plain(value):
            try:
                _read_key(_plain(value))
            except KeyUnusableError as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("gmail_client_id", "gmail_client_secret")
    @classmethod
    def _names_a_client(cls, value: str | SecretStr, info: ValidationInfo) -> str | SecretStr:
        if not _plain(value) and not _plain(info.data.get("gmail_service_account", "")):
            raise ValueError("needed when FTE_GMAIL_SERVICE_ACCOUNT is not set")
        return value

    @field_validator("gmail_refresh_token")
    @classmethod
    def _opens_each_mailbox(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if _plain(info.data.get("gmail_service_account", "")):
            return value
        wanted = len(_listed(info.data.get("gmail_address", "")))
        if len(_listed(_plain(value))) != wanted:
            raise ValueError(
                f"must hold a token for each of the {wanted} mailboxes, or set FTE_GMAIL_SERVICE_ACCOUNT"
            )
        return value

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """Our mailboxes, in lower case; the first also sends what answers no mail."""
        return _listed(self.gmail_address)

    def accesses(self) -> "dict[str, GoogleAccess]":
        """Returns the access to each mailbox, in their order."""
        account = self.gmail_service_account.get_secret_value()
        if account:
            return {
                mailbox: delegated(account, mailbox, self.gmail_token_url)
                for mailbox in self.mailboxes
            }
        tokens = _listed(self.gmail_refresh_token.get_secret_value())
        return {
            mailbox: authorised(
                token,
                self.gmail_client_id,
                self.gmail_client_secret.get_secret_value(),
                self.gmail_token_url,
            )
            for mailbox, token in zip(self.mailboxes, tokens, strict=True)
        }


class GoogleAccess:
    """Holds one mailbox's credentials; one refresh at a time."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials
        self._exchange = google.auth.transport.requests.Request()
        self._request = partial(self._exchange, timeout=REQUEST_SECONDS)
        self._one = asyncio.Lock()

    async def get(self) -> str:
        """Returns a token that is valid now, within four seconds; raises `TokenUnavailable`."""
        try:
            # The wait for another's refresh counts too, or many would wait for each other.
            async with asyncio.timeout(REFRESH_SECONDS), self._one:
                if not self._credentials.valid:
                    await asyncio.to_thread(self._credentials.refresh, self._request)
                return str(self._credentials.token)
        except (GoogleAuthError, TimeoutError) as error:
            # The error's text may hold the token endpoint's whole answer.
            raise TokenUnavailable(_fault_of_token(error)) from None

    def close(self) -> None:
        """Closes the connection to the token endpoint."""
        self._exchange.session.close()

    def forget(self, token: str) -> None:
        """Drops a token that was refused."""
        if self._credentials.token == token:
            self._credentials.token = None


def authorised(
    refresh_token: str, client_id: str, client_secret: str, token_url: str
) -> GoogleAccess:
    """Returns access by an OAuth client and the mailbox's refresh token."""
    return GoogleAccess(
        Credentials(  # type: ignore[no-untyped-call]
            None,
            refresh_token=refresh_token,
            token_uri=token_url,
            client_id=client_id,
            client_secret=client_secret,
            scopes=[SCOPE],
        )
    )


def delegated(account: str, mailbox: str, token_url: str) -> GoogleAccess:
    """Returns access by a service account that acts for the mailbox; raises `KeyUnusableError`.

    `account` is the key as JSON, or its file's path.
    """
    credentials = _read_key(account)
    return GoogleAccess(
        service_account.Credentials(  # type: ignore[no-untyped-call]
            credentials.signer,
            credentials.service_account_email,
            token_url,
            scopes=[SCOPE],
            subject=mailbox,
        )
    )


def _read_key(account: str) -> Any:
    try:
        text = account if account.lstrip().startswith("{") else Path(account).read_text()
        return service_account.Credentials.from_service_account_info(json.loads(text))  # type: ignore[no-untyped-call]
    except OSError as error:
        raise KeyUnusableError(f"the key file cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError, MalformedError) as error:
        # The error of a parser may repeat what it could not read.
        raise KeyUnusableError(
            f"the key is no service account's key: {type(error).__name__}"
        ) from None


def fault_of_answer(status: int, body: bytes) -> GoogleFault:
    """Returns what an error answer of the Gmail API means; the forms are Google's error documents."""
    said, reasons = _read_error(body)
    if status == _TOO_MANY or reasons & {"rateLimitExceeded", "userRateLimitExceeded"}:
        return GoogleFault.RATE_LIMITED
    if status >= _SERVER_ERROR:
        return GoogleFault.AWAY
    if "cloud pubsub" in said or "topic" in said or "resource not found (resource=" in said:
        not_permitted = status == _FORBIDDEN
        return GoogleFault.TOPIC_NOT_PERMITTED if not_permitted else GoogleFault.TOPIC_UNKNOWN
    if reasons & {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}:
        return GoogleFault.MISSING_SCOPE
    if reasons & {"accessNotConfigured", "SERVICE_DISABLED"}:
        return GoogleFault.API_DISABLED
    if "mail service not enabled" in said:
        return GoogleFault.MAILBOX_UNKNOWN
    if "delegation denied" in said:
        return GoogleFault.DELEGATION_REFUSED
    return GoogleFault.REFUSED


def _fault_of_token(error: GoogleAuthError | TimeoutError) -> GoogleFault:
    if not isinstance(error, RefreshError):
        return GoogleFault.UNREACHABLE
    answer = error.args[1] if len(error.args) > 1 else None
    if not isinstance(answer, Mapping):
        return GoogleFault.AWAY
    said = str(answer.get("error_description", "")).lower()
    match str(answer.get("error", "")):
        case "unauthorized_client":
            # Said of a delegation that lacks the scope as well: the two cannot be told apart.
            return GoogleFault.DELEGATION_REFUSED
        case "invalid_client":
            return GoogleFault.CLIENT_UNKNOWN
        case "invalid_scope":
            return GoogleFault.MISSING_SCOPE
        case "invalid_grant" if "signature" in said or "account not found" in said:
            return GoogleFault.BAD_KEY
        case "invalid_grant" if "timeframe" in said or "short-lived" in said:
            return GoogleFault.CLOCK_WRONG
        case "invalid_grant" if "email or user id" in said:
            return GoogleFault.MAILBOX_UNKNOWN
        case "invalid_grant":
            return GoogleFault.TOKEN_REVOKED
        case _:
            return GoogleFault.AWAY


def _read_error(body: bytes) -> tuple[str, set[str]]:
    try:
        error = json.loads(body)["error"]
        entries = [*error.get("errors", ()), *error.get("details", ())]
        return str(error.get("message", "")).lower(), {
            str(entry.get("reason", "")) for entry in entries
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", set()


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
