"""A customer who writes faster than anybody can be answered: what is beyond the pace waits, and is answered together."""

from datetime import datetime, timedelta

# The messages of a minute that are worked on as they come.
PACE = 10
# A flood that goes on is not told of again and again.
NOTICE_EVERY = timedelta(minutes=10)
# The most messages that are answered together; without a flood a batch has fewer.
MOST_TOGETHER = 100


def is_told(told_time: datetime | None, now: datetime) -> bool:
    """Tells whether the customer knows that the messages are worked on together."""
    return told_time is not None and now - told_time < NOTICE_EVERY


def wants_notice(recent: int, pace: int, told_time: datetime | None, now: datetime) -> bool:
    """Tells whether the customer is to be told now; `recent` counts the messages of the last minute."""
    return recent > pace and not is_told(told_time, now)
