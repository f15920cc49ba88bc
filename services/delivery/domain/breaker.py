"""A circuit breaker for one provider: after three faults in a row nothing is sent until it answers again.

While it is open the provider is asked by a harmless reading, so that no message is spent on finding out; once it
answers, one message goes as the probe. The clock is handed in, in seconds of any monotonic origin.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class Phase(StrEnum):
    """Whether requests pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """After how many faults in a row the breaker opens, and how long it waits before it asks."""

    faults: int = 3
    first_wait_seconds: float = 5.0
    longest_wait_seconds: float = 60.0


USUAL = Tolerance()


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker's state; every method but `room` and `asks` returns the next one.

    `answering` says that the provider was asked since the breaker opened, and answered.
    """

    tolerance: Tolerance = USUAL
    phase: Phase = Phase.CLOSED
    faults: int = 0
    wait_seconds: float = 0.0
    open_until: float = 0.0
    answering: bool = False

    def room(self, free: int) -> int:
        """Returns how many requests may start: `free`, one probe, or none."""
        match self.phase:
            case Phase.CLOSED:
                return free
            case Phase.OPEN:
                return min(free, 1) if self.answering else 0
            case Phase.HALF_OPEN:
                return 0

    def asks(self, now: float) -> bool:
        """Tells whether it is time to ask the provider for a sign of life."""
        return self.phase is Phase.OPEN and not self.answering and now >= self.open_until

    def asked(self, now: float, *, answered: bool) -> "Breaker":
        """Notes what came of asking: a probe may go, or the next wait is twice as long."""
        if self.phase is not Phase.OPEN:
            return self
        return replace(self, answering=True) if answered else self._opened_again(now)

    def started(self) -> "Breaker":
        """Notes that a request starts; the first after an answer is the probe."""
        if self.phase is Phase.OPEN and self.answering:
            return replace(self, phase=Phase.HALF_OPEN)
        return self

    def ended(self, now: float, *, fault: bool) -> "Breaker":
        """Notes how a request ended."""
        if not fault:
            # A request from before the trip proves nothing about the provider now.
            return self if self.phase is Phase.OPEN else Breaker(self.tolerance)
        if self.phase is Phase.HALF_OPEN:
            return self._opened_again(now)
        faults = self.faults + 1
        if self.phase is Phase.CLOSED and faults >= self.tolerance.faults:
            wait = self.tolerance.first_wait_seconds
            return Breaker(self.tolerance, Phase.OPEN, faults, wait, now + wait)
        return replace(self, faults=faults)

    def abandoned(self) -> "Breaker":
        """Notes that a started request never reached the provider, so that another may probe."""
        return replace(self, phase=Phase.OPEN) if self.phase is Phase.HALF_OPEN else self

    def _opened_again(self, now: float) -> "Breaker":
        wait = min(self.wait_seconds * 2, self.tolerance.longest_wait_seconds)
        return Breaker(self.tolerance, Phase.OPEN, self.faults + 1, wait, now + wait)
