"""Takes provider statuses over from intake and applies them to intents."""

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from services.delivery.application.ports import Answers, IntentStore, Status, StatusSource
from services.delivery.domain.intent import Progress, Step
from services.delivery.domain.transitions import after_status

BATCH = 64

log = structlog.get_logger(__name__)


class TakeStatuses:
    """Stores statuses first, so that one for an intent not yet known waits here."""

    def __init__(
        self,
        store: IntentStore,
        source: StatusSource,
        answers: Answers,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._source = source
        self._answers = answers
        self._wake = wake

    async def __call__(self, row_ids: Sequence[UUID]) -> None:
        """Handles one hint of at most 64 rows; raises when the database or intake is away."""
        reported = await self._source.fetch(list(dict.fromkeys(row_ids)))
        await self._store.note_wishes(reported.wishes)
        await self._store.add_statuses(reported.statuses)
        self._answers.statuses_settled(reported.row_ids)
        await self.apply_waiting()

    async def apply_waiting(self) -> None:
        """Applies whatever waits and has found its intent."""
        applied = await self._store.apply_statuses(_decide, BATCH)
        for intent_id, provider_id in applied.second_copies:
            log.warning("provider has a second copy", intent_id=intent_id, provider_id=provider_id)
        if applied.receipts:
            self._answers.delivered(applied.receipts)
        if applied.count:
            # A follower may have waited for this status.
            self._wake()


def _decide(progress: Progress, status: Status) -> Step | None:
    return after_status(
        progress,
        status.provider_id,
        status.status,
        status.error_code,
        named=status.intent_id is not None,
    )
