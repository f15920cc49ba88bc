"""One side of one customer, as its actor holds it: a cached state in front of the head row.

It makes contention rare and keeps the conversation's state at hand; it decides nothing. Two live copies,
overlapping turns and lost placement are ordinary events here: the fence in the database answers them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.agent.application.ownership import (
    HandBack,
    Ownership,
    Replied,
    Reply,
    Returned,
    Taken,
    TakeOver,
)
from services.agent.application.turns import Begun, Commit, Fence, LimitsOf, Turns
from services.agent.domain.conversation import State
from services.agent.domain.turn import CustomerId, Side, Turn, TurnAnswer


class Snapshots(Protocol):
    """Where the state lies between activations: a cache that may be lost, stale or unreadable."""

    async def load(self) -> State | None:
        """Returns the last saved state, None if there is none that can be read."""

    async def save(self, state: State) -> None:
        """Saves the state; whatever goes wrong is logged, because the commit stands without it."""


@dataclass(frozen=True)
class Desk:
    """What every customer's actor works with; `committed` hints ledgers and settles messages after a commit."""

    turns: Turns
    ownership: Ownership
    limits: LimitsOf
    committed: Callable[[Commit], None]


class CachedCustomer:
    """Works on one customer's side; a state that an error may have left behind is forgotten."""

    def __init__(
        self, customer_id: CustomerId, side: Side, desk: Desk, snapshots: Snapshots
    ) -> None:
        self.customer_id = customer_id
        self.side = side
        self._desk = desk
        self._snapshots = snapshots
        self._state: State | None = None

    def forget(self) -> None:
        """Drops the cached state, so that the next call reads it again."""
        self._state = None

    async def begin(self, runner: str) -> Turn | None:
        """Begins the turn that is due; None when there is nothing to do."""
        begun = await self._desk.turns.begin(
            self.customer_id, self.side, runner, await self._cached(), self._desk.limits
        )
        if isinstance(begun, Begun):
            self._state = begun.state
            return begun.turn
        if begun is not None:
            await self._keep(begun)
        return None

    async def commit_answer(self, fence: Fence, answer: TurnAnswer) -> Commit | None:
        """Commits what a turn staged; None when the turn is void."""
        cached = await self._cached()
        return await self._kept(
            await self._desk.turns.commit_answer(fence, answer, cached, self._desk.limits)
        )

    async def commit_failure(self, fence: Fence, error: str) -> Commit | None:
        """Commits that a turn returned an error; None when the turn is void."""
        cached = await self._cached()
        return await self._kept(
            await self._desk.turns.commit_failure(fence, error, cached, self._desk.limits)
        )

    async def take_over(self, person: str) -> TakeOver:
        """Gives the customer to a person."""
        taken = await self._desk.ownership.take_over(
            self.customer_id, self.side, person, await self._cached()
        )
        if isinstance(taken, Taken):
            await self._kept(taken.commit)
        return taken

    async def reply(self, person: str, text: str, request_id: UUID) -> Reply:
        """Sends a person's words."""
        replied = await self._desk.ownership.reply(
            self.customer_id, self.side, person, text, request_id, await self._cached()
        )
        if isinstance(replied, Replied):
            await self._kept(replied.commit)
        return replied

    async def hand_back(self, person: str, note: str) -> HandBack:
        """Gives the customer back to the AI."""
        returned = await self._desk.ownership.hand_back(
            self.customer_id, self.side, person, note, await self._cached()
        )
        if isinstance(returned, Returned):
            await self._keep(returned.commit)
        return returned

    async def _kept(self, commit: Commit | None) -> Commit | None:
        if commit is not None:
            await self._keep(commit)
        return commit

    async def _keep(self, commit: Commit) -> None:
        self._state = commit.state
        self._desk.committed(commit)
        await self._snapshots.save(commit.state)

    async def _cached(self) -> State | None:
        if self._state is None:
            self._state = await self._snapshots.load()
        return self._state
