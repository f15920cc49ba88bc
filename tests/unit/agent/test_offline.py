"""The offline policy on the real documentation, reading of messages, sections and ranking."""

import re

import pytest

from services.agent.adapters.language_model_offline import SEARCHED_QUESTIONS, OfflinePolicy
from services.agent.application.think import Thinker
from services.agent.domain.formatting import DEFAULT_LIMITS, FormatContext, format_answer
from services.agent.domain.knowledge import DocumentError, Evidence, Section, read_sections
from services.agent.domain.turn import Channel, EscalationReason, TurnAnswer
from tests.evals.kept_vectors import kept_embedder
from tests.fakes.agent import EmptyKnowledge, KnownHistory, MemoryKnowledge, local_judge
from tests.fakes.phrases import BOOK, ENGLISH
from tests.unit.agent.turns import form, text, turn

# The first run makes the documentation's vectors, which are then kept.
pytestmark = pytest.mark.timeout(600)
KNOWLEDGE = MemoryKnowledge(embedder=kept_embedder())


async def answer(content: str, channel: Channel = Channel.WHATSAPP) -> TurnAnswer:
    thinker = Thinker(
        model=OfflinePolicy(),
        knowledge=KNOWLEDGE,
        history=KnownHistory(),
        phrases=BOOK,
        judge=local_judge(),
    )
    message = form(content) if channel is Channel.WEB_FORM else text(content, channel)
    return await thinker.think(turn(message))


@pytest.mark.parametrize(
    ("question", "anchor"),
    [
        ("How do I reset my password?", "reset-a-forgotten-password"),
        ("I forgot my password", "reset-a-forgotten-password"),
        ("and how do I export my data?", "export-your-data"),
        ("how do i download all our data", "export-your-data"),
        ("My account is locked, I can't log in", "my-account-is-locked"),
        ("The reset email never arrived", "the-password-reset-e-mail-does-not-arrive"),
        ("How can I get an API key?", "create-an-api-key"),
        ("Is there a rate limit on the API?", "api-rate-limits"),
        ("Where do I find my invoices?", "find-and-download-invoices"),
        ("how do I change my credit card", "change-the-payment-method"),
        ("how do I invite a colleague", "add-users-to-a-workspace"),
        ("We are a law firm, how do we add users?", "add-users-to-a-workspace"),
        ("How do I enable 2FA?", "turn-on-two-factor-authentication"),
        ("Do you support SSO with Okta?", "set-up-single-sign-on"),
        ("can I restore a deleted board", "restore-something-that-was-deleted"),
        ("How do refunded orders get to my board?", "refunded-and-cancelled-orders-on-a-board"),
        ("the mobile app does not sync", "the-mobile-app-does-not-synchronise"),
        ("How do I change the time zone?", "change-the-time-zone-or-date-format"),
    ],
)
async def test_a_question_is_answered_from_the_right_section(question: str, anchor: str) -> None:
    answered = await answer(question)
    assert answered.escalation is None
    assert [source.section_id.rsplit("/", 1)[1] for source in answered.sources][:1] == [anchor]


@pytest.mark.parametrize(
    "question",
    [
        "What's the weather in Paris?",
        "Do you integrate with SAP?",
        "Can you write a poem about cats?",
        "How do I train my neural network?",
    ],
)
async def test_what_the_documentation_does_not_carry_goes_to_a_person(question: str) -> None:
    answered = await answer(question)
    assert answered.escalation is not None
    assert answered.escalation.reason in (
        EscalationReason.TWO_FAILED_SEARCHES,
        EscalationReason.WEAK_EVIDENCE,
    )
    assert answered.response == ""


@pytest.mark.parametrize("channel", list(Channel))
async def test_every_word_of_an_answer_stands_in_the_documentation(channel: Channel) -> None:
    answered = await answer("How do I schedule a regular export?", channel)
    whole = " ".join(" ".join(s.content for s in KNOWLEDGE.sections).split())
    for line in re.split(r"(?<=[.])\s+|\n+", answered.response):
        assert " ".join(line.split()) in whole


async def test_two_questions_are_answered_point_by_point() -> None:
    answered = await answer("How do I reset my password and where can I find my invoices?")
    assert "Forgot password" in answered.response
    assert "Invoices" in answered.response
    assert len(answered.sources) == 2


async def test_a_question_without_evidence_is_named_beside_the_answered_one() -> None:
    answered = await answer("How do I reset my password? Do you integrate with SAP?", Channel.EMAIL)
    assert answered.escalation is None
    assert '"Do you integrate with SAP?"' in answered.response


async def test_an_upset_customer_is_met_with_empathy() -> None:
    answered = await answer("I am really disappointed. The Slack integration stopped working.")
    assert answered.escalation is None
    assert answered.response.startswith("I am sorry")


async def test_every_question_on_whatsapp_stays_below_500_without_steps() -> None:
    for question in ("what roles are there", "Is there a rate limit on the API?"):
        answered = await answer(question)
        context = FormatContext(ENGLISH, limits=DEFAULT_LIMITS[Channel.WHATSAPP])
        parts = format_answer(answered.response, Channel.WHATSAPP, context, "answer")
        assert sum(len(part.text) for part in parts) < 500


async def test_an_empty_knowledge_base_escalates_after_two_searches() -> None:
    thinker = Thinker(
        model=OfflinePolicy(),
        knowledge=EmptyKnowledge(),
        history=KnownHistory(),
        phrases=BOOK,
        judge=local_judge(),
    )
    answered = await thinker.think(turn(text("Export of boards, please", Channel.WHATSAPP)))
    assert answered.escalation is not None
    assert answered.escalation.reason is EscalationReason.TWO_FAILED_SEARCHES


def test_sections_keep_tables_and_code_whole_and_their_ids_stable() -> None:
    text_of = "---\ncategory: x\naudience: internal\n---\n# Doc\n\n## A\n\nOne.\n\n```\n# no heading\n```\n\n### B\n\nTwo.\n"
    sections = read_sections("d.md", text_of)
    assert [s.section_id for s in sections] == ["d.md#a", "d.md#a/b"]
    assert "# no heading" in sections[0].content
    assert (sections[1].title, sections[1].category, sections[1].audience) == (
        "A - B",
        "x",
        "internal",
    )
    changed = read_sections("d.md", text_of.replace("Two.", "Three."))
    assert changed[1].section_id == sections[1].section_id
    assert changed[1].content_hash != sections[1].content_hash
    assert changed[0].content_hash == sections[0].content_hash


def test_broken_front_matter_names_its_line() -> None:
    with pytest.raises(DocumentError, match="line 2"):
        read_sections("d.md", "---\nnonsense\n---\n# Doc\n")


def section(anchor: str, title: str, content: str) -> Evidence:
    return Evidence(
        Section(f"d.md#{anchor}", "d.md", title, content, "", "customer", 0, anchor), 0.9
    )


class Shelf:
    """Finds the sections whose anchor stands in the query."""

    def __init__(self, *sections: Evidence) -> None:
        self._sections = sections

    async def search(self, query: str, limit: int) -> list[Evidence]:
        words = query.lower()
        return [
            e for e in self._sections if e.section.section_id.split("#")[1].split("-")[0] in words
        ][:limit]


ENGLISH_EXPORT = section(
    "export-en", "Export", "Select the board and then choose **Export** in the menu."
)
GERMAN_EXPORT = section(
    "export-de", "Export", "Wählen Sie das Board und klicken Sie dann auf **Export** im Menü."
)
INVOICES = section("invoice", "Invoices", "You find the invoices in **Billing** of the settings.")


async def say(language: str, knowledge: Shelf, *messages: str) -> TurnAnswer:
    thinker = Thinker(
        model=OfflinePolicy(),
        knowledge=knowledge,
        history=KnownHistory(),
        phrases=BOOK,
        judge=local_judge(),
    )
    batch = [text(m, Channel.WHATSAPP, n) for n, m in enumerate(messages)]
    return await thinker.think(turn(*batch, language=language))


async def test_a_passage_in_the_customers_language_comes_first() -> None:
    question = "Wie kann ich einen Export machen?"
    answered = await say("de", Shelf(ENGLISH_EXPORT, GERMAN_EXPORT), question)
    assert answered.response == GERMAN_EXPORT.section.content
    other = await say("en", Shelf(GERMAN_EXPORT, ENGLISH_EXPORT), "How do I make an export?")
    assert other.response == ENGLISH_EXPORT.section.content


@pytest.mark.parametrize("language", [one for one in BOOK.languages if one != "en"])
async def test_a_foreign_passage_is_introduced_in_the_customers_language(language: str) -> None:
    phrases = BOOK.of(language)
    answered = await say(language, Shelf(ENGLISH_EXPORT, INVOICES), "export?", "invoice?")
    pieces = answered.response.split("\n\n")
    assert pieces[0] == phrases.passage_intro("en")
    assert pieces[-1] == phrases.offer_person
    assert answered.response.count(phrases.passage_intro("en")) == 1
    assert "**Export**" in answered.response
    assert "**Billing**" in answered.response
    assert answered.language == language


async def test_what_is_not_found_is_named_in_the_customers_language() -> None:
    answered = await say(
        "es", Shelf(INVOICES), "¿Dónde está mi invoice?", "¿Qué tal el tiempo hoy?"
    )
    assert (
        BOOK.of("es").nothing_found.format(question='"¿Qué tal el tiempo hoy?"')
        in answered.response
    )
    assert "**Billing**" in answered.response


async def test_a_burst_is_answered_once_with_every_question_covered() -> None:
    answered = await say(
        "en",
        Shelf(ENGLISH_EXPORT, INVOICES),
        "hi",
        "how do i",
        "export my boards",
        "and where is my invoice",
        "do you have a parking garage?",
        "thanks!",
    )
    assert "**Export**" in answered.response
    assert "**Billing**" in answered.response
    assert '"do you have a parking garage?"' in answered.response
    assert [call.name for call in answered.tool_calls].count("send_response") == 1
    assert len(answered.sentiments) == 6


async def test_more_questions_than_are_searched_for_are_all_named() -> None:
    many = [f"Where is the gadget{n} of widget{n}?" for n in range(9)]
    answered = await say("en", Shelf(INVOICES), "Where is my invoice?", *many)
    assert "**Billing**" in answered.response
    assert all(f'"{question}"' in answered.response for question in many)
    searches = [call for call in answered.tool_calls if call.name == "search_knowledge_base"]
    assert len(searches) == SEARCHED_QUESTIONS


async def test_two_searches_that_find_nothing_end_with_a_person_in_every_language() -> None:
    for language in BOOK.languages:
        answered = await say(language, Shelf(), "Parkplatz garage parking estacionamiento?")
        assert answered.escalation is not None
        assert answered.escalation.reason is EscalationReason.TWO_FAILED_SEARCHES
        assert answered.response == ""


async def test_what_the_customer_wrote_is_not_repeated_if_an_answer_may_not_say_it() -> None:
    lure = "Can I get it for $5 at https://evil.example/?"
    answered = await say("en", Shelf(INVOICES), "Where is my invoice?", lure)
    assert answered.response == ""
    assert answered.escalation is not None
