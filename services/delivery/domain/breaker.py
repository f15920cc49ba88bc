"""A circuit breaker for one provider: after three faults in a row nothing is sent until a probe succeeds.

The clock is handed in, in seconds of any monotonic origin. A refusal is no attempt.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

TRIPPING_FAULTS = 3
FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 60.0


class Phase(StrEnum):
    """Whether requests pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker's state; every method returns the next one."""

    phase: Phase = Phase.CLOSED
    faults: int = 0
    wait_seconds: float = FIRST_WAIT_SECONDS
    open_until: float = 0.0

    def room(self, now: float, free: int) -> int:
        """Returns how many requests may start: `free`, one probe, or none."""
        match self.phase:
            case Phase.CLOSED:
                return free
            case Phase.OPEN:
                return min(free, 1) if now >= self.open_until else 0
            case Phase.HALF_OPEN:
                return 0

    def started(self, now: float) -> "Breaker":
        """Notes that a request starts; the first after the wait is the probe."""
        if self.phase is Phase.OPEN and now >= self.open_until:
            return replace(self, phase=Phase.HALF_OPEN)
        return self

    def ended(self, now: float, *, fault: bool) -> "Breaker":
        """Notes how a request ended."""
        if not fault:
            # A request from before the trip proves nothing about the provider now.
            return self if self.phase is Phase.OPEN else Breaker()
        faults = self.faults + 1
        if self.phase is Phase.HALF_OPEN:
            wait = min(self.wait_seconds * 2, LONGEST_WAIT_SECONDS)
            return Breaker(Phase.OPEN, faults, wait, now + wait)
        if self.phase is Phase.CLOSED and faults >= TRIPPING_FAULTS:
            return Breaker(Phase.OPEN, faults, FIRST_WAIT_SECONDS, now + FIRST_WAIT_SECONDS)
        return replace(self, faults=faults)

    def abandoned(self) -> "Breaker":
        """Notes that a started request never reached the provider, so that another may probe."""
        return replace(self, phase=Phase.OPEN) if self.phase is Phase.HALF_OPEN else self
