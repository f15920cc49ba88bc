"""The six promises of the gate over the thinker and the formatter alone, with fakes at its edges: fast to run."""

import re

from services.agent.adapters.language_model_offline import OfflinePolicy
from services.agent.application.think import Thinker
from services.agent.domain.formatting import DEFAULT_LIMITS, FormatContext, Part, format_answer
from services.agent.domain.turn import Channel, EscalationReason, TurnAnswer
from tests.fakes.agent import KnownHistory, MemoryKnowledge, local_judge
from tests.fakes.phrases import BOOK
from tests.unit.agent.turns import form, text, turn

MONEY = re.compile(r"[$€£¥]|\d\s*(?:usd|eur|gbp|dollars?|euros?|pounds?)\b", re.IGNORECASE)


async def respond(content: str, channel: Channel) -> tuple[TurnAnswer, list[Part]]:
    thinker = Thinker(
        model=OfflinePolicy(),
        knowledge=MemoryKnowledge(),
        history=KnownHistory(),
        phrases=BOOK,
        judge=local_judge(),
    )
    message = form(content) if channel is Channel.WEB_FORM else text(content, channel)
    if channel is not Channel.WHATSAPP and not content:
        message = type(message)(message.message_id, channel, "", message.accept_time)
    answer = await thinker.think(turn(message))
    context = FormatContext(
        phrases=BOOK.of(answer.language),
        display_name="Ada",
        reference="FTE-ABCDEFGH",
        ticket_subject=answer.ticket_subject,
        limits=DEFAULT_LIMITS[channel],
    )
    kind = "escalation_notice" if answer.escalation else "answer"
    return answer, format_answer(answer.response, channel, context, kind)


def whole(parts: list[Part]) -> str:
    return "\n".join(part.text for part in parts)


async def test_an_empty_message_asks_for_clarification() -> None:
    for channel in Channel:
        for content in ("", "   \n ", "???"):
            answer, parts = await respond(content, channel)
            assert answer.escalation is None
            assert "Could you tell me" in whole(parts)


async def test_a_pricing_question_escalates_and_states_no_price() -> None:
    for channel in Channel:
        answer, parts = await respond("What would the Pro plan cost us?", channel)
        assert answer.escalation is not None
        assert answer.escalation.reason is EscalationReason.PRICING_INQUIRY
        assert answer.response == ""
        assert parts
        assert not MONEY.search(whole(parts))


async def test_an_angry_customer_escalates_or_is_met_with_empathy() -> None:
    for content in (
        "This is ridiculous! Your export is broken and nobody cares. I am furious!",
        "I'm frustrated, the Slack integration stopped working",
        "What a useless piece of garbage",
    ):
        for channel in Channel:
            answer, parts = await respond(content, channel)
            assert answer.escalation is not None or "sorry" in whole(parts).lower()


async def test_an_email_answer_has_greeting_and_signature() -> None:
    _, (part,) = await respond("How do I reset my password?", Channel.EMAIL)
    assert part.text.startswith("Hello Ada,")
    assert "Kind regards," in part.text
    assert "FTE-ABCDEFGH" in part.text
    assert "Forgot password?" in part.text
    assert part.html
    assert part.subject.startswith("Re: ")


async def test_a_whatsapp_answer_stays_below_500_characters() -> None:
    for content in (
        "How do I reset my password?",
        "and how do I export my data?",
        "what roles are there?",
    ):
        answer, parts = await respond(content, Channel.WHATSAPP)
        assert answer.escalation is None
        assert len(whole(parts)) < 500
        assert all(len(part.text) <= 300 for part in parts)


async def test_tools_are_called_ticket_first_and_response_last() -> None:
    for channel in Channel:
        answer, _ = await respond("How do I reset my password?", channel)
        names = [call.name for call in answer.tool_calls]
        assert names == [
            "create_ticket",
            "get_customer_history",
            "search_knowledge_base",
            "send_response",
        ]
        escalated, _ = await respond("I want to talk to a human", channel)
        assert escalated.tool_calls[0].name == "create_ticket"
        assert escalated.tool_calls[-1].name == "escalate_to_human"
