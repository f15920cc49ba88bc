"""The proof that a push comes from our own Pub/Sub subscription: Google's signed token in the request."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import jwt
import structlog

KEYS_SECONDS = 3600.0
# Between two fetches for the sake of unknown key ids, which anybody can make up.
REFETCH_SECONDS = 10.0
LEEWAY_SECONDS = 30
_FETCH_SECONDS = 3.0

log = structlog.get_logger(__name__)

Fetch = Callable[[], Awaitable[dict[str, Any]]]


class TokenInvalidError(Exception):
    """The token is missing, forged, expired or meant for somebody else."""


class TokenForeignError(Exception):
    """The token is genuine, but not of our service account."""


class KeysAwayError(Exception):
    """The issuer's keys cannot be had; nothing is accepted without them."""


def key_fetcher(url: str) -> Fetch:
    """Returns what fetches the issuer's key set."""

    async def fetch() -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=_FETCH_SECONDS) as client:
            answer = (await client.get(url)).raise_for_status()
            return dict(answer.json())

    return fetch


class PushVerifier:
    """Checks tokens against cached keys; `clock` counts seconds for the cache only."""

    def __init__(
        self,
        fetch: Fetch,
        *,
        issuer: str,
        audience: str,
        service_account: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._issuer = issuer
        self._audience = audience
        self._service_account = service_account
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def verify(self, authorization: str) -> None:
        """Accepts the value of an Authorization header or raises one of this module's errors."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenInvalidError("no bearer token")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise TokenInvalidError(type(error).__name__) from None
        # Checked before any key is looked up: another algorithm could make a key of ours its secret.
        if header.get("alg") != "RS256":
            raise TokenInvalidError("algorithm")
        self._check(await self._claims(token, str(header.get("kid", ""))))

    async def _claims(self, token: str, kid: str) -> dict[str, Any]:
        key = await self._key(kid)
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            raise TokenInvalidError(type(error).__name__) from None
        return claims

    def _check(self, claims: dict[str, Any]) -> None:
        # The library accepts a list that contains us; Google sends exactly one audience.
        if claims["aud"] != self._audience:
            raise TokenInvalidError("audience")
        if claims.get("email") != self._service_account:
            raise TokenForeignError("email")
        if claims.get("email_verified") is not True:
            raise TokenForeignError("email_verified")

    async def _key(self, kid: str) -> jwt.PyJWK:
        known = self._known(kid)
        if known is not None:
            return known
        async with self._lock:
            # Another push may have fetched them while this one waited.
            known = self._known(kid)
            if known is not None:
                return known
            if self._age(self._tried_at) > REFETCH_SECONDS:
                await self._load()
            elif self._tried_at != self._fetched_at:
                # They could not be had just now; forged key ids must not make us ask all the time.
                raise KeysAwayError
            known = self._known(kid)
            if known is None:
                raise TokenInvalidError("unknown key")
            return known

    def _known(self, kid: str) -> jwt.PyJWK | None:
        return self._keys.get(kid) if self._age(self._fetched_at) <= KEYS_SECONDS else None

    def _age(self, moment: float | None) -> float:
        return float("inf") if moment is None else self._clock() - moment

    async def _load(self) -> None:
        self._tried_at = now = self._clock()
        try:
            keys = jwt.PyJWKSet.from_dict(await self._fetch()).keys
        except (httpx.HTTPError, jwt.PyJWTError, ValueError, TypeError, OSError) as error:
            log.warning("push keys cannot be had", error=type(error).__name__)
            raise KeysAwayError from error
        self._keys = {key.key_id: key for key in keys if key.key_id}
        self._fetched_at = now
