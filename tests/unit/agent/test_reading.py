"""Reading of messages in seven languages: what they are, and what they ask point by point."""

import pytest

from services.agent.domain.reading import (
    MOST_QUESTIONS,
    Reading,
    asked,
    questions,
    read,
)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("", Reading.EMPTY),
        (" ?? ", Reading.EMPTY),
        ("🤔", Reading.EMPTY),
        ("> quoted only", Reading.EMPTY),
        ("---------- Forwarded message\nHow do I export?", Reading.EMPTY),
        ("Thanks!\n\nOn Tue, 4 Nov, Support wrote:\nWhere is the board?", Reading.THANKS),
        ("Danke!\n\nVon: Support\nGesendet: Montag\n\nWo ist das Board?", Reading.THANKS),
        ("👍", Reading.THANKS),
        ("❤️", Reading.THANKS),
        ("Hi", Reading.GREETING),
        ("Good morning!", Reading.GREETING),
        ("Buenos días", Reading.GREETING),
        ("Guten Tag", Reading.GREETING),
        ("Bonjour", Reading.GREETING),
        ("Olá, boa tarde", Reading.GREETING),
        ("Ciao, buongiorno", Reading.GREETING),
        ("Namaste ji", Reading.GREETING),
        ("ok thanks!", Reading.THANKS),
        ("ok", Reading.THANKS),
        ("Perfect", Reading.THANKS),
        ("Hi, thank you so much for your quick help!", Reading.THANKS),
        ("Muchas gracias por tu ayuda", Reading.THANKS),
        ("Vielen Dank für die schnelle Antwort", Reading.THANKS),
        ("Merci beaucoup pour votre aide", Reading.THANKS),
        ("Muito obrigada pela ajuda!", Reading.THANKS),
        ("Grazie mille", Reading.THANKS),
        ("Bahut dhanyavaad", Reading.THANKS),
        ("it doesn't work", Reading.VAGUE),
        ("Hello, I need help", Reading.VAGUE),
        ("no", Reading.VAGUE),
        ("Hola, no funciona nada", Reading.VAGUE),
        ("Es funktioniert nicht", Reading.VAGUE),
        ("Ça ne marche pas, aidez-moi s'il vous plaît", Reading.VAGUE),
        ("Não funciona", Reading.VAGUE),
        ("Non funziona niente", Reading.VAGUE),
        ("kaam nahi kar raha hai", Reading.VAGUE),
        ("invoices?", Reading.MATTER),
        ("thanks, but where are my invoices?", Reading.MATTER),
        ("¿Dónde están mis facturas?", Reading.MATTER),
        ("Passwort vergessen", Reading.MATTER),
        ("Danke, und wie exportiere ich Daten?", Reading.MATTER),
        ("invoice kahan hai", Reading.MATTER),
    ],
)
def test_a_message_is_read_for_what_it_is(message: str, kind: Reading) -> None:
    assert read(message) is kind


@pytest.mark.parametrize(
    ("message", "points"),
    [
        (
            "Hi team, can I add and remove users? Also: what browsers do you support?",
            ["can I add and remove users?", "what browsers do you support?"],
        ),
        (
            "I tried to export. It failed.\nCan you help?",
            ["I tried to export. It failed. Can you help?"],
        ),
        (
            "how do i reset my password where do i find my invoices also can i add users",
            ["how do i reset my password", "where do i find my invoices", "can i add users"],
        ),
        (
            "How do I reset my password? Also my export fails with an error.",
            ["How do I reset my password?", "Also my export fails with an error."],
        ),
        (
            "Hello team, we want to connect Slack. How do we do that? Also, what is the rate limit of the API?",
            [
                "Hello team, we want to connect Slack. How do we do that?",
                "what is the rate limit of the API?",
            ],
        ),
        (
            "Quiero conectar Slack. ¿Cómo lo hago? ¿Dónde están mis facturas?",
            ["Quiero conectar Slack. ¿Cómo lo hago?", "¿Dónde están mis facturas?"],
        ),
        (
            "Ich möchte Slack verbinden. Wie mache ich das?",
            ["Ich möchte Slack verbinden. Wie mache ich das?"],
        ),
        (
            "The export stopped. How do I reset my password?",
            ["How do I reset my password?"],
        ),
        (
            "1. How do I add users?\n2. where are the invoices\n3) setting up SSO",
            ["How do I add users?", "where are the invoices", "setting up SSO"],
        ),
        (
            "When I export, how do I choose the format?",
            ["When I export, how do I choose the format?"],
        ),
        ("We are a law firm, how do we add users?", ["how do we add users?"]),
        (
            "Hola, ¿cómo puedo cambiar mi contraseña y dónde encuentro mis facturas?",
            ["¿cómo puedo cambiar mi contraseña", "dónde encuentro mis facturas?"],
        ),
        (
            "¿Cómo exporto mis datos? ¿Y cómo añado usuarios?",
            ["¿Cómo exporto mis datos?", "¿Y cómo añado usuarios?"],
        ),
        (
            "Hallo, wie kann ich mein Passwort ändern und wo finde ich meine Rechnungen",
            ["wie kann ich mein Passwort ändern", "wo finde ich meine Rechnungen"],
        ),
        (
            "Bonjour, comment puis-je exporter mes données et où trouver les factures ?",
            ["comment puis-je exporter mes données", "où trouver les factures ?"],
        ),
        (
            "Olá, como posso exportar os dados e onde encontro as faturas?",
            ["como posso exportar os dados", "onde encontro as faturas?"],
        ),
        (
            "Ciao, come posso esportare i dati e dove trovo le fatture?",
            ["come posso esportare i dati", "dove trovo le fatture?"],
        ),
        (
            "password kaise reset karein aur invoice kahan milega",
            ["password kaise reset karein", "invoice kahan milega"],
        ),
    ],
)
def test_a_message_is_cut_into_what_it_asks(message: str, points: list[str]) -> None:
    assert questions(message) == points


@pytest.mark.parametrize(
    ("texts", "points"),
    [
        (
            ["how do i", "reset my password", "and where are my invoices", "thanks!"],
            ["how do i reset my password", "where are my invoices"],
        ),
        (["hi", "How do I export?", "thanks, great"], ["How do I export?"]),
        (["How do I add users?", "the export fails"], ["How do I add users?", "the export fails"]),
        (["How do I add users?", "how do I add users"], ["How do I add users?"]),
        (["hi", "export", "my boards"], ["export my boards"]),
        (["Invoices?"], ["Invoices?"]),
        ([""], [""]),
    ],
)
def test_a_burst_is_asked_point_by_point(texts: list[str], points: list[str]) -> None:
    assert asked(texts) == points


def test_the_subject_helps_a_message_that_says_next_to_nothing() -> None:
    assert asked(["How does it work?"], "Data export") == ["Data export How does it work?"]
    assert asked(["How do I reset my password?"], "Data export") == ["How do I reset my password?"]


def test_points_are_bounded() -> None:
    many = " ".join(f"How do I use feature{n} with board{n}?" for n in range(100))
    assert len(asked([many])) == MOST_QUESTIONS
    assert all(len(point) <= 500 for point in questions("where is " + "x " * 20_000 + "?"))


@pytest.mark.parametrize("hostile", ["¿" * 20_000, "and how " * 3000, "aur " * 5000, "-, " * 7000])
def test_reading_ends(hostile: str) -> None:
    assert len(asked([hostile])) <= MOST_QUESTIONS
    read(hostile)


def test_what_a_mail_repeats_asks_nothing() -> None:
    mail = "How do I export a board?\n\nOn Tue, 4 Nov, Support wrote:\nDid you find your invoices?"
    assert asked([mail]) == questions(mail) == ["How do I export a board?"]


@pytest.mark.parametrize(
    ("said", "thanks"),
    [
        ("merci, c'est parfait", True),
        ("gracias, eso es todo", True),
        ("top, danke dir", True),
        ("please export, thanks", False),
        ("danke, aber es geht nicht", False),
        ("thanks, how?", False),
    ],
)
def test_thanks_and_nothing_else_is_closed_politely(said: str, *, thanks: bool) -> None:
    assert (read(said) is Reading.THANKS) is thanks
