"""The rules of all seven languages."""

from services.agent.domain.rules import (
    english,
    french,
    german,
    hindi,
    italian,
    portuguese,
    spanish,
)
from services.agent.domain.rules.language_rules import LanguageRules, Signs

ALL: tuple[LanguageRules, ...] = (
    english.RULES,
    spanish.RULES,
    german.RULES,
    french.RULES,
    portuguese.RULES,
    italian.RULES,
    hindi.RULES,
)
LANGUAGES = frozenset(rules.language for rules in ALL)

__all__ = ["ALL", "LANGUAGES", "LanguageRules", "Signs"]
