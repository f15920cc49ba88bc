"""Google's access token, refreshed in a thread because google-auth is synchronous."""

import asyncio
from functools import partial

import google.auth.transport.requests
from google.auth.exceptions import GoogleAuthError
from google.oauth2.credentials import Credentials

# Of one exchange with Google, and of all that the library tries.
REQUEST_SECONDS = 2.0
REFRESH_SECONDS = 4.0
_SCOPE = "https://www.googleapis.com/auth/gmail.modify"


class TokenUnavailable(Exception):
    """No access token could be had; nothing was asked of the mailbox."""


class GoogleToken:
    """Holds one mailbox's credentials; one refresh at a time."""

    def __init__(
        self, token_url: str, client_id: str, client_secret: str, refresh_token: str
    ) -> None:
        self._credentials = Credentials(  # type: ignore[no-untyped-call]
            None,
            refresh_token=refresh_token,
            token_uri=token_url,
            client_id=client_id,
            client_secret=client_secret,
            scopes=[_SCOPE],
        )
        self._request = partial(google.auth.transport.requests.Request(), timeout=REQUEST_SECONDS)
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
            raise TokenUnavailable(type(error).__name__) from error

    def forget(self, token: str) -> None:
        """Drops a token that was refused."""
        if self._credentials.token == token:
            self._credentials.token = None
