"""Watches tickets for the pages that show them live: one reader for each ticket, however many pages look on."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from services.intake.adapters.ticket_reading import ShownTicket, TicketReading

_FIRST_SECONDS = 0.5
# Answers come within seconds; later a page that lies open asks less often.
_LATER_SECONDS = 3.0
_FIRST_READINGS = 60

log = structlog.get_logger(__name__)


@dataclass
class _Watched:
    pages: int = 0
    newest: ShownTicket | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    reader: "asyncio.Task[None] | None" = None


class TicketWatching:
    """Follows tickets while somebody looks on; at most `most` pages, and `most_each` of one ticket."""

    def __init__(self, reading: TicketReading, *, most: int = 200, most_each: int = 8) -> None:
        self._reading = reading
        self._most = most
        self._most_each = most_each
        self._watched: dict[UUID, _Watched] = {}

    def has_room(self, ticket_id: UUID) -> bool:
        """Tells whether one more page may look on; one that may not can still ask for the ticket."""
        pages = sum(one.pages for one in self._watched.values())
        each = self._watched[ticket_id].pages if ticket_id in self._watched else 0
        return pages < self._most and each < self._most_each

    async def follow(
        self, ticket_id: UUID, seen: str, beat_seconds: float
    ) -> AsyncGenerator[ShownTicket | None, None]:
        """Yields the ticket whenever it differs from what was `seen`, and None to show that it still follows."""
        watched = self._watched.setdefault(ticket_id, _Watched())
        watched.pages += 1
        if watched.reader is None:
            watched.reader = asyncio.create_task(self._read(ticket_id, watched))
        try:
            while True:
                changed, newest = watched.changed, watched.newest
                if newest is not None and newest.version != seen:
                    seen = newest.version
                    yield newest
                    continue
                try:
                    async with asyncio.timeout(beat_seconds):
                        await changed.wait()
                except TimeoutError:
                    yield None
        finally:
            watched.pages -= 1
            if not watched.pages:
                watched.reader.cancel()
                self._watched.pop(ticket_id, None)

    async def _read(self, ticket_id: UUID, watched: _Watched) -> None:
        readings = 0
        while True:
            try:
                shown = await self._reading.read(ticket_id)
            except Exception as error:  # noqa: BLE001 - whatever is away comes back; the page keeps what it has
                log.debug("watched ticket not read", error=type(error).__name__)
                shown = None
            if shown is not None and shown != watched.newest:
                watched.newest = shown
                # Those who wait hear of it; those who come later wait for the next change.
                changed, watched.changed = watched.changed, asyncio.Event()
                changed.set()
            readings += 1
            await asyncio.sleep(_FIRST_SECONDS if readings < _FIRST_READINGS else _LATER_SECONDS)
