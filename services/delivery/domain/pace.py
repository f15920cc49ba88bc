"""How fast one sender may send: a bucket that fills with time, and that closes when the provider says so.

The clock is handed in, in seconds of any monotonic origin.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

# What a provider that names no time is given: WhatsApp counts by the second.
_USUAL_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `per_second` requests a second, so many at once as one second allows, one at least.

    `tokens` are those left at `time`; until `closed_until` nothing starts. `pauses` counts refusals in a row: each
    doubles a pause that the provider did not name.
    """

    per_second: float
    tokens: float | None = None
    time: float = 0.0
    closed_until: float = float("-inf")
    pauses: int = 0

    def room(self, now: float) -> int:
        """Returns how many requests may start."""
        return int(self._tokens(now)) if now >= self.closed_until else 0

    def started(self, now: float, count: int) -> "Pace":
        """Notes that requests start; once the provider took some again, its refusals are forgotten."""
        pauses = self.pauses if now < self.closed_until + _LONGEST_PAUSE_SECONDS else 0
        return replace(self, tokens=self._tokens(now) - count, time=now, pauses=pauses)

    def slowed(self, now: float, retry_after: timedelta | None) -> "Pace":
        """Notes that the provider refused one for being too fast."""
        if retry_after is not None:
            seconds = retry_after.total_seconds()
        else:
            seconds = min(_USUAL_PAUSE_SECONDS * 2**self.pauses, _LONGEST_PAUSE_SECONDS)
        # Those that were on their way together are refused together: one pause for all of them.
        pauses = self.pauses + 1 if now >= self.closed_until else self.pauses
        return replace(self, closed_until=max(self.closed_until, now + seconds), pauses=pauses)

    @property
    def _most(self) -> float:
        return max(self.per_second, 1.0)

    def _tokens(self, now: float) -> float:
        if self.tokens is None:
            return self._most
        return min(self._most, self.tokens + (now - self.time) * self.per_second)
