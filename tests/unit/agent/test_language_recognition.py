"""The language of a text: seven of them, Hindi in Latin script told by words, English when unsure."""

import pytest

from services.agent.adapters.language_recognition import recognised
from services.agent.domain.language import hindi_share
from services.agent.domain.rules import LANGUAGES


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I add a colleague to the workspace?", "en"),
        ("¿Cómo añado a una compañera al espacio de trabajo?", "es"),
        ("Wie füge ich eine Kollegin zum Arbeitsbereich hinzu?", "de"),
        ("Comment ajouter une collègue à l'espace de travail ?", "fr"),
        ("Como adiciono uma colega ao espaço de trabalho?", "pt"),
        ("Come aggiungo una collega allo spazio di lavoro?", "it"),
        ("workspace mein naya user kaise add karein?", "hi"),
        ("bhai export nahi ho raha hai", "hi"),
        ("", "en"),
        ("??", "en"),
        ("ok", "en"),
        ("Как добавить пользователя в рабочее пространство?", "en"),
        ("ワークスペースにユーザーを追加するには", "en"),
    ],
)
def test_the_language_is_recognised(text: str, language: str) -> None:
    assert recognised(text).language == language


def test_a_short_text_may_be_in_any_language() -> None:
    assert recognised("persona").possible == LANGUAGES


def test_shared_words_alone_are_no_hindi() -> None:
    assert hindi_share("ho se ne") == 0
    assert hindi_share("Tu me le dis") == 0


def test_a_long_text_is_bounded() -> None:
    assert recognised("word " * 500_000).language == "en"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I reset my password?", "en"),
        ("danke", "de"),
        ("humano por favor", "es"),
        ("merci beaucoup !", "fr"),
        ("Vorrei parlare con una persona", "it"),
        ("Como faço para exportar?", "pt"),
        ("insaan se baat karni hai", "hi"),
    ],
)
def test_a_short_text_is_known_by_its_small_words(text: str, language: str) -> None:
    found = recognised(text)
    assert (found.language, found.certain) == (language, True)


@pytest.mark.parametrize("text", ["", "ok", "export? invoice?", "humano", "API"])
def test_a_text_that_hardly_tells_is_a_guess(text: str) -> None:
    assert not recognised(text).certain


def test_a_word_of_two_languages_is_one_of_them() -> None:
    assert recognised("persona").language in ("es", "it")
    assert recognised("humano").language in ("es", "pt")
