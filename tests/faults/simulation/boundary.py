"""Where a simulated process meets the world: two moments of every call at which it may die or be refused."""

from typing import Protocol


class Io(Protocol):
    """Every call of an in-memory adapter passes both moments; either may raise and never come back."""

    async def request(self, name: str) -> None:
        """Passes before the effect; raises what a database that is away raises."""

    async def response(self, name: str) -> None:
        """Passes after the effect; raises the same although the effect stands."""


class Direct:
    """A world without faults."""

    async def request(self, name: str) -> None:
        """Passes."""

    async def response(self, name: str) -> None:
        """Passes."""
