"""What the company says by itself, one set of texts a language: notices, courtesies, greetings, signatures, hints.

The texts are data; this module says which there are and which places in them are filled.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from services.agent.domain.turn import DEFAULT_LANGUAGE, Channel

# The key in `in_language` for a language that has no name there.
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Place:
    """The place in a text that is filled in; the text has it, and no other."""

    name: str


@dataclass(frozen=True, slots=True)
class Phrases:
    """The texts of one language; each is plain text, and `{…}` marks what is filled in.

    A mapping by channel is complete. `help_url` alone may be empty: then no help portal is named.
    """

    # ISO 639-1.
    language: str
    # The word that calls a person on any channel; the rules know it.
    human_keyword: str
    # E-mail: first line, last line, and who signs.
    mail_greeting: Annotated[str, Place("name")]
    mail_greeting_nameless: str
    mail_closing: str
    signature: str
    team_signature: str
    mail_reference: Annotated[str, Place("reference")]
    # The subject of an answer to a mail without one.
    untitled: str
    # The end of a WhatsApp answer.
    chat_hint: Annotated[str, Place("keyword")]
    # The end of a web answer: the help portal, and the customer's own page.
    help_line: Annotated[str, Place("link")]
    status_line: Annotated[str, Place("link")]
    # The conversation came over from this channel; the second form names the matter.
    continuity: Mapping[Channel, str]
    continuity_about: Annotated[Mapping[Channel, str], Place("subject")]
    # A person takes over; something went wrong.
    escalation_notice: Mapping[Channel, str]
    apology: Mapping[Channel, str]
    # Answers to messages that ask nothing.
    clarify_empty: str
    clarify_vague: str
    greeting: str
    welcome: str
    # Attachments: one that came alone, one of a kind that nobody can open, one that is too large.
    media_alone: str
    media_unsupported: str
    media_too_large: str
    # Many messages within a minute are worked on together.
    wait_notice: str
    # A person has the matter already.
    waiting: str
    # Before an answer to somebody who is upset.
    sympathy: str
    # Beside what could be answered, and on its own.
    nothing_found: Annotated[str, Place("question")]
    offer_person: str
    # Before a passage that is quoted in the documentation's language; the names fill `language`.
    passage_in: Annotated[str, Place("language")]
    in_language: Mapping[str, str]
    # The end of an answer that was too long.
    rest_at: Annotated[str, Place("link")]
    rest_on_request: str
    # Subjects of tickets whose customer gave none.
    message_subject: str
    reply_subject: str
    failure_subject: str
    help_url: str = ""

    @property
    def in_answers(self) -> tuple[str, ...]:
        """The sentences that may stand in an answer beside what the documentation says."""
        return (
            self.sympathy,
            self.nothing_found,
            self.offer_person,
            self.passage_in,
            self.clarify_empty,
            self.clarify_vague,
        )

    def passage_intro(self, language: str) -> str:
        """Says in which language the passage that follows is written."""
        return self.passage_in.format(
            language=self.in_language.get(language, self.in_language[OTHER])
        )


class PhraseBook:
    """The phrases of all languages; one that is missing is answered in the default language.

    `missing` is told of each such language once.
    """

    def __init__(
        self,
        phrases: Mapping[str, Phrases],
        default: str = DEFAULT_LANGUAGE,
        missing: Callable[[str], None] | None = None,
    ) -> None:
        self._phrases = dict(phrases)
        self._default = self._phrases[default]
        self._missing = missing
        self._told: set[str] = set()

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that there are texts in, in order."""
        return tuple(sorted(self._phrases))

    def of(self, language: str) -> Phrases:
        """Returns the phrases of a language (`pt`, also `pt-BR`), or those of the default language."""
        found = self._phrases.get(language.lower().replace("_", "-").split("-")[0])
        if found is not None:
            return found
        if self._missing is not None and language not in self._told:
            self._told.add(language)
            self._missing(language)
        return self._default
