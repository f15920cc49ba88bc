"""The mailbox's OAuth access token, refreshed before it runs out."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2.credentials import Credentials

from services.intake.application.ports import MailboxAwayError

REFRESH_BEFORE = timedelta(minutes=5)
_SECONDS = 10


class AccessToken:
    """Gives the token; google-auth is synchronous, so it refreshes in a thread."""

    def __init__(
        self, *, token_url: str, client_id: str, client_secret: str, refresh_token: str
    ) -> None:
        self._credentials: Any = Credentials(  # type: ignore[no-untyped-call]
            token=None,
            refresh_token=refresh_token,
            token_uri=token_url,
            client_id=client_id,
            client_secret=client_secret,
        )
        self._lock = asyncio.Lock()

    async def current(self) -> str:
        """Returns a token that is good for the next minutes; raises `MailboxAwayError`."""
        async with self._lock:
            if not self._is_fresh():
                await self._refresh()
            return str(self._credentials.token)

    async def replace(self, refused: str) -> str:
        """Returns another token than the one that was refused; raises `MailboxAwayError`."""
        async with self._lock:
            if self._credentials.token == refused:
                await self._refresh()
            return str(self._credentials.token)

    def _is_fresh(self) -> bool:
        expiry: datetime | None = self._credentials.expiry
        if self._credentials.token is None or expiry is None:
            return False
        return expiry.replace(tzinfo=UTC) - datetime.now(UTC) > REFRESH_BEFORE

    async def _refresh(self) -> None:
        try:
            await asyncio.to_thread(self._credentials.refresh, _request)
        except GoogleAuthError as error:
            # The error's text may hold the token endpoint's whole answer.
            raise MailboxAwayError(f"no access token: {type(error).__name__}") from None


def _request(*args: Any, **kwargs: Any) -> Any:
    return Request()(*args, **{"timeout": _SECONDS, **kwargs})
