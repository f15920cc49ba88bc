"""Attachments: what came alone is asked about, what nobody can open is said so once, and then a person looks."""

from dataclasses import replace
from uuid import UUID

import pytest

from fte.conversation.v1 import conversation_pb2
from fte.intake.v1 import intake_service_pb2
from services.agent.adapters.mapping import inbound_text, turn_from_proto, turn_to_proto
from services.agent.application.ports import ModelReply
from services.agent.application.think import Thinker
from services.agent.domain.turn import (
    Channel,
    EscalationReason,
    HistoryLine,
    InboundText,
    Media,
    MediaProblem,
    MessageId,
    Role,
    Turn,
    TurnAnswer,
)
from tests.fakes.agent import KnownHistory, MemoryKnowledge, ScriptedModel, calls, local_judge
from tests.fakes.phrases import BOOK, ENGLISH
from tests.unit.agent.turns import NOW, text, turn

PICTURE = Media("image/jpeg")
ARCHIVE = Media("application/zip", MediaProblem.UNSUPPORTED)
HUGE = Media("video/mp4", MediaProblem.TOO_LARGE)
ANSWER = "Select **Forgot password?** on the sign-in page."
SENDS = [
    calls(("create_ticket", {"issue": "Reset a password"})),
    calls(("get_customer_history", {})),
    calls(("search_knowledge_base", {"query": "reset password"})),
    calls(("send_response", {"message": ANSWER})),
]


def sent(content: str, *media: Media) -> InboundText:
    return replace(text(content, Channel.WHATSAPP), media=media)


async def think(given: Turn, *replies: ModelReply) -> TurnAnswer:
    thinker = Thinker(
        model=ScriptedModel(*replies),
        knowledge=MemoryKnowledge(),
        history=KnownHistory(()),
        judge=local_judge(),
        phrases=BOOK,
    )
    return await thinker.think(given)


@pytest.mark.parametrize(
    ("media", "said"),
    [
        ((PICTURE,), ENGLISH.media_alone),
        ((ARCHIVE,), ENGLISH.media_unsupported),
        ((HUGE,), ENGLISH.media_too_large),
        ((PICTURE, ARCHIVE), ENGLISH.media_unsupported),
        ((ARCHIVE, HUGE), ENGLISH.media_too_large),
    ],
)
@pytest.mark.parametrize("content", ["", "Hi", "help"])
async def test_an_attachment_without_a_question(
    media: tuple[Media, ...], said: str, content: str
) -> None:
    answered = await think(turn(sent(content, *media)))
    assert answered.response == said
    assert answered.model == "rules"


async def test_it_is_said_once_and_then_a_person_looks() -> None:
    line = HistoryLine(
        MessageId(UUID(int=900)), Role.AI, Channel.WHATSAPP, ENGLISH.media_unsupported, NOW
    )
    answered = await think(turn(sent("", ARCHIVE), new_conversation=False, history=(line,)))
    assert answered.response == ""
    assert answered.escalation is not None
    assert answered.escalation.reason is EscalationReason.WEAK_EVIDENCE


async def test_thanks_with_a_sticker_are_thanks() -> None:
    answered = await think(turn(sent("Thank you!", Media("image/webp"))))
    assert answered.response == ENGLISH.welcome


async def test_beside_an_answer_it_is_said_what_could_not_be_opened() -> None:
    answered = await think(turn(sent("How do I reset my password?", ARCHIVE)), *SENDS)
    assert answered.response == f"{ANSWER}\n\n{ENGLISH.media_unsupported}"
    for statement in answered.statements:
        assert statement.end <= len(ANSWER)


async def test_what_can_be_opened_needs_no_word_beside_an_answer() -> None:
    answered = await think(turn(sent("How do I reset my password?", PICTURE)), *SENDS)
    assert answered.response == ANSWER


def test_attachments_travel_with_the_turn() -> None:
    given = turn(sent("Look", PICTURE, ARCHIVE, HUGE))
    assert turn_from_proto(turn_to_proto(given)).batch == given.batch


def test_attachments_are_read_from_intakes_message_and_a_new_problem_is_none() -> None:
    message = intake_service_pb2.InboundMessage(
        message_id=str(UUID(int=5)), channel=conversation_pb2.CHANNEL_WHATSAPP
    )
    message.accept_time.FromDatetime(NOW)
    for content_type, problem in [("image/jpeg", ""), ("a/b", "unsupported"), ("c/d", "sealed")]:
        message.whatsapp.media.add(url="https://x", content_type=content_type, problem=problem)
    assert inbound_text(message).media == (
        Media("image/jpeg"),
        Media("a/b", MediaProblem.UNSUPPORTED),
        Media("c/d"),
    )
