"""Owns OAuth: the token endpoint, and the check of bearer tokens."""

import secrets
import time
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulators.database import Database
from simulators.gmail.errors import GmailError
from simulators.gmail.settings import Settings

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY, until_time REAL NOT NULL
) WITHOUT ROWID;
"""
_TOKEN_SECONDS: Final = 3599
_SCOPE: Final = "https://mail.google.com/"


class Access:
    """Gives out access tokens for the one refresh token and checks them."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    async def token(self, request: Request) -> Response:
        """Answers `POST /token` with grant type refresh_token."""
        text = (await request.body()).decode("utf-8", "replace")
        form = {name: values[-1] for name, values in parse_qs(text).items()}
        client = (form.get("client_id", ""), form.get("client_secret", ""))
        ours = (self._settings.client_id, self._settings.client_secret)
        if client != ours:
            return _refused(401, "invalid_client", "The OAuth client was not found.")
        if form.get("grant_type") != "refresh_token":
            return _refused(400, "unsupported_grant_type", "Invalid grant_type")
        if form.get("refresh_token") != self._settings.refresh_token:
            return _refused(400, "invalid_grant", "Token has been expired or revoked.")
        token = f"ya29.{secrets.token_urlsafe(96)}"
        now = time.time()
        self._database.run("DELETE FROM tokens WHERE until_time < ?", now)
        self._database.run("INSERT INTO tokens VALUES (?, ?)", token, now + _TOKEN_SECONDS)
        return JSONResponse(
            {
                "access_token": token,
                "expires_in": _TOKEN_SECONDS,
                "scope": _SCOPE,
                "token_type": "Bearer",
            }
        )

    def check(self, request: Request) -> None:
        """Lets a request pass that carries a living token and means our mailbox.

        Raises:
            GmailError: 401 or 403.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        query = "SELECT until_time FROM tokens WHERE token = ?"
        row = self._database.first(query, token.strip()) if scheme.lower() == "bearer" else None
        if row is None or row["until_time"] <= time.time():
            raise GmailError(401)
        if request.path_params["user"] not in ("me", self._settings.address):
            raise GmailError(403)

    def expire_all(self) -> None:
        """Makes every token given out so far worthless."""
        self._database.run("DELETE FROM tokens")


def _refused(status: int, error: str, description: str) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)
