"""The push's token: each claim must be ours, the keys must be fresh, the algorithm is fixed."""

import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from services.intake.adapters.push_token import (
    KEYS_SECONDS,
    LEEWAY_SECONDS,
    REFETCH_SECONDS,
    KeysAwayError,
    PushVerifier,
    TokenForeignError,
    TokenInvalidError,
)

AUDIENCE = "https://support.example.com/webhooks/gmail"
ACCOUNT = "push@local.iam.gserviceaccount.com"
ISSUER = "https://accounts.google.com"
KEY, OTHER_KEY = generate_private_key(65537, 2048), generate_private_key(65537, 2048)


class Issuer:
    """Publishes keys and counts how often they were fetched."""

    def __init__(self) -> None:
        self.keys = {"k1": KEY}
        self.fetches = 0
        self.away = False
        self.now = 0.0

    async def fetch(self) -> dict[str, Any]:
        """Returns the key set, or fails."""
        self.fetches += 1
        if self.away:
            raise httpx.ConnectError("away")
        return {
            "keys": [
                {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "RS256"}
                for kid, key in self.keys.items()
            ]
        }

    def verifier(self) -> PushVerifier:
        """Returns a verifier over these keys."""
        return PushVerifier(
            self.fetch,
            issuer=ISSUER,
            audience=AUDIENCE,
            service_account=ACCOUNT,
            clock=lambda: self.now,
        )


def token(key: RSAPrivateKey = KEY, kid: str = "k1", **changed: object) -> str:
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "email": ACCOUNT,
        "email_verified": True,
        "iat": now,
        "exp": now + 600,
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return f"Bearer {jwt.encode(kept, key, algorithm='RS256', headers={'kid': kid})}"


async def test_a_good_token_passes_and_keys_are_cached() -> None:
    issuer = Issuer()
    verifier = issuer.verifier()
    for _ in range(3):
        await verifier.verify(token())
    assert issuer.fetches == 1
    issuer.now = KEYS_SECONDS + 1
    await verifier.verify(token())
    assert issuer.fetches == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://other.example.com"},
        {"aud": AUDIENCE + "/"},
        {"aud": [AUDIENCE, "https://other.example.com"]},
        {"aud": None},
        {"iss": "https://evil.example.com"},
        {"iss": None},
        {"exp": int(time.time()) - LEEWAY_SECONDS - 5},
        {"exp": None},
        {"iat": None},
        {"iat": int(time.time()) + LEEWAY_SECONDS + 3600},
    ],
)
async def test_a_wrong_claim_is_invalid(changed: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalidError):
        await Issuer().verifier().verify(token(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"email": "push@foreign.iam.gserviceaccount.com"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
    ],
)
async def test_another_account_is_foreign(changed: dict[str, Any]) -> None:
    with pytest.raises(TokenForeignError):
        await Issuer().verifier().verify(token(**changed))


async def test_clocks_may_differ_a_little() -> None:
    await Issuer().verifier().verify(token(exp=int(time.time()) - 5))


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer x.y.z", "Basic abc", "X-Goog-Signature abc"]
)
async def test_what_is_no_token_is_invalid(value: str) -> None:
    with pytest.raises(TokenInvalidError):
        await Issuer().verifier().verify(value)


async def test_other_algorithms_are_invalid() -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "email": ACCOUNT, "email_verified": True}
    issuer = Issuer()
    for forged in (
        jwt.encode(claims, "", algorithm="none", headers={"kid": "k1"}),
        jwt.encode(claims, "s" * 32, algorithm="HS256", headers={"kid": "k1"}),
        jwt.encode(claims, KEY, algorithm="RS512", headers={"kid": "k1"}),
    ):
        with pytest.raises(TokenInvalidError):
            await issuer.verifier().verify(f"Bearer {forged}")
    assert issuer.fetches == 0


async def test_a_foreign_signature_is_invalid() -> None:
    with pytest.raises(TokenInvalidError):
        await Issuer().verifier().verify(token(OTHER_KEY))


async def test_an_unknown_key_is_looked_for_once() -> None:
    issuer = Issuer()
    verifier = issuer.verifier()
    await verifier.verify(token())
    issuer.keys = {"k2": OTHER_KEY}
    issuer.now = REFETCH_SECONDS + 1
    await verifier.verify(token(OTHER_KEY, "k2"))
    assert issuer.fetches == 2
    for _ in range(5):
        with pytest.raises(TokenInvalidError):
            await verifier.verify(token(kid="made-up"))
    assert issuer.fetches == 2


async def test_without_keys_nothing_passes() -> None:
    issuer = Issuer()
    verifier = issuer.verifier()
    await verifier.verify(token())
    issuer.away, issuer.now = True, KEYS_SECONDS + 1
    with pytest.raises(KeysAwayError):
        await verifier.verify(token())
    issuer.away = False
    issuer.now += REFETCH_SECONDS + 1
    await verifier.verify(token())


async def test_forged_key_ids_cost_one_fetch_while_the_keys_cannot_be_had() -> None:
    issuer = Issuer()
    verifier = issuer.verifier()
    await verifier.verify(token())
    issuer.away, issuer.now = True, REFETCH_SECONDS + 1
    for number in range(20):
        # Never accepted and never called wrong: the key may be new.
        with pytest.raises(KeysAwayError):
            await verifier.verify(token(kid=f"made-up-{number}"))
        await verifier.verify(token())
    assert issuer.fetches == 2
