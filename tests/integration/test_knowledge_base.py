"""The knowledge base in a real Postgres: synchronisation, search with the turn role, audience."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from chassis.database import Pool, open_pool
from services.agent.adapters.knowledge_base import CANDIDATES_SQL, PostgresKnowledgeBase
from services.agent.adapters.knowledge_folder import read_folder
from services.agent.adapters.knowledge_queries import QueryVectors
from services.agent.adapters.knowledge_sync import MOST_GAPS, embed_missing, sync
from services.agent.application.ports import LookupUnavailable
from tests.fakes.agent import CONTEXT, MemoryKnowledge
from tests.fakes.vectors import WordVectors
from tests.integration.postgres import Database

LACKING = (
    "SELECT count(*) FROM agent.knowledge_chunks WHERE audience = 'customer' AND embedding IS NULL"
)


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


async def test_vectors_are_made_in_portions_and_a_stop_loses_one_portion(
    pool: Pool, folder: Path
) -> None:
    await sync(pool, folder)
    whole = await pool.fetchval(LACKING)
    stopping = WordVectors(fails_after=2)
    with pytest.raises(LookupUnavailable):
        await embed_missing(pool, stopping)
    left = await pool.fetchval(LACKING)
    assert 0 < left < whole
    seen: list[tuple[int, int]] = []
    assert (
        await embed_missing(pool, WordVectors(), lambda done, of: seen.append((done, of))) == left
    )
    assert seen[-1] == (left, left)
    assert await embed_missing(pool, WordVectors()) == 0


async def test_an_edit_makes_only_its_own_vectors_anew(pool: Pool, folder: Path) -> None:
    await sync(pool, folder)
    await embed_missing(pool, WordVectors())
    docs = folder / "product-docs.md"
    docs.write_text(docs.read_text().replace("at least 12 characters", "at least 14 characters"))
    await sync(pool, folder)
    assert 0 < await embed_missing(pool, WordVectors()) <= 3
    orphans = (
        "SELECT count(*) FROM agent.knowledge_chunks WHERE content LIKE '%at least 12 characters%'"
    )
    assert await pool.fetchval(orphans) == 0


async def test_vectors_of_another_model_are_made_anew_and_never_compared(
    pool: Pool, turn_pool: Pool
) -> None:
    await sync(pool, CONTEXT)
    await embed_missing(pool, WordVectors("first"))
    words = await PostgresKnowledgeBase(turn_pool).search(QUESTIONS[0], 4)
    other = PostgresKnowledgeBase(turn_pool, QueryVectors(WordVectors("second")))
    assert await other.search(QUESTIONS[0], 4) == words
    made = await embed_missing(pool, WordVectors("second"))
    models = await pool.fetch(
        "SELECT DISTINCT model, dimension FROM agent.knowledge_chunks WHERE model <> ''"
    )
    assert made
    assert [tuple(row) for row in models] == [("second", 768)]


async def test_a_search_without_its_embedder_goes_by_words(pool: Pool, turn_pool: Pool) -> None:
    await sync(pool, CONTEXT)
    await embed_missing(pool, WordVectors())
    away = PostgresKnowledgeBase(turn_pool, QueryVectors(WordVectors(fails_after=0)))
    assert await away.search(QUESTIONS[0], 4) == await PostgresKnowledgeBase(turn_pool).search(
        QUESTIONS[0], 4
    )


async def test_the_nearest_chunks_come_from_the_index(pool: Pool, turn_pool: Pool) -> None:
    """With many rows the planner takes the HNSW index for the very statement that the search runs."""
    await sync(pool, CONTEXT)
    await embed_missing(pool, WordVectors())
    async with turn_pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        await connection.execute("SET LOCAL enable_sort = off")
        vector = "[" + ",".join(["0.1"] * 768) + "]"
        arguments = (["reset"], [1.0], "'reset'", vector, "words", 100, 40, 40, 60.0)
        plan = await connection.fetch("EXPLAIN " + CANDIDATES_SQL, *arguments)
    assert any("knowledge_chunks_near" in row[0] for row in plan)


async def test_a_question_that_finds_nothing_is_a_gap(pool: Pool, turn_pool: Pool) -> None:
    await sync(pool, CONTEXT)
    knowledge = PostgresKnowledgeBase(turn_pool)
    for query in ("Zebra  QUANTUM\0?", "zebra quantum ?", "zebra quantum?", "zebra " * 200):
        assert await knowledge.search(query, 4) == []
    rows = await pool.fetch(
        "SELECT question, count FROM agent.knowledge_gaps ORDER BY count DESC, question"
    )
    gaps = {row["question"]: row["count"] for row in rows}
    assert gaps["zebra quantum ?"] == 2
    assert gaps["zebra quantum?"] == 1
    assert max(map(len, gaps)) == 300


async def test_the_longest_unasked_gaps_are_forgotten(pool: Pool, folder: Path) -> None:
    await pool.execute(
        "INSERT INTO agent.knowledge_gaps (question, last_time) "
        "SELECT 'q' || n, now() - n * interval '1 minute' FROM generate_series(1, $1::integer) AS n",
        MOST_GAPS + 5,
    )
    await sync(pool, folder)
    assert await pool.fetchval("SELECT count(*) FROM agent.knowledge_gaps") == MOST_GAPS
    assert (
        await pool.fetchval("SELECT question FROM agent.knowledge_gaps ORDER BY last_time LIMIT 1")
        == f"q{MOST_GAPS}"
    )


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


@pytest.mark.parametrize("embedder", [None, WordVectors()], ids=["words", "vectors"])
async def test_postgres_finds_what_memory_finds(
    pool: Pool, turn_pool: Pool, embedder: WordVectors | None
) -> None:
    """The two adapters of the port agree on sections, order and scores, with vectors and without."""
    await sync(pool, CONTEXT)
    questions = None
    if embedder:
        await embed_missing(pool, embedder)
        questions = QueryVectors(embedder)
    postgres, memory = (
        PostgresKnowledgeBase(turn_pool, questions),
        MemoryKnowledge(CONTEXT, embedder),
    )
    answered = 0
    for question in QUESTIONS:
        found, expected = await postgres.search(question, 4), await memory.search(question, 4)
        assert [e.section for e in found] == [e.section for e in expected], question
        scores = [e.score for e in expected]
        assert [e.score for e in found] == pytest.approx(scores, abs=2e-3), question
        answered += bool(found)
    assert answered > len(QUESTIONS) // 2


async def test_internal_documents_are_never_found(pool: Pool, turn_pool: Pool) -> None:
    await sync(pool, CONTEXT)
    knowledge = PostgresKnowledgeBase(turn_pool)
    for question in ("escalation legal words lawyers courts", "brand voice friendly clear brief"):
        assert all(e.section.audience == "customer" for e in await knowledge.search(question, 10))
    internal = await pool.fetchval(
        "SELECT count(*) FROM agent.knowledge_base WHERE audience = 'internal'"
    )
    assert internal


async def test_a_canary_of_an_internal_document_is_never_found(
    pool: Pool, turn_pool: Pool, folder: Path
) -> None:
    text = "# Gate\n\n## Word of the day\n\nThe word of the day is marzipan lantern."
    (folder / "secret.md").write_text(f"---\naudience: internal\n---\n{text}")
    await sync(pool, folder)
    await embed_missing(pool, WordVectors())
    # Even a vector that should not be there is not met.
    await pool.execute(
        "UPDATE agent.knowledge_chunks SET embedding = (SELECT embedding FROM agent.knowledge_chunks "
        "WHERE embedding IS NOT NULL LIMIT 1), model = 'words', dimension = 768 WHERE audience = 'internal'"
    )
    knowledge = PostgresKnowledgeBase(turn_pool, QueryVectors(WordVectors()))
    for question in ("marzipan lantern", "what is the word of the day", "gate"):
        for evidence in await knowledge.search(question, 40):
            assert evidence.section.audience == "customer"
            assert "marzipan" not in evidence.section.content
    for table in ("knowledge_base", "knowledge_chunks"):
        seen = await turn_pool.fetchval(
            f"SELECT count(*) FROM agent.{table} WHERE content LIKE '%marzipan%'"
        )
        assert seen == 0, table
    # The same words are found once the document is for customers.
    await pool.execute(
        "UPDATE agent.knowledge_chunks SET embedding = NULL, model = NULL, dimension = NULL "
        "WHERE audience = 'internal'"
    )
    (folder / "secret.md").write_text(text)
    await sync(pool, folder)
    await embed_missing(pool, WordVectors())
    found = await knowledge.search("what is the word of the day, marzipan lantern", 4)
    assert any("marzipan" in evidence.section.content for evidence in found)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "'; DELETE xyzzy; --",
        '"unbalanced',
        "a & | !",
        "\u0001",
        "?" * 400,
        "or or or -",
        "reset \0 \ud800 zzyzx",
    ],
)
async def test_no_query_breaks_the_search(pool: Pool, turn_pool: Pool, query: str) -> None:
    await sync(pool, CONTEXT)
    for questions in (None, QueryVectors(WordVectors())):
        assert len(await PostgresKnowledgeBase(turn_pool, questions).search(query, 4)) <= 4
    assert await pool.fetchval("SELECT count(*) FROM agent.knowledge_base")


async def test_the_turn_role_cannot_write_knowledge(turn_pool: Pool) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await turn_pool.execute("DELETE FROM agent.knowledge_base")
