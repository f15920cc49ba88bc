"""The table intake.mail_arrivals of a world, in memory; it behaves as the one in Postgres does."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from services.intake.domain.loops import COMPARED, LONG, SHORT, Arrival, Traffic
from tests.faults.simulation.boundary import Io


@dataclass(frozen=True, slots=True)
class _Row:
    arrival: Arrival
    stranger: bool
    time: datetime


Arrivals = dict[tuple[str, str], _Row]


@dataclass(frozen=True, slots=True)
class MemoryMailTraffic:
    """One process's way to who wrote to the mailbox lately; `rows` outlive it."""

    rows: Arrivals
    io: Io
    now: Callable[[], datetime]

    async def note(self, arrival: Arrival) -> Traffic:
        """Records a mail once and returns what came before it."""
        await self.io.request("intake.mail_arrivals.note")
        found = self._noted(arrival)
        await self.io.response("intake.mail_arrivals.note")
        return found

    def _noted(self, arrival: Arrival) -> Traffic:
        key = (arrival.mailbox, arrival.provider_id)
        if key not in self.rows:
            known = any(
                row.arrival.mailbox == arrival.mailbox and row.arrival.sender == arrival.sender
                for row in self.rows.values()
            )
            self.rows[key] = _Row(arrival, arrival.answers and not known, self.now())
        own = self.rows[key]
        # In the order in which they came; what came after it is none of its past.
        before = list(self.rows.values())[: list(self.rows).index(key)]
        past = [
            row
            for row in before
            if row.arrival.mailbox == arrival.mailbox and row.time > own.time - LONG
        ]
        return _traffic(own, past[::-1])


def _traffic(own: _Row, past: list[_Row]) -> Traffic:
    mine = own.arrival

    def counted(rows: Iterable[_Row]) -> tuple[int, int]:
        found = list(rows)
        return sum(_is_recent(row, own) for row in found), len(found)

    same_domain = [row for row in past if mine.domain and row.arrival.domain == mine.domain]
    same_thread = [
        row for row in past if mine.thread_id and row.arrival.thread_id == mine.thread_id
    ]
    near = [
        row.arrival.print_of
        for row in past
        if row.arrival.print_of
        and (
            row.arrival.sender == mine.sender
            or row in same_thread
            or (row in same_domain and row.arrival.answers and mine.answers)
        )
    ]
    anywhere = [
        row.arrival.print_of
        for row in past
        if row.arrival.print_of and row.arrival.answers and mine.answers and _is_recent(row, own)
    ]
    return Traffic(
        sender=counted(row for row in past if row.arrival.sender == mine.sender),
        thread=counted(same_thread),
        strangers=counted(row for row in same_domain if row.stranger),
        near=near[:COMPARED],
        anywhere=anywhere[:COMPARED],
    )


def _is_recent(row: _Row, own: _Row) -> bool:
    return row.time > own.time - SHORT
