"""The language of a text: seven of them, Hindi in Latin script told by words, English when unsure."""

import pytest

from services.agent.adapters.language_recognition import recognised
from services.agent.domain.language import hindi_share, language_of
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


def test_the_seven_languages_are_told_apart() -> None:
    texts = {
        "en": "Open the settings and choose the board that you want to export.",
        "es": "Abra los ajustes y elija el tablero que quiere exportar.",
        "de": "Öffnen Sie die Einstellungen und wählen Sie das Board, das Sie exportieren wollen.",
        "fr": "Ouvrez les réglages et choisissez le tableau que vous voulez exporter.",
        "pt": "Abra as configurações e escolha o quadro que você quer exportar.",
        "it": "Apra le impostazioni e scelga la bacheca che si vuole esportare.",
        "hi": "Settings kholiye aur woh board chuniye jise aap export karna chahte hain.",
    }
    assert {name: language_of(said) for name, said in texts.items()} == {
        name: name for name in texts
    }
    assert language_of("Otwórz ustawienia i wybierz tablicę którą chcesz wyeksportować") == ""


@pytest.mark.parametrize(
    ("passage", "language"),
    [
        ("Select the board, then choose Export and pick the format for the file.", "en"),
        ("Wählen Sie das Board aus und klicken Sie auf Export, um die Datei zu laden.", "de"),
        (
            "Selecciona el tablero y haz clic en Exportar para descargar los datos de la cuenta.",
            "es",
        ),
        ("Choisissez le tableau, puis cliquez sur Exporter pour télécharger les données.", "fr"),
        ("Selecione o quadro e clique em Exportar para baixar os dados da sua conta.", "pt"),
        ("Seleziona la bacheca e fai clic su Esporta per scaricare i dati della pagina.", "it"),
        ("Board chunein aur Export par click karein, aapka data file mein hai.", "hi"),
        ("GET /v1/boards", "xx"),
        ('{"id": 1, "name": "Board", "type": "kanban"}', "xx"),
    ],
)
def test_the_language_of_a_passage_is_told_by_its_common_words(passage: str, language: str) -> None:
    assert (language_of(passage) or "xx") == language
