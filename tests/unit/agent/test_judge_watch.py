"""What cannot be judged goes to a person: a judge that cannot be loaded, fails, hangs or gives no numbers."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from services.agent.adapters import judge as judging
from services.agent.adapters import judge_weights
from services.agent.adapters.judge import LocalJudge
from services.agent.adapters.judge_watch import JudgeMissingError, WatchedJudge, watched_judge
from services.agent.application.ports import Judge, Vectors
from services.agent.application.think import Thinker
from services.agent.domain.judgement import Judgement
from services.agent.domain.turn import Channel, EscalationReason, InboundText, TurnAnswer
from tests.fakes.agent import CONTEXT, KnownHistory, MemoryKnowledge, ScriptedModel, calls
from tests.fakes.phrases import BOOK
from tests.unit.agent.turns import text, turn

SAID = [
    "How do I reset my password?",
    "Wie lade ich eine Kollegin ein?",
    "Thanks, that worked!",
    "hello",
    "it doesn't work",
    "",
    "👍",
]
SOUND = Judgement(escalation=None, score=0.1, sentiment=0.0, language="en")


class Playing:
    """Does what it was made with, one entry a call."""

    def __init__(self, *plays: Judgement | Exception | float) -> None:
        self._plays = list(plays)

    async def judge(self, messages: Sequence[InboundText], channel: Channel) -> Judgement:
        play = self._plays.pop(0)
        if isinstance(play, float):
            await asyncio.sleep(play)
            return SOUND
        if isinstance(play, Exception):
            raise play
        return play


async def answered(judge: Judge, said: str) -> tuple[TurnAnswer, ScriptedModel]:
    model = ScriptedModel(calls(("create_ticket", {"issue": "x"})))
    thinker = Thinker(
        model=model,
        knowledge=MemoryKnowledge(),
        history=KnownHistory(),
        judge=judge,
        phrases=BOOK,
    )
    return await thinker.think(turn(text(said, Channel.WHATSAPP))), model


async def goes_to_a_person(judge: Judge, said: str) -> None:
    answer, model = await answered(judge, said)
    assert answer.escalation is not None
    assert answer.escalation.reason is EscalationReason.MODEL_FAULT
    assert (answer.response, model.requests) == ("", [])
    assert [call.name for call in answer.tool_calls][-1] == "escalate_to_human"


@pytest.fixture
def damaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The classifier's file with one bit changed."""
    content = bytearray(judge_weights.WEIGHTS.read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / judge_weights.WEIGHTS.name
    path.write_bytes(content)
    monkeypatch.setattr(judge_weights, "WEIGHTS", path)


@pytest.mark.usefixtures("damaged")
async def test_without_its_model_every_message_goes_to_a_person_and_health_says_so() -> None:
    with capture_logs() as logs:
        judge = watched_judge(CONTEXT)
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("error", "no judge could be loaded: every message goes to a person")
    ]
    assert not await judge.works()
    for said in SAID:
        await goes_to_a_person(judge, said)
    assert not await judge.works()
    with pytest.raises(JudgeMissingError):
        await judge.judge([text("Hello")], Channel.EMAIL)


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("engine"), MemoryError()])
async def test_a_judge_that_cannot_be_made_does_not_stop_the_service(error: Exception) -> None:
    def load() -> Judge:
        raise error

    judge = WatchedJudge(load)
    assert not await judge.works()
    await goes_to_a_person(judge, SAID[0])


async def test_a_failure_is_a_persons_and_the_next_judgement_mends_it() -> None:
    playing = Playing(SOUND, RuntimeError("engine"), SOUND)
    judge = WatchedJudge(lambda: playing)
    assert await judge.works()
    answer, _ = await answered(judge, "")
    assert answer.escalation is None
    with capture_logs() as logs:
        await goes_to_a_person(judge, SAID[0])
    assert "the judge failed" in [line["event"] for line in logs]
    assert not await judge.works()
    answer, _ = await answered(judge, "")
    assert (answer.escalation, await judge.works()) == (None, True)


async def test_a_judge_that_hangs_has_failed() -> None:
    judge = WatchedJudge(lambda: Playing(60.0), seconds=0.01)
    await goes_to_a_person(judge, SAID[0])
    assert not await judge.works()


def _nothing(texts: Sequence[str]) -> Vectors:
    return np.full((len(texts), 384), np.nan, np.float32)


def _infinite(texts: Sequence[str]) -> Vectors:
    return np.full((len(texts), 384), np.inf, np.float32)


@pytest.mark.parametrize("encode", [_nothing, _infinite])
async def test_vectors_that_are_no_numbers_judge_nothing(
    encode: Callable[[Sequence[str]], Vectors],
) -> None:
    judge = WatchedJudge(lambda: LocalJudge(encode=encode))
    for said in SAID:
        await goes_to_a_person(judge, said)
    assert not await judge.works()


async def test_a_broken_rules_file_leaves_the_products_own_rules(tmp_path: Path) -> None:
    (tmp_path / judging.RULES_FILE).write_bytes(b"## Money (refund_request)\n\xff\n")
    with capture_logs() as logs:
        judge = watched_judge(tmp_path)
    assert [line["event"] for line in logs] == ["escalation rules are broken"]
    assert await judge.works()
    answer, _ = await answered(judge, "I want a refund")
    assert answer.escalation is not None
    assert answer.escalation.reason is EscalationReason.REFUND_REQUEST
