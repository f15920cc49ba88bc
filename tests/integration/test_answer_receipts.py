"""Receipts of an answer: each sentence with its section, hash and version, and the answers that a section has fed."""

import json
from pathlib import Path

from chassis.database import open_pool
from cli.affected import read_affected
from cli.trace import read_trace
from services.agent.adapters.history import TurnHistory
from services.agent.adapters.knowledge_base import PostgresKnowledgeBase
from services.agent.adapters.knowledge_sync import sync
from services.agent.adapters.language_model_offline import OfflinePolicy
from services.agent.application.think import Thinker
from services.agent.domain.turn import StatementKind, TurnAnswer
from tests.fakes.agent import LenientJudge
from tests.fakes.phrases import BOOK
from tests.integration.agent_world import CUSTOMER, Agent, begin, fence, limits, message, store
from tests.integration.postgres import Database

SECTION = "handbook.md#sign-in/reset-a-password"
OLD = "# Handbook\n\n## Sign-in\n\n### Reset a password\n\nOpen the sign-in page. The link works for 60 minutes.\n"


async def _synced(database: Database, folder: Path, text: str) -> None:
    (folder / "handbook.md").write_text(text, encoding="utf-8")
    pool = await open_pool(database.url("fte_agent"), 1, application="test")
    await sync(pool, folder)
    await pool.close()


async def _answered(agent: Agent) -> TurnAnswer:
    await store(agent, message("How do I reset a password?", 1))
    turn = await begin(agent)
    thinker = Thinker(
        judge=LenientJudge(),
        phrases=BOOK,
        model=OfflinePolicy(),
        knowledge=PostgresKnowledgeBase(agent.turn_pool),
        history=TurnHistory(agent.turn_pool),
    )
    answer = await thinker.think(turn)
    assert await agent.turns.commit_answer(fence(turn), answer, None, limits) is not None
    return answer


async def test_each_sentence_of_a_stored_answer_names_its_section(
    agent: Agent, database: Database, tmp_path: Path
) -> None:
    await _synced(database, tmp_path, OLD.replace("60", "30"))
    await _synced(database, tmp_path, OLD)
    answer = await _answered(agent)
    stored = json.loads(
        await agent.look.fetchval(
            "SELECT statements FROM agent.messages WHERE customer_id = $1 AND direction = 'outbound'",
            CUSTOMER,
        )
    )
    known = await agent.look.fetchrow(
        "SELECT content_hash, version FROM agent.knowledge_base WHERE section_id = $1", SECTION
    )
    assert known is not None
    assert known["version"] == 2
    facts = [one for one in stored if one["kind"] == StatementKind.FACT]
    assert [answer.response[one["start"] : one["end"]] for one in facts] == [
        "Open the sign-in page.",
        "The link works for 60 minutes.",
    ]
    assert all(
        one["source"]
        == {"section_id": SECTION, "content_hash": known["content_hash"], "version": 2}
        and one["share"] == 1
        for one in facts
    )


async def test_a_changed_section_lists_the_answers_that_it_fed(
    agent: Agent, database: Database, tmp_path: Path
) -> None:
    await _synced(database, tmp_path, OLD)
    await _answered(agent)
    [fed] = await read_affected(database.superuser, SECTION)
    assert (fed.version, fed.sentences, fed.current) == (1, 2, True)
    trace = await read_trace(database.superuser, fed.message_id)
    assert trace is not None
    sentences = [step.detail for step in trace.steps if step.step.startswith("sentence ")]
    assert all(f"{SECTION} v1" in detail for detail in sentences)
    await _synced(database, tmp_path, OLD.replace("60", "90"))
    [fed] = await read_affected(database.superuser, SECTION)
    assert (fed.version, fed.current) == (1, False)
    trace = await read_trace(database.superuser, fed.message_id)
    assert trace is not None
    assert any("section changed since" in step.detail for step in trace.steps)
    assert await read_affected(database.superuser, "handbook.md#nothing") == []
