"""The judge reads languages and documents: what is spoken, what is quoted, what is invented."""

from pathlib import Path

import pytest

from evals.grounding import Documents
from evals.speech import speaks

SAID = {
    "en": "Thank you for your message. A person from our team will answer you here.",
    "es": "Gracias por su mensaje. Una persona de nuestro equipo le responderá aquí.",
    "de": "Vielen Dank für Ihre Nachricht. Eine Person aus unserem Team antwortet Ihnen hier.",
    "fr": "Merci pour votre message. Une personne de notre équipe vous répondra ici.",
    "pt": "Obrigado pela sua mensagem. Uma pessoa da nossa equipe responderá aqui em breve.",
    "it": "Grazie per il Suo messaggio. Una persona del nostro team Le risponderà qui.",
    "hi": "Aapke sandesh ke liye dhanyavaad. Hamari team ka ek vyakti aapko yahin jawab dega.",
}


@pytest.mark.parametrize("language", SAID)
def test_a_language_is_told_from_the_others(language: str) -> None:
    assert [name for name, text in SAID.items() if speaks(text, language)] == [language]


def test_few_words_are_in_every_language() -> None:
    assert all(speaks("Settings, Export", language) for language in SAID)


def test_quotations_and_code_are_not_own_words() -> None:
    documents = Documents.of(["Select **Start export** and wait for the link."])
    answer = (
        "Das geht so: Select **Start export** and wait for the link.\n```\ncurl the and of to\n```"
    )
    own = documents.own_words(answer)
    assert "Das geht so" in own
    assert "Start export" not in own
    assert "curl" not in own


def test_what_is_for_staff_is_no_ground(tmp_path: Path) -> None:
    (tmp_path / "staff.md").write_text("---\naudience: internal\n---\nIt takes 77 minutes.")
    (tmp_path / "docs.md").write_text("---\naudience: customer\n---\nIt takes 7 minutes.")
    documents = Documents.read(tmp_path)
    assert documents.invented("It takes 7 minutes.") == []
    assert documents.invented("It takes 77 minutes.") == [
        "the figure 77 stands nowhere in the documents"
    ]


def test_a_list_marker_and_a_reference_are_no_figures() -> None:
    documents = Documents.of(["Open **Settings** and select **Export** for 20,000 items."])
    assert documents.invented("1. Open **Settings**\n2. 20.000 items\n\nFTE-99887766") == []
    assert documents.invented("Open **Settings → Export**.") == []


def test_phrases_give_links_but_no_words(tmp_path: Path) -> None:
    (tmp_path / "docs.md").write_text("It takes 7 minutes.")
    signature = "Kind regards from the digital assistant of our customer success team, in 77 words"
    (tmp_path / "en.yaml").write_text(f"help: https://help.example\nsignature: {signature}")
    documents = Documents.read(tmp_path)
    assert documents.invented("See https://help.example") == []
    assert documents.invented("In 77 words") != []
    assert not documents.quotes(signature)
