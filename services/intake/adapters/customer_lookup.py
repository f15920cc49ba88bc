"""Looks customers up by a handle and keeps what it found for a minute, or until a link or merge changes it.

What is kept is checked with identity at each use by its generation, which every link and merge raises: no replica
can miss one. The check is one indexed row; what it saves is the reading of all handles and the agent's count.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fte.agent.v1 import agent_service_pb2 as agent
from fte.conversation.v1.conversation_pb2 import Handle
from fte.identity.v1 import identity_service_pb2 as identity

KEPT_SECONDS = 60.0
MOST_KEPT = 1000


class Sources(Protocol):
    """The owners of customers and of conversations."""

    async def binding(self, handle: Handle) -> identity.Binding | None:
        """Returns to whom a handle belongs now."""
        ...

    async def customer(self, handle: Handle) -> identity.Customer | None:
        """Returns the customer of a handle."""
        ...

    async def conversation_counts(self, customer_id: str) -> agent.CountConversationsResponse:
        """Returns how many conversations a customer has."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A customer with all handles, and how many conversations there are."""

    customer: identity.Customer
    counts: agent.CountConversationsResponse


class CustomerLookup:
    """Answers from what is kept while it is true; `clock` gives seconds of any monotonic origin."""

    def __init__(self, sources: Sources, clock: Callable[[], float]) -> None:
        self._sources = sources
        self._clock = clock
        self._kept: OrderedDict[tuple[int, str], tuple[float, Found]] = OrderedDict()

    async def find(self, handle: Handle) -> Found | None:
        """Returns the customer of a handle, or None; raises `Rejected` and `Unavailable`."""
        key = (handle.type, handle.value)
        kept = self._kept.get(key)
        if kept is not None and await self._holds(handle, *kept):
            return kept[1]
        self._kept.pop(key, None)
        customer = await self._sources.customer(handle)
        if customer is None:
            return None  # Not kept: the next message may make this customer.
        found = Found(customer, await self._sources.conversation_counts(customer.customer_id))
        if not found.counts.total:
            return found  # Nor is this: the first conversation begins within seconds.
        self._kept[key] = (self._clock() + KEPT_SECONDS, found)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return found

    async def _holds(self, handle: Handle, until: float, found: Found) -> bool:
        if self._clock() >= until:
            return False
        binding = await self._sources.binding(handle)
        return binding is not None and (binding.customer_id, binding.generation) == (
            found.customer.customer_id,
            found.customer.generation,
        )
