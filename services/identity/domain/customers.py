"""Customers, what a channel says of a sender, and what can be wrong with joining two handles."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NewType
from uuid import UUID

from services.identity.domain.handles import Handle, HandleType

CustomerId = NewType("CustomerId", UUID)

CLAIM = "claim"
_VERIFIED_BY = {
    HandleType.EMAIL: "dmarc_pass",
    HandleType.PHONE: "twilio_signature",
    HandleType.WHATSAPP_USER: "twilio_signature",
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """A handle as a channel gave it just now: proved or only claimed, with a name that may be empty.

    `also` is the user id that came with a number.
    """

    handle: Handle
    verified: bool
    display_name: str = ""
    also: Handle | None = None

    @property
    def user(self) -> Handle | None:
        """The user id beside the handle, as far as it was proved with it."""
        return self.also if self.verified else None

    def of_user(self) -> "Sighting":
        """The same sighting under its user id; without one under its handle."""
        return replace(self, handle=self.user or self.handle, also=None)

    @property
    def evidence(self) -> str:
        """What the sighting rests on: the channel's own proof, or somebody's word."""
        return _VERIFIED_BY[self.handle.type] if self.verified else CLAIM


@dataclass(frozen=True, slots=True)
class Binding:
    """To whom a handle belongs now; `generation` grows whenever the customer's handles change by a link.

    `conflicting` tells that a number and its user id are of two customers: who is writing is in doubt.
    """

    customer_id: CustomerId
    verified: bool
    generation: int
    conflicting: bool = False


@dataclass(frozen=True, slots=True)
class Filed:
    """A handle as it is on file; `seen_with` is the user id that came last with a number."""

    customer_id: CustomerId
    verified: bool
    generation: int
    seen_with: Handle | None = None


@dataclass(frozen=True, slots=True)
class Identifier:
    """A customer's handle with its evidence."""

    handle: Handle
    verified: bool
    evidence: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """One person with all handles, oldest first."""

    customer_id: CustomerId
    display_name: str
    generation: int
    create_time: datetime
    identifiers: tuple[Identifier, ...]


class UnknownHandle(Exception):
    """No customer has this handle."""


class HandleTaken(Exception):
    """The handle belongs to another customer; joining two people is a merge."""


class RequestReused(Exception):
    """The request id was used for another request."""


def bind(known: Filed, user: Filed | None) -> Binding:
    """Decides whose a handle is, if its user id is on file too.

    A number gets a new holder, a user id does not: where they are of two customers, the user id's is the writer, and
    the other's history is none of theirs.
    """
    if user is None or user.customer_id == known.customer_id:
        return Binding(known.customer_id, known.verified, known.generation)
    return Binding(user.customer_id, user.verified, user.generation, conflicting=True)


def strongest(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Leaves one sighting of each handle, a proved one before a claimed one, ordered by handle."""
    by_handle: dict[Handle, Sighting] = {}
    for sighting in sightings:
        known = by_handle.get(sighting.handle)
        if known is None or (sighting.verified and not known.verified):
            by_handle[sighting.handle] = sighting
    return [by_handle[handle] for handle in sorted(by_handle)]
