"""A ticket's category from the customer's words, in seven languages."""

import pytest

from services.agent.domain.category_words import CATEGORY_WORDS, category_of

MATTERS = {
    "billing": [
        "Where can I download last month's invoice?",
        "Our VAT number is missing",
        "How do I change the credit card?",
        "¿Dónde descargo la factura de marzo?",
        "Quiero cambiar la tarjeta de crédito con la que pagamos",
        "Wo finde ich unsere Jahresrechnung?",
        "Die Mehrwertsteuer steht nicht drauf, wie ändern wir das Abo?",
        "Où trouver mes factures ?",
        "Comment modifier le moyen de paiement de notre abonnement ?",
        "Onde baixo a fatura do mês passado?",
        "Preciso trocar o cartão de crédito da assinatura",
        "Dove trovo le fatture dell'anno scorso?",
        "Come cambio la carta di credito dell'abbonamento?",
        "Pichhle mahine ka invoice kahan milega?",
        "Payment ka receipt chahiye",
    ],
    "bug_report": [
        "The app crashes whenever I open a board",
        "Export fails with a red message",
        "La exportación da un error al terminar",
        "La aplicación no funciona desde ayer",
        "Die App stürzt beim Öffnen ab",
        "Beim Speichern kommt eine Fehlermeldung",
        "L'application plante à l'ouverture",
        "L'export ne fonctionne plus",
        "O aplicativo trava quando abro o quadro",
        "A exportação não funciona desde ontem",
        "L'app si blocca all'apertura",
        "L'esportazione non funziona più",
        "App crash ho jata hai",
        "Export kaam nahi kar raha",
    ],
    "feedback": [
        "I have a suggestion for the calendar view",
        "It would be great to colour single rows",
        "Tengo una sugerencia para el calendario",
        "Sería genial poder colorear filas",
        "Ein Verbesserungsvorschlag für den Kalender",
        "Es wäre schön, wenn man Zeilen färben könnte; die Idee kam im Team auf",
        "J'ai une idée pour la vue calendrier",
        "Ce serait pratique de colorer les lignes",
        "Tenho uma sugestão para o calendário",
        "Seria ótimo poder colorir linhas",
        "Ho un suggerimento per il calendario",
        "Sarebbe utile colorare le righe",
        "Calendar ke liye ek sujhav hai",
    ],
    "technical": [
        "How do I invite a colleague?",
        "How do I move a card to another column?",
        "We plan a meeting: how do I share the calendar?",
        "¿Cómo invito a una compañera?",
        "Wie lade ich eine Kollegin ein?",
        "Wie summiere ich die Zahlen einer Spalte?",
        "Comment inviter une collègue ?",
        "Comment ajouter une carte au tableau ?",
        "Como convido uma colega?",
        "Come invito una collega?",
        "Come carico un file nella bacheca?",
        "Naye member ko kaise invite karun?",
        "",
    ],
}


@pytest.mark.parametrize(
    ("text", "category"), [(text, name) for name, texts in MATTERS.items() for text in texts]
)
def test_a_matter_is_sorted_in_its_own_language(text: str, category: str) -> None:
    assert category_of(text) == category


def test_words_are_folded_as_texts_are() -> None:
    assert all(words.pattern.isascii() for words in CATEGORY_WORDS.values())
    assert category_of("FACTURACIÓN") == category_of("facturacion") == "billing"


def test_an_invoice_with_a_mistake_is_a_matter_of_billing() -> None:
    assert category_of("There is an error on our invoice") == "billing"
