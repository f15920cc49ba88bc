"""The status page's live feed: server-sent events that carry the whole ticket, so that none can be missed or doubled."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

from starlette.responses import StreamingResponse

from services.intake.adapters.http.pages import PRIVATE
from services.intake.adapters.http.problems import Problem
from services.intake.adapters.ticket_reading import ShownTicket
from services.intake.adapters.ticket_watching import TicketWatching

RETRY_MILLISECONDS = 2000
BEAT_SECONDS = 15.0
# A page that is still there asks again, perhaps another replica.
LONGEST_SECONDS = 600.0

Describe = Callable[[ShownTicket], dict[str, Any]]


class TicketEvents:
    """Streams a ticket; the id of an event is the version of what it carries."""

    def __init__(
        self,
        watching: TicketWatching,
        *,
        beat_seconds: float = BEAT_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._watching = watching
        self._beat_seconds = beat_seconds
        self._longest_seconds = longest_seconds

    def stream(self, ticket_id: UUID, seen: str, describe: Describe) -> StreamingResponse:
        """Begins a stream that sends the ticket whenever it differs from the version that was `seen`.

        Raises:
            Problem: 503 when this process keeps enough pages up to date; they ask instead.
        """
        if not self._watching.has_room(ticket_id):
            raise Problem(
                503,
                "unavailable",
                "Too many live pages",
                "Ask for the ticket itself every few seconds instead.",
                headers={"retry-after": "30"},
            )
        return StreamingResponse(
            self._events(ticket_id, seen, describe),
            media_type="text/event-stream",
            headers={**PRIVATE, "x-accel-buffering": "no"},
        )

    async def _events(self, ticket_id: UUID, seen: str, describe: Describe) -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._longest_seconds
        yield f"retry: {RETRY_MILLISECONDS}\n\n"
        following = self._watching.follow(ticket_id, seen, self._beat_seconds)
        async with contextlib.aclosing(following) as changes:
            async for shown in changes:
                yield _event(shown, describe)
                if loop.time() > end:
                    return


def _event(shown: ShownTicket | None, describe: Describe) -> str:
    if shown is None:
        return ": still here\n\n"
    return f"event: ticket\nid: {shown.version}\ndata: {json.dumps(describe(shown))}\n\n"
