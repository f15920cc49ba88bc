"""The judge on single messages: every trigger, its look-alikes, negation, quoting, keywords and gravity."""

import pytest

from services.agent.adapters.judge import Heard
from services.agent.domain.judgement import judge_findings
from services.agent.domain.turn import Channel, Escalation, EscalationReason
from tests.fakes.agent import local_judge

R = EscalationReason


def before(texts: list[str], channel: Channel) -> Escalation | None:
    findings = local_judge().find([Heard("", text) for text in texts])
    return judge_findings(findings, channel).escalation


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("What would the Pro plan cost us?", R.PRICING_INQUIRY),
        ("How much is the Enterprise plan?", R.PRICING_INQUIRY),
        ("Do you give a discount for schools?", R.PRICING_INQUIRY),
        ("Please send me a quote for 40 seats", R.PRICING_INQUIRY),
        ("What are your prices?", R.PRICING_INQUIRY),
        ("Was kostet der Pro-Tarif?", R.PRICING_INQUIRY),
        ("¿Cuánto cuesta el plan Pro?", R.PRICING_INQUIRY),
        ("Combien coûte le plan Pro ?", R.PRICING_INQUIRY),
        ("Quanto custa o plano Pro?", R.PRICING_INQUIRY),
        ("Quanto costa il piano Pro?", R.PRICING_INQUIRY),
        ("I want a refund", R.REFUND_REQUEST),
        ("Give me my money back", R.REFUND_REQUEST),
        ("You charged me twice last month", R.REFUND_REQUEST),
        ("Ich möchte mein Geld zurück", R.REFUND_REQUEST),
        ("Quiero un reembolso", R.REFUND_REQUEST),
        ("You will hear from my lawyer", R.LEGAL_LANGUAGE),
        ("We will sue you", R.LEGAL_LANGUAGE),
        ("Our legal team will contact you", R.LEGAL_LANGUAGE),
        ("I will report this to the data protection authority", R.LEGAL_LANGUAGE),
        ("Mein Anwalt meldet sich bei Ihnen", R.LEGAL_LANGUAGE),
        ("this is bullshit", R.PROFANITY),
        ("what the fuck is wrong with the export", R.PROFANITY),
        ("This is the worst product ever, I am furious", R.NEGATIVE_SENTIMENT),
        ("Absolutely useless and unacceptable!!", R.NEGATIVE_SENTIMENT),
        ("I want to talk to a human", R.EXPLICIT_HUMAN_REQUEST),
        ("Can I speak with someone from your team?", R.EXPLICIT_HUMAN_REQUEST),
        ("No more bots please, a real person", R.EXPLICIT_HUMAN_REQUEST),
        ("I don't want to talk to a bot, get me a human", R.EXPLICIT_HUMAN_REQUEST),
        ("Quiero hablar con una persona", R.EXPLICIT_HUMAN_REQUEST),
        ("Ich möchte mit einem Menschen sprechen", R.EXPLICIT_HUMAN_REQUEST),
        ("Je veux parler à un humain", R.EXPLICIT_HUMAN_REQUEST),
        ("Quero falar com uma pessoa", R.EXPLICIT_HUMAN_REQUEST),
        ("Vorrei parlare con una persona", R.EXPLICIT_HUMAN_REQUEST),
        ("HUMAN", R.EXPLICIT_HUMAN_REQUEST),
    ],
)
def test_a_trigger_escalates_with_its_reason(text: str, reason: EscalationReason) -> None:
    decided = before([text], Channel.EMAIL)
    assert decided is not None
    assert decided.reason is reason


@pytest.mark.parametrize(
    "text",
    [
        "How do I reset my password?",
        "and how do I export my data?",
        "How do I hide the price column?",
        "The column named price shows no decimals",
        "Is the export human-readable?",
        "Can I connect our human resources calendar?",
        "We are a law firm, how do we add users?",
        "A law firm asks how to add users",
        "How do refunded orders get to my board?",
        "When an order is refunded the webhook is not called",
        "Which quotes does the CSV use, double quotes?",
        "How do I set the user agent for the API?",
        "I don't want a refund, I only want to sign in",
        "How do I assign a task to a person in my team?",
        "Can someone help me with the export?",
        "How much time does the export take?",
        "I'm a bit annoyed, my export failed again",
        "My dashboard doesn't work and it is urgent",
        "Scunthorpe is missing in the list of cities",
    ],
)
@pytest.mark.parametrize("channel", list(Channel))
def test_a_look_alike_does_not_escalate(text: str, channel: Channel) -> None:
    assert before([text], channel) is None


@pytest.mark.parametrize("text", ["human", "Human!", " HUMAN please ", "Mensch", "humano", "agent"])
def test_the_keyword_alone_escalates_on_whatsapp(text: str) -> None:
    decided = before([text], Channel.WHATSAPP)
    assert decided is not None
    assert decided.reason is R.WHATSAPP_HUMAN_KEYWORD


def test_the_gravest_reason_wins() -> None:
    decided = before(["I want a refund and my lawyer agrees"], Channel.EMAIL)
    assert decided is not None
    assert decided.reason is R.LEGAL_LANGUAGE


def test_any_message_of_a_burst_counts() -> None:
    decided = before(["hi", "how do I export?", "and what does Pro cost?"], Channel.WHATSAPP)
    assert decided is not None
    assert decided.reason is R.PRICING_INQUIRY


def test_quoted_lines_of_an_earlier_mail_do_not_count() -> None:
    assert before(["Thanks, that worked.\n> I want a refund"], Channel.EMAIL) is None


@pytest.mark.parametrize(
    "text",
    [
        "I do not want a refund, just fix the import",
        "No quiero un reembolso, solo que vuelva a funcionar",
        "Ich will keine Erstattung, nur meine Boards",
        "Je ne veux pas de remboursement, seulement mes tableaux",
        "Não quero reembolso, só quero os quadros",
        "Non voglio un rimborso, solo le mie bacheche",
        "refund nahi chahiye, bas board chala do",
        "Nobody needs to call me, a mail is fine",
    ],
)
def test_a_wish_that_is_denied_is_none(text: str) -> None:
    assert before([text], Channel.EMAIL) is None


@pytest.mark.parametrize(
    "tail",
    [
        "On Tue, 4 Nov 2026, Frank Tilley wrote:\n> I want my money back",
        "Am Di., 4. Nov. 2026 schrieb Frank:\nIch will mein Geld zurück",
        "El mar, 4 nov 2026, Frank escribió:\nQuiero un reembolso",
        "Le mar. 4 nov. 2026, Frank a écrit :\nJe veux un remboursement",
        "Em ter., 4 de nov. de 2026, Frank escreveu:\nQuero reembolso",
        "Il giorno mar 4 nov 2026 Frank ha scritto:\nVoglio un rimborso",
        "-----Original Message-----\nFrom: Frank\nI will sue you",
        "From: Frank\nSent: Tuesday\nSubject: Money\n\nI want a refund",
    ],
)
def test_a_repeated_mail_does_not_count(tail: str) -> None:
    assert before([f"Thanks, the export works now.\n\n{tail}"], Channel.EMAIL) is None
    assert before([f"I want a refund.\n\n{tail}"], Channel.EMAIL) is not None


@pytest.mark.parametrize(
    "text",
    ["this sh*t again", "wtf", "f***ing app", "qué m**rda", "so ein Sch***", "vaffa con sto bot"],
)
def test_masked_swearing_counts(text: str) -> None:
    decided = before([text], Channel.WHATSAPP)
    assert decided is not None
    assert decided.reason is R.PROFANITY


@pytest.mark.parametrize(
    "text", ["human", "persona", "Mensch bitte", "pessoa", "humain svp", "insaan"]
)
@pytest.mark.parametrize("channel", list(Channel))
def test_the_bare_keyword_has_its_reason_on_whatsapp_alone(text: str, channel: Channel) -> None:
    decided = before([text], channel)
    assert decided is not None
    assert (decided.reason is R.WHATSAPP_HUMAN_KEYWORD) == (channel is Channel.WHATSAPP)


@pytest.mark.parametrize(
    "text",
    [
        "Somos un bufete de abogados, ¿cómo añadimos usuarios?",
        "Wie blende ich die Spalte Preis aus?",
        "Nous sommes un cabinet d'avocats, comment ajouter des utilisateurs ?",
        "Como escondo a coluna preço?",
        "Siamo uno studio legale, come aggiungiamo utenti?",
        "price wala column kaise chhupaye?",
        "Can sue be owner too?",
        "Our customer asks for a refund: how do I set the item's status?",
    ],
)
def test_a_look_alike_of_any_language_does_not_escalate(text: str) -> None:
    assert before([text], Channel.WEB_FORM) is None


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "a" * 300_000, "who wrote " * 30_000, "(" * 20_000]
)
def test_any_text_can_be_judged(text: str) -> None:
    assert before([text], Channel.EMAIL) is None
