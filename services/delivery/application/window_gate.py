"""Stands before WhatsApp: decides at send time whether the text may go as it is, in a template, or not at all."""

from dataclasses import replace

import structlog

from services.delivery.application.ports import (
    Attempt,
    ContentAway,
    OutboundSource,
    Template,
)
from services.delivery.domain.outcomes import Barred, NotSent
from services.delivery.domain.window import Templates, filled, takes_free_text

log = structlog.get_logger(__name__)


class WindowGate:
    """Asks the agent anew only where the window that was known when the intent was made has closed."""

    def __init__(self, source: OutboundSource, templates: Templates) -> None:
        self._source = source
        self._templates = templates

    async def admit(self, attempt: Attempt) -> Attempt | Barred | NotSent:
        """Returns the attempt, with a template where free text is not taken any more."""
        letter = attempt.intent.letter
        # The database's clock: a process's may be wrong by hours.
        now = attempt.claim_time
        if takes_free_text(letter.window_end_time, now):
            return attempt
        try:
            newest = await self._source.window_end(attempt.intent.intent_id)
        except ContentAway as error:
            log.warning("window unknown", intent_id=attempt.intent.intent_id, error=str(error))
            return NotSent("window_unknown")
        if newest is not None and takes_free_text(newest, now):
            return attempt
        content_sid = self._templates.of(letter.language)
        if not content_sid:
            return Barred("outside_window")
        variables = filled(letter.ticket_reference, letter.text)
        if variables is None:
            return Barred("too_long_for_template")
        return replace(attempt, template=Template(content_sid, variables))
