"""The knowledge base in Postgres: candidates by vectors and by full text, fused there, then judged by the evidence model."""

from collections.abc import Mapping

import asyncpg
import structlog
from pgvector import Vector

from chassis.database import AWAY, Connection, Pool
from services.agent.adapters.evidence_file import evidence_model
from services.agent.adapters.knowledge_memory import (
    CANDIDATES,
    LEXICAL_SECTIONS,
    NEAREST_CHUNKS,
)
from services.agent.adapters.knowledge_queries import QueryVectors
from services.agent.application.ports import LookupUnavailable
from services.agent.domain.evidence import (
    FUSION,
    Candidate,
    Nearness,
    Statistics,
    answering,
    judge,
    question_terms,
)
from services.agent.domain.knowledge import Evidence, Section

# Characters of a question that found nothing that are kept.
LONGEST_GAP = 300
_FAULTS: tuple[type[BaseException], ...] = (asyncpg.PostgresError, *AWAY)

log = structlog.get_logger(__name__)


class PostgresKnowledgeBase:
    """Searches the sections meant for customers; without vectors of questions, or of sections, by words alone."""

    def __init__(self, pool: Pool, questions: QueryVectors | None = None) -> None:
        self._pool = pool
        self._questions = questions
        self._model = evidence_model()

    async def search(self, query: str, limit: int) -> list[Evidence]:
        """Returns the sections that are evidence for a question, best first; a question without any is kept as a gap.

        Raises:
            LookupUnavailable: if a statement failed.
        """
        wanted = question_terms(query)
        if not wanted:
            return []
        vector = await self._vector(query)
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                statistics = await _statistics(connection, wanted)
                weights = statistics.weights(wanted)
                candidates = await self._candidates(connection, weights, vector)
                judged = judge(query, candidates, statistics, self._model)
                found = answering(judged, candidates, self._model)[:limit]
                if not found:
                    await connection.execute(_NOTE_GAP, _gap(query))
        except _FAULTS as error:
            raise LookupUnavailable(type(error).__name__) from error
        return found

    async def _vector(self, query: str) -> str | None:
        if self._questions is None:
            return None
        try:
            return Vector(await self._questions.of(query)).to_text()
        except LookupUnavailable as error:
            log.warning("questions have no vectors: searching by words", error=str(error))
            return None

    async def _candidates(
        self, connection: Connection, weights: Mapping[str, float], vector: str | None
    ) -> list[Candidate]:
        await connection.execute(_NEAR_SETTINGS)
        records = await connection.fetch(
            CANDIDATES_SQL,
            list(weights),
            list(weights.values()),
            _any_of(weights),
            vector,
            self._questions.model if self._questions else "",
            NEAREST_CHUNKS,
            LEXICAL_SECTIONS,
            CANDIDATES,
            FUSION,
        )
        return [Candidate(_section(record), _cosines(record)) for record in records]


# More chunks are asked for than the index visits by default, and those of another model do not count.
_NEAR_SETTINGS = """
SELECT set_config('hnsw.ef_search', '200', true), set_config('hnsw.iterative_scan', 'strict_order', true)
"""

_STATISTICS = """
SELECT hit.lexeme AS term, count(*) AS sections
FROM agent.knowledge_base, unnest(words) AS hit
WHERE audience = 'customer' AND words @@ $2::text::tsquery AND hit.lexeme = ANY ($1)
GROUP BY hit.lexeme
"""

# The audience is written out, not a parameter: so the partial index of the vectors can be used.
CANDIDATES_SQL = """
WITH lexical AS (
    SELECT section_id, row_number() OVER (ORDER BY weight DESC, section_id) AS place
    FROM (
        SELECT section_id, sum(asked.weight) AS weight
        FROM agent.knowledge_base, unnest(words) AS hit,
             unnest($1::text[], $2::float8[]) AS asked (term, weight)
        WHERE audience = 'customer' AND words @@ $3::text::tsquery AND hit.lexeme = asked.term
        GROUP BY section_id ORDER BY weight DESC, section_id LIMIT $7
    ) AS held
), near AS (
    SELECT section_id, row_number() OVER (ORDER BY min(distance), section_id) AS place
    FROM (
        SELECT section_id, embedding OPERATOR(public.<=>) $4::text::public.vector AS distance
        FROM agent.knowledge_chunks
        WHERE audience = 'customer' AND model = $5 AND $4::text IS NOT NULL
        ORDER BY embedding OPERATOR(public.<=>) $4::text::public.vector LIMIT $6
    ) AS nearest
    GROUP BY section_id
), fused AS (
    SELECT section_id, sum(1.0 / ($9::float8 + place)) AS score
    FROM (SELECT * FROM lexical UNION ALL SELECT * FROM near) AS ranked
    GROUP BY section_id ORDER BY score DESC, section_id LIMIT $8
)
SELECT base.section_id, document, title, base.content, category, base.audience, position, content_hash, version,
       best.title_cosine, best.statement_cosine, best.section_cosine, best.whole
FROM fused JOIN agent.knowledge_base AS base USING (section_id), LATERAL (
    SELECT bool_and(coalesce(model = $5, false)) AS whole,
           max(1 - (embedding OPERATOR(public.<=>) $4::text::public.vector)) FILTER (WHERE kind = 'title') AS title_cosine,
           max(1 - (embedding OPERATOR(public.<=>) $4::text::public.vector)) FILTER (WHERE kind = 'statement')
               AS statement_cosine,
           1 - ((public.avg(embedding) FILTER (WHERE kind = 'statement')) OPERATOR(public.<=>) $4::text::public.vector)
               AS section_cosine
    FROM agent.knowledge_chunks AS chunk
    WHERE chunk.audience = 'customer' AND chunk.section_id = base.section_id
) AS best
WHERE base.audience = 'customer'
ORDER BY fused.score DESC, base.section_id
"""

_NOTE_GAP = "SELECT agent.note_gap($1)"


async def _statistics(connection: Connection, wanted: list[str]) -> Statistics:
    total = await connection.fetchval(
        "SELECT count(*) FROM agent.knowledge_base WHERE audience = 'customer'"
    )
    records = await connection.fetch(_STATISTICS, wanted, _any_of(wanted))
    return Statistics(int(total), {record["term"]: record["sections"] for record in records})


def _any_of(wanted: Mapping[str, float] | list[str]) -> str:
    # Terms are letters and digits only; quoted they are lexemes as they stand.
    return " | ".join(f"'{term}'" for term in wanted)


def _gap(query: str) -> str:
    visible = "".join(c if c.isprintable() else " " for c in query)
    return " ".join(visible.casefold().split())[:LONGEST_GAP]


def _cosines(record: asyncpg.Record) -> dict[Nearness, float] | None:
    title = record["title_cosine"]
    if not record["whole"] or title is None:
        return None
    found = {near: record[f"{near}_cosine"] for near in Nearness}
    return {near: title if cosine is None else cosine for near, cosine in found.items()}


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
