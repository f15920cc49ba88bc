"""The knowledge base in a real Postgres: synchronisation, search with the turn role, audience."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from chassis.database import Pool, open_pool
from services.agent.adapters.knowledge_base import PostgresKnowledgeBase
from services.agent.adapters.knowledge_folder import read_folder
from services.agent.adapters.knowledge_sync import sync
from tests.fakes.agent import CONTEXT, MemoryKnowledge
from tests.integration.postgres import Database


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(database.url("fte_agent"), 3, application="test")
    yield opened
    await opened.close()


@pytest.fixture
async def turn_pool(database: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(database.url("fte_turn"), 2, application="test")
    yield opened
    await opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CONTEXT, tmp_path / "context"))


async def test_a_sync_is_idempotent_and_follows_the_folder(pool: Pool, folder: Path) -> None:
    documents, _ = read_folder(folder)
    total = sum(len(sections) for sections in documents.values())
    first = await sync(pool, folder)
    assert (first.added, first.changed, first.deleted, first.unchanged) == (total, 0, 0, 0)
    second = await sync(pool, folder)
    assert (second.added, second.changed, second.deleted, second.unchanged) == (0, 0, 0, total)

    docs = folder / "product-docs.md"
    docs.write_text(docs.read_text().replace("at least 12 characters", "at least 14 characters"))
    (folder / "more").mkdir()
    (folder / "more" / "extra.md").write_text("# Extra\n\n## Zeppelins\n\nZeppelins fly slowly.\n")
    (folder / "company-profile.md").unlink()
    third = await sync(pool, folder)
    assert (third.added, third.changed) == (1, 1)
    assert third.deleted == len(documents["company-profile.md"])
    row = await pool.fetchrow(
        "SELECT version FROM agent.knowledge_base WHERE section_id LIKE '%#%reset-a-forgotten-password'"
    )
    assert row is not None
    assert tuple(row) == (2,)


async def test_a_broken_file_keeps_its_sections_and_is_named(pool: Pool, folder: Path) -> None:
    await sync(pool, folder)
    before = await pool.fetchval("SELECT count(*) FROM agent.knowledge_base")
    (folder / "product-docs.md").write_text("---\nnonsense\n")
    report = await sync(pool, folder)
    assert report.problems == ("product-docs.md: line 2: front matter wants `name: value`",)
    assert await pool.fetchval("SELECT count(*) FROM agent.knowledge_base") == before


async def test_a_missing_folder_empties_nothing(pool: Pool, tmp_path: Path, folder: Path) -> None:
    await sync(pool, folder)
    with pytest.raises(FileNotFoundError):
        await sync(pool, tmp_path / "nowhere")
    assert await pool.fetchval("SELECT count(*) FROM agent.knowledge_base")


QUESTIONS = (
    "How do I reset my password?",
    "and how do I export my data?",
    "How do I enable 2FA?",
    "Do you support SSO with Okta?",
    "I can't log in, my account is locked",
    "how do i download all our data",
    "how do I invite a colleague",
    "Turn off email notifications",
    "the mobile app does not sync",
    "How do I change the time zone?",
    "what browsers are supported",
    "Do you integrate with SAP?",
    "What's the weather in Paris?",
)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_postgres_finds_what_the_fake_finds(
    pool: Pool, turn_pool: Pool, question: str
) -> None:
    await sync(pool, CONTEXT)
    found = await PostgresKnowledgeBase(turn_pool).search(question, 4)
    expected = await MemoryKnowledge().search(question, 4)
    assert [e.section.section_id for e in found][:1] == [e.section.section_id for e in expected][:1]


async def test_internal_documents_are_never_found(pool: Pool, turn_pool: Pool) -> None:
    await sync(pool, CONTEXT)
    knowledge = PostgresKnowledgeBase(turn_pool)
    for question in ("escalation legal words lawyers courts", "brand voice friendly clear brief"):
        assert all(e.section.audience == "customer" for e in await knowledge.search(question, 10))
    internal = await pool.fetchval(
        "SELECT count(*) FROM agent.knowledge_base WHERE audience = 'internal'"
    )
    assert internal


@pytest.mark.parametrize(
    "query",
    ["", "   ", "'; DROP TABLE x; --", '"unbalanced', "a & | !", "\u0001", "?" * 400, "or or or -"],
)
async def test_no_query_breaks_the_search(pool: Pool, turn_pool: Pool, query: str) -> None:
    await sync(pool, CONTEXT)
    assert await PostgresKnowledgeBase(turn_pool).search(query, 4) == []


async def test_the_turn_role_cannot_write_knowledge(turn_pool: Pool) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await turn_pool.execute("DELETE FROM agent.knowledge_base")
