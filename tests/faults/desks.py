"""The real desk of the customers' actors over a database, without anything around it.

The one place of the fault tests that knows how turns are put together.
"""

from datetime import timedelta

from chassis.database import Pool
from services.agent.adapters.head_store import PostgresHeads
from services.agent.application.customer import Desk
from services.agent.application.ownership import Ownership
from services.agent.application.turns import LEASE, Fence, Turns, TurnTimes
from services.agent.domain.formatting import DEFAULT_LIMITS, Limits
from services.agent.domain.turn import Channel, Turn
from tests.fakes.phrases import BOOK

_NONE = timedelta(0)
_CAP = timedelta(seconds=60)


def desk(turns: Pool, lease: timedelta = LEASE) -> Desk:
    """Builds a desk whose batches are due at once and whose commits hint nobody."""
    times = TurnTimes(
        quiet=_NONE,
        burst=_NONE,
        chat_cap=_CAP,
        mail_cap=_CAP,
        retry=_NONE,
        lease=lease,
        # One customer writes hundreds of messages within seconds here.
        pace=10_000,
    )
    heads = PostgresHeads(turns)
    return Desk(
        Turns(heads, times, BOOK), Ownership(heads, times, _limits, BOOK), _limits, lambda _: None
    )


def fence(turn: Turn) -> Fence:
    """Returns what the commit of a turn must find unchanged."""
    return Fence(turn.customer_id, turn.side, turn.turn_id, turn.version, turn.turn_no, turn.epoch)


def _limits(channel: Channel) -> Limits:
    return DEFAULT_LIMITS[channel]
