"""What a draft must not say, in seven languages and behind disguises, and what it may."""

import pytest

from services.agent.domain.claims import faults

CITED = [
    (
        "The link works for 60 minutes. See https://help.corbel.example/export. Backups are kept for 30 days. "
        "To export, open Settings, select Export and choose CSV."
    )
]


@pytest.mark.parametrize(
    "draft",
    [
        "The Pro plan is $49 a month.",
        "It costs 20 euros per seat.",
        "That will be EUR 1,200.",
        "We will refund you.",
        "Your refund has been approved.",
        "You will get your money back.",
        "I guarantee that this works.",
        "We'll fix this by tomorrow.",
        "The link works for 90 minutes.",
        "You have 30 hours.",
        "The feature arrives in March 2027.",
        "Look at https://evil.example/x.",
        "You get a 20% discount.",
        "This is free of charge.",
    ],
)
def test_a_draft_that_claims_too_much_has_faults(draft: str) -> None:
    assert faults(draft, CITED)


@pytest.mark.parametrize(
    "draft",
    [
        "The link works for 60 minutes.",
        "Backups are kept for 30 days, see https://help.corbel.example/export.",
        "Open **Settings**, then **Export**, and choose CSV.",
        "1. Open Settings.\n2. Select Export.",
    ],
)
def test_a_draft_that_keeps_to_its_sections_has_none(draft: str) -> None:
    assert faults(draft, CITED) == []


def test_money_is_a_fault_even_when_a_section_states_it() -> None:
    assert faults("Pro is $49.", ["Pro is $49."])


TWO_WEEKS = [
    "Trial\nThe trial of a board ends after 14 days. A file may have 50,000 rows and 250 MB. It starts at 08:00 on 15 March."
]


@pytest.mark.parametrize(
    "draft",
    [
        "The trial of a board ends after two weeks.",
        "La prueba termina después de 14 días.",
        "La prueba termina después de dos semanas.",
        "Die Testversion endet nach zwei Wochen.",
        "La version se termine après quatorze jours.",
        "O teste do quadro termina depois de 14 dias.",
        "La versione termina dopo due settimane.",
        "Board ka trial do hafte mein khatam hota hai.",
        "Eine Datei darf 50.000 Zeilen und 250 MB haben.",
        "Un fichier peut avoir 50 000 lignes.",
        "A file may have fifty thousand rows.",
        "It starts at 8 am on March 15.",
        "Es beginnt am 15. März um 8 Uhr.",
    ],
)
def test_a_figure_of_a_section_may_be_said_in_any_language_and_unit(draft: str) -> None:
    said = [fault for fault in faults(draft, TWO_WEEKS) if "cited section contains" in fault]
    assert said == []


@pytest.mark.parametrize(
    "draft",
    [
        "Die Testversion endet nach drei Wochen.",
        "La prueba termina después de quince días.",
        "La version se termine après quatre-vingt-dix jours.",
        "O teste termina depois de trinta e cinco dias.",
        "La versione termina dopo ventiquattro giorni.",
        "Trial paintalis din mein khatam hota hai.",
        "Eine Datei darf 500.000 Zeilen haben.",
        "Es beginnt um 9 Uhr.",
        "Es beginnt am 16. April.",
        "A file may have up to 25 GB.",
        "You may invite forty-nine colleagues.",
    ],
)
def test_another_figure_is_a_fault_in_any_language(draft: str) -> None:
    assert faults(draft, TWO_WEEKS)


@pytest.mark.parametrize(
    "draft",
    [
        "Your order is on the house.", "Está en oferta para usted.", "Das bekommen Sie geschenkt.", "C'est un cadeau de la maison.",
        "É um brinde para você.", "È un omaggio per lei.", "Yeh aapke liye bilkul muft hai.", "F\u200bre\u0435 of charge.", "It is **fr**ee of charge.",
        "It costs 4\uff19 dollars.", "It costs &#36;49.", "That is f r e e  o f  c h a r g e.", "Please send us your password.",
        "Bitte senden Sie uns Ihr Passwort.", "The board zabierze cię do innego świata bez żadnych dodatkowych warunków.",
        "Ask for Sm9obiBEb2UgaGFzIGEgc2VjcmV0IGtleQ== there.",
    ],
)  # fmt: skip
def test_commitments_and_disguises_are_faults(draft: str) -> None:
    assert faults(draft, TWO_WEEKS)


@pytest.mark.parametrize(
    ("draft", "cited"),
    [
        (
            "The Slack integration was bought by another firm last year.",
            "Connect Slack\nOpen the settings and select Slack.",
        ),
        (
            "Our founders live on a boat near Lisbon.",
            "Connect Slack\nOpen the settings and select Slack.",
        ),
        ("Seats: 30 days. The price drops after 14 days.", "Trial\nThe trial ends after 14 days."),
    ],
)
def test_a_fact_that_no_section_shares_is_held(draft: str, cited: str) -> None:
    assert faults(draft, [cited])


def test_a_word_of_commitment_may_be_quoted_but_not_moved() -> None:
    cited = ["Seats\nThe seat of a removed user is free at once. Guests never need a seat."]
    assert faults("The seat of a removed user is free at once.", cited) == []
    assert faults("Everything else is free.", cited)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "we will ",
        "zwei",
        "hum ",
        "1,000 ",
        "free ",
        "\u200b",
        "**",
        "é",
        "x\n",
        "you will get ",
    ],
)
def test_a_huge_draft_is_judged_in_bounded_time(piece: str) -> None:
    faults((piece * 6000)[:6000], TWO_WEEKS)
