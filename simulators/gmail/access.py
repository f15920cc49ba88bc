"""Owns OAuth: the token endpoint with both of its grants, and the check of bearer tokens.

A refresh token opens the mailbox that it was given for. A service account signs an assertion with its key and names
the mailbox that it acts for, as Google's domain-wide delegation wants it.
"""

import secrets
import time
from typing import Any, Final
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulators.database import Database
from simulators.gmail.errors import GmailError
from simulators.gmail.settings import Settings
from simulators.input import BadInputError

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS access_tokens (
    token TEXT PRIMARY KEY, until_time REAL NOT NULL, mailbox TEXT NOT NULL, scopes TEXT NOT NULL
) WITHOUT ROWID;
"""
FULL: Final = "https://mail.google.com/"
MODIFY: Final = "https://www.googleapis.com/auth/gmail.modify"
READ: Final = "https://www.googleapis.com/auth/gmail.readonly"
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# What an assertion is made out to, wherever the endpoint really stands.
AUDIENCE: Final = "https://oauth2.googleapis.com/token"
_TOKEN_SECONDS: Final = 3599
_LONGEST_ASSERTION: Final = 3600
_SKEW: Final = 300
_ALLOWED: Final = "allowed"


class _Refused(Exception):
    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.description = description


class Access:
    """Gives out access tokens and checks them; `allow` changes what is granted."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    def allow(self, wanted: dict[str, Any]) -> None:
        """Changes what is granted: `scopes` (list), `delegation`, `mail` and `topic` (true or false).

        Raises:
            BadInputError: for an unknown name.
        """
        if unknown := set(wanted) - {"scopes", "delegation", "mail", "topic"}:
            raise BadInputError(f"unknown fields: {', '.join(sorted(unknown))}")
        self._database.keep(_ALLOWED, {**self._allowed(), **wanted})

    def topic_allowed(self) -> bool:
        """Tells whether Gmail may publish to the topic."""
        return bool(self._allowed()["topic"])

    async def token(self, request: Request) -> Response:
        """Answers `POST /token` with grant type refresh_token or jwt-bearer."""
        text = (await request.body()).decode("utf-8", "replace")
        form = {name: values[-1] for name, values in parse_qs(text).items()}
        try:
            if form.get("grant_type") == JWT_BEARER:
                mailbox = self._delegated(form.get("assertion", ""))
            else:
                mailbox = self._refreshed(form)
        except _Refused as refused:
            body = {"error": refused.error, "error_description": refused.description}
            return JSONResponse(body, refused.status)
        scopes = " ".join(self._allowed()["scopes"])
        token = f"ya29.{secrets.token_urlsafe(96)}"
        now = time.time()
        self._database.run("DELETE FROM access_tokens WHERE until_time < ?", now)
        self._database.run(
            "INSERT INTO access_tokens VALUES (?, ?, ?, ?)",
            token,
            now + _TOKEN_SECONDS,
            mailbox,
            scopes,
        )
        return JSONResponse(
            {
                "access_token": token,
                "expires_in": _TOKEN_SECONDS,
                "scope": scopes,
                "token_type": "Bearer",
            }
        )

    def check(self, request: Request) -> str:
        """Lets a request pass that carries a living token of enough scope; returns its mailbox.

        Raises:
            GmailError: 400, 401 or 403.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        query = "SELECT * FROM access_tokens WHERE token = ?"
        row = self._database.first(query, token.strip()) if scheme.lower() == "bearer" else None
        if row is None or row["until_time"] <= time.time():
            raise GmailError(401)
        mailbox = str(row["mailbox"])
        if request.path_params["user"].lower() not in ("me", mailbox):
            raise GmailError(403, f"Delegation denied for {mailbox}")
        scopes = set(row["scopes"].split())
        if not scopes & {FULL, MODIFY} and not (request.method == "GET" and READ in scopes):
            said = "Request had insufficient authentication scopes."
            raise GmailError(403, said, reason="insufficientPermissions")
        if not self._allowed()["mail"]:
            raise GmailError(400, "Mail service not enabled", reason="failedPrecondition")
        return mailbox

    def expire_all(self) -> None:
        """Makes every token given out so far worthless."""
        self._database.run("DELETE FROM access_tokens")

    def _refreshed(self, form: dict[str, str]) -> str:
        client = (form.get("client_id", ""), form.get("client_secret", ""))
        if client != (self._settings.client_id, self._settings.client_secret):
            raise _Refused(401, "invalid_client", "The OAuth client was not found.")
        if form.get("grant_type") != "refresh_token":
            raise _Refused(400, "unsupported_grant_type", "Invalid grant_type")
        owner = self._settings.refresh_tokens.get(form.get("refresh_token", ""))
        if owner is None:
            raise _Refused(400, "invalid_grant", "Token has been expired or revoked.")
        return owner

    def _delegated(self, assertion: str) -> str:
        key = self._settings.service_account_key
        if key is None:
            raise _Refused(400, "invalid_grant", "Invalid grant: account not found")
        try:
            claims = jwt.decode(
                assertion,
                _public(key["private_key"]),
                algorithms=["RS256"],
                audience=AUDIENCE,
                options={"require": ["iss", "aud", "exp", "iat"], "verify_exp": False,
                         "verify_iat": False},
            )  # fmt: skip
        except jwt.InvalidSignatureError:
            raise _Refused(400, "invalid_grant", "Invalid JWT Signature.") from None
        except jwt.PyJWTError:
            raise _Refused(400, "invalid_grant", "Invalid JWT") from None
        if claims["iss"] != key["client_email"]:
            raise _Refused(400, "invalid_grant", "Invalid grant: account not found")
        now = time.time()
        in_time = claims["iat"] - _SKEW <= now < claims["exp"] + _SKEW
        if not in_time or claims["exp"] - claims["iat"] > _LONGEST_ASSERTION:
            said = "Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
            raise _Refused(
                400, "invalid_grant", f"Invalid JWT: {said} Check your iat and exp values"
            )
        mailbox = str(claims.get("sub", "")).lower()
        allowed = self._allowed()
        wanted = set(str(claims.get("scope", "")).split())
        if not mailbox or not allowed["delegation"] or not wanted <= {*allowed["scopes"], MODIFY}:
            said = "Client is unauthorized to retrieve access tokens using this method"
            more = "or client not authorized for any of the scopes requested."
            raise _Refused(401, "unauthorized_client", f"{said}, {more}")
        if mailbox not in self._settings.addresses:
            raise _Refused(400, "invalid_grant", "Invalid email or User ID")
        return mailbox

    def _allowed(self) -> dict[str, Any]:
        granted = {"scopes": [FULL, MODIFY], "delegation": True, "mail": True, "topic": True}
        return {**granted, **self._database.kept(_ALLOWED, {})}


def _public(private_key: str) -> RSAPublicKey:
    key = serialization.load_pem_private_key(private_key.encode(), password=None).public_key()
    if not isinstance(key, RSAPublicKey):
        raise TypeError("the service account's key is not an RSA key")
    return key
