"""WhatsApp's window: free text reaches a customer for a day after they wrote; later only an approved template does.

The day is Meta's rule for its customer service window. Both times come from databases, whose clocks may differ a
little from each other and from Meta's: what is too near the end counts as outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

GUARD = timedelta(minutes=5)
# WhatsApp takes 1,024 characters in a template's body, its own words among them.
MOST_FILLED = 900
_USUAL = "en"


def takes_free_text(window_end_time: datetime | None, now: datetime) -> bool:
    """Tells whether free text may go; where nobody knows of a window, the provider decides."""
    return window_end_time is None or now < window_end_time - GUARD


@dataclass(frozen=True, slots=True)
class Templates:
    """The approved templates by language (ISO 639-1), each an id at the provider.

    A template has two places: {{1}} is the ticket's reference, {{2}} the text.
    """

    by_language: Mapping[str, str] = field(default_factory=dict)

    def of(self, language: str) -> str:
        """Returns the template of a language, else the English one, else none: empty."""
        found = self.by_language.get(language.partition("-")[0].lower(), "")
        return found or self.by_language.get(_USUAL, "")


def filled(reference: str, text: str) -> Mapping[str, str] | None:
    """Returns what fills a template's places, None if it does not fit.

    WhatsApp refuses line breaks, tabs and long runs of blanks in what fills a place.
    """
    line = " ".join(text.split())
    if len(line) > MOST_FILLED:
        return None
    return {"1": reference or "-", "2": line}
