"""Rate limits: a bucket of tokens for each caller, in memory, as many callers as fit."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_SECONDS = 60.0
MOST_CALLERS = 20_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    time: float


class RateLimit:
    """Lets each caller make `burst` requests at once and `per_minute` in the long run.

    `clock` gives seconds of any monotonic origin. A replica counts what it sees itself: behind a balancer the limit
    is that many times higher.
    """

    def __init__(self, per_minute: int, burst: int, clock: Callable[[], float]) -> None:
        self._per_second = per_minute / _SECONDS
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_seconds(self, caller: str) -> float:
        """Takes one of the caller's requests: 0 if it may go, else the seconds until the next may."""
        now = self._clock()
        bucket = self._buckets.setdefault(caller, _Bucket(self._burst, now))
        self._buckets.move_to_end(caller)
        if len(self._buckets) > MOST_CALLERS:
            # Whoever has been silent longest has a full bucket again, or nearly so.
            self._buckets.popitem(last=False)
        gained = (now - bucket.time) * self._per_second
        bucket.tokens, bucket.time = min(self._burst, bucket.tokens + gained), now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        return (1 - bucket.tokens) / self._per_second
