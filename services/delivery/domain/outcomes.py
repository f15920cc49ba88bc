"""What a provider's answer means, and what a witness saw."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it and named it."""

    provider_id: str = ""
    thread_id: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Surely not taken: nothing was written, or the provider said that it processed nothing.

    `refused` means that a breaker below us stopped it, so that it was no attempt; `fault` means that the
    provider itself is in trouble.
    """

    reason: str
    retry_after: timedelta | None = None
    fault: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """Read and refused; the same request is refused again. `code` is the provider's."""

    code: str


@dataclass(frozen=True, slots=True)
class Barred:
    """Surely not sent, and it must not be for now: a rule of the channel or the recipient's wish forbids it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been taken: never resend blindly."""

    reason: str


Outcome: TypeAlias = Sent | NotSent | Rejected | Barred | Unknown


def is_fault(outcome: Outcome) -> bool:
    """Tells whether an outcome speaks against the provider: 5xx, timeout, no connection; never a 4xx."""
    match outcome:
        case Unknown():
            return True
        case NotSent(fault=fault):
            return fault
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Seen:
    """The provider holds messages that may be ours, most likely first; one of ours already known is not it."""

    candidates: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Unseen:
    """The witness could be read and shows no trace: one negative reading."""


@dataclass(frozen=True, slots=True)
class Dark:
    """The witness could not be read, or what it shows proves neither: no reading at all."""

    reason: str


Sighting: TypeAlias = Seen | Unseen | Dark


@dataclass(frozen=True, slots=True)
class Shown:
    """The provider, asked for one message by its id, has it and says how far it is."""

    status: str
    error_code: str = ""
