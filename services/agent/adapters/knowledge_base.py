"""The knowledge base in Postgres: synchronised from a folder of Markdown, searched by full text."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from chassis.database import Connection, Pool
from services.agent.application.ports import LookupUnavailable
from services.agent.domain.knowledge import (
    DocumentError,
    Evidence,
    Section,
    is_evidence,
    rank,
    read_sections,
)
from services.agent.domain.terms import searches

CUSTOMER = "customer"
_CANDIDATES = 24
_LONGEST_QUERY_TERMS = 24
# One number for all who synchronise the same table at once.
_LOCK = 4_711_019


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a synchronisation changed, in sections; `problems` names files that were left as they are."""

    documents: int
    added: int
    changed: int
    deleted: int
    unchanged: int
    problems: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """Returns the figures by name, as a log shows them."""
        return {
            "documents": self.documents,
            "added": self.added,
            "changed": self.changed,
            "deleted": self.deleted,
            "unchanged": self.unchanged,
            "problems": len(self.problems),
        }


async def sync(pool: Pool, folder: Path) -> SyncReport:
    """Makes the table equal to the Markdown beneath a folder, in one transaction; idempotent.

    A file that cannot be read keeps the sections that it had and is named in the report.

    Raises:
        FileNotFoundError: if the folder does not exist: emptying the table would be no synchronisation.
    """
    documents, problems = await asyncio.to_thread(read_folder, folder)
    async with pool.acquire() as connection, connection.transaction():
        # Replicas start together; the later one finds nothing left to do.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        return await _write(connection, documents, problems)


def read_folder(folder: Path) -> tuple[dict[str, list[Section]], dict[str, str]]:
    """Reads `**/*.md` into sections by document; the second mapping tells what is wrong with the others.

    Raises:
        FileNotFoundError: if the folder does not exist.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"the context folder {folder} does not exist")
    documents: dict[str, list[Section]] = {}
    problems: dict[str, str] = {}
    for path in sorted(folder.rglob("*.md")):
        name = path.relative_to(folder).as_posix()
        try:
            documents[name] = read_sections(name, path.read_text(encoding="utf-8"))
        except (DocumentError, UnicodeDecodeError) as error:
            problems[name] = str(error)
    return documents, problems


class PostgresKnowledgeBase:
    """Searches the sections meant for customers."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def search(self, query: str, limit: int) -> list[Evidence]:
        """Returns the sections that are evidence for a question, best first.

        Postgres finds the candidates; the same pure ranking that the tests use decides.

        Raises:
            LookupUnavailable: if the statement failed.
        """
        wanted = dict(list(searches(query).items())[:_LONGEST_QUERY_TERMS])
        if not wanted:
            return []
        expression = " or ".join(wanted.values())
        try:
            async with self._pool.acquire() as connection:
                records = await connection.fetch(_SEARCH, expression, CUSTOMER, _CANDIDATES)
                total, spread = await _spread(connection, wanted)
        except asyncpg.PostgresError as error:
            raise LookupUnavailable(type(error).__name__) from error
        ranked = rank(query, [_section(record) for record in records], total, spread)
        return [evidence for evidence in ranked if is_evidence(evidence)][:limit]


_SEARCH = """
SELECT section_id, document, title, content, category, audience, position, content_hash, version
FROM agent.knowledge_base, websearch_to_tsquery('english', $1) AS wanted
WHERE audience = $2 AND search @@ wanted
ORDER BY ts_rank_cd(search, wanted, 1) DESC, section_id
LIMIT $3
"""

_EXISTING = "SELECT section_id, document, content_hash, category, audience, position FROM agent.knowledge_base"

_UPSERT = """
INSERT INTO agent.knowledge_base
    (section_id, document, title, content, category, audience, position, content_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (section_id) DO UPDATE SET
    document = EXCLUDED.document, title = EXCLUDED.title, content = EXCLUDED.content,
    category = EXCLUDED.category, audience = EXCLUDED.audience, position = EXCLUDED.position,
    content_hash = EXCLUDED.content_hash,
    version = knowledge_base.version + (knowledge_base.content_hash <> EXCLUDED.content_hash)::integer,
    embedding = CASE WHEN knowledge_base.content_hash = EXCLUDED.content_hash THEN knowledge_base.embedding END,
    update_time = now()
"""

_SPREAD = """
SELECT wanted.term,
       (SELECT count(*) FROM agent.knowledge_base
        WHERE audience = $3 AND search @@ websearch_to_tsquery('english', wanted.expression)) AS sections
FROM unnest($1::text[], $2::text[]) AS wanted (term, expression)
"""


async def _spread(connection: Connection, wanted: Mapping[str, str]) -> tuple[int, dict[str, int]]:
    total = await connection.fetchval(
        "SELECT count(*) FROM agent.knowledge_base WHERE audience = $1", CUSTOMER
    )
    records = await connection.fetch(_SPREAD, list(wanted), list(wanted.values()), CUSTOMER)
    return int(total), {record["term"]: record["sections"] for record in records}


async def _write(
    connection: Connection, documents: Mapping[str, Sequence[Section]], problems: Mapping[str, str]
) -> SyncReport:
    existing = {record["section_id"]: record for record in await connection.fetch(_EXISTING)}
    sections = {s.section_id: s for found in documents.values() for s in found}
    fresh = [s for s in sections.values() if s.section_id not in existing]
    changed = [
        s
        for s in sections.values()
        if s.section_id in existing and _differs(s, existing[s.section_id])
    ]
    gone = [
        section_id
        for section_id, record in existing.items()
        if section_id not in sections and record["document"] not in problems
    ]
    await connection.executemany(_UPSERT, [_row(s) for s in (*fresh, *changed)])
    if gone:
        await connection.execute(
            "DELETE FROM agent.knowledge_base WHERE section_id = ANY ($1)", gone
        )
    return SyncReport(
        documents=len(documents),
        added=len(fresh),
        changed=len(changed),
        deleted=len(gone),
        unchanged=len(sections) - len(fresh) - len(changed),
        problems=tuple(f"{name}: {problem}" for name, problem in problems.items()),
    )


def _differs(section: Section, record: asyncpg.Record) -> bool:
    return any(
        getattr(section, name) != record[name]
        for name in ("content_hash", "category", "audience", "position")
    )


def _row(section: Section) -> tuple[object, ...]:
    return (
        section.section_id,
        section.document,
        section.title,
        section.content,
        section.category,
        section.audience,
        section.position,
        section.content_hash,
    )


def _section(record: asyncpg.Record) -> Section:
    return Section(
        section_id=record["section_id"],
        document=record["document"],
        title=record["title"],
        content=record["content"],
        category=record["category"],
        audience=record["audience"],
        position=record["position"],
        content_hash=record["content_hash"],
        version=record["version"],
    )
