"""What the rules of one language consist of.

All expressions are matched against folded text (lower case, no accents, straight quotation marks) as whole words.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of one reason.

    `sure` expressions decide wherever they stand. `likely` ones are words that also name things in a workspace (a
    price, a court, a refund): they decide only in a message that does not speak of such things.
    """

    sure: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LanguageRules:
    """The rules of one language, as sources of regular expressions.

    `look_alikes` are blanked before anything else. `declined_before` and `declined_after` end and begin beside a sign
    that the customer rejects. `workspace` names what customers build, and people whom they only report on.
    `keywords` are the bare words for a person; `polite` may stand beside them.
    """

    language: str
    look_alikes: tuple[str, ...]
    declined_before: tuple[str, ...]
    declined_after: tuple[str, ...]
    workspace: tuple[str, ...]
    legal: Signs
    profanity: Signs
    refund: Signs
    pricing: Signs
    person: Signs
    anger: Signs
    keywords: tuple[str, ...]
    polite: tuple[str, ...]
