"""How many forms one address may be given: instead of a riddle, a limit that people never reach."""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable

_MINUTE = 60.0
_ADDRESSES = 20_000


class FormLimit:
    """Counts forms by the address that they name, in this process; `monotonic` is a clock in seconds.

    The address is what its sender typed, so that the answer tells nothing about who is known.
    """

    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._seen: OrderedDict[bytes, deque[float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Counts one more form; returns 0 if it may come, else the seconds until one may."""
        now = self._monotonic()
        key = hashlib.sha256(address.encode()).digest()
        times = self._seen.setdefault(key, deque())
        self._seen.move_to_end(key)
        while len(self._seen) > _ADDRESSES:
            self._seen.popitem(last=False)
        while times and times[0] <= now - _MINUTE:
            times.popleft()
        if len(times) >= self._per_minute:
            return max(1, round(times[0] + _MINUTE - now))
        times.append(now)
        return 0
