"""Owns the RSA keys that sign push tokens: made once, kept across restarts, rotated on demand."""

import json
import secrets
import time
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from simulators.database import Database

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS keys (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kid TEXT NOT NULL, pem TEXT NOT NULL
);
"""
_PUBLISHED: Final = 2
_TOKEN_SECONDS: Final = 3600
_REUSED_SECONDS: Final = 300.0


class Keys:
    """Signs tokens with the newest key and publishes the newest two."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._token = ("", 0.0)
        if database.first("SELECT 1 FROM keys") is None:
            self.rotate()
        else:
            self._load()

    def rotate(self) -> str:
        """Makes a new key, signs with it from now on, and returns its id."""
        pem = generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        kid = secrets.token_hex(20)
        self._database.run("INSERT INTO keys (kid, pem) VALUES (?, ?)", kid, pem.decode())
        self._load()
        return kid

    def published(self) -> list[dict[str, Any]]:
        """Returns the key set's members."""
        return [
            {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "alg": "RS256",
             "use": "sig"}
            for kid, key in self._keys
        ]  # fmt: skip

    def token(self, claims: dict[str, Any]) -> str:
        """Returns a signed token with these claims; one token serves for five minutes."""
        token, until = self._token
        now = time.time()
        if now < until:
            return token
        kid, key = self._keys[0]
        times = {"iat": int(now), "exp": int(now) + _TOKEN_SECONDS}
        token = jwt.encode({**claims, **times}, key, algorithm="RS256", headers={"kid": kid})
        self._token = (token, now + _REUSED_SECONDS)
        return token

    def _load(self) -> None:
        rows = self._database.rows(
            "SELECT kid, pem FROM keys ORDER BY seq DESC LIMIT ?", _PUBLISHED
        )
        self._keys = [(row["kid"], _private(row["pem"])) for row in rows]
        self._token = ("", 0.0)


def _private(pem: str) -> RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the stored key is not an RSA key")
    return key
