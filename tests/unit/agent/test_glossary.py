"""Glosses: other languages become English words, English stays as it is."""

import pytest

from services.agent.domain.glossary import english


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("¿Cómo cambio mi contraseña?", {"change", "password"}),
        ("Wie kann ich eine Rechnung herunterladen?", {"invoice", "download"}),
        ("Comment supprimer un utilisateur de mon équipe ?", {"delete", "user", "team"}),
        ("Como faço para cancelar a minha assinatura?", {"cancel", "subscription"}),
        ("Come posso aggiungere un collega?", {"add", "colleague"}),
        ("mera password bhool gaya, naya kaise banau", {"password", "forgot", "new", "create"}),
    ],
)
def test_a_question_of_each_language_has_its_english_words(text: str, wanted: set[str]) -> None:
    assert wanted <= set(english(text).split())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "invoices?",
        "Automation rules | no | no | yes",
        "can I comment on an item",
        "I want to die in a file, come on",
        "`order.paid` reports a payment",
        "Per month we pay 20 for the plan",
        "| Comment | yes | yes | as invited |",
    ],
)
def test_english_stays_as_it_is(text: str) -> None:
    assert english(text) == text


def test_a_word_without_an_entry_stays() -> None:
    assert "quittengelee" in english("Wie verschicke ich Quittengelee mit der Post?")
