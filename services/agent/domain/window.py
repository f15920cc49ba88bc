"""WhatsApp's window as an answer is planned: free text reaches a customer for a day after they wrote on WhatsApp.

Delivery asks the same again when it sends, because an answer may wait; what is too near the end counts as outside.
"""

from datetime import datetime, timedelta

DAY = timedelta(hours=24)
GUARD = timedelta(minutes=5)


def window_end(wrote: datetime) -> datetime:
    """Returns until when WhatsApp takes free text after a customer's message."""
    return wrote + DAY


def is_open(wrote: datetime, now: datetime) -> bool:
    """Tells whether an answer planned now will find the window open."""
    return now < window_end(wrote) - GUARD
