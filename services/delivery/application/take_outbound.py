"""Takes outbox rows over from the agent: one intent for each row, whatever the number of hints."""

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from services.delivery.application.ports import Answers, IntentStore, OutboundSource
from services.delivery.domain.admission import refusal

log = structlog.get_logger(__name__)


class TakeOutbound:
    """Answers every known row with its newest receipt; `wake` tells the sender that there is work."""

    def __init__(
        self,
        store: IntentStore,
        source: OutboundSource,
        answers: Answers,
        own_addresses: frozenset[str],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._source = source
        self._answers = answers
        self._own = own_addresses
        self._wake = wake

    async def __call__(self, row_ids: Sequence[UUID]) -> None:
        """Handles one hint of at most 64 rows; raises when the database or the agent is away."""
        wanted = list(dict.fromkeys(row_ids))
        known = await self._store.receipts(wanted)
        missing = [row_id for row_id in wanted if row_id not in known]
        if missing:
            fetched = await self._source.fetch(missing)
            await self._store.insert(
                [(intent, bad or refusal(intent, self._own)) for intent, bad in fetched]
            )
            self._wake()
            # Read back: another delivery of the same hint may have been faster.
            known |= await self._store.receipts(missing)
            log.info("intents stored", wanted=len(missing), fetched=len(fetched))
            for intent, _ in fetched:
                if intent.intent_id not in known:
                    log.error("number already taken", intent_id=intent.intent_id)
        self._answers.delivered(list(known.values()))
