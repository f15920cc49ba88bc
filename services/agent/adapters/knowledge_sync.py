"""Makes the knowledge base in Postgres equal to a folder of Markdown, and gives its chunks their vectors."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from pgvector import Vector

from chassis.database import Connection, Pool
from services.agent.adapters.knowledge_folder import read_folder
from services.agent.application.ports import Embedder
from services.agent.domain.chunks import Chunk, cut
from services.agent.domain.evidence import section_terms
from services.agent.domain.knowledge import Section

# One number for all who synchronise the same table at once.
_LOCK = 4_711_019
# Chunks between two commits: a second or two of work, which is what a stop can lose.
_PORTION = 16
# Questions without an answer that are kept; the longest unasked go first.
MOST_GAPS = 10_000

Progress = Callable[[int, int], None]


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
    """Makes the sections equal to the Markdown beneath a folder, in one transaction; idempotent.

    A file that cannot be read keeps the sections that it had and is named in the report. Chunks are there at once, their
    vectors come by `embed_missing`; until then the search goes by words.

    Raises:
        FileNotFoundError: if the folder does not exist: emptying the table would be no synchronisation.
    """
    documents, problems = await asyncio.to_thread(_read, folder)
    async with pool.acquire() as connection, connection.transaction():
        # Replicas start together; the later one finds nothing left to do.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        report = await _write(connection, documents, problems)
        await connection.execute(_FORGET_GAPS, MOST_GAPS)
        return report


async def embed_missing(pool: Pool, embedder: Embedder, progress: Progress | None = None) -> int:
    """Makes the vectors that are lacking or of another model; returns how many.

    Each portion is committed by itself: after a stop the next call goes on where this one was. Two at once do some work
    twice and no harm.

    Raises:
        LookupUnavailable: if the model could not be asked.
    """
    wanted = await pool.fetchval(_COUNT_MISSING, embedder.model, embedder.dimension)
    done = 0
    while True:
        records = await pool.fetch(_MISSING, embedder.model, embedder.dimension, _PORTION)
        if not records:
            return done
        vectors = await embedder.embed([record["content"] for record in records])
        await pool.execute(
            _SET_VECTORS,
            [record["chunk_id"] for record in records],
            [Vector(vector).to_text() for vector in vectors],
            embedder.model,
            embedder.dimension,
        )
        done += len(records)
        if progress is not None:
            progress(done, max(wanted, done))


_EXISTING = """
SELECT section_id, document, content_hash, category, audience, position, tsvector_to_array(words) AS words
FROM agent.knowledge_base
"""

_UPSERT = """
INSERT INTO agent.knowledge_base
    (section_id, document, title, content, category, audience, position, content_hash, words)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, array_to_tsvector($9::text[]))
ON CONFLICT (section_id) DO UPDATE SET
    document = EXCLUDED.document, title = EXCLUDED.title, content = EXCLUDED.content,
    category = EXCLUDED.category, audience = EXCLUDED.audience, position = EXCLUDED.position,
    content_hash = EXCLUDED.content_hash, words = EXCLUDED.words,
    version = knowledge_base.version + (knowledge_base.content_hash <> EXCLUDED.content_hash)::integer,
    update_time = now()
"""

_CHUNKS = "SELECT chunk_id, audience, kind FROM agent.knowledge_chunks"
_DELETE_CHUNKS = "DELETE FROM agent.knowledge_chunks WHERE chunk_id = ANY ($1)"
_UPSERT_CHUNK = """
INSERT INTO agent.knowledge_chunks (chunk_id, section_id, kind, content, audience)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (chunk_id) DO UPDATE SET audience = EXCLUDED.audience, kind = EXCLUDED.kind
"""

# What is internal is never searched, so it gets no vectors.
_COUNT_MISSING = """
SELECT count(*) FROM agent.knowledge_chunks
WHERE audience = 'customer' AND (model IS DISTINCT FROM $1 OR dimension IS DISTINCT FROM $2)
"""
_MISSING = """
SELECT chunk_id, content FROM agent.knowledge_chunks
WHERE audience = 'customer' AND (model IS DISTINCT FROM $1 OR dimension IS DISTINCT FROM $2)
ORDER BY chunk_id LIMIT $3
"""
_SET_VECTORS = """
UPDATE agent.knowledge_chunks AS chunk
SET embedding = made.vector::public.vector, model = $3, dimension = $4
FROM unnest($1::text[], $2::text[]) AS made (chunk_id, vector)
WHERE chunk.chunk_id = made.chunk_id
"""

_FORGET_GAPS = """
DELETE FROM agent.knowledge_gaps WHERE question IN
    (SELECT question FROM agent.knowledge_gaps ORDER BY last_time DESC, question OFFSET $1)
"""


def _read(folder: Path) -> tuple[dict[str, list[Section]], dict[str, str]]:
    documents, problems = read_folder(folder)
    for sections in documents.values():
        for section in sections:
            # Remembered: on a busy machine this takes longer than a transaction may be idle.
            section_terms(section)
    return documents, problems


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
    kept = {section_id for section_id in existing if section_id not in sections} - set(gone)
    await _write_chunks(connection, list(sections.values()), kept)
    return SyncReport(
        documents=len(documents),
        added=len(fresh),
        changed=len(changed),
        deleted=len(gone),
        unchanged=len(sections) - len(fresh) - len(changed),
        problems=tuple(f"{name}: {problem}" for name, problem in problems.items()),
    )


async def _write_chunks(
    connection: Connection, sections: Sequence[Section], kept: set[str]
) -> None:
    """Writes the chunks of these sections; those of `kept` stay as they are."""
    existing = {record["chunk_id"]: record for record in await connection.fetch(_CHUNKS)}
    wanted: dict[str, tuple[Section, Chunk]] = {
        chunk.chunk_id: (section, chunk) for section in sections for chunk in cut(section)
    }
    gone = [
        chunk_id
        for chunk_id in existing
        if chunk_id not in wanted and chunk_id.rpartition("@")[0] not in kept
    ]
    if gone:
        await connection.execute(_DELETE_CHUNKS, gone)
    await connection.executemany(
        _UPSERT_CHUNK,
        [
            (chunk.chunk_id, chunk.section_id, chunk.kind.value, chunk.text, section.audience)
            for chunk_id, (section, chunk) in wanted.items()
            if chunk_id not in existing
            or (existing[chunk_id]["audience"], existing[chunk_id]["kind"])
            != (section.audience, chunk.kind.value)
        ],
    )


def _differs(section: Section, record: asyncpg.Record) -> bool:
    return set(record["words"]) != section_terms(section) or any(
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
        sorted(section_terms(section)),
    )
