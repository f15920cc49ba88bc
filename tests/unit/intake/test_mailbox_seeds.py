"""Many seeded lives of one mailbox: pushes lost, doubled and late, histories lost, pages that fail, watches that lapse.

Whatever happens, each mail of the inbox is taken in once, within five minutes of coming, and none that was there
before. `python -m tests.unit.intake.test_mailbox_seeds 10000` plays as many.
"""

import asyncio
import random
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from services.intake.application.mail_reading import MailReading
from services.intake.application.mail_taking import MailTaking
from services.intake.application.ports import (
    Cursor,
    FetchedMail,
    HistoryPage,
    ListPage,
    MailboxAwayError,
    Watch,
)
from tests.fakes.mail import InlineMailReader, QuietTraffic
from tests.unit.intake.intake_fakes import (
    NOW,
    MemoryCursors,
    MemoryInbox,
    MemoryMailbox,
    MemorySent,
)

SEEDS = 120
POLL = timedelta(seconds=30)
FOUND_WITHIN = timedelta(minutes=5)
_MINUTES = 40
_RAW = b"From: ada@example.com\r\n\r\nHello"

OURS = "support@example.com"


@dataclass
class Life(MemoryMailbox):
    """A mailbox that fails as a seed wants; `failing` says how often, in [0, 1]."""

    draw: random.Random = field(default_factory=random.Random)
    failing: float = 0.0

    def stumble(self, what: str) -> None:
        """Fails now and then."""
        if self.draw.random() < self.failing:
            raise MailboxAwayError(what)

    async def watch(self) -> Watch:
        """Refuses now and then."""
        self.stumble("watch")
        return await super().watch()

    async def history(self, start: int, token: str | None) -> HistoryPage:
        """Fails now and then, between pages too."""
        self.stumble("history")
        return await super().history(start, token)

    async def recent(self, since: datetime, token: str | None) -> ListPage:
        """Fails now and then."""
        self.stumble("list")
        return await super().recent(since, token)

    async def fetch(self, message_id: str) -> FetchedMail | None:
        """Fails now and then."""
        self.stumble("get")
        return await super().fetch(message_id)


async def live(seed: int) -> tuple[int, int]:
    """Plays one life and checks it; returns how many mails came and how many histories were lost."""
    draw = random.Random(seed)  # noqa: S311 - a world, no secret
    box = Life(draw=draw, page_size=draw.choice((1, 2, 5)))
    box.arrive("before", _RAW, receive_time=NOW - timedelta(seconds=1))
    inbox, cursors = MemoryInbox(), MemoryCursors(Cursor(None, None))
    reading = MailReading(
        OURS,
        box,
        cursors,
        inbox,
        MemorySent(),
        MailTaking(OURS, InlineMailReader(), QuietTraffic()),
    )
    came: dict[str, datetime] = {}
    lost = 0
    trouble_until = 0.0
    next_look, seconds, failures = 0.0, 0.0, 0
    await reading.look(NOW)
    while seconds < _MINUTES * 60:
        seconds += draw.choice((1.0, 5.0, 20.0))
        now = box.now = NOW + timedelta(seconds=seconds)
        quiet = seconds > (_MINUTES - 6) * 60
        if not quiet and draw.random() < 0.15:
            for _ in range(draw.choice((1, 1, 3))):
                name = f"m{len(came)}"
                late = timedelta(seconds=draw.choice((0, 0, 2, 40)))
                box.arrive(name, _RAW, receive_time=max(NOW, now - late))
                came[name] = now
            if draw.random() < 0.3:
                # Pushed, once or twice; the others are found by looking.
                next_look = seconds
        if not quiet and draw.random() < 0.05:
            box.forgotten, box.newest = box.newest + 50, box.newest + 100
            lost += 1
        if not quiet and draw.random() < 0.03:
            trouble_until = seconds + 60
        box.failing = 0.4 if seconds < trouble_until else 0.0
        if seconds < next_look:
            continue
        try:
            await reading.look(now)
            next_look, failures = seconds + POLL.total_seconds(), 0
        except MailboxAwayError:
            failures += 1
            next_look = seconds + min(POLL.total_seconds(), 2.0**failures)
        taken = {message.provider_id for message in inbox.messages}
        overdue = [
            name for name, at in came.items() if name not in taken and now - at > FOUND_WITHIN
        ]
        assert not overdue, f"seed {seed}: {overdue} not found in time"
    ids = [message.provider_id for message in inbox.messages]
    assert sorted(ids) == sorted(came), f"seed {seed}: lost or old mails"
    return len(came), lost


@pytest.mark.parametrize("block", range(3))
async def test_each_mail_is_taken_in_once_and_in_time(block: int) -> None:
    mails = lost = 0
    for seed in range(block * SEEDS // 3, (block + 1) * SEEDS // 3):
        came, gone = await live(seed)
        mails, lost = mails + came, lost + gone
    assert mails > SEEDS
    assert lost > SEEDS / 10


async def _main(seeds: int) -> None:
    mails = lost = 0
    for seed in range(seeds):
        came, gone = await live(seed)
        mails, lost = mails + came, lost + gone
    sys.stdout.write(f"{seeds} seeds, {mails} mails, {lost} histories lost: each mail once\n")


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
