"""The offline policy on the real documentation, reading of messages, sections and ranking."""

import re

import pytest

from services.agent.adapters.embedder_glossed import bundled_embedder
from services.agent.adapters.language_model_offline import OfflinePolicy
from services.agent.application.think import Thinker
from services.agent.domain.formatting import DEFAULT_LIMITS, FormatContext, format_answer
from services.agent.domain.knowledge import DocumentError, read_sections
from services.agent.domain.reading import Reading, questions, read
from services.agent.domain.turn import Channel, EscalationReason, TurnAnswer
from tests.fakes.agent import EmptyKnowledge, KnownHistory, MemoryKnowledge
from tests.unit.agent.turns import form, text, turn

KNOWLEDGE = MemoryKnowledge(embedder=bundled_embedder())


async def answer(content: str, channel: Channel = Channel.WHATSAPP) -> TurnAnswer:
    thinker = Thinker(model=OfflinePolicy(), knowledge=KNOWLEDGE, history=KnownHistory())
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
        ("How do refunded orders get to my board?", "connect-shopify-or-another-shop"),
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
        context = FormatContext(limits=DEFAULT_LIMITS[Channel.WHATSAPP])
        parts = format_answer(answered.response, Channel.WHATSAPP, context, "answer")
        assert sum(len(part.text) for part in parts) < 500


async def test_an_empty_knowledge_base_escalates_after_two_searches() -> None:
    thinker = Thinker(model=OfflinePolicy(), knowledge=EmptyKnowledge(), history=KnownHistory())
    answered = await thinker.think(turn(text("Export of boards, please", Channel.WHATSAPP)))
    assert answered.escalation is not None
    assert answered.escalation.reason is EscalationReason.TWO_FAILED_SEARCHES


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("", Reading.EMPTY),
        (" ?? ", Reading.EMPTY),
        ("👍", Reading.EMPTY),
        ("Hi", Reading.GREETING),
        ("ok thanks!", Reading.THANKS),
        ("it doesn't work", Reading.VAGUE),
        ("Hello, I need help", Reading.VAGUE),
        ("invoices?", Reading.MATTER),
    ],
)
def test_a_message_is_read_for_what_it_is(message: str, kind: Reading) -> None:
    assert read(message) is kind


def test_questions_are_cut_out_of_a_message() -> None:
    assert questions(
        "Hi team, can I add and remove users? Also: what browsers do you support?"
    ) == [
        "can I add and remove users?",
        "what browsers do you support?",
    ]
    assert questions("I tried to export. It failed.\nCan you help?") == [
        "I tried to export. It failed. Can you help?"
    ]


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
