"""The product's own phrases, for tests that need some."""

from services.agent.adapters.phrase_book import load_phrases

BOOK = load_phrases()
ENGLISH = BOOK.of("en")
