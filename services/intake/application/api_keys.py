"""Keys of the REST interface: what they may do, how they are made and what is kept of them.

Only a key's SHA-256 is stored. A key holds 256 random bits, so that neither salt nor slow hashing adds anything.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

_PREFIX = "fte_"
_BYTES = 32
_HINT_LENGTH = 8
# Longer ones are not hashed: nobody's key is.
LONGEST = 200


class Scope(StrEnum):
    """What a key may read."""

    CONVERSATIONS = "conversations:read"
    CUSTOMERS = "customers:read"
    METRICS = "metrics:read"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key, without what would let anybody use it; `hint` is how it begins."""

    key_id: UUID
    name: str
    hint: str
    scopes: frozenset[Scope]
    create_time: datetime
    expire_time: datetime | None = None
    revoke_time: datetime | None = None
    last_used_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who called with a valid key."""

    key_id: UUID
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that nobody has seen yet: its text is shown once and then gone."""

    text: str = field(repr=False)

    @property
    def hint(self) -> str:
        """How the key begins, for people to tell keys apart."""
        return self.text[:_HINT_LENGTH]


class ApiKeys(Protocol):
    """Where keys are kept."""

    async def holder(self, key: str) -> Holder | None:
        """Returns whose key this is, or None if it is nobody's, revoked or past its time."""
        ...


def new_key() -> NewKey:
    """Makes a fresh key."""
    return NewKey(_PREFIX + secrets.token_urlsafe(_BYTES))


def key_hash(key: str) -> bytes:
    """Returns what is stored of a key."""
    return hashlib.sha256(key.encode()).digest()
