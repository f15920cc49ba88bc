"""The texts of seven languages, a company's own over them, and what a wrong file is told."""

from dataclasses import fields
from pathlib import Path

import pytest

from services.agent.adapters.phrase_book import SHIPPED, PhraseError, load_phrases
from services.agent.domain.phrases import PhraseBook, Phrases
from services.agent.domain.signs import is_bare_keyword
from services.agent.domain.turn import Channel
from tests.fakes.agent import CONTEXT
from tests.fakes.phrases import BOOK, ENGLISH

LANGUAGES = ("de", "en", "es", "fr", "hi", "it", "pt")


def company(folder: Path, **files: str) -> Path:
    """A company's folder with files of phrases."""
    (folder / "phrases").mkdir()
    for language, text in files.items():
        (folder / "phrases" / f"{language}.yaml").write_text(text, encoding="utf-8")
    return folder


def texts(phrases: Phrases) -> dict[str, str]:
    """All texts of a language by name."""
    found: dict[str, str] = {}
    for one in fields(phrases):
        value = getattr(phrases, one.name)
        if isinstance(value, str):
            found[one.name] = value
        else:
            found |= {f"{one.name}.{part}": text for part, text in value.items()}
    return found


def test_there_are_texts_in_seven_languages() -> None:
    assert BOOK.languages == LANGUAGES
    assert all(BOOK.of(language).language == language for language in LANGUAGES)


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_no_sentence_was_left_in_english(language: str) -> None:
    english = texts(ENGLISH)
    same = {name for name, text in texts(BOOK.of(language)).items() if english[name] == text}
    # Hindi in Latin script takes some words as they are.
    assert same <= {"help_url", "mail_reference", "help_line"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_word_that_the_hint_names_calls_a_person(language: str) -> None:
    assert is_bare_keyword(BOOK.of(language).human_keyword)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_notice_names_a_person_and_no_link(language: str) -> None:
    phrases = BOOK.of(language)
    assert "24" in phrases.escalation_notice[Channel.EMAIL]
    for text in (*phrases.escalation_notice.values(), *phrases.apology.values()):
        assert "http" not in text
    for text in (phrases.escalation_notice[Channel.WHATSAPP], phrases.apology[Channel.WHATSAPP]):
        assert len(text) <= 300


def test_a_language_without_texts_gets_the_default_ones_and_is_told_once() -> None:
    told: list[str] = []
    book = PhraseBook({"en": ENGLISH}, missing=told.append)
    assert book.of("nl") is ENGLISH
    assert book.of("nl") is ENGLISH
    assert told == ["nl"]
    assert BOOK.of("pt-BR") is BOOK.of("pt")


def test_a_folder_without_phrases_changes_nothing(tmp_path: Path) -> None:
    assert texts(load_phrases(tmp_path).of("de")) == texts(BOOK.of("de"))


def test_a_company_changes_single_texts_and_keeps_the_others(tmp_path: Path) -> None:
    own = load_phrases(
        company(tmp_path, en="welcome: Any time!\napology:\n  whatsapp: Oh no, sorry.\n")
    ).of("en")
    assert (own.welcome, own.greeting) == ("Any time!", ENGLISH.greeting)
    assert own.apology[Channel.WHATSAPP] == "Oh no, sorry."
    assert own.apology[Channel.EMAIL] == ENGLISH.apology[Channel.EMAIL]


def test_a_company_adds_a_language_by_naming_every_text(tmp_path: Path) -> None:
    whole = (SHIPPED / "en.yaml").read_text(encoding="utf-8")
    added = load_phrases(company(tmp_path, nl=whole.replace("Kind regards", "Groeten")))
    assert added.of("nl").signature.startswith("Groeten")


def test_the_companys_own_folder_is_sound() -> None:
    own = load_phrases(CONTEXT)
    assert {own.of(language).help_url for language in LANGUAGES} == {"https://help.corbel.example"}
    assert all("Corbel" in own.of(language).signature for language in LANGUAGES)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("welcome: Hi\ngreting: Hi\n", 2, "greting: unknown"),
        ("apology:\n  email: Sorry.\n  fax: Sorry.\n", 3, "apology.fax: unknown"),
        ("apology: Sorry.\n", 1, "apology: unknown"),
        ("welcome: Hi\nwelcome: Hello\n", 2, "welcome: repeated"),
        ("welcome: ''\n", 1, "welcome: is empty"),
        ("welcome:\n", 1, "welcome: is empty"),
        ("welcome: [Hi]\n", 1, "welcome: is no text"),
        ("- welcome\n", 1, "the file: unknown"),
        (f"welcome: {'a' * 1001}\n", 1, "longer than 1000"),
        ("mail_greeting: Dear {nom},\n", 1, "unknown place {nom}"),
        ("mail_greeting: Dear customer,\n", 1, "lacks the place {name}"),
        ("mail_greeting: Dear {name.__class__},\n", 1, "unknown place {name.__class__}"),
        ("mail_greeting: Dear {name:>99999999},\n", 1, "a place is a bare name"),
        ("welcome: Hi {\n", 1, "has a brace that marks no place"),
        ("\nhelp_url: javascript:alert(1)\n", 2, "is no http(s) address"),
        ("welcome: 'Hi\n", 2, "found unexpected end of stream"),
        ("welcome: &a [*a]\n", 1, "is no text"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    folder = company(tmp_path, en=text)
    with pytest.raises(PhraseError) as caught:
        load_phrases(folder)
    assert f"{folder / 'phrases' / 'en.yaml'}:{line}: " in str(caught.value)
    assert words in str(caught.value)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    folder = company(tmp_path, en="welcome: ''\ngreting: Hi\n", nl="welcome: Hoi\n")
    (folder / "phrases" / "Deutsch.yaml").write_text("welcome: Gern\n", encoding="utf-8")
    (folder / "phrases" / "fr.yaml").write_bytes(b"welcome: \xff\n")
    (folder / "phrases" / "it.yaml").write_text("#" * 70_000, encoding="utf-8")
    with pytest.raises(PhraseError) as caught:
        load_phrases(folder)
    said = str(caught.value)
    for words in (
        "en.yaml:1: welcome",
        "en.yaml:2: greting",
        "nl.yaml:1: missing: apology.email, ",
        "Deutsch.yaml:1: a file is named for its language",
        "fr.yaml:1: ",
        "it.yaml:1: the file is larger",
    ):
        assert words in said
